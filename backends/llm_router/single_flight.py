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


class SingleFlight(Generic[T]):
    """Runs work at most once a key at a time."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._flights: dict[str, Future[T]] = {}

    async def run(self, key: str, work: Callable[[], Awaitable[T]], *, joined: Callable[[T], T]) -> T:
        """``work()`` if nobody runs it; else what the one who does gets, passed through ``joined``."""
        while True:
            with self._lock:
                flight = self._flights.get(key)
                if flight is None:
                    flight = self._flights[key] = Future()
                    break
            try:
                # shield: a waiter that is cancelled must not cancel what the others wait for.
                return joined(await asyncio.shield(asyncio.wrap_future(flight)))
            except (_AbandonedError, BackendTimeoutError):
                # The other one's cancellation, or deadline: this caller has its own.
                continue
            except BackendError as error:
                # Every waiter raises an error of its own: one traceback in many tasks would grow without end.
                raise copy.copy(error) from error
        return await self._lead(key, flight, work)

    async def _lead(self, key: str, flight: Future[T], work: Callable[[], Awaitable[T]]) -> T:
        try:
            result = await work()
        except BackendError as error:
            self._land(key)
            flight.set_exception(error)
            raise
        except BaseException:
            self._land(key)
            flight.set_exception(_AbandonedError())
            raise
        self._land(key)
        flight.set_result(result)
        return result

    def _land(self, key: str) -> None:
        with self._lock:
            self._flights.pop(key, None)
