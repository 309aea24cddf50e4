"""Time limits by rule: the statute is named, the day is computed when the date that starts it was told, never invented.

Every one says to have a lawyer or the clerk confirm it. Of several dates the careful one counts; of a month
its first day; a year alone, a relative date, and a date without a year start nothing.
"""

from __future__ import annotations

import calendar
import datetime as dt
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from mediator.claims.report import ClaimReport
from mediator.claims.taxonomy import ClaimType, Taxonomy
from mediator.contradictions import Contradiction
from mediator.deadline_rules import RULES, Rule
from mediator.state import SessionState, question_key
from mediator.things import About
from mediator.told import Fact

__all__ = ["CONFIRM", "Deadline", "deadlines"]

CONFIRM = "Ask a lawyer or the clerk to confirm."


@dataclass(frozen=True, slots=True)
class Deadline:
    """One time limit of one claim. ``day`` is None when it cannot be computed, and ``says`` tells why.

    ``note`` is the taxonomy's whole note; a state rule, or one without a fixed period, has nothing else.
    """

    claim: str
    note: str
    what: str | None
    period: str | None
    statute: str | None
    day: dt.date | None
    passed: bool
    starts: Fact | None
    says: str
    only_if: str | None = None


def deadlines(
    state: SessionState,
    taxonomy: Taxonomy,
    told: Sequence[Fact],
    abouts: Sequence[About],
    contradictions: Iterable[Contradiction],
    today: dt.date,
) -> tuple[Deadline, ...]:
    """Every time limit of the found claims, in the taxonomy's order of notes."""
    report = state.report
    chosen = _ruled_out(contradictions)
    found: list[Deadline] = []
    for claim in () if report is None else report.claims:
        assert report is not None
        found.extend(_of_claim(taxonomy[claim.id], report, told, abouts, chosen, today))
    return tuple(found)


def _ruled_out(contradictions: Iterable[Contradiction]) -> frozenset[Fact]:
    """The facts that the person said are wrong when they were asked."""
    return frozenset(
        fact
        for contradiction in contradictions
        if contradiction.choice in {side.value for side in contradiction.sides}
        for side in contradiction.sides
        if side.value != contradiction.choice
        for fact in side.facts
    )


def _of_claim(
    claim: ClaimType,
    report: ClaimReport,
    told: Sequence[Fact],
    abouts: Sequence[About],
    ruled_out: frozenset[Fact],
    today: dt.date,
) -> Iterable[Deadline]:
    for place, note in enumerate(claim.limitation):
        rules = [rule for rule in RULES if rule.claim == claim.id and rule.note == place]
        for rule in rules:
            dates = [fact for fact in _starts(rule, report, told, abouts) if fact not in ruled_out]
            yield _computed(rule, note, dates, today)
        if not rules:
            yield Deadline(claim.id, note, None, None, None, None, False, None, f"{note}. {CONFIRM}")


def _starts(rule: Rule, report: ClaimReport, told: Sequence[Fact], abouts: Sequence[About]) -> list[Fact]:
    """The dates that may start the period: of the thing, else of the first element that has one."""
    own = [about.fact for about in abouts if about.thing == rule.thing and about.fact.kind == "date"]
    if own:
        return own
    found = report.claim(rule.claim)
    for element in rule.elements:
        support = [] if found is None else [s for s in found.elements if s.id == element]
        spans = [(quote.start, quote.end) for s in support for quote in s.quotes]
        key = question_key(rule.claim, element)
        dates = [
            fact
            for fact in told
            if fact.kind == "date"
            and fact.value is not None
            and (
                fact.place.key == key
                if fact.place.source == "answer"
                else any(start <= fact.place.start < end for start, end in spans)
            )
        ]
        answered = [fact for fact in dates if fact.place.source == "answer"]
        if dates:
            return answered or dates
    return []


def _computed(rule: Rule, note: str, dates: Sequence[Fact], today: dt.date) -> Deadline:
    known = [(day, fact) for fact in dates if (day := _first_day(fact.value)) is not None and day <= today]
    period = f"{rule.count} {rule.unit}".replace("1 years", "1 year")
    if not known:
        why = f"The date of {rule.starts} is not known, so no day is computed."
        if dates:
            why = f'"{dates[0].mention}" does not tell the day or month of {rule.starts}, so no day is computed.'
        return Deadline(
            rule.claim, note, rule.what, period, rule.statute, None, False, None, f"{why} {CONFIRM}", rule.only_if
        )
    start, fact = (max if rule.pick == "latest" else min)(known, key=lambda item: item[0])
    day = _after(start, rule)
    says = [f'{period} from "{fact.mention}" (read as {fact.value}), the date of {rule.starts}.']
    if fact.place.source == "story" and rule.thing is None:
        # Words of the story stand near the date; nobody was asked whether it is this one.
        says = [f'{period} from "{fact.mention}" (read as {fact.value}), if that is the date of {rule.starts}.']
    if len({other for other, _ in known}) > 1:
        says.append(f"Several dates were told; the {rule.pick} one is used.")
    if len(fact.value or "") < 10:
        says.append("Only the month is known, so its first day is used.")
    if fact.year_assumed:
        says.append("No year was told; the nearest earlier one is used.")
    if day.weekday() >= 5:
        says.append(f"This is a {calendar.day_name[day.weekday()]}; do not count on the next working day.")
    if day < today:
        says.append("This day has passed; there are exceptions, so ask at once.")
    told = f"{' '.join(says)} {CONFIRM}"
    return Deadline(rule.claim, note, rule.what, period, rule.statute, day, day < today, fact, told, rule.only_if)


def _first_day(value: str | None) -> dt.date | None:
    """The day of an ISO date, the first of a month; None for a year alone or an unknown year."""
    if value is None or value.startswith("X") or len(value) < 7:
        return None
    try:
        return dt.date.fromisoformat(value if len(value) == 10 else f"{value}-01")
    except ValueError:
        return None


def _after(start: dt.date, rule: Rule) -> dt.date:
    if rule.unit == "days":
        return start + dt.timedelta(days=rule.count)
    months = rule.count * (12 if rule.unit == "years" else 1)
    year, month = divmod(start.year * 12 + start.month - 1 + months, 12)
    return dt.date(year, month + 1, min(start.day, calendar.monthrange(year, month + 1)[1]))
