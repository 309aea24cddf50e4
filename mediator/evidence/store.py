"""The evidence store: submit bytes, get them back by CID, and prove what happened to them in between.

``submit`` returns when blocks, record and custody event are on disk. A process that is killed before that
leaves nothing that anyone sees; one that is killed after it has lost nothing.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from copy import copy
from dataclasses import replace
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

from mediator.evidence import locks, opening, pinning, submitting
from mediator.evidence.cid import Cid
from mediator.evidence.committing import Transaction
from mediator.evidence.errors import SourceError, StorageReadOnlyError, StoreClosedError
from mediator.evidence.filesystem import FileSystem
from mediator.evidence.intake import Progress, Submission
from mediator.evidence.keys import KeySource
from mediator.evidence.reading import Reading
from mediator.evidence.records import EvidenceRecord
from mediator.evidence.replication import Replica, Replicator
from mediator.evidence.sources import Source
from mediator.evidence.submitting import OnError, OnStaged
from mediator.evidence.tree import Folder, OnSkip, submissions_below
from mediator.evidence.unixfs import profile_named
from mediator.evidence.upkeep import Upkeep

__all__ = ["EvidenceStore"]

# One bulk commit: what must be submitted again when the machine dies in the middle of one.
_BULK_FILES: Final = 512


def _now() -> datetime:
    return datetime.now(UTC)


class EvidenceStore(Reading, Upkeep):
    """Evidence in a directory. Use it as a context manager, from any number of threads and processes.

    ``key_source`` is ``env:NAME``, ``keyring``, ``passphrase`` or a function; once there is one, contents are
    encrypted. ``replicas=("local", "kubo")`` gives a node a second copy, in the background and as soon as it
    is there. ``actor`` is who the custody log says did it. Without ``read_only`` a store that cannot be
    written is opened for reading; what is read from it then leaves no event.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        profile: str = "unixfs-v1-2025",
        catalog_url: str | None = None,
        replicas: Sequence[str | Replica] = ("local",),
        kubo_address: str | None = None,
        key_source: str | KeySource | None = None,
        privacy: str | None = None,
        actor: str | None = None,
        read_only: bool | None = None,
        in_background: bool = True,
        env: Mapping[str, str] | None = None,
        fs: FileSystem | None = None,
        clock: Callable[[], datetime] = _now,
    ) -> None:
        self.path = Path(path)
        self.profile = profile_named(profile)
        self.privacy = opening.checked_privacy(privacy, replicas)
        self.read_only = opening.is_read_only(self.path) if read_only is None else read_only
        self._closed = False
        self._original = self
        self._kubo_address = kubo_address
        self._env = os.environ if env is None else env
        self._replicas = opening.open_replicas(replicas, kubo_address, self._env)
        try:
            self._parts = opening.open_parts(
                self.path,
                catalog_url=catalog_url,
                keys=key_source,
                env=self._env,
                actor=actor,
                read_only=self.read_only,
                fs=fs if fs is not None else FileSystem(),
                clock=clock,
                replicas=tuple(replica.name for replica in self._replicas),
            )
        except BaseException:
            for replica in self._replicas:
                replica.close()
            raise
        busy = bool(self._replicas) and in_background and not self.read_only
        self._replicator = Replicator(self._parts, self._replicas) if busy else None

    # -- submitting

    def submit(
        self,
        source: Source,
        *,
        type: str,
        owner: str | None = None,
        complaint: str | None = None,
        claim_type: str | None = None,
        element: str | None = None,
        description: str | None = None,
        file_name: str | None = None,
        media_type: str | None = None,
        metadata: Mapping[str, Any] | None = None,
        allow_empty: bool = False,
        progress: Progress | None = None,
    ) -> EvidenceRecord:
        """Store one content and record the submission; both are on disk when this returns.

        ``source`` is bytes, the path of a file (text is a path, never content) or a binary stream.
        """
        item = Submission(
            source,
            type,
            owner=owner,
            complaint=complaint,
            claim_type=claim_type,
            element=element,
            description=description,
            file_name=file_name,
            media_type=media_type,
            metadata=metadata,
            allow_empty=allow_empty,
        )
        (record,) = self._commit([item], None, progress)
        return record

    def submit_many(
        self,
        submissions: Iterable[Submission],
        *,
        on_error: OnError | None = None,
        on_staged: OnStaged | None = None,
        progress: Progress | None = None,
    ) -> Iterator[EvidenceRecord]:
        """Submit in bulk: yield records, in order, as each group of a few hundred is on disk.

        A source that cannot be read raises, and its group is not recorded; or, with ``on_error``, it is left out.
        """
        items = iter(submissions)
        while group := list(islice(items, _BULK_FILES)):
            yield from self._commit(group, on_error, progress, on_staged)

    def submit_directory(
        self, directory: str | os.PathLike[str], like: Submission, *, on_skip: OnSkip, progress: Progress | None = None
    ) -> tuple[Cid, list[EvidenceRecord]]:
        """Submit every file below a directory, described ``like`` that; return the directory's CID and the records.

        Links are never followed. ``on_skip`` is told of everything that is left out. The CID is the one that
        `ipfs add -r` gives the directory of what was recorded. It is pinned: `restore` writes it out again, with
        everything in it, until `unpin` lets it go.
        """
        path = os.fspath(directory)
        folder = Folder(self.profile, path)
        items = submissions_below(path, like, on_skip, folder.note_directory)

        def left_out(item: Submission, error: SourceError) -> None:
            on_skip(str(item.source), error)

        records = list(self.submit_many(items, on_error=left_out, on_staged=folder.note, progress=progress))
        name = os.fsencode(os.path.basename(os.path.abspath(path))).decode("utf-8", "backslashreplace")
        cid = self._keep_folder(folder, name, len(records))
        return cid, records

    def _keep_folder(self, folder: Folder, name: str, files: int) -> Cid:
        """Store and pin the nodes of a directory, so that it can be fetched as one."""
        parts = self._parts
        root, nodes = folder.build()
        with locks.shared(parts.lock_path):
            with parts.blocks.batch() as batch:
                sealed = pinning.keep_blocks(parts.keys, nodes, batch)

            def record(transaction: Transaction) -> None:
                pinning.pin(transaction, parts, pinning.Pin(root, name, sealed, folder.contents))
                details = {"name": name, "files": files}
                transaction.chain.append(
                    "directory submitted", at=parts.clock(), cid=str(root), actor=parts.actor, details=details
                )

            parts.catalog.commit(record)
        return root

    def _commit(
        self,
        items: Sequence[Submission],
        on_error: OnError | None,
        progress: Progress | None,
        on_staged: OnStaged | None = None,
    ) -> list[EvidenceRecord]:
        self._check_writable()
        records = submitting.commit(
            self._parts, self.profile, items, on_error=on_error, on_staged=on_staged, progress=progress
        )
        if self._replicator is not None:
            self._replicator.wake()
        return records

    # -- life

    def acting_as(self, actor: str) -> Self:
        """Return the same store for another person: what is done through it is theirs in the custody log.

        It is open as long as this one is, and closing it does nothing.
        """
        self._check_open()
        other = copy(self)
        other._parts = replace(self._parts, actor=actor)
        other._original = self._original
        return other

    def close(self) -> None:
        """Release files and connections; what was acknowledged is on disk already."""
        if self._closed or self._original is not self:
            return
        self._closed = True
        if self._replicator is not None:
            self._replicator.close()
        for replica in self._replicas:
            replica.close()
        if not self.read_only:
            with locks.shared(self._parts.lock_path):
                self._parts.drafts.settle_if_possible()
        self._parts.blocks.close()
        self._parts.catalog.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _note(self, kind: str, **what: Any) -> None:
        parts = self._parts
        if not self.read_only:
            parts.catalog.commit(lambda tx: tx.chain.append(kind, at=parts.clock(), actor=parts.actor, **what))

    def _check_open(self) -> None:
        if self._original._closed:
            raise StoreClosedError("the evidence store is closed; open it again")

    def _check_writable(self) -> None:
        self._check_open()
        if self.read_only:
            raise StorageReadOnlyError(f"{str(self.path)!r} is open for reading only")
