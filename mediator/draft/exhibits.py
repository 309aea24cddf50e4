"""The exhibit index: label, title, date, CID, SHA-256 and pages of what was handed in."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import IO, Any

from mediator.draft.model import MISSING, DraftExhibit, Redaction
from mediator.draft.pages import count_pages
from mediator.draft.privacy import Redactor
from mediator.matrix import exhibit_label
from mediator.state import Key, SessionState

__all__ = ["Open", "exhibit_labels", "list_exhibits"]

#: Opens the bytes of a CID, or says why it cannot (an error of the store).
Open = Callable[[str], IO[bytes]]
_NO_PAGES = "not paged"


def exhibit_labels(state: SessionState) -> dict[Key, list[str]]:
    """The exhibits that were handed in for each element."""
    labels: dict[Key, list[str]] = {}
    for place, exhibit in enumerate(state.exhibits):
        if exhibit.claim and exhibit.element:
            labels.setdefault((exhibit.claim, exhibit.element), []).append(exhibit_label(place))
    return labels


def list_exhibits(
    state: SessionState, evidence: Sequence[Mapping[str, Any]], redactor: Redactor, open_evidence: Open | None
) -> tuple[list[DraftExhibit], list[Redaction], list[str]]:
    """The index, what was shortened in titles, and what could not be read."""
    records = {str(record["cid"]): record for record in evidence}
    listed: list[DraftExhibit] = []
    redactions: list[Redaction] = []
    warnings: list[str] = []
    for place, exhibit in enumerate(state.exhibits):
        record = records.get(exhibit.cid, {})
        title, done = redactor.apply(" ".join((exhibit.description or exhibit.name).split()))
        redactions.extend(done)
        metadata = record.get("metadata") or {}
        date, done = redactor.apply(str(metadata.get("date") or ""))
        redactions.extend(done)
        pages, why = _pages(record, open_evidence)
        if why is not None:
            warnings.append(f"Exhibit {exhibit_label(place)}: its pages could not be counted: {why}")
        listed.append(
            DraftExhibit(
                label=exhibit_label(place),
                title=title or f"{MISSING}: a title",
                date=date or f"{MISSING}: its date",
                cid=exhibit.cid,
                sha256=str(record.get("sha256") or MISSING),
                pages=pages,
                paragraphs=(),
            )
        )
    return listed, redactions, warnings


def _pages(record: Mapping[str, Any], open_evidence: Open | None) -> tuple[str, str | None]:
    """Counted from the bytes; what the person noted stands only where code cannot count."""
    from mediator.evidence import EvidenceError

    noted = (record.get("metadata") or {}).get("pages")
    told = str(noted) if noted is not None else None
    if not record or open_evidence is None:
        return told or MISSING, None
    try:
        with open_evidence(str(record["cid"])) as content:
            count, why = count_pages(content, str(record.get("media_type", "")))
    except (EvidenceError, OSError) as error:
        count, why = None, str(error)
    if count is not None:
        return str(count), None
    return told or (_NO_PAGES if why is None else MISSING), why
