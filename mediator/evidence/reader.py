"""A UnixFS DAG back to bytes: a seekable stream that verifies every block and holds a few at a time.

Blocks may come from anywhere: sizes that do not add up, directories in the place of files and
bottomless trees are InvalidDagError, found before anything is allocated for them.
"""

from __future__ import annotations

import io
import os
from bisect import bisect_right
from collections.abc import Callable, Container, Iterator
from dataclasses import dataclass
from itertools import accumulate
from typing import Final

from mediator.evidence.cid import RAW, Cid
from mediator.evidence.dagpb import Kind, Node, decode_node
from mediator.evidence.errors import InvalidDagError

__all__ = ["DagReader", "blocks_of", "open_dag", "walk"]

Fetch = Callable[[Cid], bytes]

# 1 TiB in 256 KiB chunks with 2 links a node is 22 levels; nothing honest is deeper than this.
_MAX_DEPTH: Final = 64
_MAX_SIZE: Final = 2**63 - 1
_FILE_KINDS: Final = (Kind.FILE, Kind.RAW)


@dataclass(frozen=True, slots=True)
class _Part:
    """A loaded node: what of the file it covers, the bytes it holds itself, where each child starts."""

    start: int
    size: int
    data: bytes
    starts: tuple[int, ...]
    children: tuple[Cid, ...]

    @property
    def end(self) -> int:
        return self.start + self.size


class DagReader(io.RawIOBase):
    """The bytes of a UnixFS file."""

    def __init__(self, fetch: Fetch, root: Cid) -> None:
        super().__init__()
        self._fetch = fetch
        self._position = 0
        self._path = [_load(fetch, root, 0, None)]
        self.size = self._path[0].size

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._position

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self._position, os.SEEK_END: self.size}[whence]
        if base + offset < 0:
            raise ValueError(f"cannot seek to {base + offset}")
        self._position = base + offset
        return self._position

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]  # the stubs have their own buffer type
        if self._position >= self.size or not len(buffer):
            return 0
        start, data = self._run_at(self._position)
        offset = self._position - start
        count = min(len(buffer), len(data) - offset)
        memoryview(buffer).cast("B")[:count] = memoryview(data)[offset : offset + count]
        self._position += count
        return count

    def _run_at(self, position: int) -> tuple[int, bytes]:
        """Return the stretch of bytes that covers ``position``, and where it starts."""
        while len(self._path) > 1 and not self._path[-1].start <= position < self._path[-1].end:
            self._path.pop()
        while True:
            part = self._path[-1]
            if position < part.start + len(part.data):
                return part.start, part.data
            if len(self._path) > _MAX_DEPTH:
                raise InvalidDagError(f"the file is nested deeper than {_MAX_DEPTH} levels")
            index = bisect_right(part.starts, position) - 1
            end = part.starts[index + 1] if index + 1 < len(part.starts) else part.end
            start = part.starts[index]
            self._path.append(_load(self._fetch, part.children[index], start, end - start))


def _load(fetch: Fetch, cid: Cid, start: int, expected: int | None) -> _Part:
    block = fetch(cid)
    raw = cid.codec == RAW
    part = _Part(start, len(block), block, (), ()) if raw else _file_part(decode_node(block), cid, start)
    if part.size > _MAX_SIZE:
        raise InvalidDagError(f"block {cid} claims {part.size} bytes, more than any file has")
    if expected is not None and part.size != expected:
        raise InvalidDagError(f"block {cid} covers {part.size} bytes where its parent announces {expected}")
    return part


def _file_part(node: Node, cid: Cid, start: int) -> _Part:
    message = node.unixfs
    if message.kind not in _FILE_KINDS:
        raise InvalidDagError(f"{cid} is a {message.kind.name.lower().replace('_', ' ')}, not a file")
    if len(message.blocksizes) != len(node.links):
        raise InvalidDagError(f"{cid} has {len(node.links)} links and {len(message.blocksizes)} sizes")
    size = len(message.data) + sum(message.blocksizes)
    if message.filesize is not None and message.filesize != size:
        raise InvalidDagError(f"{cid} says that it has {message.filesize} bytes, and its parts have {size}")
    starts = tuple(accumulate(message.blocksizes, initial=start + len(message.data)))[:-1]
    return _Part(start, size, message.data, starts, tuple(link.cid for link in node.links))


def open_dag(fetch: Fetch, root: Cid) -> io.BufferedReader:
    """Return a buffered stream over a file; its root is read and checked at once."""
    return io.BufferedReader(DagReader(fetch, root), buffer_size=256 * 1024)


def walk(
    fetch: Fetch, root: Cid, *, leaves: bool = True, skip: Container[Cid] = ()
) -> Iterator[tuple[Cid, bytes | None]]:
    """Yield every block below and including ``root`` once, parents first, in the order of the file.

    With ``leaves=False`` raw blocks are not fetched; they come with None. What is in ``skip`` is left out,
    with all that is below it.
    """
    seen: set[bytes] = set()
    stack: list[tuple[Cid, int]] = [(root, 0)]
    while stack:
        cid, depth = stack.pop()
        if cid.multihash in seen or cid in skip:
            continue
        seen.add(cid.multihash)
        if depth > _MAX_DEPTH * 4:
            raise InvalidDagError(f"{root} is nested deeper than {_MAX_DEPTH * 4} levels")
        if cid.codec == RAW:
            yield cid, fetch(cid) if leaves else None
            continue
        block = fetch(cid)
        yield cid, block
        stack.extend((link.cid, depth + 1) for link in reversed(decode_node(block).links))


def blocks_of(fetch: Fetch, root: Cid) -> Iterator[tuple[Cid, bytes]]:
    """Yield every block below and including ``root`` with its bytes."""
    for cid, data in walk(fetch, root):
        if data is not None:
            yield cid, data
