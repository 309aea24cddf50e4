"""Repair from replicas, and re-encryption under a new key."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from mediator.evidence import locks, queries, replication
from mediator.evidence.audit import block_faults
from mediator.evidence.cid import Cid
from mediator.evidence.committing import Transaction
from mediator.evidence.errors import IntegrityError, KeyRequiredError, NotFoundError, ReplicaError
from mediator.evidence.intake import Progress
from mediator.evidence.parts import Parts
from mediator.evidence.pinning import reseal_pins, stored_roots
from mediator.evidence.queries import Content
from mediator.evidence.replication import Replica
from mediator.evidence.unixfs import import_chunks, profile_named

__all__ = ["RepairReport", "reencrypt", "repair"]


@dataclass(frozen=True, slots=True)
class RepairReport:
    """Blocks that a replica gave back, and those that none has: (CID, why)."""

    restored: tuple[str, ...]
    lost: tuple[tuple[str, str], ...]

    def as_dict(self) -> dict[str, Any]:
        """Return the report as plain JSON values."""
        lost = [{"cid": cid, "message": message} for cid, message in self.lost]
        return {"restored": list(self.restored), "lost": lost}


def repair(parts: Parts, replicas: Sequence[Replica]) -> RepairReport:
    """Restore missing and damaged blocks from whichever replica still has them."""
    restored: dict[str, None] = {}
    lost: dict[str, str] = {}
    with locks.shared(parts.lock_path):
        with parts.catalog.reading() as connection:
            roots = [*replication.all_stored(connection)]
            for _, stored in stored_roots(connection):
                roots += stored
        for root in roots:
            _repair_dag(parts, replicas, Cid.parse(root), restored, lost)
    if restored or lost:
        with parts.catalog.writing() as (_, chain):
            details = {"restored": list(restored), "lost": list(lost)}
            chain.append("repaired", at=parts.clock(), actor=parts.actor, details=details)
    return RepairReport(tuple(restored), tuple(lost.items()))


def _repair_dag(
    parts: Parts, replicas: Sequence[Replica], root: Cid, restored: dict[str, None], lost: dict[str, str]
) -> None:
    # A restored node may have children that are missing too, so look again until nothing changes.
    while True:
        progress = False
        for _, cid, message in block_faults(parts.blocks.get, root):
            if cid in lost:
                continue
            data = _ask(replicas, Cid.parse(cid))
            if data is None:
                lost[cid] = message
                continue
            parts.blocks.put(Cid.parse(cid), data)
            restored[cid] = None
            progress = True
        if not progress:
            return


def _ask(replicas: Sequence[Replica], cid: Cid) -> bytes | None:
    for replica in replicas:
        try:
            return replica.get(cid)
        except (ReplicaError, IntegrityError, NotFoundError):
            continue  # the next replica may have it; what none has is reported as lost
    return None


def reencrypt(parts: Parts, progress: Progress | None = None) -> int:
    """Encrypt every content that is not under the active key with it; return how many. gc removes the old blocks."""
    if parts.keys is None:
        raise KeyRequiredError("this store is not encrypted; open it with a key source first")
    active = parts.keys.active_id
    with parts.catalog.reading() as connection:
        todo = [content for content in queries.iter_contents(connection) if content.key_id != active]
    for number, content in enumerate(todo, 1):
        with locks.shared(parts.lock_path):
            _reencrypt(parts, content)
        if progress is not None:
            progress(number, len(todo))
    with locks.shared(parts.lock_path):
        reseal_pins(parts)
    return len(todo)


def _reencrypt(parts: Parts, content: Content) -> None:
    if parts.keys is None:
        raise AssertionError("checked by the caller")
    profile = profile_named(content.profile)
    sealer = parts.keys.sealer()
    with parts.open_content(content) as stream, parts.blocks.batch() as batch:
        chunks = iter(lambda: stream.read(profile.chunk_size), b"")
        stored = import_chunks(sealer.seal(chunks), profile, batch.put)
    key_id = sealer.key_id

    def record(transaction: Transaction) -> None:
        present = queries.stored_content(transaction, Cid.parse(content.cid))
        if present is None or present.stored_cid != content.stored_cid:
            return  # removed or re-encrypted by someone else meanwhile; gc takes what we wrote
        queries.replace_storage(transaction, content, str(stored), key_id)
        replication.enqueue(transaction, parts.replicas, [str(stored)])
        details = {"from": content.stored_cid, "to": str(stored), "key_id": key_id}
        transaction.chain.append("re-encrypted", at=parts.clock(), cid=content.cid, actor=parts.actor, details=details)

    parts.catalog.commit(record)
