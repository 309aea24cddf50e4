"""What the pages of evidence show: files with what they are linked to, and what a file may be linked to."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mediator.claims.taxonomy import Taxonomy
from mediator.interfaces.web.previews import preview_kind
from mediator.interfaces.web.shown import plain
from mediator.interfaces.web.views.frame import Address
from mediator.state import Key
from mediator.view import CaseView, ExhibitView

if TYPE_CHECKING:
    from mediator.evidence import EvidenceRecord

__all__ = ["FileCard", "Group", "Target", "element_of", "file_cards", "target_value", "targets"]

_KINDS = {
    "application/pdf": "PDF",
    "text/plain": "text",
    "text/html": "web page",
    "message/rfc822": "e-mail",
    "application/x-empty": "empty file",
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document": "Word document",
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": "Excel table",
}


@dataclass(frozen=True, slots=True)
class Target:
    """A part of a claim that evidence can show."""

    value: str
    label: str


@dataclass(frozen=True, slots=True)
class Group:
    """The parts of one claim."""

    name: str
    elements: tuple[Target, ...]


@dataclass(frozen=True, slots=True)
class FileCard:
    """One content that was handed in, however often."""

    id: str
    name: str
    kind: str
    size: int
    at: dt.datetime
    description: str | None
    links: tuple[Target, ...]
    cid: str
    sha256: str
    preview: str | None
    media_type: str
    href: str
    picture: str
    download: str


def target_value(claim: str, element: str) -> str:
    """How a form names a part of a claim; claim and element ids hold no slash."""
    return f"{claim}/{element}"


def element_of(value: str) -> Key | None:
    """The part of a claim that a form named; None when it named none."""
    claim, slash, element = value.partition("/")
    return (claim, element) if slash and claim and element else None


def targets(view: CaseView) -> tuple[Group, ...]:
    """What evidence can be linked to: the parts of the claims that were found."""
    groups: dict[str, list[Target]] = {}
    for cell in view.matrix:
        groups.setdefault(cell.claim_name, []).append(Target(target_value(cell.claim, cell.element), cell.label))
    return tuple(Group(name, tuple(elements)) for name, elements in groups.items())


def file_cards(
    records: Sequence[EvidenceRecord], exhibits: Iterable[ExhibitView], taxonomy: Taxonomy, address: Address
) -> tuple[FileCard, ...]:
    """One card a content, the one that was added last first."""
    links = _links(exhibits, taxonomy)
    latest = {record.cid: record for record in records}
    ordered = sorted(latest.values(), key=lambda record: record.submitted_at, reverse=True)
    return tuple(_card(record, links.get(record.cid, ()), address) for record in ordered)


def _card(record: EvidenceRecord, links: Sequence[Target], address: Address) -> FileCard:
    return FileCard(
        id=record.submission_id,
        name=plain(record.file_name or "") or "file without a name",
        kind=_kind(record.media_type),
        size=record.size,
        at=record.submitted_at,
        description=record.description,
        links=tuple(links),
        cid=record.cid,
        sha256=record.sha256,
        preview=preview_kind(record.media_type),
        media_type=record.media_type,
        href=address("evidence", record.cid),
        picture=address("evidence", record.cid, "picture"),
        download=address("evidence", record.cid, "file"),
    )


def _kind(media_type: str) -> str:
    if media_type in _KINDS:
        return _KINDS[media_type]
    family, _, name = media_type.partition("/")
    return f"{name.upper()} {family}" if family in ("image", "audio", "video") else media_type


def _links(exhibits: Iterable[ExhibitView], taxonomy: Taxonomy) -> dict[str, list[Target]]:
    found: dict[str, list[Target]] = {}
    for exhibit in exhibits:
        if exhibit.claim and exhibit.element and exhibit.claim in taxonomy:
            claim = taxonomy[exhibit.claim]
            label = f"{claim.element(exhibit.element).label} ({claim.name})"
            said = Target(target_value(exhibit.claim, exhibit.element), label)
            if said not in found.setdefault(exhibit.cid, []):
                found[exhibit.cid].append(said)
    return found
