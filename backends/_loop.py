"""Runs the asynchronous HTTP path for callers that are not asynchronous.

One daemon thread with one event loop, started at the first use. The loop belongs to whoever made
the LoopThread and ends with its ``close``, when it is forgotten, or with the program.
"""

from __future__ import annotations

import asyncio
import atexit
import contextlib
import contextvars
import functools
import os
import queue
import threading
import weakref
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from typing import Any, Generic, TypeVar

from backends.exceptions import BackendError, ProviderUnavailableError

__all__ = ["LoopThread"]

T = TypeVar("T")
_END = object()
#: Pieces of a stream that may wait for a slow reader; then the source is held back.
_AHEAD = 256


class LoopThread:
    """An event loop in a thread of its own; ``run`` and ``iterate`` may be called from any other thread."""

    def __init__(self, name: str = "backend-loop") -> None:
        self._name = name
        self._lock = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._inbox: _Inbox | None = None
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
            inbox = self._started()
        except BaseException:
            work.close()
            raise
        return inbox.put(work).result()

    def iterate(self, source: AsyncIterator[T]) -> Iterator[T]:
        """Yield what ``source`` yields. A reader that stops early cancels the source."""
        pieces: queue.SimpleQueue[Any] = queue.SimpleQueue()
        given = taken = 0
        held_back = False
        more_room = asyncio.Event()
        inbox = self._started()

        async def pump() -> None:
            nonlocal given, held_back
            try:
                async for piece in source:
                    while given - taken >= _AHEAD:
                        more_room.clear()
                        held_back = True
                        # Looked at again after that: the reader may have made room in between.
                        if given - taken >= _AHEAD:
                            await more_room.wait()
                        held_back = False
                    given += 1
                    pieces.put(piece)
            except asyncio.CancelledError:
                pieces.put(_Failure(_closed()))  # for a reader who is still there
                raise
            except BaseException as error:
                pieces.put(_Failure(error))
            else:
                pieces.put(_END)
            finally:
                close = getattr(source, "aclose", None)
                if close is not None:
                    await close()

        call = inbox.put(pump(), dropped=lambda: pieces.put(_Failure(_closed())))
        try:
            while (piece := pieces.get()) is not _END:
                taken += 1
                if held_back:
                    inbox.call_soon(more_room.set)
                if isinstance(piece, _Failure):
                    raise piece.error
                yield piece
        finally:
            inbox.call_soon(call.cancel)

    def close(self) -> None:
        """Stop the loop and its thread. What still runs is cancelled. May be called twice."""
        with self._lock:
            loop, thread = self._loop, self._thread
            self._loop = self._thread = self._inbox = None
            atexit.unregister(self._at_exit)
        if loop is None or thread is None or self._pid != os.getpid():
            return
        loop.call_soon_threadsafe(loop.stop)
        if thread is not threading.current_thread():
            thread.join(timeout=5)

    def _started(self) -> _Inbox:
        inbox = self._inbox
        if inbox is not None and self._pid == os.getpid():
            if threading.current_thread() is self._thread:
                raise RuntimeError("a synchronous call from inside the backend's own event loop would wait for itself")
            return inbox
        with self._lock:
            # After a fork the thread is gone though the object is still here.
            if self._inbox is None or self._pid != os.getpid():
                self._pid = os.getpid()
                self._loop = asyncio.new_event_loop()
                self._inbox = _Inbox(self._loop)
                self._thread = threading.Thread(target=_serve, args=(self._inbox,), name=self._name, daemon=True)
                self._thread.start()
                # Programs that never close a backend must not end with complaints about open connections, nor
                # keep a thread for each that they forget.
                atexit.register(self._at_exit)
                weakref.finalize(self, _stop_soon, self._loop, self._pid, self._at_exit).atexit = False
            return self._inbox


class _Failure:
    def __init__(self, error: BaseException) -> None:
        self.error = error


class _Call(Generic[T]):
    """Work that one thread waits for and the loop does.

    One lock stands for the end. The standard library's two futures, chained to each other, take four times as long.
    """

    __slots__ = (
        "_begun",
        "_cancelled",
        "_context",
        "_dropped",
        "_ended",
        "_error",
        "_inbox",
        "_result",
        "_task",
        "_work",
    )

    def __init__(self, work: Coroutine[Any, Any, T], inbox: _Inbox, dropped: Callable[[], None] | None) -> None:
        self._work = work
        self._inbox = inbox
        self._dropped = dropped
        # The caller's context: its trace span is the parent of what is done here.
        self._context = contextvars.copy_context()
        self._ended = threading.Lock()
        self._ended.acquire()
        self._task: asyncio.Task[None] | None = None
        self._cancelled = self._begun = False
        self._result: T | None = None
        self._error: BaseException | None = None

    def result(self) -> T:
        """Wait for the end; what the work returned, or the error that it raised."""
        try:
            self._ended.acquire()
        except BaseException:
            self._inbox.call_soon(self.cancel)
            raise
        error = self._error
        if error is None:
            return self._result  # type: ignore[return-value]  # without an error this is what the work returned
        try:
            if isinstance(error, asyncio.CancelledError):
                raise _closed() from error
            raise error
        finally:
            del error, self._error  # a frame, its error and the error's traceback would hold each other

    def start(self, loop: asyncio.AbstractEventLoop) -> None:
        """On the loop."""
        if self._cancelled:
            self.drop()
        else:
            self._task = loop.create_task(self._carried(), context=self._context)
            self._task.add_done_callback(self._over)

    def cancel(self) -> None:
        """On the loop."""
        self._cancelled = True
        if self._task is not None:
            self._task.cancel()

    def drop(self) -> None:
        """It never begins."""
        self._work.close()
        self._end(asyncio.CancelledError())
        if self._dropped is not None:
            self._dropped()

    def _over(self, task: asyncio.Task[None]) -> None:
        if not self._begun:  # a task that is cancelled before its first step runs no step at all
            self.drop()

    async def _carried(self) -> None:
        self._begun = True
        try:
            self._result = await self._work
        except asyncio.CancelledError as error:
            self._end(error)
            raise
        except BaseException as error:
            self._end(error)  # also an interrupt: it is the waiting thread's, the loop serves others
        else:
            self._end(None)

    def _end(self, error: BaseException | None) -> None:
        self._error = error
        self._ended.release()


class _Inbox:
    """What other threads want of one loop. It is woken once for all that has come until it looks."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = loop
        self._lock = threading.Lock()
        self._calls: list[_Call[Any]] = []
        self._closed = False

    def put(self, work: Coroutine[Any, Any, T], dropped: Callable[[], None] | None = None) -> _Call[T]:
        call = _Call(work, self, dropped)
        with self._lock:
            closed, first = self._closed, not self._calls
            if not closed:
                self._calls.append(call)
        if closed:
            work.close()
            raise _closed()
        if first:
            self.call_soon(self._look)
        return call

    def call_soon(self, function: Callable[[], None]) -> None:
        """From any thread."""
        with contextlib.suppress(RuntimeError):  # the loop has ended, and all that it did with it
            self.loop.call_soon_threadsafe(function)

    def close(self) -> None:
        """On the loop, at its end: what was not begun will not be."""
        with self._lock:
            self._closed = True
        for call in self._taken():
            call.drop()

    def _look(self) -> None:
        for call in self._taken():
            call.start(self.loop)

    def _taken(self) -> list[_Call[Any]]:
        with self._lock:
            calls, self._calls = self._calls, []
        return calls


def _closed() -> BackendError:
    return ProviderUnavailableError("the backend was closed while the call ran", retryable=False)


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


def _serve(inbox: _Inbox) -> None:
    loop = inbox.loop
    asyncio.set_event_loop(loop)
    try:
        loop.run_forever()
    finally:
        inbox.close()
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
