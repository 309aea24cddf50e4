"""People, their logins and the tokens of their programs, in one small SQLite file. Nothing in it lets anybody in:
passwords are kept as Argon2 hashes, cookies and tokens as SHA-256 of random bytes.
"""

from __future__ import annotations

import hashlib
import os
import secrets
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from mediator.exceptions import MediatorError, NotFoundError
from mediator.interfaces.serving.passwords import Passwords
from mediator.office.office import is_person_name

__all__ = ["SCOPES", "Account", "Accounts", "Login", "TokenInfo"]

#: What a token may do: ``cases`` is the person's cases and evidence, ``llm`` the language models behind the router.
SCOPES = ("cases", "llm")

_SCHEMA = """
CREATE TABLE IF NOT EXISTS people (
    name TEXT PRIMARY KEY, password TEXT NOT NULL, created REAL NOT NULL, disabled REAL
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS logins (
    hash TEXT PRIMARY KEY, person TEXT NOT NULL, created REAL NOT NULL, seen REAL NOT NULL
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS logins_person ON logins (person);
CREATE TABLE IF NOT EXISTS tokens (
    id TEXT PRIMARY KEY, hash TEXT NOT NULL UNIQUE, label TEXT NOT NULL, person TEXT NOT NULL, scopes TEXT NOT NULL,
    created REAL NOT NULL, expires REAL, used REAL
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS secrets (name TEXT PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID;
"""
#: A use is noted at most this often, so that reading does not become writing.
_NOTE_EVERY_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Account:
    """One person who may log in."""

    name: str
    created: float
    disabled: bool


@dataclass(frozen=True, slots=True)
class Login:
    """A browser that is logged in. ``key`` names it without letting anybody in."""

    key: str
    person: str


@dataclass(frozen=True, slots=True)
class TokenInfo:
    """A token as it is listed; the token itself is shown once and kept nowhere."""

    id: str
    label: str
    person: str
    scopes: tuple[str, ...]
    created: float
    expires: float | None
    used: float | None


class Accounts:
    """The file at ``path``, for any number of threads and processes."""

    def __init__(
        self,
        path: Path,
        *,
        session_hours: float = 12.0,
        idle_minutes: float = 60.0,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.path = path
        self._longest = session_hours * 3600
        self._idle = idle_minutes * 60
        self._clock = clock
        self._passwords = Passwords()
        self._lock = threading.Lock()
        self._connection: sqlite3.Connection | None = None

    # -- people

    def add(self, name: str, password: str) -> None:
        """Let a person log in; the name must be free, also of people who were disabled."""
        if not is_person_name(name):
            raise MediatorError(f"{name!r:.80} cannot be a name: small letters, digits and . _ - @ only, 64 at most")
        hashed = self._passwords.hash(password)
        with self._db() as db:
            if db.execute("SELECT 1 FROM people WHERE name = ?", (name,)).fetchone():
                raise MediatorError(f'there is a user "{name}" already; `serve user password {name}` changes theirs')
            db.execute("INSERT INTO people VALUES (?, ?, ?, NULL)", (name, hashed, self._clock()))

    def set_password(self, name: str, password: str) -> None:
        """Change a password; every browser of that person is logged out."""
        hashed = self._passwords.hash(password)
        with self._db() as db:
            self._one(db.execute("UPDATE people SET password = ? WHERE name = ?", (hashed, name)), name)
            db.execute("DELETE FROM logins WHERE person = ?", (name,))

    def disable(self, name: str) -> None:
        """Keep a person out, at once and with all tokens. Cases and evidence stay, and so does the name."""
        with self._db() as db:
            self._one(db.execute("UPDATE people SET disabled = ? WHERE name = ?", (self._clock(), name)), name)
            db.execute("DELETE FROM logins WHERE person = ?", (name,))

    def enable(self, name: str) -> None:
        """Let a person in again."""
        with self._db() as db:
            self._one(db.execute("UPDATE people SET disabled = NULL WHERE name = ?", (name,)), name)

    def people(self) -> tuple[Account, ...]:
        """Everybody who may log in, or might once."""
        with self._db() as db:
            rows = db.execute("SELECT name, created, disabled FROM people ORDER BY name").fetchall()
        return tuple(Account(row[0], row[1], row[2] is not None) for row in rows)

    # -- logins

    def check(self, name: str, password: str) -> bool:
        """Whether that person has that password and may log in."""
        with self._db() as db:
            row = db.execute("SELECT password, disabled FROM people WHERE name = ?", (name,)).fetchone()
        right = self._passwords.check(None if row is None else row[0], password)
        return right and row[1] is None

    def log_in(self, name: str) -> str:
        """Begin a login and return what the browser keeps."""
        value = secrets.token_urlsafe(32)
        now = self._clock()
        with self._db() as db:
            db.execute("DELETE FROM logins WHERE created < ? OR seen < ?", (now - self._longest, now - self._idle))
            db.execute("INSERT INTO logins VALUES (?, ?, ?, ?)", (_hash(value), name, now, now))
        return value

    def login(self, value: str, *, note: bool = True) -> Login | None:
        """Whose browser that is; None when it is not logged in any more. ``note``: it counts as use."""
        now = self._clock()
        key = _hash(value)
        with self._db() as db:
            row = db.execute(
                "SELECT l.person, l.created, l.seen FROM logins l JOIN people p ON p.name = l.person"
                " WHERE l.hash = ? AND p.disabled IS NULL",
                (key,),
            ).fetchone()
            if row is None or now - row[1] > self._longest or now - row[2] > self._idle:
                return None
            if note and now - row[2] > _NOTE_EVERY_SECONDS:
                db.execute("UPDATE logins SET seen = ? WHERE hash = ?", (now, key))
        return Login(key, row[0])

    def log_out(self, value: str) -> None:
        """End a login."""
        with self._db() as db:
            db.execute("DELETE FROM logins WHERE hash = ?", (_hash(value),))

    # -- tokens

    def add_token(
        self, label: str, person: str, scopes: tuple[str, ...], *, days: float | None = None
    ) -> tuple[TokenInfo, str]:
        """Make a token for a program of that person. The second part is the token: it is kept nowhere."""
        unknown = set(scopes) - set(SCOPES)
        if unknown or not scopes:
            raise MediatorError(f"a scope is one of {', '.join(SCOPES)}, not {', '.join(sorted(unknown)) or 'nothing'}")
        token = f"cg_{secrets.token_urlsafe(32)}"
        now = self._clock()
        info = TokenInfo(
            secrets.token_hex(4), label[:100], person, scopes, now, None if days is None else now + days * 86400, None
        )
        with self._db() as db:
            db.execute(
                "INSERT INTO tokens VALUES (?, ?, ?, ?, ?, ?, ?, NULL)",
                (info.id, _hash(token), info.label, person, " ".join(scopes), now, info.expires),
            )
        return info, token

    def tokens(self) -> tuple[TokenInfo, ...]:
        """All tokens, without themselves."""
        with self._db() as db:
            rows = db.execute(
                "SELECT id, label, person, scopes, created, expires, used FROM tokens ORDER BY created"
            ).fetchall()
        return tuple(TokenInfo(r[0], r[1], r[2], tuple(r[3].split()), r[4], r[5], r[6]) for r in rows)

    def revoke(self, token_id: str) -> None:
        """Let that token in no more."""
        with self._db() as db:
            if db.execute("DELETE FROM tokens WHERE id = ?", (token_id,)).rowcount == 0:
                raise NotFoundError(f'there is no token "{token_id:.60}"; `serve token list` shows them')

    def token(self, value: str, *, note: bool = True) -> TokenInfo | None:
        """Whose token that is and what it may do; None when it lets nobody in. ``note``: it counts as use."""
        now = self._clock()
        with self._db() as db:
            row = db.execute(
                "SELECT t.id, t.label, t.person, t.scopes, t.created, t.expires, t.used FROM tokens t"
                " LEFT JOIN people p ON p.name = t.person WHERE t.hash = ? AND p.disabled IS NULL",
                (_hash(value),),
            ).fetchone()
            if row is None or (row[5] is not None and now > row[5]):
                return None
            if note and (row[6] is None or now - row[6] > _NOTE_EVERY_SECONDS):
                db.execute("UPDATE tokens SET used = ? WHERE id = ?", (now, row[0]))
        return TokenInfo(row[0], row[1], row[2], tuple(row[3].split()), row[4], row[5], row[6])

    # -- the file

    def secret(self, name: str) -> bytes:
        """32 random bytes that stay the same after a restart, so that a form that is open then can still be sent."""
        with self._db() as db:
            db.execute("INSERT OR IGNORE INTO secrets VALUES (?, ?)", (name, secrets.token_bytes(32)))
            return bytes(db.execute("SELECT value FROM secrets WHERE name = ?", (name,)).fetchone()[0])

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            if self._connection is not None:
                self._connection.close()
                self._connection = None

    @contextmanager
    def _db(self) -> Iterator[sqlite3.Connection]:
        """One transaction."""
        with self._lock:
            if self._connection is None:
                self._connection = _opened(self.path)
            with self._connection as db:
                yield db

    @staticmethod
    def _one(done: sqlite3.Cursor, name: str) -> None:
        if done.rowcount == 0:
            raise NotFoundError(f'there is no user "{name:.80}"; `serve user list` shows them')


def _opened(path: Path) -> sqlite3.Connection:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))  # others of this machine must not read it
    connection = sqlite3.connect(path, timeout=30, check_same_thread=False)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    connection.executescript(_SCHEMA)
    return connection


def _hash(value: str) -> str:
    return hashlib.sha256(value.encode("utf-8", "surrogatepass")).hexdigest()
