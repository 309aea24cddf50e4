"""Contents on their way out and in: CAR archives, and publishing to a node."""

from __future__ import annotations

import io
import os
import secrets
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from sqlalchemy import insert, select

from mediator.evidence import locks, queries
from mediator.evidence.audit import block_faults
from mediator.evidence.car import CarReader, write_car
from mediator.evidence.cid import Cid
from mediator.evidence.errors import InvalidCarError, InvalidInputError, storage_error
from mediator.evidence.parts import Parts
from mediator.evidence.queries import Content
from mediator.evidence.reader import blocks_of
from mediator.evidence.records import to_microseconds
from mediator.evidence.replication import Replica
from mediator.evidence.schema import pins
from mediator.evidence.sources import Source, open_source
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
    """Write contents to an archive: as submitted, or ``sealed``, as they are stored."""
    with parts.catalog.reading() as connection:
        contents = [queries.get_content(connection, cid) for cid in cids]
    roots = [Cid.parse(content.stored_cid if sealed else content.cid) for content in contents]
    if isinstance(target, str | os.PathLike):
        with new_file(target) as stream:
            report = _write(parts, contents, roots, stream, sealed)
    else:
        report = _write(parts, contents, roots, target, sealed)
    with parts.catalog.noting() as chain:
        for content in contents:
            details = {"as": "car", "sealed": sealed}
            chain.append("exported", at=parts.clock(), cid=content.cid, actor=parts.actor, details=details)
    return report


def _write(
    parts: Parts, contents: Sequence[Content], roots: Sequence[Cid], stream: BinaryIO, sealed: bool
) -> CarReport:
    sizes: list[int] = []

    def blocks() -> Iterator[tuple[Cid, bytes]]:
        seen: set[bytes] = set()
        for content in contents:
            for cid, data in _stored_blocks(parts, content) if sealed else submitted_blocks(parts, content):
                if cid.multihash not in seen:
                    seen.add(cid.multihash)
                    sizes.append(len(data))
                    yield cid, data

    count = write_car(stream, roots, blocks())
    return CarReport(tuple(map(str, roots)), count, sum(sizes))


def _stored_blocks(parts: Parts, content: Content) -> Iterator[tuple[Cid, bytes]]:
    return blocks_of(parts.blocks.get, Cid.parse(content.stored_cid))


def submitted_blocks(parts: Parts, content: Content) -> Iterator[tuple[Cid, bytes]]:
    """Yield the DAG of a content as it was submitted; of an encrypted one it is built again, decrypted."""
    if content.key_id is None:
        yield from _stored_blocks(parts, content)
        return
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
    """Take in an archive: every block verified and durable, complete roots pinned. It is kept as it came."""
    count = size = 0
    with locks.shared(parts.lock_path), open_source(source) as opened:
        stream = opened.stream
        reader = CarReader(stream if isinstance(source, bytes) else io.BufferedReader(_raw(stream), 1 << 20))
        with parts.blocks.batch() as batch:
            for cid, data in reader:
                batch.put(cid, data)
                count += 1
                size += len(data)
        for root in reader.roots:
            for _, missing, reason in block_faults(parts.blocks.get, root):
                raise InvalidCarError(f"the archive is not complete: {root} needs {missing} ({reason})")
        roots = tuple(map(str, reader.roots))
        _pin(parts, roots, name if name is not None else opened.name)
    return CarReport(roots, count, size)


def _raw(stream: Any) -> Any:
    """A raw file is buffered by the caller; whatever else there is only has to have ``read``."""
    return stream if isinstance(stream, io.RawIOBase) else _Adapter(stream)


class _Adapter(io.RawIOBase):
    def __init__(self, stream: BinaryIO) -> None:
        super().__init__()
        self._stream = stream

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]  # the stubs have their own buffer type
        data = self._stream.read(len(buffer))
        buffer[: len(data)] = data
        return len(data)


def _pin(parts: Parts, roots: Sequence[str], name: str | None) -> None:
    now = parts.clock()
    shown = None if name is None else os.fsencode(name).decode("utf-8", "backslashreplace").replace("\0", "")
    with parts.catalog.writing() as (connection, chain):
        present = set(connection.execute(select(pins.c.stored_cid).where(pins.c.stored_cid.in_(roots))).scalars())
        for root in dict.fromkeys(roots):
            if root not in present:
                values = {"stored_cid": root, "name": shown, "pinned_at": to_microseconds(now)}
                connection.execute(insert(pins), values)
            chain.append("imported", at=now, cid=root, actor=parts.actor, details={"as": "car", "name": shown})


def publish(parts: Parts, replica: Replica, cid: Cid) -> None:
    """Give a node a content as it was submitted, in the clear, pinned."""
    with parts.catalog.reading() as connection:
        content = queries.get_content(connection, cid)
    replica.push(Cid.parse(content.cid), submitted_blocks(parts, content))
    with parts.catalog.writing() as (_, chain):
        details = {"to": replica.name}
        chain.append("published", at=parts.clock(), cid=content.cid, actor=parts.actor, details=details)
