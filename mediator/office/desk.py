"""The session files that this process has open: each at most once, one thread at a time, closed when nobody uses it.

A session file is locked by the process that writes it. A server therefore opens it for the first thread that comes,
lets the others wait their turn, and closes it soon after the last one, so that the terminal can have it.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from mediator.exceptions import NotFoundError, SessionBusyError
from mediator.session import Session

__all__ = ["Desk", "Place"]

#: Where a session is: its folder, and its id.
Place = tuple[Path, str]


@dataclass
class _Seat:
    lock: threading.RLock = field(default_factory=threading.RLock)
    session: Session | None = None
    users: int = 0
    used: float = 0.0


class Desk:
    """See the module. ``open_session`` opens one; ``idle_seconds=0`` closes each at once after its use."""

    def __init__(
        self,
        open_session: Callable[[Place], Session],
        *,
        idle_seconds: float = 15.0,
        wait_seconds: float = 30.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._open_session = open_session
        self._idle = idle_seconds
        self._wait = wait_seconds
        self._clock = clock
        self._lock = threading.Lock()
        self._seats: dict[Place, _Seat] = {}
        self._closed = False

    @contextmanager
    def at(self, place: Place) -> Iterator[Session]:
        """The session of that place, for this thread alone until the ``with`` block ends."""
        seat = self._take(place)
        try:
            if not seat.lock.acquire(timeout=self._wait):
                raise SessionBusyError("another request works on this case for very long; try again in a moment")
            try:
                yield self._session(place, seat)
            except OSError:
                # What was written only in part is set aside when the file is opened the next time.
                self._shut(seat)
                raise
            finally:
                seat.lock.release()
        finally:
            self._leave(place, seat)

    @contextmanager
    def beside(self, place: Place) -> Iterator[Session]:
        """The session of that place, open until the ``with`` block ends and usable by others meanwhile."""
        seat = self._take(place)
        try:
            with seat.lock:
                session = self._session(place, seat)
            yield session
        finally:
            self._leave(place, seat)

    @contextmanager
    def cleared(self, place: Place) -> Iterator[None]:
        """The session of that place is closed, and nobody opens it until the ``with`` block ends."""
        seat = self._take(place)
        try:
            with seat.lock:
                self._shut(seat)
                yield
        finally:
            self._leave(place, seat)

    def tidy(self) -> None:
        """Close what nobody used for a while."""
        now = self._clock()
        with self._lock:
            idle = [place for place, seat in self._seats.items() if not seat.users and now - seat.used >= self._idle]
            for place in idle:
                self._shut(self._seats.pop(place))

    def close(self) -> None:
        """Close all; who is at work finishes first, and nobody starts any more."""
        with self._lock:
            self._closed = True
            seats = list(self._seats.values())
        for seat in seats:
            with seat.lock:
                self._shut(seat)

    @property
    def open_sessions(self) -> int:
        """How many files are open now."""
        with self._lock:
            return sum(seat.session is not None for seat in self._seats.values())

    def _take(self, place: Place) -> _Seat:
        with self._lock:
            seat = self._seats.setdefault(place, _Seat())
            seat.users += 1
            return seat

    def _leave(self, place: Place, seat: _Seat) -> None:
        with self._lock:
            seat.users -= 1
            seat.used = self._clock()
            if not seat.users and (self._idle == 0 or seat.session is None):
                self._shut(seat)
                self._seats.pop(place, None)

    def _session(self, place: Place, seat: _Seat) -> Session:
        if self._closed:
            raise SessionBusyError("the program is stopping; what was told is kept, go on when it runs again")
        if seat.session is None:
            seat.session = self._open_session(place)
        elif not seat.session.path.exists():
            self._shut(seat)
            raise NotFoundError(f'the file of case "{place[1]}" was removed')
        return seat.session

    def _shut(self, seat: _Seat) -> None:
        session, seat.session = seat.session, None
        if session is not None:
            with contextlib.suppress(OSError):  # its buffer may hold what the disk refused before
                session.close()
