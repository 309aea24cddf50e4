"""Puts a draft together from a session. The same session and details give the same draft, byte for byte."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from mediator.claims.report import ClaimReport, FoundClaim
from mediator.claims.taxonomy import ClaimType, Taxonomy
from mediator.draft import court
from mediator.draft.check import check_sections
from mediator.draft.details import Details
from mediator.draft.exhibits import Open, exhibit_labels, list_exhibits
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
    TimelineEntry,
)
from mediator.draft.privacy import Redactor
from mediator.exceptions import NothingToReadError
from mediator.state import SessionState

__all__ = ["build_draft"]

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
    year: int | None = None,
) -> Draft:
    """The draft of that session.

    ``evidence`` are the records of the store, ``open_evidence`` lets pages be counted, ``year`` is when it was told.
    """
    report = state.report
    if report is None:
        raise NothingToReadError("nothing was told yet; tell the story first, then draft")
    details = details or Details()
    redactor = _redactor(state, report, year)
    listed, in_titles, unread = list_exhibits(state, evidence, redactor, open_evidence)
    matter = Matter(state, report, taxonomy, redactor, listed, exhibit_labels(state))
    facts = number_facts(matter)
    claims = [claim for claim in report.claims if claim.kind != "refer"]
    types = [taxonomy[claim.id] for claim in claims]
    counts = tuple(_count(n, claim, taxonomy[claim.id], facts, matter) for n, claim in enumerate(claims, 1))
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
        "timeline": _timeline(state, report, facts, redactor),
        "matrix": _matrix(counts),
        "warnings": (*warnings, *facts.warnings, *unread, *_referred(report), *((_EXHIBITS_STAY,) if listed else ())),
    }
    bare = Draft(**parts, checks=())
    return bare.model_copy(update={"checks": check_sections(bare, taxonomy)})


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


def _count(number: int, found: FoundClaim, claim: ClaimType, facts: Facts, matter: Matter) -> Count:
    elements = []
    for element in claim.elements:
        key = (claim.id, element.id)
        paragraphs, exhibits = tuple(facts.for_element.get(key, ())), tuple(matter.labels.get(key, ()))
        elements.append(
            CountElement(
                element=element.id,
                label=element.label,
                blocking=element.blocking,
                paragraphs=paragraphs,
                exhibits=exhibits,
                missing=None if paragraphs or exhibits else f"{MISSING}: {element.ask}",
            )
        )
    return Count(
        number=number,
        claim=found.id,
        name=claim.name,
        law=tuple(f"{basis.cite}: {basis.what}" for basis in claim.legal_basis),
        elements=tuple(elements),
        deadlines=tuple(f"{note} (ask a lawyer or the clerk to confirm)" for note in claim.limitation),
        before_filing=claim.prefiling,
    )


def _with_paragraphs(listed: Sequence[DraftExhibit], facts: Facts) -> tuple[DraftExhibit, ...]:
    return tuple(
        exhibit.model_copy(update={"paragraphs": tuple(facts.for_exhibit.get(exhibit.label, ()))}) for exhibit in listed
    )


def _timeline(state: SessionState, report: ClaimReport, facts: Facts, redactor: Redactor) -> tuple[TimelineEntry, ...]:
    """The dates in order. A birth date keeps its year only, here as in the facts."""
    changes = redactor.spans(state.story)
    entries = []
    for date in report.dates:
        if date.iso is None:
            continue
        mention, done = redactor.cut(state.story, date.start, date.end, changes)
        iso = date.iso[:4] if done else date.iso
        entries.append(TimelineEntry(iso=iso, mention=mention, paragraph=facts.at(date.start)))
    return tuple(sorted(entries, key=lambda entry: (entry.iso, entry.paragraph or 0)))


def _matrix(counts: Sequence[Count]) -> tuple[MatrixRow, ...]:
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
