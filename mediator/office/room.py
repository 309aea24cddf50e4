"""How much evidence a person may keep: what is on its way counts, too, so that many at once do not pass the limit."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from mediator.exceptions import MediatorError

__all__ = ["NoRoomError", "Room"]


class NoRoomError(MediatorError):
    """The person has as much evidence as they may."""


class Room:
    """Room that was given out and is not filled yet, by person."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._given: Counter[str] = Counter()

    @contextmanager
    def of(self, person: str, size: int, most: int, kept: Callable[[], int]) -> Iterator[None]:
        """Room for ``size`` more bytes while the ``with`` block keeps them; NoRoomError."""
        with self._lock:
            self._given[person] += size
        try:
            # What others of this person keep meanwhile is counted in one of the two, never in none.
            with self._lock:
                promised = self._given[person]
            there = kept()
            if there + promised > most:
                raise NoRoomError(f"you have {there} bytes of evidence here and may have {most}; delete a case first")
            yield
        finally:
            with self._lock:
                self._given[person] -= size
                if not self._given[person]:
                    del self._given[person]
