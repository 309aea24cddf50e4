"""Where submitted bytes come from: memory, files, streams. A file that changes under our eyes is refused."""

from __future__ import annotations

import errno
import io
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import BinaryIO

from mediator.evidence.errors import (
    InvalidInputError,
    SourceChangedError,
    SourceError,
    SourceIsDirectoryError,
    SourceNotFoundError,
    SpecialFileError,
)

__all__ = ["OpenSource", "Source", "open_source"]

#: Bytes are taken as they are; text and path objects name a file; anything else is read until it ends.
Source = bytes | bytearray | memoryview | str | os.PathLike[str] | BinaryIO


@dataclass(frozen=True, slots=True)
class OpenSource:
    """A source that is being read. ``size`` is None when only the end will tell."""

    stream: BinaryIO
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


@contextmanager
def open_source(source: Source, *, follow: bool = True) -> Iterator[OpenSource]:
    """Open what was submitted. With ``follow=False`` a symbolic link is refused instead of followed."""
    if isinstance(source, bytes | bytearray | memoryview):
        yield OpenSource(io.BytesIO(source), None, memoryview(source).nbytes)
    elif isinstance(source, str | os.PathLike):
        with _open_file(os.fspath(source), follow) as opened:
            yield opened
    elif hasattr(source, "read"):
        yield OpenSource(source, None, None)
    else:
        raise InvalidInputError(f"evidence is bytes, a path or a binary stream, not {type(source).__name__}")


@contextmanager
def _open_file(path: str, follow: bool) -> Iterator[OpenSource]:
    if not isinstance(path, str):
        path = os.fsdecode(path)
    # O_NONBLOCK: opening a pipe must not wait for someone to write to it.
    flags = os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | (0 if follow else os.O_NOFOLLOW)
    try:
        fd = os.open(path, flags)
    except (OSError, ValueError) as error:
        raise _cannot_open(path, error) from error
    before = os.fstat(fd)
    if not stat.S_ISREG(before.st_mode):
        os.close(fd)
        if stat.S_ISDIR(before.st_mode):
            raise SourceIsDirectoryError(f"{path!r} is a directory; add it as one to record every file below it")
        raise SpecialFileError(f"{path!r} is not a regular file; copy its content into one")
    with os.fdopen(fd, "rb", buffering=0) as stream:
        yield OpenSource(stream, os.path.basename(path), before.st_size)
        after = os.fstat(fd)
        if _fingerprint(before) != _fingerprint(after) or stream.tell() != after.st_size:
            raise SourceChangedError(f"{path!r} changed while it was read; submit it again when nothing writes to it")


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
