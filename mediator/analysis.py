"""What the taxonomy says about the claims that were found: law, requirements, questions, state of the evidence."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from mediator.claims.report import ClaimReport
from mediator.claims.taxonomy import NOTICE, ClaimType, Taxonomy
from mediator.matrix import matrix
from mediator.state import SessionState
from mediator.usual_evidence import USUAL_EVIDENCE

__all__ = ["analyze_evidence", "analyze_legal_issues"]


def analyze_legal_issues(report: ClaimReport, taxonomy: Taxonomy) -> dict[str, Any]:
    """Classification, statutes, requirements and questions of the found claims; nothing is worded by a model."""
    types = [taxonomy[claim.id] for claim in report.claims]
    return {
        "classification": [
            {
                "claim_type": c.id,
                "name": c.name,
                "domain": taxonomy[c.id].domain,
                "kind": c.kind,
                "confidence": c.confidence,
            }
            for c in report.claims
        ],
        "statutes": [
            {"claim_type": t.id, "cite": basis.cite, "what": basis.what} for t in types for basis in t.legal_basis
        ],
        "requirements": {t.id: _requirements(t, report) for t in types},
        "questions": [item.model_dump() for item in report.missing],
        "deadlines": {t.id: list(t.limitation) for t in types},
        "failures": [failure.model_dump() for failure in report.failures],
        "notice": NOTICE,
    }


def analyze_evidence(
    claim: ClaimType, state: SessionState | None, evidence: Iterable[Mapping[str, Any]], taxonomy: Taxonomy
) -> dict[str, Any]:
    """What each element of the claim has (words of the story, answers, evidence) and what it lacks."""
    handed_in = list(evidence)
    cells = {} if state is None else {cell.element: cell for cell in matrix(state, taxonomy) if cell.claim == claim.id}
    elements = []
    for element in claim.elements:
        cell = cells.get(element.id)
        own = [item for item in handed_in if item.get("element") == element.id]
        told = [quote.text for quote in cell.quotes] if cell is not None else []
        answered = cell.answer.text if cell is not None and cell.answer and cell.answer.kind == "text" else None
        elements.append(
            {
                "element": element.id,
                "label": element.label,
                "blocking": element.blocking,
                "quotes": told,
                "answer": answered,
                "evidence": [item["cid"] for item in own],
                "missing": not (told or answered or own),
                "lacks_evidence": not own,
                "usual_evidence": list(USUAL_EVIDENCE.get(claim.id, {}).get(element.id, ())),
                "said": None if cell is None else cell.proof,
                "question": element.ask,
            }
        )
    return {
        "claim_type": claim.id,
        "name": claim.name,
        "elements": elements,
        "evidence": handed_in,
        "usual_evidence": list(claim.evidence),
        "total_evidence": len(handed_in),
        "notice": NOTICE,
    }


def _requirements(claim: ClaimType, report: ClaimReport) -> list[dict[str, Any]]:
    found = report.claim(claim.id)
    supported = set() if found is None else {support.id for support in found.elements}
    return [
        {"element": e.id, "label": e.label, "blocking": e.blocking, "told": e.id in supported} for e in claim.elements
    ]
