"""The overview: claims with what each of their parts has, deadlines, and what does not fit together."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from mediator.contradictions import BOTH, SKIPPED, UNKNOWN
from mediator.interfaces.web.highlights import COLOURS
from mediator.interfaces.web.shown import count, plain
from mediator.interfaces.web.views.evidence import target_value
from mediator.interfaces.web.views.frame import Address
from mediator.view import CaseView, CellView, ContradictionView, DeadlineView

__all__ = ["ClaimMatrix", "Conflict", "Deadline", "Row", "conflicts", "deadlines", "matrix"]

_STATES = {"with evidence": ("told and shown", "good"), "told": ("told", ""), "missing": ("missing", "warn")}
_LEVELS = {"with evidence": "shown", "told": "told", "missing": "lacking"}
_ANSWERED = {"unknown": ("not known", "warn"), "skipped": ("skipped", "warn")}
_CHOSEN = {
    BOTH: "Both are right: they are about different things.",
    UNKNOWN: "You do not know.",
    SKIPPED: "You skipped this.",
}
_SOON = dt.timedelta(days=60)


@dataclass(frozen=True, slots=True)
class Link:
    """A word that leads somewhere."""

    name: str
    href: str


@dataclass(frozen=True, slots=True)
class Row:
    """One part of a claim."""

    label: str
    blocking: bool
    level: str
    state: str
    state_kind: str
    told: tuple[str, ...]
    evidence: tuple[Link, ...]
    add_url: str


@dataclass(frozen=True, slots=True)
class ClaimMatrix:
    """One claim and its parts."""

    number: int
    name: str
    summary: str
    rows: tuple[Row, ...]

    @property
    def colour(self) -> int:
        """Its colour in the style sheet."""
        return (self.number - 1) % COLOURS + 1


@dataclass(frozen=True, slots=True)
class Deadline:
    """A time limit as the page lists it."""

    claim: str
    what: str
    date: dt.date | None
    state: str
    state_kind: str
    how: str
    rule: str
    only_if: str


@dataclass(frozen=True, slots=True)
class Conflict:
    """Values side by side, and what the person said about them."""

    about: str
    sides: tuple[tuple[str, str], ...]
    answer: str


def matrix(view: CaseView, address: Address) -> tuple[ClaimMatrix, ...]:
    """Every claim that has parts, numbered as in the story."""
    labels = {exhibit.label: exhibit for exhibit in view.exhibits}
    links = {label: Link(plain(e.name) or label, address("evidence", e.cid)) for label, e in labels.items()}
    cells: dict[str, list[CellView]] = {}
    for cell in view.matrix:
        cells.setdefault(cell.claim, []).append(cell)
    return tuple(
        ClaimMatrix(number, claim.name, _summary(cells[claim.id]), tuple(_rows(cells[claim.id], links, address)))
        for number, claim in enumerate(view.claims, 1)
        if claim.id in cells
    )


def _summary(cells: list[CellView]) -> str:
    shown = sum(cell.state == "with evidence" for cell in cells)
    missing = sum(cell.state == "missing" for cell in cells)
    told = len(cells) - missing
    return f"{told} of {count(len(cells), 'part')} told, {shown} shown by evidence, {missing} missing."


def _rows(cells: Iterable[CellView], links: Mapping[str, Link], address: Address) -> Iterable[Row]:
    for cell in cells:
        state, kind = _STATES[cell.state]
        if cell.state == "missing" and cell.answered in _ANSWERED:
            state, kind = _ANSWERED[cell.answered]
        told = (*(quote.text for quote in cell.quotes), *((cell.answer,) if cell.answer else ()))
        evidence = tuple(links[label] for label in cell.exhibits)
        add = f"{address('evidence')}?shows={target_value(cell.claim, cell.element)}"
        yield Row(
            cell.label, cell.blocking, _LEVELS[cell.state], state, kind, tuple(dict.fromkeys(told)), evidence, add
        )


def deadlines(view: CaseView, today: dt.date) -> tuple[Deadline, ...]:
    """What must not wait first; then what cannot be counted yet."""
    made = [_deadline(limit, today) for limit in view.deadlines]
    return tuple(sorted(made, key=lambda line: (line.date is None, line.date or dt.date.max)))


def _deadline(limit: DeadlineView, today: dt.date) -> Deadline:
    state, kind = "", ""
    if limit.passed:
        state, kind = "this day has passed", "bad"
    elif limit.day is not None and limit.day - today <= _SOON:
        state, kind = f"in {count((limit.day - today).days, 'day')}", "bad"
    rule = "; ".join(part for part in (limit.statute, limit.period) if part)
    return Deadline(limit.claim_name, limit.what or "", limit.day, state, kind, limit.says, rule, limit.only_if or "")


def conflicts(view: CaseView) -> tuple[Conflict, ...]:
    """Everything that was told in two ways, settled or not."""
    return tuple(_conflict(found) for found in view.contradictions)


def _conflict(found: ContradictionView) -> Conflict:
    sides = tuple(
        (told.sentence or told.mention, "From your story" if told.source == "story" else "From your answer")
        for side in found.sides
        for told in side.told
    )
    mentions = {side.value: f"“{side.mention}” is right." for side in found.sides}
    answer = "" if found.choice is None else mentions.get(found.choice) or _CHOSEN.get(found.choice, "")
    return Conflict(f"{found.name[:1].upper()}{found.name[1:]}", sides, answer)
