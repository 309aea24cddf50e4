"""Where submitted bytes come from: memory, files, streams. A file that changes under our eyes is refused."""

from __future__ import annotations

import errno
import io
import os
import stat
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from typing import BinaryIO, Final, Protocol

from mediator.evidence.errors import (
    InvalidInputError,
    SourceChangedError,
    SourceError,
    SourceIsDirectoryError,
    SourceNotFoundError,
    SpecialFileError,
)

__all__ = ["OpenSource", "Readable", "Source", "open_source"]

# O_NONBLOCK: opening a pipe must not wait for someone to write to it.
_READ: Final = os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK
_LIST: Final = os.O_RDONLY | os.O_CLOEXEC | os.O_DIRECTORY

#: Bytes are taken as they are; text and path objects name a file; anything else is read until it ends.
Source = bytes | bytearray | memoryview | str | os.PathLike[str] | BinaryIO


class Readable(Protocol):
    """What bytes are read from: at most as many as asked for, none at the end."""

    def read(self, size: int, /) -> bytes:
        """Return the next bytes."""


@dataclass(frozen=True, slots=True)
class OpenSource:
    """A source that is being read. ``size`` is None when only the end will tell."""

    stream: Readable
    name: str | None
    size: int | None

    def chunks(self, size: int) -> Iterator[bytes]:
        """Yield pieces of exactly ``size`` bytes, the last one shorter."""
        while chunk := self._fill(size):
            yield chunk
            if len(chunk) < size:
                return

    def _fill(self, size: int) -> bytes:
        try:
            first = self.stream.read(size)
            if not isinstance(first, bytes):
                raise InvalidInputError(f"the stream gives {type(first).__name__}, not bytes; open it in binary mode")
            if not first or len(first) == size:
                return first
            parts, left = [first], size - len(first)
            while left and (part := self.stream.read(left)):
                parts.append(part)
                left -= len(part)
        except OSError as error:
            raise SourceError(f"cannot read {self.name or 'the source'!r}: {error.strerror or error}") from error
        return b"".join(parts)


def open_source(source: Source, *, within: str | None = None) -> AbstractContextManager[OpenSource]:
    """Open what was submitted. With ``within`` no symbolic link below that directory is followed.

    Not even one that takes a directory's place after it was listed.
    """
    if isinstance(source, bytes | bytearray | memoryview):
        return nullcontext(OpenSource(io.BytesIO(source), None, memoryview(source).nbytes))
    if isinstance(source, str | os.PathLike):
        return _open_file(os.fsdecode(source), within)
    if hasattr(source, "read"):
        return nullcontext(OpenSource(source, None, None))
    raise InvalidInputError(f"evidence is bytes, a path or a binary stream, not {type(source).__name__}")


class _File:
    """A regular file, read on its descriptor: most evidence is small, and a file object costs more than its bytes.

    It ends where it ended when it was opened; that it still does is looked at afterwards.
    """

    def __init__(self, fd: int, size: int) -> None:
        self._fd = fd
        self._left = size

    def read(self, size: int) -> bytes:
        part = os.read(self._fd, min(size, self._left)) if self._left else b""
        self._left -= len(part)
        return part

    @property
    def is_read(self) -> bool:
        return self._left == 0


def _open_within(directory: str, path: str) -> int:
    """Open a file name by name, so that no link on the way is followed."""
    *parents, name = path.split(os.sep)
    here = os.open(directory, _LIST)
    try:
        for parent in parents:
            below = os.open(parent, _LIST | os.O_NOFOLLOW, dir_fd=here)
            os.close(here)
            here = below
        return os.open(name, _READ | os.O_NOFOLLOW, dir_fd=here)
    finally:
        os.close(here)


@contextmanager
def _open_file(path: str, within: str | None) -> Iterator[OpenSource]:
    try:
        fd = os.open(path, _READ) if within is None else _open_within(within, os.path.relpath(path, within))
    except (OSError, ValueError) as error:
        raise _cannot_open(path, error) from error
    try:
        before = os.fstat(fd)
        _check_regular(path, before)
        stream = _File(fd, before.st_size)
        yield OpenSource(stream, os.path.basename(path), before.st_size)
        if before.st_size == 0 and os.read(fd, 1):
            raise SpecialFileError(f"{path!r} does not say how large it is; copy its content into a regular file")
        if _fingerprint(before) != _fingerprint(os.fstat(fd)) or not stream.is_read:
            raise SourceChangedError(f"{path!r} changed while it was read; submit it again when nothing writes to it")
    finally:
        os.close(fd)


def _check_regular(path: str, status: os.stat_result) -> None:
    if stat.S_ISDIR(status.st_mode):
        raise SourceIsDirectoryError(f"{path!r} is a directory; add it as one to record every file below it")
    if not stat.S_ISREG(status.st_mode):
        raise SpecialFileError(f"{path!r} is not a regular file; copy its content into one")


def _fingerprint(status: os.stat_result) -> tuple[int, int]:
    return status.st_size, status.st_mtime_ns


def _cannot_open(path: str, error: OSError | ValueError) -> SourceError:
    if isinstance(error, ValueError):
        return SourceNotFoundError(f"{path!r} cannot name a file: {error}")
    if error.errno in (errno.ENOENT, errno.ENOTDIR, errno.ENAMETOOLONG):
        return SourceNotFoundError(f"there is no file {path!r}")
    if error.errno == errno.ELOOP:
        return SpecialFileError(f"{path!r} is a symbolic link; links are not followed here")
    if error.errno in (errno.ENXIO, errno.ENODEV):
        return SpecialFileError(f"{path!r} is not a regular file; copy its content into one")
    return SourceError(f"cannot open {path!r}: {error.strerror}")
