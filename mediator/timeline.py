"""Every date that was told, in the story and in answers, in the order of the calendar; the one implementation."""

from __future__ import annotations

from collections.abc import Iterable

from mediator.things import About
from mediator.told import Fact

__all__ = ["timeline"]


def timeline(told: Iterable[Fact], abouts: Iterable[About] = ()) -> tuple[tuple[Fact, str | None], ...]:
    """Dates with what each is about, if that is known; dates that no calendar holds (relative ones) come last.

    "2025" stands before "2025-05", and that before "2025-05-01": what is less sure is not hidden in between.
    """
    names = {about.fact: about.name for about in abouts}
    dates = [fact for fact in told if fact.kind == "date"]
    placed = sorted(dates, key=lambda fact: (fact.value is None, fact.value is not None and fact.value[0] == "X",
                                             fact.value or "", fact.place.source, fact.place.start))  # fmt: skip
    return tuple((fact, names.get(fact)) for fact in placed)
