"""Identical calls in flight run once, across threads and event loops.

The first caller of a key runs the work; the others wait for its result or its error. When the first is cancelled,
one of the waiting takes over: nobody's cancellation is another's failure.
"""

from __future__ import annotations

import asyncio
import copy
import threading
from collections.abc import Awaitable, Callable
from concurrent.futures import Future
from typing import Generic, TypeVar

from backends.exceptions import BackendError, BackendTimeoutError

__all__ = ["SingleFlight"]

T = TypeVar("T")


class _AbandonedError(Exception):
    """The one who ran the work was cancelled."""


class _Flight(Generic[T]):
    """Work under way. A future is made when somebody waits for it: mostly nobody does, and it costs ten times this."""

    __slots__ = ("landing",)

    def __init__(self) -> None:
        self.landing: Future[T] | None = None


class SingleFlight(Generic[T]):
    """Runs work at most once a key at a time."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._flights: dict[str, _Flight[T]] = {}

    async def run(self, key: str, work: Callable[[], Awaitable[T]], *, joined: Callable[[T], T]) -> T:
        """``work()`` if nobody runs it; else what the one who does gets, passed through ``joined``."""
        while True:
            with self._lock:
                flight = self._flights.get(key)
                if flight is None:
                    self._flights[key] = _Flight()
                    break
                landing = flight.landing = flight.landing or Future()
            try:
                # shield: a waiter that is cancelled must not cancel what the others wait for.
                return joined(await asyncio.shield(asyncio.wrap_future(landing)))
            except (_AbandonedError, BackendTimeoutError):
                # The other one's cancellation, or deadline: this caller has its own.
                continue
            except BackendError as error:
                # Every waiter raises an error of its own: one traceback in many tasks would grow without end.
                raise copy.copy(error) from error
        try:
            result = await work()
        except BackendError as error:
            if (waited := self._land(key)) is not None:
                waited.set_exception(error)
            raise
        except BaseException:
            if (waited := self._land(key)) is not None:
                waited.set_exception(_AbandonedError())
            raise
        if (waited := self._land(key)) is not None:
            waited.set_result(result)
        return result

    def _land(self, key: str) -> Future[T] | None:
        """End the flight; what those who wait for it hold."""
        with self._lock:
            return self._flights.pop(key).landing
