"""Timeline, contradictions and deadlines of a draft, from the one implementation that every face of a case shows."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

from mediator.contradictions import Contradiction, contradictions
from mediator.deadlines import CONFIRM, Deadline, deadlines
from mediator.draft.facts import Facts, Matter
from mediator.draft.model import Redaction, TimelineEntry
from mediator.state import parse_key
from mediator.things import About, things_told
from mediator.timeline import timeline
from mediator.told import Fact, facts

__all__ = ["Annexes"]


class Annexes:
    """What was told with a number, read once for one matter. ``as_of`` is the day that deadlines are seen from."""

    def __init__(self, matter: Matter, numbered: Facts, as_of: dt.date | None) -> None:
        self._matter = matter
        self._numbered = numbered
        self._as_of = as_of
        self._spans = matter.redactor.spans(matter.state.story)
        self._told: Sequence[Fact] = facts(matter.state)
        # A birth starts no time limit, and its day and month may stand nowhere.
        self._events: Sequence[Fact] = tuple(fact for fact in self._told if not self._mention(fact)[1])
        self._abouts: Sequence[About] = things_told(self._events)
        self._found: Sequence[Contradiction] = contradictions(matter.state, self._abouts)

    def timeline(self) -> tuple[TimelineEntry, ...]:
        """The dates in the order of the calendar. A birth date keeps its year only, here as in the facts."""
        entries = []
        for fact, about in timeline(self._told, self._abouts):
            mention, done = self._mention(fact)
            value = fact.value or "no date"
            entries.append(
                TimelineEntry(
                    iso=value[:4] if done else value,
                    mention=mention,
                    about=about or "",
                    year_assumed=fact.year_assumed,
                    paragraph=self._paragraph(fact),
                )
            )
        return tuple(entries)

    def contradictions(self) -> tuple[str, ...]:
        """One line for each, settled or not: both values stand in the facts, so the other side sees them."""
        lines = []
        for item in self._found:
            sides = " and ".join(f'"{self._mention(side.facts[0])[0]}"{self._cited(side.facts)}' for side in item.sides)
            lines.append(f"Two values were told for {item.name}: {sides}. Make clear which one is right.")
        return tuple(lines)

    def deadlines(self, claim: str) -> tuple[str, ...]:
        """The time limits of a claim, computed where the date that starts them was told."""
        if self._as_of is None:
            return tuple(f"{note}. {CONFIRM}" for note in self._matter.taxonomy[claim].limitation)
        found = deadlines(
            self._matter.state, self._matter.taxonomy, self._events, self._abouts, self._found, self._as_of
        )
        return tuple(self._deadline(item) for item in found if item.claim == claim)

    def _deadline(self, item: Deadline) -> str:
        if item.what is None:
            return item.says
        only = f", {item.only_if}" if item.only_if else ""
        day = "no day" if item.day is None else item.day.isoformat()
        return f"{item.what} ({item.statute}{only}): {day}. {item.says}"

    def _mention(self, fact: Fact) -> tuple[str, tuple[Redaction, ...]]:
        place, matter = fact.place, self._matter
        if place.source == "story":
            return matter.redactor.cut(matter.state.story, place.start, place.end, self._spans)
        key = parse_key(place.key or "")
        text = matter.state.answers[key].text if key is not None else ""
        return matter.redactor.cut(text, place.start, place.end, matter.redactor.spans(text))

    def _paragraph(self, fact: Fact) -> int | None:
        if fact.place.source == "story":
            return self._numbered.at(fact.place.start)
        return self._numbered.for_answer.get(fact.place.key or "")

    def _cited(self, told: Sequence[Fact]) -> str:
        numbers = sorted({number for fact in told if (number := self._paragraph(fact)) is not None})
        return f" (paragraph {', '.join(map(str, numbers))})" if numbers else ""
