"""Bytes to a UnixFS DAG: a streaming importer in constant memory, with the profiles the world uses.

The same bytes under the same profile give the CID that Kubo gives.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from mediator.evidence.cid import Cid, dag_pb_cid, raw_cid
from mediator.evidence.dagpb import Kind, Link, UnixFs, encode_node, encode_unixfs
from mediator.evidence.errors import InvalidInputError

__all__ = ["PROFILES", "FileBuilder", "Profile", "file_cid", "import_chunks", "profile_named"]

KIB: Final = 1024


@dataclass(frozen=True, slots=True)
class Profile:
    """How bytes are cut and joined; two stores agree on CIDs when they agree on this."""

    name: str
    chunk_size: int
    max_links: int
    cid_version: int
    raw_leaves: bool
    #: Whether a directory is spread over nodes when its block is too large, or when its names and CIDs alone are.
    shards_by_block: bool


#: ``unixfs-v1-2025`` is IPIP-499; ``kubo-v1`` is ``ipfs add --cid-version=1``; ``kubo-legacy`` is plain ``ipfs add``.
PROFILES: Final[dict[str, Profile]] = {
    profile.name: profile
    for profile in (
        Profile("unixfs-v1-2025", 1024 * KIB, 1024, 1, True, True),
        Profile("kubo-v1", 256 * KIB, 174, 1, True, False),
        Profile("kubo-legacy", 256 * KIB, 174, 0, False, False),
    )
}

#: Receives each finished block; the importer keeps none.
BlockSink = Callable[[Cid, bytes], None]


def profile_named(name: str) -> Profile:
    """Return a profile by name."""
    try:
        return PROFILES[name]
    except KeyError:
        raise InvalidInputError(f"there is no profile {name!r}; the profiles are {', '.join(PROFILES)}") from None


@dataclass(frozen=True, slots=True)
class _Child:
    cid: Cid
    size: int
    tsize: int


class FileBuilder:
    """Builds the balanced DAG of one file, chunk by chunk.

    Every chunk but the last must have ``profile.chunk_size`` bytes. What waits in memory is one row of
    links a level: at most ``max_links`` times the depth.
    """

    def __init__(self, profile: Profile, sink: BlockSink) -> None:
        self.profile = profile
        self._sink = sink
        self._levels: list[list[_Child]] = [[]]
        self._count = 0
        #: The size of all blocks together, once ``finish`` was called.
        self.tsize = 0

    def add(self, chunk: bytes) -> None:
        """Take the next chunk."""
        self._push(0, self._leaf(chunk))
        self._count += 1

    def finish(self) -> Cid:
        """Return the root; its block went to the sink like every other."""
        if self._count == 0:
            self.add(b"")
        level = 0
        while True:
            row = self._levels[level]
            top = level == len(self._levels) - 1
            if top and len(row) == 1:
                self.tsize = row[0].tsize
                return row[0].cid
            if row:
                self._levels[level] = []
                self._push(level + 1, self._node(row))
            level += 1

    def _push(self, level: int, child: _Child) -> None:
        if level == len(self._levels):
            self._levels.append([])
        row = self._levels[level]
        if len(row) == self.profile.max_links:
            self._levels[level] = []
            self._push(level + 1, self._node(row))
            row = self._levels[level]
        row.append(child)

    def _leaf(self, chunk: bytes) -> _Child:
        if self.profile.raw_leaves:
            cid, block = raw_cid(chunk), chunk
        else:
            block = encode_node((), encode_unixfs(UnixFs(Kind.FILE, chunk, len(chunk))))
            cid = dag_pb_cid(block, self.profile.cid_version)
        self._sink(cid, block)
        return _Child(cid, len(chunk), len(block))

    def _node(self, row: list[_Child]) -> _Child:
        size = sum(child.size for child in row)
        message = UnixFs(Kind.FILE, filesize=size, blocksizes=tuple(child.size for child in row))
        block = encode_node([Link(child.cid, b"", child.tsize) for child in row], encode_unixfs(message))
        cid = dag_pb_cid(block, self.profile.cid_version)
        self._sink(cid, block)
        return _Child(cid, size, len(block) + sum(child.tsize for child in row))


def rechunk(pieces: Iterable[bytes], size: int) -> Iterator[bytes]:
    """Yield the same bytes in pieces of exactly ``size``, the last one shorter."""
    waiting = bytearray()
    for piece in pieces:
        if not waiting and len(piece) == size:
            yield piece
            continue
        waiting += piece
        while len(waiting) >= size:
            yield bytes(waiting[:size])
            del waiting[:size]
    if waiting:
        yield bytes(waiting)


def import_chunks(pieces: Iterable[bytes], profile: Profile, sink: BlockSink) -> Cid:
    """Build the DAG of a file from its bytes in pieces of any size; return the root."""
    builder = FileBuilder(profile, sink)
    for chunk in rechunk(pieces, profile.chunk_size):
        builder.add(chunk)
    return builder.finish()


def file_cid(pieces: Iterable[bytes], profile: Profile) -> Cid:
    """Return the CID alone; nothing is stored."""
    return import_chunks(pieces, profile, lambda cid, block: None)
