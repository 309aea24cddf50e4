"""Keeps evaluated prompt beginnings on disk, so that the next process need not evaluate them again.

Promises: bounded in size, the longest unused go first; a file that is cut off, damaged, of another
model or another engine version is never used; only beginnings that several prompts shared are
kept; files are readable by their owner alone. Several processes may use one directory.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import struct
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

__all__ = ["PrefixStore", "StoredPrefix", "file_digest"]

logger = logging.getLogger(__name__)

_MAGIC = b"CGPREFIX1\n"
_DIGEST = 32
_SUFFIX = ".prefix"
DEFAULT_BYTES = 256 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class StoredPrefix:
    """One beginning on disk."""

    tokens: tuple[int, ...]
    path: Path


class PrefixStore:
    """The beginnings of one model and engine version. For one thread."""

    def __init__(self, directory: Path, identity: Mapping[str, str], max_bytes: int = DEFAULT_BYTES) -> None:
        """``identity`` holds all that a state depends on: the model's digest, versions, types."""
        self._root = directory
        self._identity = dict(sorted(identity.items()))
        self._directory = directory / _digest(json.dumps(self._identity).encode()).hex()[:32]
        self._max_bytes = max_bytes
        self._known: dict[tuple[int, ...], Path] = {}
        self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        for path in sorted(self._directory.glob(f"*{_SUFFIX}")):
            tokens = self._read_tokens(path)
            if tokens is not None:
                self._known[tokens] = path

    def __contains__(self, tokens: tuple[int, ...]) -> bool:
        return tokens in self._known

    def longest(self, tokens: Sequence[int], limit: int) -> StoredPrefix | None:
        """The longest stored beginning of ``tokens`` with at most ``limit`` of them."""
        found = [
            (known, path)
            for known, path in self._known.items()
            if len(known) <= limit and tuple(tokens[: len(known)]) == known
        ]
        return StoredPrefix(*max(found, key=lambda item: len(item[0]))) if found else None

    def read(self, prefix: StoredPrefix) -> bytes | None:
        """The state, or None when the file is gone or damaged; it is forgotten then."""
        try:
            raw = prefix.path.read_bytes()
            os.utime(prefix.path)
        except OSError:
            raw = b""
        body, digest = raw[:-_DIGEST], raw[-_DIGEST:]
        if not body.startswith(_MAGIC) or _digest(body) != digest:
            logger.warning("the stored prompt beginning %s is damaged and will be made anew", prefix.path.name)
            self._known.pop(prefix.tokens, None)
            prefix.path.unlink(missing_ok=True)
            return None
        return body[self._header_end(body) :]

    def write(self, tokens: Sequence[int], state: bytes) -> None:
        """Keep ``state``. A failing disk costs speed, not the call: it is logged."""
        key = tuple(tokens)
        header = json.dumps({"identity": self._identity, "tokens": key}).encode()
        body = b"".join((_MAGIC, struct.pack("<Q", len(header)), header, state))
        if len(body) + _DIGEST > self._max_bytes:
            return
        path = self._directory / (_digest(header).hex()[:32] + _SUFFIX)
        try:
            self._make_room(len(body) + _DIGEST)
            _write_whole(path, body + _digest(body))
        except OSError as error:
            logger.warning("a prompt beginning cannot be stored in %s: %s", self._root, error)
            return
        self._known[key] = path

    def _read_tokens(self, path: Path) -> tuple[int, ...] | None:
        try:
            with path.open("rb") as file:
                start = file.read(len(_MAGIC) + 8)
                (length,) = struct.unpack_from("<Q", start, len(_MAGIC))
                if not start.startswith(_MAGIC) or length > path.stat().st_size:
                    return None
                header = json.loads(file.read(length))
            tokens = header["tokens"]
            return tuple(tokens) if header["identity"] == self._identity else None
        except (OSError, ValueError, KeyError, TypeError, struct.error):
            return None  # not one of ours, or damaged: it is overwritten or evicted in time

    @staticmethod
    def _header_end(body: bytes) -> int:
        (length,) = struct.unpack_from("<Q", body, len(_MAGIC))
        return len(_MAGIC) + 8 + int(length)

    def _make_room(self, needed: int) -> None:
        """Delete the longest unused files, of any model, until ``needed`` bytes fit."""
        files = []
        for path in self._root.glob(f"*/*{_SUFFIX}"):
            state = path.stat()
            files.append((state.st_mtime_ns, state.st_size, path))
        total = sum(size for _, size, _ in files)
        for _, size, path in sorted(files):
            if total + needed <= self._max_bytes:
                return
            path.unlink(missing_ok=True)
            self._known = {tokens: known for tokens, known in self._known.items() if known != path}
            total -= size


def file_digest(path: Path) -> str:
    """The content's digest, in constant memory."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.blake2b(digest_size=_DIGEST)).hexdigest()


def _digest(data: bytes) -> bytes:
    return hashlib.blake2b(data, digest_size=_DIGEST).digest()


def _write_whole(path: Path, data: bytes) -> None:
    """Write a file that is there whole or not at all."""
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=".new-")
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(name, path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
