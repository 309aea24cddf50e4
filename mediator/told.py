"""The dates and sums of money that were told, in the story and in answers, each with where it stands.

All are read by code. A date in an answer takes its year as a date in the story does: from the dated
one told before it, else the nearest earlier one when it was said.
"""

from __future__ import annotations

import bisect
import datetime as dt
from dataclasses import dataclass
from typing import Literal

from mediator.claims.amounts import find_amounts
from mediator.claims.dates import find_dates
from mediator.claims.report import ClaimReport, DateMention
from mediator.claims.text import sentences
from mediator.state import Key, SessionState, question_key

__all__ = ["Fact", "Place", "facts", "story_facts"]


@dataclass(frozen=True, slots=True)
class Place:
    """Where words stand: characters of the story, or of the answer to the question ``key``."""

    source: Literal["story", "answer"]
    start: int
    end: int
    key: str | None = None


@dataclass(frozen=True, slots=True)
class Fact:
    """One date or sum. ``value`` is what two facts are compared by: an ISO date (XXXX: no year was told) or
    ``900.00 USD``; None for a relative date. ``sentence`` is where it stands, ``before`` how far into it.
    """

    kind: Literal["date", "amount"]
    value: str | None
    mention: str
    place: Place
    sentence: str
    before: int
    year_assumed: bool = False


def facts(state: SessionState) -> tuple[Fact, ...]:
    """Everything that was told with a number: the story's first, then the answers', in the order they stand."""
    report = state.report
    found = list(story_facts(state))
    anchor = _last_year(report)
    for key, answer in state.answers.items():
        if answer.kind == "text":
            found.extend(_of_answer(key, answer.text, answer.at, anchor))
    return tuple(found)


def story_facts(state: SessionState) -> tuple[Fact, ...]:
    """What the story tells with a number; worked out once for each report."""
    if state.report is None:
        return ()
    if "facts" not in state.worked_out:
        state.worked_out["facts"] = _of_story("\n\n".join(state.read), state.report)
    found: tuple[Fact, ...] = state.worked_out["facts"]
    return found


def _of_story(story: str, report: ClaimReport) -> tuple[Fact, ...]:
    parts = sentences(story)
    starts = [part.start for part in parts]

    def place(start: int, end: int) -> tuple[Place, str, int]:
        at = bisect.bisect_right(starts, start) - 1
        begin, stop = (parts[at].start, max(parts[at].end, end)) if at >= 0 else (start, end)
        return Place("story", start, end), story[begin:stop], start - begin

    dates = [_date(mention, place(mention.start, mention.end)) for mention in report.dates]
    sums = [Fact("amount", f"{a.value:.2f} {a.currency}", a.mention, *place(a.start, a.end)) for a in report.amounts]
    return tuple(sorted([*dates, *sums], key=lambda fact: fact.place.start))


def _of_answer(key: Key, text: str, at: str, anchor: str | None) -> tuple[Fact, ...]:
    # The story's last dated year stands before the answer, as it stood before it in what the person told.
    lead = "" if anchor is None else f"{anchor}. "
    name = question_key(*key)

    def place(start: int, end: int) -> tuple[Place, str, int]:
        return Place("answer", start, end, name), text, start

    found = [
        _date(mention, place(mention.start - len(lead), mention.end - len(lead)))
        for mention in find_dates(lead + text, _day(at))
        if mention.start >= len(lead)
    ]
    found += [
        Fact("amount", f"{a.value:.2f} {a.currency}", a.mention, *place(a.start, a.end)) for a in find_amounts(text)
    ]
    return tuple(sorted(found, key=lambda fact: fact.place.start))


def _date(mention: DateMention, where: tuple[Place, str, int]) -> Fact:
    assumed = mention.nearest_earlier is not None and (mention.iso or "").startswith("XXXX")
    value = mention.nearest_earlier if assumed else mention.iso
    return Fact("date", value, mention.mention, *where, year_assumed=assumed)


def _last_year(report: ClaimReport | None) -> str | None:
    """The last whole date of the story."""
    if report is None:
        return None
    whole = [date.iso for date in report.dates if date.iso is not None and len(date.iso) == 10 and date.iso[0] != "X"]
    return whole[-1] if whole else None


def _day(at: str) -> dt.date | None:
    try:
        return dt.datetime.fromisoformat(at).date()
    except ValueError:
        return None
