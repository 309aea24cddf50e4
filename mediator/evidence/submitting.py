"""Submission: blocks first, durable; then record and custody event in one transaction; only then the answer."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime

from mediator.evidence import locks, queries, replication
from mediator.evidence.audit import block_faults
from mediator.evidence.cid import Cid
from mediator.evidence.committing import Transaction
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
        parts.drafts.settle_if_due()
        staged, fresh = _stage(parts, profile, items, on_error, progress)
        if on_staged is not None:
            for item, content in staged:
                on_staged(item, content)
        broken = _broken_copies(parts, [content for _, content in staged])

        def record(transaction: Transaction) -> list[EvidenceRecord]:
            left = set(broken)  # a copy: this may be run again
            records = _recorded(transaction, parts, profile, staged, left)
            parts.drafts.keep(transaction, _needed(fresh, staged, records))
            replication.enqueue(transaction, parts.replicas, {one.stored_cid for one in records})
            return records

        records = parts.catalog.commit(record)
        parts.drafts.note(fresh)
        for one, (_, content) in zip(records, staged, strict=True):
            _drop_duplicate(parts, one, content)
    return records


def _stage(
    parts: Parts,
    profile: Profile,
    items: Iterable[Submission],
    on_error: OnError | None,
    progress: Progress | None,
) -> tuple[list[tuple[Submission, Staged]], list[tuple[bytes, bytes]]]:
    """Bring the blocks to the disk or, when they are few, into a draft; return what to record, and the draft."""
    sealer = None if parts.keys is None else parts.keys.sealer()
    staged: list[tuple[Submission, Staged]] = []
    with parts.blocks.drafting(parts.drafts.most_bytes) as batch:
        for item in items:
            try:
                with open_source(item.source, within=item.within) as opened:
                    content = ingest(item, opened, batch, profile, sealer, progress)
            except SourceError as error:
                if on_error is None:
                    raise
                on_error(item, error)
                continue
            staged.append((item, content))
    return staged, batch.fresh


def _needed(
    fresh: list[tuple[bytes, bytes]], staged: Sequence[tuple[Submission, Staged]], records: Sequence[EvidenceRecord]
) -> list[tuple[bytes, bytes]]:
    """Return the drafts without the encrypted copies of what is stored already: those are thrown away."""
    unused = {
        cid.multihash
        for record, (_, content) in zip(records, staged, strict=True)
        if record.stored_cid != str(content.stored_cid)
        for cid in content.own_blocks
    }
    return [block for block in fresh if block[0] not in unused] if unused else fresh


def _broken_copies(parts: Parts, staged: Iterable[Staged]) -> set[Cid]:
    """Return the contents whose earlier copy, stored as other blocks, cannot be read any more."""
    broken = set()
    for content in staged:
        if content.key_id is None:
            continue  # the same blocks: storing them healed them
        row = parts.catalog.first(queries.CONTENT_BY_CID, queries.spelled(content.cid))
        if row is not None and any(block_faults(parts.blocks.get, Cid.parse(queries.Content(*row).stored_cid))):
            broken.add(content.cid)
    return broken


def _recorded(
    transaction: Transaction,
    parts: Parts,
    profile: Profile,
    staged: Sequence[tuple[Submission, Staged]],
    broken: set[Cid],
) -> list[EvidenceRecord]:
    """Record submissions, and their contents where those are new."""
    known = queries.stored_contents(transaction, [content.cid for _, content in staged])
    fresh: list[queries.Content] = []
    records: list[EvidenceRecord] = []
    for item, content in staged:
        stored = known.get(content.cid)
        if stored is None:
            stored = _content_of(content, profile)
            fresh.append(stored)
        elif content.cid in broken and stored.stored_cid != str(content.stored_cid):
            stored = queries.replace_storage(transaction, stored, str(content.stored_cid), content.key_id)
            broken.discard(content.cid)
        known[content.cid] = stored
        records.append(_record_of(item, content, stored, parts.clock()))
    queries.add_contents(transaction, fresh)
    queries.add_submissions(transaction, records)
    for record in records:
        _log(transaction.chain, parts, record)
    return records


def _content_of(staged: Staged, profile: Profile) -> queries.Content:
    stored_cid = str(staged.stored_cid)
    return queries.Content(0, str(staged.cid), staged.sha256, staged.size, profile.name, stored_cid, staged.key_id)


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
