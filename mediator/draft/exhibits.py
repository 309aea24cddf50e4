"""The exhibit index: label, title, date, CID, SHA-256 and pages of what was handed in."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import IO, Any

from mediator.draft.model import MISSING, DraftExhibit, Redaction
from mediator.draft.pages import count_pages
from mediator.draft.privacy import Redactor
from mediator.matrix import exhibit_labels
from mediator.state import Exhibit, SessionState

__all__ = ["Open", "list_exhibits"]

#: Opens the bytes of a CID, or says why it cannot (an error of the store).
Open = Callable[[str], IO[bytes]]
_NO_PAGES = "not paged"


def list_exhibits(
    state: SessionState, evidence: Sequence[Mapping[str, Any]], redactor: Redactor, open_evidence: Open | None
) -> tuple[list[DraftExhibit], list[Redaction], list[str]]:
    """The index, what was shortened in titles, and what could not be read."""
    records = {str(record["cid"]): record for record in evidence}
    listed: list[DraftExhibit] = []
    redactions: list[Redaction] = []
    warnings: list[str] = []
    links: dict[str, list[Exhibit]] = {}
    for label, link in zip(exhibit_labels(state), state.exhibits, strict=True):
        links.setdefault(label, []).append(link)
    for label, own in links.items():
        record = records.get(own[0].cid, {})
        title, done = redactor.apply(_title(own))
        redactions.extend(done)
        metadata = record.get("metadata") or {}
        date, done = redactor.apply(str(metadata.get("date") or ""))
        redactions.extend(done)
        pages, why = _pages(record, open_evidence)
        if why is not None:
            warnings.append(f"Exhibit {label}: its pages could not be counted: {why}")
        listed.append(
            DraftExhibit(
                label=label,
                title=title or f"{MISSING}: a title",
                date=date or f"{MISSING}: its date",
                cid=own[0].cid,
                sha256=str(record.get("sha256") or MISSING),
                pages=pages,
                paragraphs=(),
            )
        )
    return listed, redactions, warnings


def _title(links: Sequence[Exhibit]) -> str:
    """What the person said that it is, each thing once; else the name of the file."""
    said = dict.fromkeys(" ".join(link.description.split()) for link in links if link.description.strip())
    return "; ".join(said) or " ".join(links[0].name.split())


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
