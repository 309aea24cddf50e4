"""An append-only file of events: one JSON line each, fsynced, every line chained to the one before by hash.

Promises: an event that was appended survives a kill; a line that was cut short by one is set aside
beside the file, with a warning, and everything before it stands; a changed line is found; two
processes never write to one file at a time.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import IO, Any

from pydantic import BaseModel, ConfigDict, ValidationError

from mediator.exceptions import SessionBusyError, SessionError

__all__ = ["DamagedTailWarning", "Event", "EventLog"]

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


class EventLog:
    """The events of one session file. Use as a context manager, or call ``close``."""

    def __init__(self, path: Path, clock: Callable[[], str]) -> None:
        self.path = path
        self._clock = clock
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file = _open_locked(path)
        self._events = self._read()

    @property
    def events(self) -> tuple[Event, ...]:
        """Everything that happened, in order."""
        return tuple(self._events)

    def append(self, kind: str, data: Mapping[str, Any]) -> Event:
        """Write one event; it is on the disk when this returns."""
        prev = self._events[-1].hash if self._events else _GENESIS
        body: dict[str, Any] = {
            "seq": len(self._events),
            "at": self._clock(),
            "kind": kind,
            "data": dict(data),
            "prev": prev,
        }
        event = Event(**body, hash=_digest(body))
        self._file.seek(0, os.SEEK_END)
        self._file.write(_canonical({**body, "hash": event.hash}) + b"\n")
        self._file.flush()
        os.fsync(self._file.fileno())
        self._events.append(event)
        return event

    def close(self) -> None:
        """Let others write. May be called twice."""
        self._file.close()

    def __enter__(self) -> EventLog:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def _read(self) -> list[Event]:
        self._file.seek(0)
        raw = self._file.read()
        events: list[Event] = []
        position = 0
        while position < len(raw):
            end = raw.find(b"\n", position)
            event = _parse(raw[position:end], events) if end >= 0 else None
            if event is None:
                self._set_aside(raw, position)
                break
            events.append(event)
            position = end + 1
        return events

    def _set_aside(self, raw: bytes, position: int) -> None:
        """Keep what cannot be read in a file of its own, then cut it off."""
        tail = raw[position:]
        if tail.count(b"\n") > 1:
            raise SessionError(
                f"{self.path}: line {raw[:position].count(10) + 1} was changed after it was written; "
                "restore the file from a copy"
            )
        aside = self.path.with_name(f"{self.path.name}.damaged-{hashlib.sha256(tail).hexdigest()[:8]}")
        aside.write_bytes(tail)
        self._file.truncate(position)
        self._file.flush()
        os.fsync(self._file.fileno())
        warnings.warn(
            f"the last entry of {self.path.name} was not written whole; it is kept in {aside.name}",
            DamagedTailWarning,
            stacklevel=4,
        )


def _open_locked(path: Path) -> IO[bytes]:
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    file = os.fdopen(descriptor, "r+b")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        file.close()
        raise SessionBusyError(f"{path.name} is open in another program; close that one first") from error
    return file


def _parse(line: bytes, before: list[Event]) -> Event | None:
    try:
        event = Event.model_validate_json(line)
    except ValidationError:
        return None
    body = event.model_dump(exclude={"hash"})
    prev = before[-1].hash if before else _GENESIS
    whole = event.seq == len(before) and event.prev == prev and event.hash == _digest(body)
    return event if whole else None


def _canonical(body: Mapping[str, Any]) -> bytes:
    return json.dumps(body, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode()


def _digest(body: Mapping[str, Any]) -> str:
    return hashlib.sha256(_canonical(body)).hexdigest()
