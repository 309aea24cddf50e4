"""Directories back to files: the tree that a directory CID names, wherever its nodes and files are stored."""

from __future__ import annotations

import os
import secrets
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Final

from mediator.evidence import queries
from mediator.evidence.cid import RAW, Cid
from mediator.evidence.dagpb import Kind, Node, decode_node
from mediator.evidence.errors import InvalidDagError, InvalidInputError, storage_error
from mediator.evidence.parts import Parts
from mediator.evidence.pinning import fetch_pinned
from mediator.evidence.reader import Fetch, open_dag

__all__ = ["RestoreReport", "is_directory", "open_pinned", "restore", "tree"]

_DIRECTORIES: Final = (Kind.DIRECTORY, Kind.HAMT_SHARD)
_FILES: Final = (Kind.FILE, Kind.RAW)
_COPY: Final = 1024 * 1024
# Blocks from anywhere can name one directory a thousand times in each of ten others: an end must be set.
_MOST_ENTRIES: Final = 1_000_000
_MOST_LEVELS: Final = 1_000
# A hash has 8 bytes, one for each level of a spread directory.
_MOST_SHARDS: Final = 8


@dataclass(frozen=True, slots=True)
class RestoreReport:
    """What was written, and what was left out because it is no file and no directory."""

    path: str
    files: int
    bytes: int
    left_out: tuple[str, ...]

    def as_dict(self) -> dict[str, Any]:
        """Return the report as plain JSON values."""
        return {name: getattr(self, name) for name in self.__slots__} | {"left_out": list(self.left_out)}


def is_directory(parts: Parts, cid: Cid) -> bool:
    """Whether a pinned CID is a directory."""
    if parts.catalog.first(queries.CONTENT_BY_CID, queries.spelled(cid)) is not None or cid.codec == RAW:
        return False
    with parts.catalog.reading() as connection:
        if queries.find_pin(connection, cid) is None:
            return False
    return decode_node(fetch_pinned(parts)(cid)).unixfs.kind in _DIRECTORIES


def open_pinned(parts: Parts, cid: Cid) -> BinaryIO:
    """Return a stream over a file of a pinned DAG, or over a content."""
    row = parts.catalog.first(queries.CONTENT_BY_CID, queries.spelled(cid))
    return open_dag(fetch_pinned(parts), cid) if row is None else parts.open_content(queries.Content(*row))


def tree(fetch: Fetch, root: Cid) -> Iterator[tuple[tuple[bytes, ...], Cid, Kind]]:
    """Yield the path, CID and kind of everything below a directory, parents first. No name leads out of it."""
    waiting: list[tuple[tuple[bytes, ...], Cid]] = [((), root)]
    count = 0
    while waiting:
        path, cid = waiting.pop()
        kind, entries = _entries(fetch, cid)
        count += 1
        if count > _MOST_ENTRIES or len(path) > _MOST_LEVELS:
            raise InvalidDagError(f"{root} has more than {_MOST_ENTRIES} entries or {_MOST_LEVELS} levels")
        if path or kind not in _DIRECTORIES:
            yield path, cid, kind
        waiting.extend(((*path, name), below) for name, below in reversed(entries))


def _entries(fetch: Fetch, cid: Cid) -> tuple[Kind, list[tuple[bytes, Cid]]]:
    if cid.codec == RAW:
        return Kind.RAW, []
    node = decode_node(fetch(cid))
    if node.unixfs.kind not in _DIRECTORIES:
        return node.unixfs.kind, []
    entries = sorted(_names(fetch, node, cid, 0), key=lambda entry: entry[0])
    for number, (name, _) in enumerate(entries):
        if name in (b"", b".", b"..") or b"/" in name or b"\0" in name:
            raise InvalidDagError(f"the directory {cid} has a name that no file can have: {name!r}")
        if number and entries[number - 1][0] == name:
            raise InvalidDagError(f"the directory {cid} has the name {name!r} twice")
    return node.unixfs.kind, entries


def _names(fetch: Fetch, node: Node, cid: Cid, depth: int) -> Iterator[tuple[bytes, Cid]]:
    if node.unixfs.kind is Kind.DIRECTORY:
        yield from ((link.name, link.cid) for link in node.links)
        return
    if node.unixfs.kind is not Kind.HAMT_SHARD or depth > _MOST_SHARDS:
        raise InvalidDagError(f"the directory {cid} is spread over nodes that do not belong to one")
    for link in node.links:
        # Two digits are the place in this node; what follows is the name, and where nothing does, a node below.
        if len(link.name) > 2:
            yield link.name[2:], link.cid
        else:
            yield from _names(fetch, decode_node(fetch(link.cid)), cid, depth + 1)


def restore(parts: Parts, root: Cid, target: str | os.PathLike[str]) -> RestoreReport:
    """Write a directory to a path that does not exist yet; it appears whole or not at all."""
    with parts.catalog.reading() as connection:
        queries.get_pin(connection, root)
    path = Path(target)
    if path.exists():
        raise InvalidInputError(f"{str(path)!r} exists; choose another name")
    building = path.with_name(f".{path.name}.{secrets.token_hex(6)}")
    try:
        building.mkdir(mode=0o700)
        try:
            report = _fill(parts, root, building, path)
            building.rename(path)
        except BaseException:
            shutil.rmtree(building, ignore_errors=True)
            raise
    except OSError as error:
        raise storage_error(error, "write the directory", path) from error
    with parts.catalog.noting() as chain:
        details = {"as": "directory", "files": report.files}
        chain.append("exported", at=parts.clock(), cid=str(root), actor=parts.actor, details=details)
    return report


def _fill(parts: Parts, root: Cid, building: Path, path: Path) -> RestoreReport:
    files = size = 0
    left_out: list[str] = []
    for names, cid, kind in tree(_known_files(parts), root):
        place = building.joinpath(*(os.fsdecode(name) for name in names))
        if kind in _DIRECTORIES:
            place.mkdir(mode=0o700)
        elif kind in _FILES and names:
            files += 1
            with open_pinned(parts, cid) as source, place.open("xb") as out:
                while chunk := source.read(_COPY):
                    out.write(chunk)
                    size += len(chunk)
                out.flush()
                os.fsync(out.fileno())
        else:
            left_out.append(os.path.join(*map(os.fsdecode, names)) if names else str(cid))
    return RestoreReport(str(path), files, size, tuple(left_out))


def _known_files(parts: Parts) -> Fetch:
    """Return what gives nodes; a recorded content is a file, and its own blocks may be sealed, so none is needed."""
    fetch = fetch_pinned(parts)

    def given(cid: Cid) -> bytes:
        if parts.catalog.first(queries.CONTENT_BY_CID, queries.spelled(cid)) is not None:
            return _A_FILE
        return fetch(cid)

    return given


# dag-pb around a UnixFS message of type file, with nothing in it.
_A_FILE: Final = b"\x0a\x02\x08\x02"
