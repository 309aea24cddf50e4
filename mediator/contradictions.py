"""Two dates for one event, or two sums for one thing: kept side by side, asked about once, never decided here."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

from mediator.state import SessionState
from mediator.things import About, told_about
from mediator.told import Fact

__all__ = ["BOTH", "SKIPPED", "UNKNOWN", "Contradiction", "Side", "contradictions", "is_contradiction"]

#: What may be chosen besides one of the values.
BOTH, UNKNOWN, SKIPPED = "both", "unknown", "skipped"
_PREFIX = "contradiction:"
#: Sums that are told as "about" or "almost" agree when they are this near.
_NEARLY = 0.1
_ROUGH = re.compile(
    r"\b(?:about|around|almost|nearly|roughly|some|approximately|like|over|more than|casi|unos|como)\s+$", re.IGNORECASE
)


@dataclass(frozen=True, slots=True)
class Side:
    """One of the values, and every place that tells it."""

    value: str
    facts: tuple[Fact, ...]

    @property
    def mention(self) -> str:
        """The person's own words for it, as they stand first."""
        return self.facts[0].mention


@dataclass(frozen=True, slots=True)
class Contradiction:
    """Values that cannot all be right. ``id`` changes when a value comes or goes, so that a new one is asked about."""

    id: str
    kind: Literal["date", "amount"]
    name: str
    thing: str
    sides: tuple[Side, ...]
    choice: str | None

    @property
    def open(self) -> bool:
        """Whether nobody was asked about it yet."""
        return self.choice is None


def is_contradiction(key: str) -> bool:
    """Whether a step of that key is about a contradiction."""
    return key.startswith(_PREFIX)


def contradictions(state: SessionState, told: Iterable[About] | None = None) -> tuple[Contradiction, ...]:
    """Every contradiction, the settled ones too, in the order in which they were told."""
    things: dict[str, list[About]] = {}
    for about in told_about(state) if told is None else told:
        things.setdefault(about.thing, []).append(about)
    found = (_of(thing, abouts, state.settled) for thing, abouts in things.items())
    return tuple(contradiction for contradiction in found if contradiction is not None)


def _of(thing: str, abouts: list[About], settled: Mapping[str, str]) -> Contradiction | None:
    sides: dict[str, list[Fact]] = {}
    # The most precise first, so that "May 2025" joins one of two days in it and does not hide that they differ.
    for about in sorted(abouts, key=lambda about: (-len(about.fact.value or ""), about.fact.year_assumed)):
        value = about.fact.value or ""
        same = next((known for known in sides if _agree(known, sides[known][0], value, about.fact)), value)
        sides.setdefault(same, []).append(about.fact)
    if len(sides) < 2:
        return None
    digest = hashlib.sha256("|".join(sorted(sides)).encode()).hexdigest()[:12]
    key = f"{_PREFIX}{thing}:{digest}"
    fact = abouts[0].fact
    places = {id(about.fact): place for place, about in enumerate(abouts)}
    ordered = tuple(
        Side(value, tuple(sorted(told, key=lambda fact: places[id(fact)])))
        for value, told in sorted(sides.items(), key=lambda side: min(places[id(fact)] for fact in side[1]))
    )
    return Contradiction(key, fact.kind, abouts[0].name, thing, ordered, settled.get(key))


def _agree(value: str, fact: Fact, other: str, other_fact: Fact) -> bool:
    if fact.kind == "date":
        return _dates_agree(value, other) or (
            (fact.year_assumed or other_fact.year_assumed) and _dates_agree(f"XXXX{value[4:]}", other)
        )
    if value == other:
        return True
    (first, unit), (second, other_unit) = value.split(), other.split()
    rough = _is_rough(fact) or _is_rough(other_fact)
    near = abs(float(first) - float(second)) <= _NEARLY * max(float(first), float(second))
    return rough and near and unit == other_unit


def _dates_agree(one: str, other: str) -> bool:
    """A date that says less agrees with one that says more; a year that nobody told agrees with any."""
    pairs = zip(one.split("-"), other.split("-"), strict=False)
    return all(a == b or "XXXX" in (a, b) for a, b in pairs)


def _is_rough(fact: Fact) -> bool:
    return _ROUGH.search(fact.sentence[: fact.before]) is not None
