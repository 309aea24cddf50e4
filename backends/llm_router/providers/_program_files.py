"""The files and folders of a program's run: a private folder, an empty place to work, and the trace it leaves."""

from __future__ import annotations

import contextlib
import datetime as dt
import json
import os
import shutil
import stat
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from backends.exceptions import ConfigurationError

__all__ = ["DEFAULT_TRACE_DIRECTORY", "Trace", "append_line", "empty_directory", "private_directory", "write_private"]

#: Where traces go when ``trace`` is true and no place is named.
DEFAULT_TRACE_DIRECTORY = "statefiles/_runs"


@contextlib.contextmanager
def private_directory() -> Iterator[Path]:
    """A folder that only we can read, gone with the block. Programs get it as TMPDIR: some leave prompts there."""
    path = Path(tempfile.mkdtemp(prefix="complaint-generator-"))
    try:
        yield path
    finally:
        # A program that was killed may still be dying inside it; what is left is private either way.
        shutil.rmtree(path, ignore_errors=True)


def empty_directory(owner: str, spare: Path, allowed: frozenset[str] = frozenset()) -> Path:
    """Where a program works when nobody says: private, holding nothing but ``allowed``, the same every time.

    The same, because several programs find a session to continue by the folder it was held in. When
    that place is not ours, or something lies in it, ``spare`` is used instead.
    """
    base = Path(tempfile.gettempdir()) / f"complaint-generator-{os.getuid() if hasattr(os, 'getuid') else 'user'}"
    place = base / owner
    try:
        for path in (base, place):
            path.mkdir(mode=0o700, exist_ok=True)
            if not _is_private(path):
                raise OSError(f"{path} is not private")
        if {entry.name for entry in place.iterdir()} <= allowed:
            return place
    except OSError:
        pass  # a shared machine where somebody else made the folder: the spare one is as good, without resuming
    work = spare / "work"
    work.mkdir(mode=0o700, exist_ok=True)
    return work


def _is_private(path: Path) -> bool:
    status = path.lstat()
    mine = not hasattr(os, "getuid") or status.st_uid == os.getuid()
    return stat.S_ISDIR(status.st_mode) and mine and not status.st_mode & 0o077


@dataclass(frozen=True, slots=True)
class Trace:
    """Where this call's traces go. Nothing when tracing is off."""

    directory: Path | None = None
    jsonl: Path | None = None
    content: bool = False

    @classmethod
    def of(cls, options: Mapping[str, Any]) -> Trace:
        """As the documents say: on by ``trace``, or by naming a place; ``trace: false`` turns it off."""
        directory, jsonl = options.get("trace_dir"), options.get("trace_jsonl_path")
        wanted = options.get("trace", directory is not None or jsonl is not None)
        if not wanted:
            return cls()
        if directory is None and jsonl is None:
            directory = DEFAULT_TRACE_DIRECTORY
        return cls(
            directory=None if directory is None else Path(directory).absolute(),
            jsonl=None if jsonl is None else Path(jsonl).absolute(),
            content=options.get("trace_content", False),
        )

    @property
    def on(self) -> bool:
        return self.directory is not None or self.jsonl is not None

    def prepare(self) -> None:
        """Make the folders, so that a place that cannot be written is told before the program starts."""
        for directory in (self.directory, None if self.jsonl is None else self.jsonl.parent):
            if directory is not None:
                _make_private(directory)

    def new_file(self, stem: str, suffix: str) -> Path:
        """A name in the trace folder (or beside the JSONL file) that no other call has: ``stem_<timestamp>_<pid>``."""
        directory = self.directory
        if directory is None:
            assert self.jsonl is not None
            directory = self.jsonl.parent
        moment = dt.datetime.now(dt.UTC)
        while True:
            path = directory / f"{stem}_{moment:%Y%m%dT%H%M%S.%fZ}_{os.getpid()}{suffix}"
            try:
                os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
            except FileExistsError:
                moment += dt.timedelta(microseconds=1)
            except OSError as error:
                raise _unwritable(path, error) from error
            else:
                return path


def write_private(path: Path, data: bytes) -> None:
    """Put ``data`` into a file that only we can read."""
    try:
        with open(os.open(path, os.O_CREAT | os.O_TRUNC | os.O_WRONLY, 0o600), "wb") as file:
            file.write(data)
    except OSError as error:
        raise _unwritable(path, error) from error


def append_line(path: Path, record: Mapping[str, Any] | bytes) -> None:
    """Append one record, or lines as they are, in one write: several processes may share the file."""
    data = record if isinstance(record, bytes) else json.dumps(record, ensure_ascii=False).encode() + b"\n"
    try:
        descriptor = os.open(path, os.O_CREAT | os.O_APPEND | os.O_WRONLY, 0o600)
        try:
            os.write(descriptor, data)
        finally:
            os.close(descriptor)
    except OSError as error:
        raise _unwritable(path, error) from error


def _make_private(directory: Path) -> None:
    try:
        directory.parent.mkdir(parents=True, exist_ok=True)
        directory.mkdir(mode=0o700, exist_ok=True)
    except OSError as error:
        raise _unwritable(directory, error) from error


def _unwritable(path: Path, error: OSError) -> ConfigurationError:
    return ConfigurationError(f"cannot write the trace {path}: {error.strerror or error}; choose another trace_dir")
