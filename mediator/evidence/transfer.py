"""Contents on their way out and in: CAR archives, and publishing to a node."""

from __future__ import annotations

import io
import os
import secrets
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import chain as chain_of
from pathlib import Path
from typing import Any, BinaryIO

from mediator.evidence import locks, queries
from mediator.evidence.audit import block_faults
from mediator.evidence.car import CarReader, write_car
from mediator.evidence.cid import Cid
from mediator.evidence.committing import Transaction
from mediator.evidence.errors import InvalidCarError, InvalidInputError, storage_error
from mediator.evidence.intake import safe_text
from mediator.evidence.parts import Parts
from mediator.evidence.pinning import Pin, contents_of, fetch_pinned, keep_blocks, pin, stored_roots
from mediator.evidence.queries import Content
from mediator.evidence.reader import Fetch, blocks_of, walk
from mediator.evidence.replication import Replica
from mediator.evidence.sources import Readable, Source, open_source
from mediator.evidence.unixfs import FileBuilder, profile_named

__all__ = ["CarReport", "export_car", "import_car", "new_file", "publish"]


@dataclass(frozen=True, slots=True)
class CarReport:
    """What an archive held."""

    roots: tuple[str, ...]
    blocks: int
    bytes: int

    def as_dict(self) -> dict[str, Any]:
        """Return the report as plain JSON values."""
        return {"roots": list(self.roots), "blocks": self.blocks, "bytes": self.bytes}


@contextmanager
def new_file(path: str | os.PathLike[str]) -> Iterator[BinaryIO]:
    """Write a file that appears under its name only when it is whole and on disk; it must not exist."""
    target = Path(path)
    temporary = target.with_name(f".{target.name}.{secrets.token_hex(6)}")
    if target.exists():
        raise InvalidInputError(f"{str(target)!r} exists; choose another name")
    try:
        with temporary.open("xb") as stream:
            try:
                yield stream
                stream.flush()
                os.fsync(stream.fileno())
                temporary.rename(target)
            except BaseException:
                temporary.unlink(missing_ok=True)
                raise
    except OSError as error:
        raise storage_error(error, "write", target) from error


def export_car(parts: Parts, cids: Sequence[Cid], target: str | os.PathLike[str] | BinaryIO, sealed: bool) -> CarReport:
    """Write contents and pinned DAGs to an archive: as submitted, or ``sealed``, as they are stored."""
    with parts.catalog.reading() as connection:
        found = [queries.find_content(connection, cid) or queries.get_pin(connection, cid) for cid in cids]
        pinned = dict(stored_roots(connection)) if sealed else {}
    if sealed:
        roots = [Cid.parse(text) for one in found for text in pinned.get(one.cid, [one.stored_cid])]
        dags = [blocks_of(parts.blocks.get, root) for root in roots]
    else:
        roots = [Cid.parse(one.cid) for one in found]
        dags = [submitted_blocks(parts, one) for one in found]
    if isinstance(target, str | os.PathLike):
        with new_file(target) as stream:
            report = _write(dags, roots, stream)
    else:
        report = _write(dags, roots, target)
    with parts.catalog.noting() as chain:
        for one in found:
            details = {"as": "car", "sealed": sealed}
            chain.append("exported", at=parts.clock(), cid=one.cid, actor=parts.actor, details=details)
    return report


def _write(dags: Sequence[Iterator[tuple[Cid, bytes]]], roots: Sequence[Cid], stream: BinaryIO) -> CarReport:
    sizes: list[int] = []

    def blocks() -> Iterator[tuple[Cid, bytes]]:
        seen: set[bytes] = set()
        for cid, data in chain_of.from_iterable(dags):
            if cid.multihash not in seen:
                seen.add(cid.multihash)
                sizes.append(len(data))
                yield cid, data

    count = write_car(stream, roots, blocks())
    return CarReport(tuple(map(str, roots)), count, sum(sizes))


def submitted_blocks(parts: Parts, content: Content) -> Iterator[tuple[Cid, bytes]]:
    """Yield the DAG of a content or pin as it was submitted; of an encrypted one it is built again, decrypted."""
    if content.is_pin:
        yield from _pinned_blocks(parts, Cid.parse(content.cid))
    elif content.key_id is None:
        yield from blocks_of(parts.blocks.get, Cid.parse(content.stored_cid))
    else:
        yield from _rebuilt(parts, content)


def _pinned_blocks(parts: Parts, root: Cid) -> Iterator[tuple[Cid, bytes]]:
    """A recorded file below a directory is a content: its blocks come from where contents lie."""
    with parts.catalog.reading() as connection:
        files = contents_of(connection, str(root))
        found = [queries.get_content(connection, cid) for cid in files]
    for cid, data in walk(fetch_pinned(parts), root, skip=files):
        if data is not None:
            yield cid, data
    for content in found:
        yield from submitted_blocks(parts, content)


def _rebuilt(parts: Parts, content: Content) -> Iterator[tuple[Cid, bytes]]:
    ready: list[tuple[Cid, bytes]] = []
    profile = profile_named(content.profile)
    builder = FileBuilder(profile, lambda cid, block: ready.append((cid, block)))
    with parts.open_content(content) as stream:
        while chunk := stream.read(profile.chunk_size):
            builder.add(chunk)
            yield from ready
            ready.clear()
    builder.finish()
    yield from ready


def import_car(parts: Parts, source: Source, name: str | None = None) -> CarReport:
    """Take in an archive: every block verified and durable, sealed where the store is, complete roots pinned."""
    counted: list[int] = []
    with locks.shared(parts.lock_path), open_source(source) as opened:
        reader = CarReader(io.BufferedReader(_Buffered(opened.stream), 1 << 20))
        with parts.blocks.batch() as batch:
            sealed = keep_blocks(parts.keys, _counted(reader, counted), batch)
        fetch = fetch_pinned(parts, fresh=sealed)
        needed = [_complete(fetch, root) for root in reader.roots]
        shown = name if name is not None else opened.name

        def record(transaction: Transaction) -> None:
            for root, hashes in zip(reader.roots, needed, strict=True):
                own = {multihash: sealed[multihash] for multihash in hashes if multihash in sealed}
                pin(transaction, parts, Pin(root, shown, own))
                details = {"as": "car", "name": None if shown is None else safe_text(shown)}
                transaction.chain.append(
                    "imported", at=parts.clock(), cid=str(root), actor=parts.actor, details=details
                )

        parts.catalog.commit(record)
    return CarReport(tuple(map(str, reader.roots)), len(counted), sum(counted))


def _counted(blocks: Iterable[tuple[Cid, bytes]], sizes: list[int]) -> Iterator[tuple[Cid, bytes]]:
    for cid, data in blocks:
        sizes.append(len(data))
        yield cid, data


def _complete(fetch: Fetch, root: Cid) -> set[bytes]:
    """Return the hashes of all blocks of a root; InvalidCarError when one is missing."""
    for _, missing, reason in block_faults(fetch, root):
        raise InvalidCarError(f"the archive is not complete: {root} needs {missing} ({reason})")
    return {cid.multihash for cid, _ in walk(fetch, root, leaves=False)}


class _Buffered(io.RawIOBase):
    """Whatever has ``read``, for a buffer around it: an archive is read in the smallest pieces."""

    def __init__(self, stream: Readable) -> None:
        super().__init__()
        self._stream = stream

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]  # the stubs have their own buffer type
        data = self._stream.read(len(buffer))
        buffer[: len(data)] = data
        return len(data)


def known(parts: Parts, cid: Cid) -> queries.Content:
    """Return a content or a pinned root; ContentNotFoundError."""
    with parts.catalog.reading() as connection:
        return queries.find_content(connection, cid) or queries.get_pin(connection, cid)


def publish(parts: Parts, replica: Replica, cid: Cid) -> None:
    """Give a node a content as it was submitted, in the clear, pinned."""
    content = known(parts, cid)
    replica.push(Cid.parse(content.cid), submitted_blocks(parts, content))
    with parts.catalog.writing() as (_, chain):
        details = {"to": replica.name}
        chain.append("published", at=parts.clock(), cid=content.cid, actor=parts.actor, details=details)
