"""Puts a draft together from a session. The same session and details give the same draft, byte for byte."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from mediator.claims.report import ClaimReport, FoundClaim
from mediator.claims.taxonomy import ClaimType, Taxonomy
from mediator.draft import court
from mediator.draft.annexes import Annexes
from mediator.draft.check import check_sections
from mediator.draft.details import Details
from mediator.draft.exhibits import Open, list_exhibits
from mediator.draft.facts import Facts, Matter, number_facts
from mediator.draft.model import (
    MISSING,
    Count,
    CountElement,
    Draft,
    DraftExhibit,
    DraftParty,
    MatrixRow,
    Redaction,
)
from mediator.draft.privacy import Redactor
from mediator.events import Event
from mediator.exceptions import NothingToReadError
from mediator.matrix import Cell, matrix
from mediator.state import SessionState

__all__ = ["build_draft", "day_of"]

_UNREAD = (
    "Something that you told was not read yet, so it is not in this draft. Go on with the interview, then draft again."
)
_EXHIBITS_STAY = (
    "The exhibits themselves are not changed. Look in each for social-security and account numbers, birth dates and "
    "names of children before you file it (Fed. R. Civ. P. 5.2(a))."
)


def build_draft(
    session_id: str,
    state: SessionState,
    taxonomy: Taxonomy,
    *,
    evidence: Sequence[Mapping[str, Any]] = (),
    details: Details | None = None,
    open_evidence: Open | None = None,
    as_of: dt.date | None = None,
) -> Draft:
    """The draft of that session.

    ``evidence`` are the records of the store, ``open_evidence`` lets pages be counted, ``as_of`` is the day that
    deadlines are computed for (never the clock's: the same session gives the same draft).
    """
    report = state.report
    if report is None:
        raise NothingToReadError("nothing was told yet; tell the story first, then draft")
    details = details or Details()
    state, unread = _as_read(state)
    redactor = _redactor(state, report, None if as_of is None else as_of.year)
    listed, in_titles, uncounted = list_exhibits(state, evidence, redactor, open_evidence)
    matter = Matter(state, report, taxonomy, redactor, listed)
    facts = number_facts(matter)
    annexes = Annexes(matter, facts, as_of)
    claims = [claim for claim in report.claims if claim.kind != "refer"]
    types = [taxonomy[claim.id] for claim in claims]
    cells = matrix(state, taxonomy)
    counts = tuple(
        _count(n, claim, taxonomy[claim.id], facts, [c for c in cells if c.claim == claim.id], annexes)
        for n, claim in enumerate(claims, 1)
    )
    plaintiffs, in_names = _shortened(court.parties(report, details, "plaintiff"), redactor)
    defendants, _ = _shortened(court.parties(report, details, "defendant"), redactor)
    why_here, warnings = court.jurisdiction(types, details, (*plaintiffs, *defendants))
    prayer, sums = court.prayer(types, report)
    told = "\n".join([*(p.text for p in facts.paragraphs), *(x.title for x in listed)])
    parts: dict[str, Any] = {
        "session": session_id,
        "court": details.court or MISSING,
        "district": details.district or MISSING,
        "plaintiffs": plaintiffs,
        "defendants": defendants,
        "jury_demand": court.jury(details.jury),
        "jurisdiction": why_here,
        "venue": court.venue(details),
        "facts": tuple(facts.paragraphs),
        "counts": counts,
        "prayer": prayer,
        "sums": sums,
        "certification": court.CERTIFICATION,
        "verification": court.VERIFICATION if details.verified else None,
        "exhibits": _with_paragraphs(listed, facts),
        "related_papers": court.PAPERS,
        "redactions": tuple(dict.fromkeys((*facts.redactions, *in_titles, *in_names, *redactor.to_look_at(told)))),
        "timeline": annexes.timeline(),
        "matrix": _rows(counts),
        "warnings": (
            *unread,
            *warnings,
            *annexes.contradictions(),
            *facts.warnings,
            *uncounted,
            *_referred(report),
            *((_EXHIBITS_STAY,) if listed else ()),
        ),
    }
    bare = Draft(**parts, checks=())
    return bare.model_copy(update={"checks": check_sections(bare, taxonomy)})


def day_of(events: Sequence[Event]) -> dt.date | None:
    """The day of the last event: ``as_of`` for the draft of a session."""
    return dt.datetime.fromisoformat(events[-1].at).date() if events else None


def _as_read(state: SessionState) -> tuple[SessionState, tuple[str, ...]]:
    """The state with the pieces of the story that were read: quotes count characters of those."""
    if not state.read or not state.unread:
        return state if state.read else replace(state, read=state.stories), ()
    return replace(state, stories=state.read), (_UNREAD,)


def _redactor(state: SessionState, report: ClaimReport, year: int | None) -> Redactor:
    texts = [state.story, *(a.text for a in state.answers.values()), *(x.description for x in state.exhibits)]
    return Redactor(texts, keep=[party.name for party in report.parties if party.role == "defendant"], year=year)


def _shortened(
    sides: tuple[DraftParty, ...], redactor: Redactor
) -> tuple[tuple[DraftParty, ...], tuple[Redaction, ...]]:
    """A child that is a party stands in the caption with initials."""
    made: list[DraftParty] = []
    redactions: list[Redaction] = []
    for party in sides:
        name, done = redactor.apply(party.name)
        made.append(party.model_copy(update={"name": name}))
        redactions.extend(done)
    return tuple(made), tuple(redactions)


def _count(
    number: int, found: FoundClaim, claim: ClaimType, facts: Facts, cells: Sequence[Cell], annexes: Annexes
) -> Count:
    elements = []
    for cell in cells:
        paragraphs = tuple(facts.for_element.get((cell.claim, cell.element), ()))
        elements.append(
            CountElement(
                element=cell.element,
                label=cell.label,
                blocking=cell.blocking,
                paragraphs=paragraphs,
                exhibits=cell.exhibits,
                missing=None if paragraphs or cell.exhibits else f"{MISSING}: {cell.ask}",
            )
        )
    return Count(
        number=number,
        claim=found.id,
        name=claim.name,
        law=tuple(f"{basis.cite}: {basis.what}" for basis in claim.legal_basis),
        elements=tuple(elements),
        deadlines=annexes.deadlines(claim.id),
        before_filing=claim.prefiling,
    )


def _with_paragraphs(listed: Sequence[DraftExhibit], facts: Facts) -> tuple[DraftExhibit, ...]:
    return tuple(
        exhibit.model_copy(update={"paragraphs": tuple(facts.for_exhibit.get(exhibit.label, ()))}) for exhibit in listed
    )


def _rows(counts: Sequence[Count]) -> tuple[MatrixRow, ...]:
    return tuple(
        MatrixRow(
            claim=count.claim,
            element=element.element,
            label=element.label,
            blocking=element.blocking,
            state="with evidence" if element.exhibits else "told" if element.paragraphs else "missing",
            paragraphs=element.paragraphs,
            exhibits=element.exhibits,
        )
        for count in counts
        for element in count.elements
    )


def _referred(report: ClaimReport) -> tuple[str, ...]:
    return tuple(
        f"{claim.name}: this belongs to another court or office and is not part of this draft."
        for claim in report.claims
        if claim.kind == "refer"
    )
