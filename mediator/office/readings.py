"""Stories that are being read: in threads of their own, one at a time a case, so that nobody waits for a model.

The words are on the disk before a reading starts. A reading that a kill or a fault ended is done again the next time
that somebody opens the case.
"""

from __future__ import annotations

import logging
import threading
import traceback
from collections.abc import Callable, Hashable
from concurrent.futures import Future, ThreadPoolExecutor, wait

from backends.exceptions import BackendError, redact
from mediator.exceptions import MediatorError

__all__ = ["Readings"]

log = logging.getLogger(__name__)


class Readings:
    """At most ``workers`` at once; the others wait in line."""

    def __init__(self, workers: int = 2) -> None:
        self._workers = workers
        self._lock = threading.Lock()
        self._pool: ThreadPoolExecutor | None = None
        self._under_way: dict[Hashable, Future[None]] = {}
        self._again: set[Hashable] = set()
        self._failed: dict[Hashable, str] = {}
        self._closed = False

    def start(self, key: Hashable, read: Callable[[], None], told: Callable[[str], None]) -> None:
        """Run ``read`` for ``key``; once more when it is under way. ``told`` hears why, when it fails."""
        with self._lock:
            if self._closed:
                return
            if key in self._under_way:
                self._again.add(key)
                return
            self._failed.pop(key, None)
            if self._pool is None:
                self._pool = ThreadPoolExecutor(self._workers, thread_name_prefix="reading")
            self._under_way[key] = self._pool.submit(self._run, key, read, told)

    def is_under_way(self, key: Hashable) -> bool:
        """Whether that case's story is being read, or waits for it."""
        with self._lock:
            return key in self._under_way

    def failure(self, key: Hashable) -> str | None:
        """Why the last reading of that case ended without a result."""
        with self._lock:
            return self._failed.get(key)

    def forget(self, key: Hashable) -> None:
        """Nobody asks about that case any more."""
        with self._lock:
            self._failed.pop(key, None)

    def wait(self, key: Hashable, timeout: float | None = None) -> bool:
        """Wait until that case's reading has ended; False when it has not after ``timeout`` seconds."""
        with self._lock:
            future = self._under_way.get(key)
        return future is None or bool(wait([future], timeout).done)

    def close(self) -> None:
        """Let those under way end, start no other."""
        with self._lock:
            self._closed = True
            pool, self._pool = self._pool, None
        if pool is not None:
            pool.shutdown(wait=True, cancel_futures=True)

    def _run(self, key: Hashable, read: Callable[[], None], told: Callable[[str], None]) -> None:
        why: str | None = None
        while True:
            why = _why_not(read)
            with self._lock:
                if key in self._again and why is None:
                    self._again.discard(key)
                    continue
                self._again.discard(key)
                self._under_way.pop(key, None)
                if why is not None:
                    self._failed[key] = why
                break
        if why is not None:
            told(why)


def _why_not(read: Callable[[], None]) -> str | None:
    """Why reading failed; None when it did not."""
    try:
        read()
    except (MediatorError, BackendError, OSError) as error:
        return redact(str(error))
    except Exception as error:  # nobody waits for this: what is not told here is told nowhere
        where = traceback.extract_tb(error.__traceback__)[-1]
        # Its message may quote the story, so it stays out of the log.
        log.error("reading a story: unforeseen %s at %s:%s", type(error).__name__, where.filename, where.lineno)
        return f"a fault of the program ({type(error).__name__}); its log says more"
    return None
