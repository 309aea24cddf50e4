"""How fast one may go: requests of a person, how many at once, and failed logins of a name or an address."""

from __future__ import annotations

import asyncio
import threading
import time
from collections import OrderedDict, deque
from collections.abc import AsyncIterator, Callable, Hashable, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass

__all__ = ["Failures", "Pace", "Turns"]

#: So many people or addresses are remembered; the one that was seen longest ago is forgotten first.
_REMEMBERED = 10_000


class Pace:
    """Lets ``per_minute`` through for each key, evenly, with ``burst`` at once."""

    def __init__(self, per_minute: int, burst: int | None = None, clock: Callable[[], float] = time.monotonic) -> None:
        self._interval = 60.0 / per_minute
        self._burst = burst or max(20, per_minute // 4)
        self._clock = clock
        self._lock = threading.Lock()
        self._due: OrderedDict[Hashable, float] = OrderedDict()

    def wait_for(self, key: Hashable) -> float:
        """Seconds to wait; 0 when this one may pass, and then it is counted."""
        now = self._clock()
        with self._lock:
            due = max(self._due.get(key, now), now)
            if due - now > self._interval * (self._burst - 1):
                return due - now - self._interval * (self._burst - 1)
            self._due[key] = due + self._interval
            self._due.move_to_end(key)
            while len(self._due) > _REMEMBERED:
                self._due.popitem(last=False)
            return 0.0


@dataclass
class _Turn:
    room: asyncio.Semaphore
    users: int = 0


class Turns:
    """Works on ``at_once`` requests of each key; ``waiting`` more stand in line, so that nobody takes all threads."""

    def __init__(self, at_once: int = 12, waiting: int = 48) -> None:
        self._at_once = at_once
        self._most = at_once + waiting
        self._turns: dict[Hashable, _Turn] = {}

    @asynccontextmanager
    async def one(self, key: Hashable) -> AsyncIterator[bool]:
        """A turn of that key while the ``with`` block runs; False, and no turn, when its line is too long."""
        turn = self._turns.setdefault(key, _Turn(asyncio.Semaphore(self._at_once)))
        if turn.users >= self._most:
            yield False
            return
        turn.users += 1
        try:
            async with turn.room:
                yield True
        finally:
            turn.users -= 1
            if not turn.users:
                del self._turns[key]


class Failures:
    """Refuses a key that failed too often lately. A try counts as failed until it is forgiven."""

    def __init__(self, window_seconds: float = 900.0, clock: Callable[[], float] = time.monotonic) -> None:
        self._window = window_seconds
        self._clock = clock
        self._lock = threading.Lock()
        self._when: OrderedDict[Hashable, deque[float]] = OrderedDict()

    def wait_for(self, allowed: Mapping[Hashable, int]) -> float:
        """Seconds until all these keys may try again; 0 when they may now, and then the try is counted."""
        now = self._clock()
        with self._lock:
            wait = max(self._wait(key, most, now) for key, most in allowed.items())
            if wait > 0:
                return wait
            for key in allowed:
                self._when.setdefault(key, deque(maxlen=200)).append(now)
                self._when.move_to_end(key)
            while len(self._when) > _REMEMBERED:
                self._when.popitem(last=False)
            return 0.0

    def forgive(self, keys: Iterable[Hashable]) -> None:
        """The last try of these keys was right."""
        with self._lock:
            for key in keys:
                when = self._when.get(key)
                if when:
                    when.pop()

    def forget(self, key: Hashable) -> None:
        """That key did it right."""
        with self._lock:
            self._when.pop(key, None)

    def _wait(self, key: Hashable, allowed: int, now: float) -> float:
        when = self._when.get(key)
        while when and now - when[0] > self._window:
            when.popleft()
        if not when or len(when) < allowed:
            return 0.0
        return self._window - (now - when[len(when) - allowed])
