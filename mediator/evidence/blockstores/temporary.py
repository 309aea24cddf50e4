"""A file that is written under a temporary name and gets its own when it is whole."""

from __future__ import annotations

import contextlib
from types import TracebackType
from typing import Self

from mediator.evidence.filesystem import FileSystem

__all__ = ["TemporaryFile"]


class TemporaryFile:
    """A file on its way to its name: when its ``with`` block ends, it has that or is gone."""

    def __init__(self, fs: FileSystem, path: str) -> None:
        self._fs = fs
        self._path: str | None = path
        self._fd = fs.create(path)
        self._open = True

    def write(self, data: bytes) -> None:
        """Write the content."""
        self._fs.write_all(self._fd, data)

    def begin(self) -> None:
        """Let the disk begin with it."""
        self._fs.begin_writing(self._fd)

    def sync(self) -> None:
        """Wait until the content is on the disk."""
        self._fs.fsync(self._fd)

    def rename(self, path: str) -> None:
        """Give the file its name."""
        self._close()
        if self._path is not None:
            self._fs.rename(self._path, path)
            self._path = None

    def _close(self) -> None:
        if self._open:
            self._open = False
            self._fs.close(self._fd)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with contextlib.suppress(OSError):  # the first failure is the one to report; gc removes the file
            self._close()
            if self._path is not None:
                self._fs.unlink(self._path)
