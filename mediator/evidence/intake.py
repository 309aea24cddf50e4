"""From a source to stored blocks, in one pass and constant memory: CID, SHA-256 and encryption happen side by side."""

from __future__ import annotations

import hashlib
import os
import re
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, Final, Protocol, Self

from mediator.evidence.blockstores.base import Batch
from mediator.evidence.cid import Cid
from mediator.evidence.errors import EmptySourceError, InvalidInputError
from mediator.evidence.media import HEAD_SIZE, media_type_of
from mediator.evidence.records import canonical_json
from mediator.evidence.sources import OpenSource, Source
from mediator.evidence.unixfs import FileBuilder, Profile, import_chunks

__all__ = ["Progress", "Staged", "Submission", "checked", "ingest", "new_submission_id"]

#: Called with the bytes done and the bytes there are, None while that is not known.
Progress = Callable[[int, int | None], None]

_TEXT_FIELDS: Final = ("type", "owner", "complaint", "claim_type", "element", "description", "media_type")
_MAX_METADATA: Final = 1024 * 1024
_WORTH_A_THREAD: Final = 128 * 1024
_UNSTORABLE: Final = re.compile("[\0\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class Submission:
    """One thing to submit: where its bytes come from, and what is known about them."""

    source: Source
    type: str
    owner: str | None = None
    complaint: str | None = None
    claim_type: str | None = None
    element: str | None = None
    description: str | None = None
    file_name: str | None = None
    media_type: str | None = None
    metadata: Mapping[str, Any] | None = field(default=None)
    allow_empty: bool = False
    #: The directory that the path must not lead out of: no link below it is followed.
    within: str | None = None


@dataclass(frozen=True, slots=True)
class Staged:
    """A content whose blocks were handed to a batch; nothing is recorded yet."""

    cid: Cid
    sha256: str
    size: int
    stored_cid: Cid
    key_id: str | None
    media_type: str
    file_name: str | None
    #: The size of the blocks of the content as submitted: what a directory says about it.
    tsize: int
    own_blocks: tuple[Cid, ...] = ()


class Sealer(Protocol):
    """Encrypts one content."""

    key_id: str

    def seal(self, chunks: Iterator[bytes]) -> Iterator[bytes]:
        """Yield the encrypted form of a stream."""


def checked(submission: Submission) -> Submission:
    """Return the submission if the catalog can hold what it says; InvalidInputError."""
    for name in _TEXT_FIELDS:
        value = getattr(submission, name)
        if value is None:
            continue
        if not isinstance(value, str):
            raise InvalidInputError(f"{name} is {type(value).__name__}; it must be text")
        if _UNSTORABLE.search(value):
            raise InvalidInputError(f"{name} holds a NUL or half a character and cannot be recorded; remove it")
    if not submission.type:
        raise InvalidInputError("type is empty; say what kind of evidence this is, such as 'document'")
    if submission.file_name is not None and "\0" in submission.file_name:
        raise InvalidInputError("file_name holds a NUL; no file can have that name")
    if submission.metadata is not None and not isinstance(submission.metadata, Mapping):
        raise InvalidInputError(f"metadata is {type(submission.metadata).__name__}; it must be a mapping")
    if len(metadata_text(submission)) > _MAX_METADATA:
        raise InvalidInputError(f"metadata is larger than {_MAX_METADATA} bytes; submit it as evidence of its own")
    return submission


def metadata_text(submission: Submission) -> str:
    """Return the metadata as it is recorded; the caller's mapping is only read."""
    return canonical_json(dict(submission.metadata)) if submission.metadata else "{}"


def ingest(
    submission: Submission,
    opened: OpenSource,
    batch: Batch,
    profile: Profile,
    sealer: Sealer | None,
    progress: Progress | None,
) -> Staged:
    """Read the source to its end and hand its blocks to the batch."""
    with _Digest() as digest:
        return _ingest(submission, _Reading(opened, profile.chunk_size, progress, digest), batch, profile, sealer)


def _ingest(submission: Submission, reading: _Reading, batch: Batch, profile: Profile, sealer: Sealer | None) -> Staged:
    opened = reading.opened
    own: list[Cid] = []
    if sealer is None:
        builder = FileBuilder(profile, batch.put)
        for chunk in reading.chunks():
            builder.add(chunk)
        cid = stored = builder.finish()
    else:

        def keep(block_cid: Cid, block: bytes) -> None:
            own.append(block_cid)
            batch.put(block_cid, block)

        builder = FileBuilder(profile, lambda cid, block: None)
        stored = import_chunks(sealer.seal(_tee(reading.chunks(), builder)), profile, keep)
        cid = builder.finish()
    if reading.size == 0 and not submission.allow_empty:
        raise EmptySourceError(f"{opened.name or 'the source'!r} is empty (0 bytes); there is nothing to keep")
    name = submission.file_name if submission.file_name is not None else opened.name
    media_type = submission.media_type or media_type_of(reading.head, name)
    key_id = sealer.key_id if sealer is not None else None
    sha256 = reading.digest.hexdigest()
    return Staged(cid, sha256, reading.size, stored, key_id, media_type, name, builder.tsize, tuple(own))


class _Digest:
    """The SHA-256 of everything, computed beside the hashes of the blocks: hashing large pieces needs no lock."""

    def __init__(self) -> None:
        self._sha256 = hashlib.sha256()
        self._pool: ThreadPoolExecutor | None = None
        self._running: Future[None] | None = None

    def update(self, chunk: bytes) -> None:
        self._wait()
        if len(chunk) < _WORTH_A_THREAD:
            self._sha256.update(chunk)
            return
        if self._pool is None:
            self._pool = ThreadPoolExecutor(1, thread_name_prefix="evidence-digest")
        self._running = self._pool.submit(self._sha256.update, chunk)

    def hexdigest(self) -> str:
        self._wait()
        return self._sha256.hexdigest()

    def _wait(self) -> None:
        if self._running is not None:
            self._running.result()
            self._running = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._pool is not None:
            self._pool.shutdown()


class _Reading:
    """Hashes and counts what passes."""

    def __init__(self, opened: OpenSource, chunk_size: int, progress: Progress | None, digest: _Digest) -> None:
        self.opened = opened
        self._chunk_size = chunk_size
        self._progress = progress
        self.digest = digest
        self.size = 0
        self.head = b""

    def chunks(self) -> Iterator[bytes]:
        for chunk in self.opened.chunks(self._chunk_size):
            if not self.size:
                self.head = chunk[:HEAD_SIZE]
            self.digest.update(chunk)
            self.size += len(chunk)
            yield chunk
            if self._progress is not None:
                self._progress(self.size, self.opened.size)


def _tee(chunks: Iterator[bytes], builder: FileBuilder) -> Iterator[bytes]:
    for chunk in chunks:
        builder.add(chunk)
        yield chunk


def new_submission_id() -> str:
    """Return a UUIDv7: unique, and in the order of time, which keeps the catalog's index in order too."""
    random = int.from_bytes(os.urandom(10), "big")
    stamp = time.time_ns() // 1_000_000
    value = stamp << 80 | 0x7 << 76 | (random >> 68) << 64 | 0b10 << 62 | random & (1 << 62) - 1
    text = f"{value:032x}"
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


def safe_text(value: str) -> str:
    """Return a name as it may be shown on a terminal: one line, nothing that moves the cursor."""
    shown = os.fsencode(value).decode("utf-8", "backslashreplace")
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in shown)
