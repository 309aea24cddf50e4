"""An append-only file of events: one JSON line each, fsynced, every line chained to the one before by hash.

Promises: an event that was appended survives a kill; a line that was cut short by one is set aside
beside the file, with a warning, and everything before it stands; a changed line is found; two
processes never write to one file at a time. Lines may be sealed; the chain is over the lines as they
stand, so that it can be checked without the key.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import io
import json
import os
import threading
import warnings
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ConfigDict, ValidationError

from mediator.exceptions import SessionBusyError, SessionError, SessionKeyError

if TYPE_CHECKING:
    from mediator.sealed_lines import LineSeal

__all__ = ["DamagedTailWarning", "Event", "EventLog", "check_chain"]

_GENESIS = "0" * 64


class DamagedTailWarning(UserWarning):
    """The end of a session file could not be read and was set aside."""


class Event(BaseModel):
    """One thing that happened. ``hash`` covers the line without itself, ``prev`` included."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    seq: int
    at: str
    kind: str
    data: Mapping[str, Any]
    prev: str
    hash: str


class _Sealed(BaseModel):
    """A line whose kind and data only the key opens."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    seq: int
    at: str
    key: str
    sealed: str
    prev: str
    hash: str


_Line = Event | _Sealed


class EventLog:
    """The events of one session file. Use as a context manager, or call ``close``.

    With a ``seal`` every line is sealed; a file that was begun in the clear is sealed as a whole first.
    """

    def __init__(self, path: Path, clock: Callable[[], str], seal: LineSeal | None = None) -> None:
        self.path = path
        self._clock = clock
        self._seal = seal
        self._lock = threading.Lock()
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._file = _open_locked(path)
        try:
            lines = self._read()
            self._events = [self._opened(line) for line in lines]
            self._last = lines[-1].hash if lines else _GENESIS
            if seal is not None and any(isinstance(line, Event) for line in lines):
                self._seal_all()
        except BaseException:
            self._file.close()
            raise

    @property
    def events(self) -> tuple[Event, ...]:
        """Everything that happened, in order."""
        return tuple(self._events)

    def append(self, kind: str, data: Mapping[str, Any]) -> Event:
        """Write one event; it is on the disk when this returns."""
        with self._lock:
            if self._file.closed:
                raise SessionError(f"{self.path.name} was closed; resume the session to go on")
            event, line = self._line(len(self._events), self._clock(), kind, data, self._last)
            end = self._file.seek(0, os.SEEK_END)
            try:
                _write(self._file, line)
            except OSError as error:
                self._take_back(end)
                raise SessionError(
                    f"{self.path}: {error.strerror or error}; the last entry was not kept, what was told before is"
                ) from error
            self._events.append(event)
            self._last = event.hash
            return event

    def close(self) -> None:
        """Let others write. May be called twice."""
        with self._lock:
            self._file.close()

    def __enter__(self) -> EventLog:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def _line(self, seq: int, at: str, kind: str, data: Mapping[str, Any], prev: str) -> tuple[Event, bytes]:
        body: dict[str, Any] = {"seq": seq, "at": at, "prev": prev}
        if self._seal is None:
            body |= {"kind": kind, "data": dict(data)}
        else:
            inside = _canonical({"kind": kind, "data": dict(data)})
            body |= {"key": self._seal.key_id, "sealed": self._seal.seal(inside, _place(seq, at, prev))}
        digest = _digest(body)
        event = Event(seq=seq, at=at, kind=kind, data=dict(data), prev=prev, hash=digest)
        return event, _canonical({**body, "hash": digest}) + b"\n"

    def _opened(self, line: _Line) -> Event:
        if isinstance(line, Event):
            return line
        if self._seal is None:
            raise SessionKeyError(
                f"{self.path.name} is encrypted; set MEDIATOR.encrypt_sessions to true and EVIDENCE.key to its key"
            )
        try:
            inside = json.loads(self._seal.open(line.sealed, _place(line.seq, line.at, line.prev), line.key))
        except SessionKeyError:
            raise
        except SessionError as error:
            raise SessionError(f"{self.path}: line {line.seq + 1}: {error}") from error
        return Event(seq=line.seq, at=line.at, **inside, prev=line.prev, hash=line.hash)

    def _seal_all(self) -> None:
        """Replace a file that was written in the clear by its sealed form, at once or not at all."""
        fresh = self.path.with_name(f"{self.path.name}.sealing")
        fresh.unlink(missing_ok=True)
        file = _open_locked(fresh)
        events: list[Event] = []
        lines: list[bytes] = []
        for old in self._events:
            prev = events[-1].hash if events else _GENESIS
            event, line = self._line(old.seq, old.at, old.kind, old.data, prev)
            events.append(event)
            lines.append(line)
        _write(file, b"".join(lines))
        os.replace(fresh, self.path)
        _sync_folder(self.path.parent)
        self._file.close()
        self._file, self._events, self._last = file, events, events[-1].hash

    def _take_back(self, end: int) -> None:
        """Remove half a line after a failed write."""
        with contextlib.suppress(OSError):  # the tail is then cut and kept aside at the next start
            self._file.truncate(end)

    def _read(self) -> list[_Line]:
        self._file.seek(0)
        raw = self._file.readall()
        lines: list[_Line] = []
        position = 0
        for line, end in _whole_lines(raw):
            lines.append(line)
            position = end
        if position < len(raw):
            self._set_aside(raw, position)
        return lines

    def _set_aside(self, raw: bytes, position: int) -> None:
        """Keep what cannot be read in a file of its own, then cut it off."""
        tail = raw[position:]
        if tail.count(b"\n") > 1:
            raise SessionError(
                f"{self.path}: line {raw[:position].count(10) + 1} was changed after it was written; "
                "restore the file from a copy"
            )
        aside = self.path.with_name(f"{self.path.name}.damaged-{hashlib.sha256(tail).hexdigest()[:8]}")
        descriptor = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with io.FileIO(descriptor, "w") as kept:
            _write(kept, tail)
        self._file.truncate(position)
        os.fsync(self._file.fileno())
        warnings.warn(
            f"the last entry of {self.path.name} was not written whole; it is kept in {aside.name}",
            DamagedTailWarning,
            stacklevel=4,
        )


def check_chain(path: Path) -> int:
    """How many lines stand unchanged and in order, without any key. SessionError names the first that does not."""
    raw = path.read_bytes()
    count = position = 0
    for _, end in _whole_lines(raw):
        count, position = count + 1, end
    if position < len(raw):
        raise SessionError(f"{path}: line {count + 1} was changed after it was written, or not written whole")
    return count


def _whole_lines(raw: bytes) -> Iterator[tuple[_Line, int]]:
    """The lines from the start that hold together, each with where it ends."""
    position, count, prev = 0, 0, _GENESIS
    while (end := raw.find(b"\n", position)) >= 0:
        line = _parse(raw[position:end], count, prev)
        if line is None:
            return
        position, count, prev = end + 1, count + 1, line.hash
        yield line, position


def _parse(raw: bytes, count: int, prev: str) -> _Line | None:
    kind: type[_Line] = _Sealed if b'"sealed":' in raw and b'"kind":' not in raw else Event
    try:
        line = kind.model_validate_json(raw)
    except ValidationError:
        return None
    whole = line.seq == count and line.prev == prev and line.hash == _digest(line.model_dump(exclude={"hash"}))
    return line if whole else None


def _open_locked(path: Path) -> io.FileIO:
    existed = path.exists()
    file = io.FileIO(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600), "r+")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        file.close()
        raise SessionBusyError(f"{path.name} is open in another program; close that one first") from error
    if not existed:
        _sync_folder(path.parent)
    return file


def _write(file: io.FileIO, data: bytes) -> None:
    """All of it, and on the disk when this returns."""
    left = memoryview(data)
    while left:
        left = left[file.write(left) or 0 :]
    os.fsync(file.fileno())


def _sync_folder(folder: Path) -> None:
    """A new name in a folder survives a power cut only when the folder is on the disk too."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _place(seq: int, at: str, prev: str) -> str:
    return f"{seq} {at} {prev}"


def _canonical(body: Mapping[str, Any]) -> bytes:
    return json.dumps(body, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode()


def _digest(body: Mapping[str, Any]) -> str:
    return hashlib.sha256(_canonical(body)).hexdigest()
