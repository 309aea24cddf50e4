"""Who wants to hear that something happened in a case: a page that is open, a program that waits."""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Literal

__all__ = ["Bells", "News"]


@dataclass(frozen=True, slots=True)
class News:
    """``changed``: there are new events. ``reading``: the story is being read. ``failed``: reading it failed."""

    kind: Literal["changed", "reading", "failed"]
    detail: str = ""


class Bells:
    """Listeners by key. A listener is called in the thread that rings, so it only passes the news on."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._listeners: defaultdict[Hashable, list[Callable[[News], None]]] = defaultdict(list)

    @contextmanager
    def listen(self, key: Hashable, listener: Callable[[News], None]) -> Iterator[None]:
        """Call ``listener`` for everything that happens inside the ``with`` block."""
        with self._lock:
            self._listeners[key].append(listener)
        try:
            yield
        finally:
            with self._lock:
                self._listeners[key].remove(listener)
                if not self._listeners[key]:
                    del self._listeners[key]

    def ring(self, key: Hashable, news: News) -> None:
        """Tell all that listen."""
        with self._lock:
            listeners = tuple(self._listeners.get(key, ()))
        for listener in listeners:
            listener(news)
