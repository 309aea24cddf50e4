"""Which files a model may hand in: those below the folders that a person named, and nothing hidden there.

A document that a model reads may tell it to fetch a key or a diary. So there is no folder unless a person named one, a
link does not lead out of it, and what was opened is what was checked. What this program itself keeps (cases of all
people, evidence, its configuration) stays closed, also where it lies below an open folder.
"""

from __future__ import annotations

import fnmatch
import os
import stat
from collections.abc import Sequence
from pathlib import Path
from typing import BinaryIO

from mediator.evidence.media import HEAD_SIZE, media_type_of
from mediator.exceptions import MediatorError, NotFoundError

__all__ = ["Reach"]


class Reach:
    """The folders, and how large and of which kinds a file may be."""

    def __init__(
        self, folders: Sequence[Path], *, max_bytes: int, media_types: Sequence[str], closed: Sequence[Path] = ()
    ) -> None:
        self.folders = tuple(folder.resolve() for folder in folders)
        self._closed = tuple(place.resolve() for place in closed)
        self._max = max_bytes
        self._kinds = tuple(media_types)

    def open(self, path: str) -> BinaryIO:
        """The file, open for reading; an error in one line when it is out of reach."""
        if not self.folders:
            raise MediatorError("no folder was opened for you; the person starts `run.py mcp --folder DIR` to open one")
        wanted = Path(path)
        if "\0" in path or not path.strip():
            raise NotFoundError("there is no such file in the open folders")
        for folder in self.folders:
            found = _opened(folder, self._closed, wanted if wanted.is_absolute() else folder / wanted)
            if found is not None:
                return self._checked(found, wanted.name)
        # The same words whether it is missing, hidden or elsewhere: what lies elsewhere is nobody's business here.
        raise NotFoundError("there is no such file in the open folders")

    def _checked(self, file: BinaryIO, name: str) -> BinaryIO:
        try:
            size = os.fstat(file.fileno()).st_size
            if size > self._max:
                raise MediatorError(f"the file is larger than {self._max} bytes")
            kind = media_type_of(file.read(HEAD_SIZE), name)
            file.seek(0)
            if size and not any(fnmatch.fnmatchcase(kind, pattern) for pattern in self._kinds):
                raise MediatorError(f"{kind} is no evidence that is taken here")
        except BaseException:
            file.close()
            raise
        return file


def _opened(folder: Path, closed: Sequence[Path], path: Path) -> BinaryIO | None:
    """The file at ``path`` if it is a plain, visible one below ``folder`` once all links are followed."""
    try:
        real = path.resolve(strict=True)
        if not _visible_below(folder, closed, real):
            return None
        descriptor = os.open(real, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
    except (OSError, ValueError, RuntimeError):
        return None
    # A folder of the path may have become a link since it was looked at; where the opened file is cannot change.
    opened = Path(os.path.realpath(f"/proc/self/fd/{descriptor}"))
    if not stat.S_ISREG(os.fstat(descriptor).st_mode) or not _visible_below(folder, closed, opened):
        os.close(descriptor)
        return None
    return os.fdopen(descriptor, "rb")


def _visible_below(folder: Path, closed: Sequence[Path], path: Path) -> bool:
    if not path.is_relative_to(folder) or any(path.is_relative_to(place) for place in closed):
        return False
    return not any(part.startswith(".") for part in path.relative_to(folder).parts)
