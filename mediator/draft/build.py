"""Puts a draft together from a session. The same session and details give the same draft, byte for byte."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from mediator.claims.report import ClaimReport, FoundClaim
from mediator.claims.taxonomy import ClaimType, Taxonomy
from mediator.draft.check import check_sections
from mediator.draft.facts import Facts, number_facts
from mediator.draft.model import (
    MISSING,
    Count,
    CountElement,
    Draft,
    DraftExhibit,
    DraftParty,
    MatrixRow,
    TimelineEntry,
)
from mediator.draft.privacy import to_look_at
from mediator.exceptions import NothingToReadError
from mediator.state import Key, SessionState

__all__ = ["Details", "build_draft"]

_CERTIFICATION = (
    "By signing below, I certify to the best of my knowledge that this complaint is not presented for an improper "
    "purpose, that its claims are supported by the law or by a good-faith argument to change it, and that its facts "
    "have support or will likely have support after a chance to look into them (Fed. R. Civ. P. 11(b))."
)
_VERIFICATION = "I declare under penalty of perjury that the foregoing is true and correct (28 U.S.C. § 1746)."
_PAPERS = (
    "civil cover sheet (form JS 44)",
    "a summons for each defendant (form AO 440)",
    "the filing fee, or a request to go without it (form AO 239 or AO 240)",
    "in diversity cases a disclosure of citizenship (Fed. R. Civ. P. 7.1(a)(2))",
    "service on every defendant within 90 days (Fed. R. Civ. P. 4(m))",
)


@dataclass(frozen=True, slots=True)
class Details:
    """What a person may add beside the interview. None means that nobody said."""

    court: str | None = None
    district: str | None = None
    jury: bool | None = None
    diversity: bool | None = None
    verified: bool = False


def build_draft(
    session_id: str,
    state: SessionState,
    taxonomy: Taxonomy,
    *,
    evidence: Sequence[Mapping[str, Any]] = (),
    details: Details | None = None,
) -> Draft:
    """The draft of that session. ``evidence`` are the records of the store, by submission."""
    report = state.report
    if report is None:
        raise NothingToReadError("nothing was told yet; tell the story first, then draft")
    details = details or Details()
    claims = [claim for claim in report.claims if claim.kind != "refer"]
    labels = _exhibit_labels(state)
    facts = number_facts(state, report, taxonomy, labels)
    counts = tuple(_count(n, claim, taxonomy[claim.id], facts, labels) for n, claim in enumerate(claims, 1))
    types = [taxonomy[claim.id] for claim in claims]
    jurisdiction, warnings = _jurisdiction(types, details)
    parts: dict[str, Any] = {
        "session": session_id,
        "court": details.court or MISSING,
        "district": details.district or MISSING,
        "plaintiffs": _parties(report, "plaintiff"),
        "defendants": _parties(report, "defendant"),
        "jury_demand": _jury(details.jury),
        "jurisdiction": jurisdiction,
        "venue": _venue(details),
        "facts": facts.paragraphs,
        "counts": counts,
        "prayer": _prayer(types, report),
        "certification": _CERTIFICATION,
        "verification": _VERIFICATION if details.verified else None,
        "exhibits": _exhibits(state, facts, evidence, labels),
        "related_papers": _PAPERS,
        "redactions": (*facts.redactions, *to_look_at(" ".join(p.text for p in facts.paragraphs))),
        "timeline": _timeline(report, facts),
        "matrix": _matrix(counts),
        "warnings": (*warnings, *_referred(report)),
    }
    bare = Draft(**parts, checks=())
    return bare.model_copy(update={"checks": check_sections(bare, taxonomy)})


def _parties(report: ClaimReport, role: str) -> tuple[DraftParty, ...]:
    return tuple(DraftParty(name=p.name, role=p.role) for p in report.parties if p.role == role)  # type: ignore[arg-type]  # held to the two by the filter


def _exhibit_labels(state: SessionState) -> dict[Key, list[str]]:
    labels: dict[Key, list[str]] = {}
    for place, exhibit in enumerate(state.exhibits):
        if exhibit.claim and exhibit.element:
            labels.setdefault((exhibit.claim, exhibit.element), []).append(_label(place))
    return labels


def _label(place: int) -> str:
    """A to Z, then AA, AB and so on."""
    letter = chr(ord("A") + place % 26)
    return letter if place < 26 else _label(place // 26 - 1) + letter


def _count(
    number: int, found: FoundClaim, claim: ClaimType, facts: Facts, labels: Mapping[Key, Sequence[str]]
) -> Count:
    elements = []
    for element in claim.elements:
        key = (claim.id, element.id)
        paragraphs, exhibits = facts.for_element.get(key, ()), tuple(labels.get(key, ()))
        missing = None if paragraphs or exhibits else f"{MISSING}: {element.ask}"
        elements.append(
            CountElement(
                element=element.id,
                label=element.label,
                blocking=element.blocking,
                paragraphs=paragraphs,
                exhibits=exhibits,
                missing=missing,
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


def _jurisdiction(types: Sequence[ClaimType], details: Details) -> tuple[tuple[str, ...], tuple[str, ...]]:
    federal = [claim for claim in types if "federal question" in claim.jurisdiction]
    state_law = [claim for claim in types if claim not in federal]
    if federal:
        lines = [f"{claim.name}: {claim.jurisdiction}." for claim in federal]
        lines += [f"{claim.name}: supplemental jurisdiction, 28 U.S.C. § 1367." for claim in state_law]
        return tuple(lines), ()
    if details.diversity:
        return ("Citizens of different states and more than $75,000: 28 U.S.C. § 1332.",), ()
    warning = (
        "All counts rest on state law. A federal court can hear them only when the parties are citizens of different "
        "states and more than $75,000 is at stake (28 U.S.C. § 1332). Otherwise a state court is the place; "
        "ask its clerk."
    )
    return (f"{MISSING}: why a federal court may hear this case",), (warning,) if types else ()


def _venue(details: Details) -> str:
    if details.district is None:
        return f"{MISSING}: the district where a defendant lives or where most of this happened (28 U.S.C. § 1391(b))"
    return f"Venue lies in the {details.district} under 28 U.S.C. § 1391(b)."


def _jury(jury: bool | None) -> str:
    if jury is None:
        return f"{MISSING}: do you want a jury, yes or no? (Fed. R. Civ. P. 38(b))"
    return "Plaintiff demands a trial by jury (Fed. R. Civ. P. 38(b))." if jury else "No jury is demanded."


def _prayer(types: Sequence[ClaimType], report: ClaimReport) -> tuple[str, ...]:
    remedies = dict.fromkeys(remedy for claim in types for remedy in claim.remedies)
    sums = ", ".join(dict.fromkeys(amount.mention for amount in report.amounts))
    told = (f"in amounts to be proved; the sums told are {sums}",) if sums else ()
    return (*remedies, *told) if types else ()


def _exhibits(
    state: SessionState,
    facts: Facts,
    evidence: Sequence[Mapping[str, Any]],
    labels: Mapping[Key, Sequence[str]],
) -> tuple[DraftExhibit, ...]:
    records = {str(record["cid"]): record for record in evidence}
    listed = []
    for place, exhibit in enumerate(state.exhibits):
        record = records.get(exhibit.cid, {})
        label = _label(place)
        own = [number for key, of_key in labels.items() if label in of_key for number in facts.for_element.get(key, ())]
        metadata = record.get("metadata") or {}
        listed.append(
            DraftExhibit(
                label=label,
                title=exhibit.description or exhibit.name or f"{MISSING}: a title",
                date=str(metadata.get("date") or f"{MISSING}: its date"),
                cid=exhibit.cid,
                sha256=str(record.get("sha256") or MISSING),
                pages=str(metadata.get("pages") or "unknown"),
                paragraphs=tuple(sorted(set(own))),
            )
        )
    return tuple(listed)


def _timeline(report: ClaimReport, facts: Facts) -> tuple[TimelineEntry, ...]:
    entries = [
        TimelineEntry(iso=date.iso, mention=date.mention, paragraph=facts.at(date.start))
        for date in report.dates
        if date.iso is not None
    ]
    return tuple(sorted(entries, key=lambda entry: (entry.iso, entry.paragraph or 0)))


def _matrix(counts: Sequence[Count]) -> tuple[MatrixRow, ...]:
    return tuple(
        MatrixRow(
            claim=count.claim,
            element=element.element,
            label=element.label,
            state="with evidence" if element.exhibits else "told" if element.paragraphs else "missing",
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
