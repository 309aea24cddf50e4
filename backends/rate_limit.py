"""At most so many calls in any window of time, for all threads and tasks that share the limiter.

An exact sliding window: the times of the last ``limit`` grants are kept, and a call is let through only when
the oldest of them is a whole window old. Waiting is fair (first come, first served), costs no cycles (only the
first in line has a timer), and can be cancelled; a cancelled caller takes nothing from the allowance.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections import deque
from typing import Protocol

from backends.exceptions import ConfigurationError, RateLimitError

__all__ = ["Clock", "RateLimiter"]


class Clock(Protocol):
    """Time, and waiting for an event at most so long (None: until it is set)."""

    def now(self) -> float: ...

    def wait(self, event: threading.Event, seconds: float | None) -> None: ...

    async def await_(self, event: asyncio.Event, seconds: float | None) -> None: ...


class _SystemClock:
    def now(self) -> float:
        return time.monotonic()

    def wait(self, event: threading.Event, seconds: float | None) -> None:
        event.wait(seconds)

    async def await_(self, event: asyncio.Event, seconds: float | None) -> None:
        try:
            async with asyncio.timeout(seconds):
                await event.wait()
        except TimeoutError:
            pass


class RateLimiter:
    """``limit`` grants in any ``window`` seconds. ``acquire`` for threads, ``aacquire`` for tasks."""

    def __init__(
        self, limit: int, window: float = 60.0, *, owner: str | None = None, clock: Clock | None = None
    ) -> None:
        if isinstance(limit, bool) or not isinstance(limit, int) or limit < 1:
            raise ConfigurationError(f"rate_limit must be a whole number, 1 or more, not {limit!r}", provider=owner)
        if isinstance(window, bool) or not isinstance(window, int | float) or not 0 < window < float("inf"):
            raise ConfigurationError(
                f"rate_limit_window must be a number of seconds above 0, not {window!r}", provider=owner
            )
        self.limit = limit
        self.window = float(window)
        self._owner = owner
        self._clock: Clock = clock or _SystemClock()
        self._lock = threading.Lock()
        self._granted: deque[float] = deque(maxlen=limit)
        self._line: deque[_Waiter] = deque()

    def acquire(self, deadline: float | None = None) -> float:
        """Wait for a turn in this thread and return its time on the clock.

        RateLimitError at once when the turn cannot come before ``deadline``.
        """
        granted_at = self._at_once()
        if granted_at is not None:
            return granted_at
        waiter = _ThreadWaiter()
        granted_at = self._enter(waiter, deadline)
        try:
            while granted_at is None:
                self._clock.wait(waiter.event, self._rest(waiter))
                granted_at = waiter.granted_at
        except BaseException:
            self._leave(waiter)
            raise
        return granted_at

    async def aacquire(self, deadline: float | None = None) -> float:
        """``acquire`` for a task; cancelling the task leaves the line."""
        granted_at = self._at_once()
        if granted_at is not None:
            return granted_at
        waiter = _TaskWaiter()
        granted_at = self._enter(waiter, deadline)
        try:
            while granted_at is None:
                await self._clock.await_(waiter.event, self._rest(waiter))
                granted_at = waiter.granted_at
        except BaseException:
            self._leave(waiter)
            raise
        return granted_at

    def acquire_now(self) -> bool:
        """Take a turn if nobody has to wait for it."""
        return self._at_once() is not None

    @property
    def waiting(self) -> int:
        """How many callers stand in line."""
        return len(self._line)

    def _at_once(self) -> float | None:
        """The time of a grant that nobody has to wait for."""
        with self._lock:
            now = self._clock.now()
            if self._line or self._room_at() > now:
                return None
            self._granted.append(now)
            return now

    def _enter(self, waiter: _Waiter, deadline: float | None) -> float | None:
        with self._lock:
            self._admit()
            now = self._clock.now()
            if not self._line and self._room_at() <= now:
                self._grant(waiter, now)
                return now
            if deadline is not None and (turn := self._turn_of(len(self._line), now)) >= deadline:
                raise RateLimitError(
                    f"the limit of {self.limit} calls in {self.window:g} s leaves no room before the deadline; "
                    f"the next turn is in {turn - now:.1f} s",
                    retry_after=turn - now,
                    retryable=False,
                    provider=self._owner,
                )
            self._line.append(waiter)
            return None

    def _rest(self, waiter: _Waiter) -> float | None:
        """Let in all who may; say how long ``waiter`` should wait: None until it is woken."""
        with self._lock:
            waiter.event.clear()
            self._admit()
            if waiter.granted_at is not None:
                return 0.0
            if self._line[0] is waiter:
                return max(0.0, self._room_at() - self._clock.now())
            return None

    def _admit(self) -> None:
        """Grant all that is allowed by now, in order; then see to it that the first in line has a timer."""
        now = self._clock.now()
        while self._line and (not self._line[0].alive() or self._room_at() <= now):
            first = self._line.popleft()
            if first.alive():
                self._grant(first, now)
                first.wake()
            if self._line:
                self._line[0].wake()

    def _grant(self, waiter: _Waiter, now: float) -> None:
        waiter.granted_at = now
        self._granted.append(now)

    def _leave(self, waiter: _Waiter) -> None:
        with self._lock:
            if waiter in self._line:
                self._line.remove(waiter)
            elif waiter.granted_at is not None and waiter.granted_at in self._granted:
                # The turn came together with the cancellation and nobody used it.
                self._granted.remove(waiter.granted_at)
            if self._line:
                self._line[0].wake()

    def _room_at(self) -> float:
        """When the next grant is allowed."""
        return self._granted[0] + self.window if len(self._granted) == self.limit else float("-inf")

    def _turn_of(self, place: int, now: float) -> float:
        """When the caller at ``place`` in line has its turn if nobody leaves."""
        windows = place // self.limit
        # The grant that has to be a window old then: one of the past, or of those who stand before in line.
        earlier = len(self._granted) + place - (windows + 1) * self.limit
        first = now if earlier < 0 else max(now, self._granted[earlier] + self.window)
        return first + windows * self.window


class _ThreadWaiter:
    def __init__(self) -> None:
        self.granted_at: float | None = None
        self.event = threading.Event()

    def wake(self) -> None:
        self.event.set()

    def alive(self) -> bool:
        return True


class _TaskWaiter:
    def __init__(self) -> None:
        self.granted_at: float | None = None
        self.event = asyncio.Event()
        self._loop = asyncio.get_running_loop()

    def wake(self) -> None:
        if self.alive():
            self._loop.call_soon_threadsafe(self.event.set)

    def alive(self) -> bool:
        """A loop that was closed under its tasks must not hold up the line."""
        return not self._loop.is_closed()


_Waiter = _ThreadWaiter | _TaskWaiter
