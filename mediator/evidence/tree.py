"""The files below a directory, in a stable order. Links are never followed, and whatever is left out is named."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterator
from dataclasses import replace

from mediator.evidence.cid import Cid
from mediator.evidence.directory import Entry, build_tree
from mediator.evidence.errors import SourceError, SourceNotFoundError, SpecialFileError
from mediator.evidence.intake import Staged, Submission
from mediator.evidence.unixfs import Profile

__all__ = ["Folder", "OnSkip", "submissions_below"]

#: Told of each thing that is not taken: its path and why.
OnSkip = Callable[[str, SourceError], None]


#: Told of each directory that was listed, by its path.
OnDirectory = Callable[[str], None]


def submissions_below(
    directory: str, like: Submission, on_skip: OnSkip, on_directory: OnDirectory = lambda path: None
) -> Iterator[Submission]:
    """Yield a submission for every regular file, named by its path below the directory's parent.

    Empty files are taken: they are part of what the directory is.
    """
    directory = os.path.normpath(directory)
    base = os.path.dirname(os.path.abspath(directory))
    for path in _files(directory, on_skip, on_directory):
        name = os.path.relpath(os.path.abspath(path), base)
        yield replace(like, source=path, file_name=name, allow_empty=True, within=directory)


class Folder:
    """Notes what is submitted from a directory, and names the directory itself: with the CID that Kubo gives it."""

    def __init__(self, profile: Profile, path: str) -> None:
        self._profile = profile
        self._path = os.path.normpath(path)
        self._entries: list[tuple[bytes, Entry]] = []
        self._directories: list[bytes] = []

    def note(self, item: Submission, content: Staged) -> None:
        """Take in one file; its name starts with the directory's own."""
        _, _, below = os.fsencode(item.file_name or "").partition(b"/")
        self._entries.append((below, Entry(content.cid, content.tsize)))

    def note_directory(self, path: str) -> None:
        """Take in a directory below: it is part of this one also when nothing is in it."""
        if path != self._path:
            self._directories.append(os.fsencode(os.path.relpath(path, self._path)))

    def build(self) -> tuple[Cid, list[tuple[Cid, bytes]]]:
        """Return the CID of the directory with everything that was noted, and the nodes that it is made of."""
        nodes: list[tuple[Cid, bytes]] = []
        root = build_tree(
            self._entries, self._profile, lambda cid, block: nodes.append((cid, block)), self._directories
        )
        return root.cid, nodes

    @property
    def contents(self) -> list[Cid]:
        """The files, by CID."""
        return [entry.cid for _, entry in self._entries]


def _files(directory: str, on_skip: OnSkip, on_directory: OnDirectory) -> Iterator[str]:
    # A list instead of recursion: the depth of a directory tree is the submitter's choice, not ours.
    waiting = [directory]
    while waiting:
        here = waiting.pop()
        try:
            with os.scandir(here) as entries:
                found = sorted(entries, key=lambda entry: os.fsencode(entry.name))
        except OSError as error:
            on_skip(here, SourceNotFoundError(f"cannot list {here!r}: {error.strerror}"))
            continue
        on_directory(here)
        below = []
        for entry in found:
            mode = _mode(entry)
            if stat.S_ISDIR(mode):
                below.append(entry.path)
            elif stat.S_ISREG(mode):
                yield entry.path
            else:
                kind = "a symbolic link; it is not followed" if stat.S_ISLNK(mode) else "not a regular file"
                on_skip(entry.path, SpecialFileError(f"{entry.path!r} is {kind}"))
        waiting.extend(reversed(below))


def _mode(entry: os.DirEntry[str]) -> int:
    try:
        return entry.stat(follow_symlinks=False).st_mode
    except FileNotFoundError:
        return 0  # it went away since it was listed: reported like everything that is no file
