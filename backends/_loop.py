"""Runs the asynchronous HTTP path for callers that are not asynchronous.

One daemon thread with one event loop, started at the first use. The loop belongs to whoever made
the LoopThread and ends with its ``close``, when it is forgotten, or with the program.
"""

from __future__ import annotations

import asyncio
import atexit
import contextlib
import functools
import os
import queue
import threading
import weakref
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from typing import Any, TypeVar

__all__ = ["LoopThread"]

T = TypeVar("T")
_END = object()


class LoopThread:
    """An event loop in a thread of its own; ``run`` and ``iterate`` may be called from any other thread."""

    def __init__(self, name: str = "backend-loop") -> None:
        self._name = name
        self._lock = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._pid = os.getpid()
        self._at_exit = functools.partial(_close, weakref.ref(self))

    @property
    def started(self) -> bool:
        """Whether the loop runs in this process; it does from the first use to ``close``."""
        return self._loop is not None and self._pid == os.getpid()

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Run ``work`` to its end and return what it returns. An interrupt cancels it."""
        try:
            loop = self._started()
        except BaseException:
            work.close()
            raise
        future = asyncio.run_coroutine_threadsafe(work, loop)
        try:
            return future.result()
        except BaseException:
            future.cancel()
            raise

    def iterate(self, source: AsyncIterator[T]) -> Iterator[T]:
        """Yield what ``source`` yields. A reader that stops early cancels the source."""
        # A bounded hand-over: a slow reader holds the source back instead of filling memory.
        pieces: queue.Queue[Any] = queue.Queue()
        room = threading.Semaphore(256)
        more_room = asyncio.Event()
        more_room.set()
        loop = self._started()

        async def pump() -> None:
            try:
                async for piece in source:
                    if not room.acquire(blocking=False):
                        more_room.clear()
                        # Looked at again after the clearing: the reader may have made room in between.
                        while not room.acquire(blocking=False):
                            await more_room.wait()
                            more_room.clear()
                    pieces.put(piece)
            except asyncio.CancelledError:
                pieces.put(_END)
                raise
            except BaseException as error:
                pieces.put(_Failure(error))
            else:
                pieces.put(_END)
            finally:
                close = getattr(source, "aclose", None)
                if close is not None:
                    await close()

        future = asyncio.run_coroutine_threadsafe(pump(), loop)
        try:
            while (piece := pieces.get()) is not _END:
                room.release()
                if not more_room.is_set():
                    with contextlib.suppress(RuntimeError):  # the loop has ended, and the source with it
                        loop.call_soon_threadsafe(more_room.set)
                if isinstance(piece, _Failure):
                    raise piece.error
                yield piece
        finally:
            future.cancel()

    def close(self) -> None:
        """Stop the loop and its thread. What still runs is cancelled. May be called twice."""
        with self._lock:
            loop, thread = self._loop, self._thread
            self._loop = self._thread = None
            atexit.unregister(self._at_exit)
        if loop is None or thread is None or self._pid != os.getpid():
            return
        loop.call_soon_threadsafe(loop.stop)
        if thread is not threading.current_thread():
            thread.join(timeout=5)

    def _started(self) -> asyncio.AbstractEventLoop:
        loop = self._loop
        if loop is not None and self._pid == os.getpid():
            if threading.current_thread() is self._thread:
                raise RuntimeError("a synchronous call from inside the backend's own event loop would wait for itself")
            return loop
        with self._lock:
            # After a fork the thread is gone though the object is still here.
            if self._loop is None or self._pid != os.getpid():
                self._pid = os.getpid()
                self._loop = asyncio.new_event_loop()
                self._thread = threading.Thread(target=_serve, args=(self._loop,), name=self._name, daemon=True)
                self._thread.start()
                # Programs that never close a backend must not end with complaints about open connections, nor
                # keep a thread for each that they forget.
                atexit.register(self._at_exit)
                weakref.finalize(self, _stop_soon, self._loop, self._pid, self._at_exit).atexit = False
            return self._loop


class _Failure:
    def __init__(self, error: BaseException) -> None:
        self.error = error


def _close(reference: weakref.ref[LoopThread]) -> None:
    alive = reference()
    if alive is not None:
        alive.close()


def _stop_soon(loop: asyncio.AbstractEventLoop, pid: int, at_exit: Callable[[], None]) -> None:
    atexit.unregister(at_exit)
    if pid == os.getpid():
        with contextlib.suppress(RuntimeError):  # it was closed long ago
            # Not at once: what was forgotten together with the thread closes its connections in the loop first.
            loop.call_soon_threadsafe(loop.call_later, 0.1, loop.stop)


def _serve(loop: asyncio.AbstractEventLoop) -> None:
    asyncio.set_event_loop(loop)
    try:
        loop.run_forever()
    finally:
        pending = asyncio.all_tasks(loop)
        for task in pending:
            task.cancel()
        if pending:
            loop.run_until_complete(asyncio.gather(*pending, return_exceptions=True))
        loop.run_until_complete(loop.shutdown_asyncgens())
        # Name look-ups run in the loop's executor; its threads would stay behind.
        with contextlib.suppress(RuntimeError):  # the interpreter ends and starts no more threads to wait with
            loop.run_until_complete(loop.shutdown_default_executor())
        loop.close()
