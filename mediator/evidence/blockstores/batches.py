"""Many blocks at the cost of few waits for the disk: written by threads, with a bound on what is in flight."""

from __future__ import annotations

import os
import queue
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Final, ParamSpec, TypeVar

from mediator.evidence.cid import Cid
from mediator.evidence.errors import storage_error

__all__ = ["BatchWriter", "Draft"]

_P = ParamSpec("_P")
_T = TypeVar("_T")

#: Writes some blocks, by multihash; returns the directories whose names must be synced.
Write = Callable[[Mapping[bytes, bytes]], set[str]]

# Blocks that are written together wait for the disk together: the first sync brings most of the others along.
# Each is an open file meanwhile, in each of the threads.
_TOGETHER: Final = 16
_TOGETHER_BYTES: Final = 1024 * 1024
# Groups in flight in one batch: bounds memory, and keeps the disk busy while the next chunk is hashed.
_IN_FLIGHT: Final = 24


class BatchWriter:
    """One batch, written group by group in threads; the last group, which may be the only one, without."""

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
        self._group: dict[bytes, bytes] = {}
        self._group_bytes = 0
        self._dirty: set[str] = set()
        self._futures: queue.SimpleQueue[Future[set[str]]] = queue.SimpleQueue()
        self._pending = 0

    def put(self, cid: Cid, data: bytes) -> None:
        """Take one block."""
        if not cid.is_identity:
            self._put(cid.multihash, data)

    def finish(self) -> None:
        """Wait until everything that was taken is durable."""
        if self._group:
            self._dirty |= self._attempt(self._write, self._group)
        while self._pending:
            self._collect()
        if self._dirty:
            self._attempt(self._sync_names, self._dirty)

    def abandon(self) -> None:
        """Wait for what is in flight; its errors do not matter, one is being raised already."""
        while self._pending:
            self._pending -= 1
            self._futures.get().exception()

    def _put(self, multihash: bytes, data: bytes) -> None:
        self._group[multihash] = data
        self._group_bytes += len(data)
        if len(self._group) < _TOGETHER and self._group_bytes < _TOGETHER_BYTES:
            return
        if self._pending >= _IN_FLIGHT:
            self._collect()
        self._futures.put(self._executor().submit(self._write, self._group))
        self._pending += 1
        self._group, self._group_bytes = {}, 0

    def _collect(self) -> None:
        self._pending -= 1
        self._dirty |= self._attempt(self._futures.get().result)

    def _attempt(self, call: Callable[_P, _T], *args: _P.args, **options: _P.kwargs) -> _T:
        try:
            return call(*args, **options)
        except OSError as error:
            raise storage_error(error, "write a block below", self._root) from error


class Draft(BatchWriter):
    """A batch whose blocks are not waited for while they are few."""

    def __init__(
        self,
        write_soon: Callable[[bytes, bytes], None],
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
