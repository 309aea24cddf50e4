"""Many blocks at the cost of few waits for the disk: written by threads, with a bound on what is in flight."""

from __future__ import annotations

import os
import queue
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Final, ParamSpec, TypeVar

from mediator.evidence.cid import Cid
from mediator.evidence.errors import storage_error

__all__ = ["BatchWriter", "Draft"]

_P = ParamSpec("_P")
_T = TypeVar("_T")

#: Writes one block; returns the directory whose names must be synced.
Write = Callable[[bytes, bytes], str]

# Blocks in flight in one batch: bounds memory to this many times the chunk size, and keeps the disk busy
# while the next chunk is hashed.
_IN_FLIGHT: Final = 24
# Starting threads costs more than writing this many small blocks one after the other.
_INLINE_BYTES: Final = 128 * 1024


class BatchWriter:
    """One batch: the first blocks inline, further ones in threads."""

    def __init__(
        self,
        write: Write,
        sync_names: Callable[[set[str]], None],
        executor: Callable[[], ThreadPoolExecutor],
        root: str | os.PathLike[str],
    ) -> None:
        self._write = write
        self._sync_names = sync_names
        self._executor = executor
        self._root = root
        self._inline_left = _INLINE_BYTES
        self._dirty: set[str] = set()
        self._futures: queue.SimpleQueue[Future[str]] = queue.SimpleQueue()
        self._pending = 0

    def put(self, cid: Cid, data: bytes) -> None:
        """Take one block."""
        if not cid.is_identity:
            self._put(cid.multihash, data)

    def finish(self) -> None:
        """Wait until everything that was taken is durable."""
        while self._pending:
            self._collect()
        self._attempt(self._sync_names, self._dirty)

    def abandon(self) -> None:
        """Wait for what is in flight; its errors do not matter, one is being raised already."""
        while self._pending:
            self._pending -= 1
            self._futures.get().exception()

    def _put(self, multihash: bytes, data: bytes) -> None:
        if self._inline_left > 0:
            self._inline_left -= max(len(data), _INLINE_BYTES // 4)
            self._dirty.add(self._attempt(self._write, multihash, data))
            return
        if self._pending >= _IN_FLIGHT:
            self._collect()
        self._futures.put(self._executor().submit(self._write, multihash, data))
        self._pending += 1

    def _collect(self) -> None:
        self._pending -= 1
        self._dirty.add(self._attempt(self._futures.get().result))

    def _attempt(self, call: Callable[_P, _T], *args: _P.args, **options: _P.kwargs) -> _T:
        try:
            return call(*args, **options)
        except OSError as error:
            raise storage_error(error, "write a block below", self._root) from error


class Draft(BatchWriter):
    """A batch whose blocks are not waited for while they are few."""

    def __init__(
        self,
        write_soon: Write,
        most: int,
        write: Write,
        sync_names: Callable[[set[str]], None],
        executor: Callable[[], ThreadPoolExecutor],
        root: str | os.PathLike[str],
    ) -> None:
        super().__init__(write, sync_names, executor, root)
        self._write_soon = write_soon
        self._left = most
        #: The blocks that nothing was waited for: (multihash, bytes).
        self.fresh: list[tuple[bytes, bytes]] = []

    def finish(self) -> None:
        """Write what is a draft without waiting, and wait for the rest."""
        for multihash, data in self.fresh:
            self._attempt(self._write_soon, multihash, data)
        super().finish()

    def _put(self, multihash: bytes, data: bytes) -> None:
        self._left -= len(data)
        if self._left >= 0:
            self.fresh.append((multihash, data))
            return
        # Too much for a draft: what was kept back, and all that comes, is waited for.
        kept, self.fresh = self.fresh, []
        for earlier in kept:
            super()._put(*earlier)
        super()._put(multihash, data)
