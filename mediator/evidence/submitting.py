"""Submission: blocks first, durable; then record and custody event in one transaction; only then the answer."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime

from sqlalchemy import Connection

from mediator.evidence import locks, queries, replication
from mediator.evidence.audit import block_faults
from mediator.evidence.cid import Cid
from mediator.evidence.custody import Chain
from mediator.evidence.errors import SourceError
from mediator.evidence.intake import (
    Progress,
    Staged,
    Submission,
    checked,
    ingest,
    metadata_text,
    new_submission_id,
)
from mediator.evidence.parts import Parts
from mediator.evidence.records import EvidenceRecord, frozen_metadata
from mediator.evidence.sources import open_source
from mediator.evidence.unixfs import Profile

__all__ = ["OnError", "OnStaged", "commit"]

#: Told of a source that could not be read; the others of its group are submitted.
OnError = Callable[[Submission, SourceError], None]
#: Told of each content that is about to be recorded.
OnStaged = Callable[[Submission, Staged], None]


def commit(
    parts: Parts,
    profile: Profile,
    items: Sequence[Submission],
    *,
    on_error: OnError | None = None,
    on_staged: OnStaged | None = None,
    progress: Progress | None = None,
) -> list[EvidenceRecord]:
    """Submit a group together: one wait for the disk, one transaction, all or nothing."""
    for item in items:
        checked(item)
    with locks.shared(parts.lock_path):
        staged = _stage(parts, profile, items, on_error, progress)
        if on_staged is not None:
            for item, content in staged:
                on_staged(item, content)
        broken = _broken_copies(parts, [content for _, content in staged])
        with parts.catalog.writing() as (connection, chain):
            contents = _add_contents(connection, profile, [content for _, content in staged], broken)
            records = [_record_of(item, content, contents[content.cid], parts.clock()) for item, content in staged]
            queries.add_submissions(connection, [(contents[Cid.parse(record.cid)].id, record) for record in records])
            for record in records:
                _log(chain, parts, record)
            replication.enqueue(connection, parts.replicas, {record.stored_cid for record in records})
        for record, (_, content) in zip(records, staged, strict=True):
            _drop_duplicate(parts, record, content)
    return records


def _stage(
    parts: Parts,
    profile: Profile,
    items: Iterable[Submission],
    on_error: OnError | None,
    progress: Progress | None,
) -> list[tuple[Submission, Staged]]:
    sealer = None if parts.keys is None else parts.keys.sealer()
    staged: list[tuple[Submission, Staged]] = []
    with parts.blocks.batch() as batch:
        for item in items:
            try:
                with open_source(item.source, follow=item.follow_links) as opened:
                    content = ingest(item, opened, batch, profile, sealer, progress)
            except SourceError as error:
                if on_error is None:
                    raise
                on_error(item, error)
                continue
            staged.append((item, content))
    return staged


def _broken_copies(parts: Parts, staged: Iterable[Staged]) -> set[Cid]:
    """Return the contents whose earlier copy, stored as other blocks, cannot be read any more."""
    broken = set()
    for content in staged:
        if content.key_id is None:
            continue  # the same blocks: storing them healed them
        with parts.catalog.reading() as connection:
            earlier = queries.find_content(connection, content.cid)
        if earlier is not None and any(block_faults(parts.blocks.get, Cid.parse(earlier.stored_cid))):
            broken.add(content.cid)
    return broken


def _add_contents(
    connection: Connection, profile: Profile, staged: Sequence[Staged], broken: set[Cid]
) -> dict[Cid, queries.Content]:
    """Record what is not there yet; return how each content is stored from now on."""
    fresh = {
        content.cid: queries.Content(
            0, str(content.cid), content.sha256, content.size, profile.name, str(content.stored_cid), content.key_id
        )
        for content in staged
    }
    present = queries.add_contents(connection, fresh)
    for cid in broken:
        new = fresh[cid]
        present[cid] = queries.replace_storage(connection, present[cid], new.stored_cid, new.key_id)
    return present


def _record_of(item: Submission, staged: Staged, content: queries.Content, now: datetime) -> EvidenceRecord:
    return EvidenceRecord(
        submission_id=new_submission_id(),
        cid=content.cid,
        sha256=content.sha256,
        size=content.size,
        stored_cid=content.stored_cid,
        type=item.type,
        media_type=staged.media_type,
        file_name=staged.file_name,
        owner=item.owner,
        complaint=item.complaint,
        claim_type=item.claim_type,
        element=item.element,
        description=item.description,
        metadata=frozen_metadata(metadata_text(item)),
        submitted_at=now,
    )


def _log(chain: Chain, parts: Parts, record: EvidenceRecord) -> None:
    chain.append(
        "submitted",
        at=record.submitted_at,
        submission_id=record.submission_id,
        cid=record.cid,
        actor=parts.actor,
        details={"record_sha256": record.digest()},
    )


def _drop_duplicate(parts: Parts, record: EvidenceRecord, staged: Staged) -> None:
    """Remove the encrypted copy of a content that is stored already: its blocks are nobody else's."""
    if record.stored_cid != str(staged.stored_cid):
        for cid in staged.own_blocks:
            parts.blocks.delete(cid)
