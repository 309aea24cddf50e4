"""Whole DAGs that stay without a record of their own: imported archives and the directories of what was submitted.

In a plain store their blocks lie among all others. In an encrypted one each is sealed by itself, so that any shape
of DAG can be read at any place; the files of a directory are contents, recorded and stored as such.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, bindparam, delete, insert, select, update

from mediator.evidence import holds, queries, replication
from mediator.evidence.blockstores.base import Batch, verified
from mediator.evidence.cid import Cid
from mediator.evidence.committing import Transaction
from mediator.evidence.errors import ContentNotFoundError, InvalidInputError, KeyRequiredError, LegalHoldError
from mediator.evidence.keys import KeyRing
from mediator.evidence.parts import Parts
from mediator.evidence.queries import Content
from mediator.evidence.reader import Fetch, walk
from mediator.evidence.records import from_microseconds, to_microseconds
from mediator.evidence.schema import contents, pin_blocks, pin_contents, pins
from mediator.evidence.statements import Statement
from mediator.evidence.unixfs import import_chunks, profile_named

__all__ = [
    "Pin",
    "PinnedRoot",
    "Sealed",
    "contents_of",
    "fetch_pinned",
    "keep_blocks",
    "list_pins",
    "not_pinned",
    "pin",
    "reseal_pins",
    "stored_roots",
    "unpin",
]

# The sealed form of one block is nearly always one block; nobody compares its CID with anybody's.
_SEALED_PROFILE = profile_named("unixfs-v1-2025")


@dataclass(frozen=True, slots=True)
class Sealed:
    """Where one block of a pinned DAG is."""

    stored_cid: str
    key_id: str
    size: int


@dataclass(frozen=True, slots=True)
class PinnedRoot:
    """A DAG that stays: its CID, what it was called, since when."""

    cid: str
    name: str | None
    pinned_at: datetime

    def as_dict(self) -> dict[str, Any]:
        """Return it as plain JSON values."""
        return {"cid": self.cid, "name": self.name, "pinned_at": self.pinned_at.isoformat()}


@dataclass(frozen=True, slots=True)
class Pin:
    """A DAG that is to stay, with all that the catalog keeps about it."""

    root: Cid
    name: str | None
    sealed: Mapping[bytes, Sealed] = field(default_factory=dict)
    contents: Sequence[Cid] = ()


_SEALED = Statement(
    select(pin_blocks.c.stored_cid, pin_blocks.c.key_id, pin_blocks.c.size).where(
        pin_blocks.c.multihash == bindparam("wanted")
    )
)
_FIND = Statement(select(pins.c.stored_cid).where(pins.c.stored_cid.in_([bindparam("cid_a"), bindparam("cid_b")])))
_ADD = Statement(insert(pins).values({name: bindparam(name) for name in ("stored_cid", "name", "pinned_at")}))
_BLOCK = ("root", "multihash", "stored_cid", "key_id", "size")
_ADD_BLOCK = Statement(insert(pin_blocks).values({name: bindparam(name) for name in _BLOCK}))
_ADD_CONTENT = Statement(insert(pin_contents).values({name: bindparam(name) for name in ("root", "content_id")}))


def keep_blocks(keys: KeyRing | None, blocks: Iterable[tuple[Cid, bytes]], batch: Batch) -> dict[bytes, Sealed]:
    """Hand blocks to a batch, sealed when the store has a key; return where the sealed ones are."""
    found: dict[bytes, Sealed] = {}
    for cid, data in blocks:
        if keys is None:
            batch.put(cid, data)
        elif not cid.is_identity and cid.multihash not in found:
            sealer = keys.sealer()
            stored = import_chunks(sealer.seal(iter((data,))), _SEALED_PROFILE, batch.put)
            found[cid.multihash] = Sealed(str(stored), sealer.key_id, len(data))
    return found


def fetch_pinned(parts: Parts, fetch: Fetch | None = None, fresh: Mapping[bytes, Sealed] | None = None) -> Fetch:
    """Return what gives the blocks of pinned DAGs, decrypted where they are sealed."""
    stored = fetch if fetch is not None else parts.blocks.get
    if parts.keys is None:
        return stored

    def opened(cid: Cid) -> bytes:
        sealed = (fresh or {}).get(cid.multihash) or _find_sealed(parts, cid)
        if sealed is None:
            return stored(cid)
        content = Content(0, str(cid), "", sealed.size, "", sealed.stored_cid, sealed.key_id)
        with parts.open_content(content, stored) as stream:
            return verified(cid, stream.read())

    return opened


def _find_sealed(parts: Parts, cid: Cid) -> Sealed | None:
    row = parts.catalog.first(_SEALED, {"wanted": cid.multihash})
    return None if row is None else Sealed(*row)


def pin(transaction: Transaction, parts: Parts, pinned: Pin) -> None:
    """Record a DAG that is to stay; one that is pinned already stays as it is."""
    if transaction.first(_FIND, queries.spelled(pinned.root)) is not None:
        return
    root = str(pinned.root)
    shown = None if pinned.name is None else os.fsencode(pinned.name).decode("utf-8", "backslashreplace")
    values = {
        "stored_cid": root,
        "name": shown and shown.replace("\0", ""),
        "pinned_at": to_microseconds(parts.clock()),
    }
    transaction.run(_ADD, values)
    for multihash, one in pinned.sealed.items():
        where = {"stored_cid": one.stored_cid, "key_id": one.key_id, "size": one.size}
        transaction.run(_ADD_BLOCK, {"root": root, "multihash": multihash} | where)
    for cid in dict.fromkeys(pinned.contents):
        content = queries.stored_content(transaction, cid)
        if content is not None:
            transaction.run(_ADD_CONTENT, {"root": root, "content_id": content.id})
    stored = [one.stored_cid for one in pinned.sealed.values()] or [root]
    replication.enqueue(transaction, parts.replicas, stored)


def unpin(parts: Parts, root: Cid, reason: str) -> None:
    """Let a DAG go; its blocks go with the next gc if nothing else needs them. LegalHoldError while it is held."""
    if not reason.strip():
        raise InvalidInputError("a removal needs a reason; it is kept in the custody log")
    with parts.catalog.writing() as (connection, chain):
        row = connection.execute(_FIND.core, queries.spelled(root)).first()
        if row is None:
            raise not_pinned(root)
        text = row.stored_cid
        hold = holds.hold_on(connection, text)
        if hold is None:
            for table in (pin_blocks, pin_contents):
                connection.execute(delete(table).where(table.c.root == text))
            connection.execute(delete(pins).where(pins.c.stored_cid == text))
        chain.append(
            "removed" if hold is None else "removal refused",
            at=parts.clock(),
            cid=text,
            actor=parts.actor,
            details={"reason": reason, "pin": True} | ({} if hold is None else {"hold_id": hold}),
        )
    if hold is not None:
        raise LegalHoldError(f"{root} is under legal hold {hold}; the attempt was logged")


def not_pinned(root: Cid) -> ContentNotFoundError:
    """Return the error that says that a DAG is not kept as a whole."""
    return ContentNotFoundError(f"{root} is not pinned here; `evidence list --pins` shows what is")


def list_pins(parts: Parts) -> tuple[PinnedRoot, ...]:
    """Return what is pinned, oldest first."""
    with parts.catalog.reading() as connection:
        rows = connection.execute(select(pins).order_by(pins.c.pinned_at, pins.c.stored_cid))
        return tuple(PinnedRoot(row.stored_cid, row.name, from_microseconds(row.pinned_at)) for row in rows)


def stored_roots(connection: Connection) -> Iterator[tuple[str, list[str]]]:
    """Yield each pin with the stored CIDs that it needs: itself, or its sealed blocks."""
    for root in connection.execute(select(pins.c.stored_cid).order_by(pins.c.stored_cid)).scalars().all():
        query = select(pin_blocks.c.stored_cid).where(pin_blocks.c.root == root)
        yield root, list(connection.execute(query).scalars()) or [root]


def contents_of(connection: Connection, root: str) -> set[Cid]:
    """Return the CIDs of the recorded contents that a pinned directory holds."""
    query = select(contents.c.cid).join(pin_contents, pin_contents.c.content_id == contents.c.id)
    return {Cid.parse(text) for text in connection.execute(query.where(pin_contents.c.root == root)).scalars()}


def reseal_pins(parts: Parts) -> None:
    """Seal every block of every pin with the active key; gc removes what was there before."""
    if parts.keys is None:
        raise KeyRequiredError("this store is not encrypted; open it with a key source first")
    with parts.catalog.reading() as connection:
        known = {root: contents_of(connection, root) for root, _ in stored_roots(connection)}
    for root, files in known.items():
        _reseal(parts, parts.keys, root, files)


def _reseal(parts: Parts, keys: KeyRing, root: str, files: set[Cid]) -> None:
    with parts.catalog.reading() as connection:
        rows = connection.execute(select(pin_blocks).where(pin_blocks.c.root == root)).all()
    if rows and all(row.key_id == keys.active_id for row in rows):
        return
    blocks = walk(fetch_pinned(parts), Cid.parse(root), skip=files)
    with parts.blocks.batch() as batch:
        sealed = keep_blocks(keys, ((cid, data) for cid, data in blocks if data is not None), batch)
    with parts.catalog.writing() as (connection, chain):
        for multihash, one in sealed.items():
            where = (pin_blocks.c.root == root) & (pin_blocks.c.multihash == multihash)
            values = {"stored_cid": one.stored_cid, "key_id": one.key_id, "size": one.size}
            if not connection.execute(update(pin_blocks).where(where).values(values)).rowcount:
                connection.execute(insert(pin_blocks), {"root": root, "multihash": multihash} | values)
        chain.append(
            "re-encrypted",
            at=parts.clock(),
            cid=root,
            actor=parts.actor,
            details={"pin": True, "key_id": keys.active_id},
        )
