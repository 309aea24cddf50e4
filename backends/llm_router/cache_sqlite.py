"""Responses in one SQLite file that several processes share.

A file that cannot be read is set aside (``<name>.corrupt-<time>``) and a new one begun, with a warning: a cache
may forget, it must not fail a call. Bounded by entries and bytes; the least recently used go first.
"""

from __future__ import annotations

import contextlib
import logging
import os
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar

from backends.exceptions import ConfigurationError

__all__ = ["SqliteCache"]

log = logging.getLogger(__name__)

T = TypeVar("T")

_SCHEMA = """
CREATE TABLE IF NOT EXISTS responses (
    key TEXT PRIMARY KEY,
    value TEXT NOT NULL,
    size INTEGER NOT NULL,
    used REAL NOT NULL,
    hits INTEGER NOT NULL DEFAULT 0
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS responses_used ON responses (used);
"""
_BROKEN = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB})
#: How long a process waits for another one's write.
_BUSY_SECONDS = 30.0
_EVICT_EVERY = 64


class SqliteCache:
    """Text by key in ``path``. One object serves many threads; many processes may open one path."""

    def __init__(self, path: str | os.PathLike[str], *, max_entries: int = 100_000, max_bytes: int = 2**30) -> None:
        self.path = Path(path)
        self.max_entries = max_entries
        self.max_bytes = max_bytes
        self._lock = threading.Lock()
        self._connection: sqlite3.Connection | None = None
        self._pid = os.getpid()
        self._writes = 0

    def get(self, key: str) -> str | None:
        """The value; the hit is counted in the file."""

        def work(db: sqlite3.Connection) -> str | None:
            # Reading waits for nobody; only a hit writes.
            row = db.execute("SELECT value FROM responses WHERE key = ?", (key,)).fetchone()
            if row is None:
                return None
            db.execute("UPDATE responses SET hits = hits + 1, used = ? WHERE key = ?", (time.time(), key))
            return str(row[0])

        try:
            return self._run(work)
        except sqlite3.Error as error:
            log.warning("the response cache %s cannot be read now: %s", self.path, error)
            return None

    def put(self, key: str, value: str) -> None:
        """Keep ``value`` under ``key``; on disk when this returns."""
        size = len(value.encode("utf-8", "surrogatepass"))
        if size > self.max_bytes:
            return

        def work(db: sqlite3.Connection) -> None:
            db.execute(
                "INSERT INTO responses (key, value, size, used) VALUES (?, ?, ?, ?) "
                "ON CONFLICT (key) DO UPDATE SET value = excluded.value, size = excluded.size, used = excluded.used",
                (key, value, size, time.time()),
            )
            self._writes += 1
            if self._writes % _EVICT_EVERY == 1:
                with _transaction(db):
                    self._evict(db)

        try:
            self._run(work)
        except sqlite3.Error as error:
            log.warning("the response cache %s cannot be written now: %s", self.path, error)

    def clear(self) -> None:
        def work(db: sqlite3.Connection) -> None:
            db.execute("DELETE FROM responses")

        self._run(work)

    def hits(self) -> int:
        """How often entries of this file were found, by all processes."""
        return self._run(lambda db: int(db.execute("SELECT coalesce(sum(hits), 0) FROM responses").fetchone()[0]))

    def __len__(self) -> int:
        return self._run(lambda db: int(db.execute("SELECT count(*) FROM responses").fetchone()[0]))

    def close(self) -> None:
        with self._lock:
            self._disconnect()

    def _evict(self, db: sqlite3.Connection) -> None:
        entries, total = db.execute("SELECT count(*), coalesce(sum(size), 0) FROM responses").fetchone()
        if entries <= self.max_entries and total <= self.max_bytes:
            return
        # Down to nine tenths, so that the next write does not have to do it again.
        for key, size in db.execute("SELECT key, size FROM responses ORDER BY used").fetchall():
            if entries <= 0.9 * self.max_entries and total <= 0.9 * self.max_bytes:
                return
            db.execute("DELETE FROM responses WHERE key = ?", (key,))
            entries -= 1
            total -= size

    def _run(self, work: Callable[[sqlite3.Connection], T]) -> T:
        with self._lock:
            try:
                return work(self._connected())
            except sqlite3.DatabaseError as error:
                # The extended codes carry the primary one in the low byte.
                if (getattr(error, "sqlite_errorcode", 0) & 0xFF) not in _BROKEN:
                    raise
                self._disconnect()
                self._set_aside(error)
            return work(self._connected())

    def _connected(self) -> sqlite3.Connection:
        if self._connection is not None and self._pid == os.getpid():
            return self._connection
        self._pid = os.getpid()
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            # Prompts' answers are private: nobody else reads the file.
            os.close(os.open(self.path, os.O_RDWR | os.O_CREAT, 0o600))
        except OSError as error:
            raise ConfigurationError(f"the cache file {self.path} cannot be opened: {error.strerror}") from error
        db = sqlite3.connect(self.path, timeout=_BUSY_SECONDS, isolation_level=None, check_same_thread=False)
        try:
            with _file_lock(self.path):
                # Switching to WAL needs the file alone; processes that start together take turns.
                db.execute("PRAGMA journal_mode = WAL")
                db.execute("PRAGMA synchronous = NORMAL")
                db.executescript(_SCHEMA)
        except BaseException:
            db.close()
            raise
        self._connection = db
        return db

    def _disconnect(self) -> None:
        if self._connection is not None and self._pid == os.getpid():
            self._connection.close()
        self._connection = None

    def _set_aside(self, error: sqlite3.DatabaseError) -> None:
        with _file_lock(self.path):
            if not _is_broken(self.path):
                return  # another process was here first
            aside = self.path.with_name(f"{self.path.name}.corrupt-{time.time_ns()}")
            self.path.rename(aside)
            for ending in ("-wal", "-shm"):
                self.path.with_name(self.path.name + ending).unlink(missing_ok=True)
        log.warning("the response cache %s cannot be read (%s); it was set aside as %s", self.path, error, aside.name)


@contextlib.contextmanager
def _transaction(db: sqlite3.Connection) -> Iterator[None]:
    db.execute("BEGIN IMMEDIATE")
    try:
        yield
    except BaseException:
        with contextlib.suppress(sqlite3.Error):  # the first error is the one to tell
            db.execute("ROLLBACK")
        raise
    db.execute("COMMIT")


def _is_broken(path: Path) -> bool:
    if not path.exists():
        return False
    with contextlib.closing(sqlite3.connect(path, timeout=_BUSY_SECONDS)) as db:
        try:
            answer = db.execute("PRAGMA quick_check(1)").fetchone()
        except sqlite3.DatabaseError as error:
            return (getattr(error, "sqlite_errorcode", 0) & 0xFF) in _BROKEN
    return bool(answer[0] != "ok")


@contextlib.contextmanager
def _file_lock(path: Path) -> Iterator[None]:
    """One process at a time; where the system has no such lock, SQLite's own must do."""
    try:
        import fcntl
    except ImportError:
        yield
        return
    with path.with_name(path.name + ".lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
