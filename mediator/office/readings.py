"""Stories that are being read: in threads of their own, one at a time a case, so that nobody waits for a model.

The words are on the disk before a reading starts. A reading that a kill or a fault ended is done again the next time
that somebody opens the case.
"""

from __future__ import annotations

import logging
import threading
import traceback
from collections import Counter, OrderedDict, deque
from collections.abc import Callable, Hashable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass

from backends.exceptions import BackendError, redact
from mediator.exceptions import MediatorError

__all__ = ["Readings"]

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class _Job:
    key: Hashable
    read: Callable[[], None]
    told: Callable[[str], None]
    ended: Future[None]


class Readings:
    """At most ``workers`` at once; the others wait in a line for each person, and the lines take turns.

    One person never has all workers, so that their long stories do not keep everybody else waiting.
    """

    def __init__(self, workers: int = 2) -> None:
        self._workers = workers
        self._each = max(1, workers - 1)
        self._lock = threading.Lock()
        self._pool: ThreadPoolExecutor | None = None
        self._lines: OrderedDict[Hashable, deque[_Job]] = OrderedDict()
        self._busy: Counter[Hashable] = Counter()
        self._under_way: dict[Hashable, Future[None]] = {}
        self._again: set[Hashable] = set()
        self._failed: dict[Hashable, str] = {}
        self._closed = False

    def start(
        self, key: Hashable, read: Callable[[], None], told: Callable[[str], None], person: Hashable = None
    ) -> None:
        """Run ``read`` for ``key``; once more when it is under way. ``told`` hears why, when it fails."""
        with self._lock:
            if self._closed:
                return
            if key in self._under_way:
                self._again.add(key)
                return
            self._failed.pop(key, None)
            self._under_way[key] = Future()
            self._lines.setdefault(person, deque()).append(_Job(key, read, told, self._under_way[key]))
            self._go_on()

    def _go_on(self) -> None:
        """Start what may start; the lock is held."""
        while not self._closed and self._busy.total() < self._workers:
            person = next((p for p in self._lines if self._busy[p] < self._each), self)
            if person is self:
                return
            line = self._lines.pop(person)
            job = line.popleft()
            if line:
                self._lines[person] = line  # behind the others
            self._busy[person] += 1
            if self._pool is None:
                self._pool = ThreadPoolExecutor(self._workers, thread_name_prefix="reading")
            self._pool.submit(self._run, job, person)

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
            for job in (job for line in self._lines.values() for job in line):
                job.ended.cancel()
                del self._under_way[job.key]
            self._lines.clear()
        if pool is not None:
            pool.shutdown(wait=True, cancel_futures=True)

    def _run(self, job: _Job, person: Hashable) -> None:
        try:
            why = self._read(job)
        finally:
            with self._lock:
                self._busy[person] -= 1
                if not self._busy[person]:
                    del self._busy[person]
                self._go_on()
            job.ended.set_result(None)
        if why is not None:
            job.told(why)

    def _read(self, job: _Job) -> str | None:
        while True:
            why = _why_not(job.read)
            with self._lock:
                again = job.key in self._again and why is None
                self._again.discard(job.key)
                if again:
                    continue
                del self._under_way[job.key]
                if why is not None:
                    self._failed[job.key] = why
                return why


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
