"""The system calls a store makes, one method each, so that a test can make any one of them fail."""

from __future__ import annotations

import fcntl
import os
from typing import Final

__all__ = ["FileSystem"]


# macOS: fsync leaves the bytes in the drive's own cache there, and this call is what empties it.
_FULL_SYNC: Final[int | None] = getattr(fcntl, "F_FULLFSYNC", None)
# Linux takes "not needed in memory" as "write it now, in the background"; macOS has no such call.
_ADVISE: Final = getattr(os, "posix_fadvise", None)


class FileSystem:
    """The operating system as it is. Everything raises OSError, and only that."""

    def create(self, path: str) -> int:
        """Open a new file for writing, readable by its owner only; it must not exist."""
        return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)

    def write(self, fd: int, data: memoryview) -> int:
        """Write some of ``data``; return how much."""
        return os.write(fd, data)

    def begin_writing(self, fd: int) -> None:
        """Let the system begin to write a file to the disk, without waiting: a wait that follows is shorter."""
        if _ADVISE is not None:
            _ADVISE(fd, 0, 0, os.POSIX_FADV_DONTNEED)

    def fsync(self, fd: int) -> None:
        """Make a file's content durable."""
        if _FULL_SYNC is None:
            os.fsync(fd)
        else:
            fcntl.fcntl(fd, _FULL_SYNC)

    def fsync_file(self, path: str) -> None:
        """Make the content of a file durable that someone else may have written."""
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            self.fsync(fd)
        finally:
            os.close(fd)

    def close(self, fd: int) -> None:
        """Close a descriptor."""
        os.close(fd)

    def rename(self, source: str, target: str) -> None:
        """Give a file its final name, replacing what was there."""
        os.replace(source, target)

    def unlink(self, path: str) -> None:
        """Remove a file."""
        os.unlink(path)

    def make_dir(self, path: str) -> None:
        """Make a directory for its owner only."""
        os.mkdir(path, 0o700)

    def fsync_dir(self, path: str) -> None:
        """Make the names in a directory durable."""
        fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(fd)
        finally:
            os.close(fd)

    def read(self, path: str, limit: int) -> bytes:
        """Return a file's content, at most ``limit`` + 1 bytes of it."""
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            parts = []
            # As much as there is: a buffer for the limit would cost more than the read.
            left = min(os.fstat(fd).st_size, limit) + 1
            while left > 0 and (part := os.read(fd, left)):
                parts.append(part)
                left -= len(part)
            return parts[0] if len(parts) == 1 else b"".join(parts)
        finally:
            os.close(fd)

    def write_all(self, fd: int, data: bytes | memoryview) -> None:
        """Write all of ``data``, however the system cuts it up."""
        view = memoryview(data)
        while view:
            view = view[self.write(fd, view) :]
