"""The evidence store: submit bytes, get them back by CID, and prove what happened to them in between.

``submit`` returns when blocks, record and custody event are on disk. A process that is killed before that
leaves nothing that anyone sees; one that is killed after it has lost nothing.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, Final, Self

from mediator.evidence import locks, queries
from mediator.evidence.blockstores.local import LocalBlockstore
from mediator.evidence.catalog import Catalog
from mediator.evidence.cid import Cid
from mediator.evidence.custody import Chain
from mediator.evidence.errors import (
    SourceError,
    StorageReadOnlyError,
    StoreClosedError,
    StoreFormatError,
    storage_error,
)
from mediator.evidence.filesystem import FileSystem
from mediator.evidence.intake import (
    Progress,
    Staged,
    Submission,
    checked,
    ingest,
    metadata_text,
    new_submission_id,
)
from mediator.evidence.reader import open_dag
from mediator.evidence.records import ANY, Any_, EvidenceRecord, Page, frozen_metadata
from mediator.evidence.sources import Source, open_source
from mediator.evidence.unixfs import profile_named

__all__ = ["EvidenceStore"]

# One bulk commit: what is lost from view, and must be submitted again, when the machine dies in the middle.
_BULK_FILES: Final = 512


def _now() -> datetime:
    return datetime.now(UTC)


class EvidenceStore:
    """Evidence in a directory. Use it as a context manager, from any number of threads and processes."""

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        profile: str = "unixfs-v1-2025",
        catalog_url: str | None = None,
        actor: str | None = None,
        read_only: bool | None = None,
        fs: FileSystem | None = None,
        clock: Callable[[], datetime] = _now,
    ) -> None:
        self.path = Path(path)
        self.profile = profile_named(profile)
        self.actor = actor
        self.read_only = _is_read_only(self.path) if read_only is None else read_only
        self._clock = clock
        self._lock_path = str(self.path / "lock")
        self._closed = False
        blocks = self.path / "blocks"
        if self.read_only:
            self._blocks = LocalBlockstore.open(blocks, fs=fs)
        else:
            _make_private(self.path)
            self._blocks = LocalBlockstore.create(blocks, fs=fs)
        file = self.path / "catalog.sqlite3"
        self._catalog = (
            Catalog(catalog_url, read_only=self.read_only)
            if catalog_url is not None
            else Catalog.in_file(file, read_only=self.read_only)
        )

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
        metadata: dict[str, Any] | None = None,
        allow_empty: bool = False,
        progress: Progress | None = None,
    ) -> EvidenceRecord:
        """Store one content and record the submission; both are on disk when this returns."""
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
        on_error: Callable[[Submission, SourceError], None] | None = None,
        progress: Progress | None = None,
    ) -> Iterator[EvidenceRecord]:
        """Submit in bulk: yield records, in order, as each group of a few hundred is on disk.

        A source that cannot be read raises, or is given to ``on_error`` and left out.
        """
        group: list[Submission] = []
        for item in submissions:
            group.append(item)
            if len(group) == _BULK_FILES:
                yield from self._commit(group, on_error, progress)
                group = []
        if group:
            yield from self._commit(group, on_error, progress)

    def _commit(
        self,
        items: Sequence[Submission],
        on_error: Callable[[Submission, SourceError], None] | None,
        progress: Progress | None,
    ) -> list[EvidenceRecord]:
        self._check_writable()
        for item in items:
            checked(item)
        staged: list[tuple[Submission, Staged]] = []
        with locks.shared(self._lock_path):
            with self._blocks.batch() as batch:
                for item in items:
                    try:
                        with open_source(item.source, follow=item.follow_links) as opened:
                            content = ingest(item, opened, batch, self.profile, None, progress)
                    except SourceError as error:
                        if on_error is None:
                            raise
                        on_error(item, error)
                        continue
                    staged.append((item, content))
            with self._catalog.writing() as (connection, chain):
                return [self._record(connection, chain, item, content) for item, content in staged]

    def _record(self, connection: Any, chain: Chain, item: Submission, staged: Staged) -> EvidenceRecord:
        content = queries.add_content(
            connection,
            queries.Content(
                0, str(staged.cid), staged.sha256, staged.size, self.profile.name, str(staged.stored_cid), staged.key_id
            ),
        )
        record = EvidenceRecord(
            submission_id=new_submission_id(),
            cid=content.cid,
            sha256=content.sha256,
            size=content.size,
            stored_cid=content.stored_cid,
            type=item.type,
            media_type=staged.media_type,
            file_name=staged.file_name,
            owner=item.owner,
            complaint=item.complaint,
            claim_type=item.claim_type,
            element=item.element,
            description=item.description,
            metadata=frozen_metadata(metadata_text(item)),
            submitted_at=self._clock(),
        )
        queries.add_submission(connection, content.id, record)
        chain.append(
            "submitted",
            at=record.submitted_at,
            submission_id=record.submission_id,
            cid=record.cid,
            actor=self.actor,
            details={"record_sha256": record.digest()},
        )
        return record

    # -- reading

    def open(self, cid: Cid | str | bytes) -> BinaryIO:
        """Return a seekable stream over a content; every block is verified as it is read."""
        self._check_open()
        wanted = Cid.parse(cid)
        with self._catalog.reading() as connection:
            content = queries.get_content(connection, wanted)
        stream = open_dag(self._blocks.get, Cid.parse(content.stored_cid))
        self._note("read", cid=content.cid)
        return stream

    def read(self, cid: Cid | str | bytes) -> bytes:
        """Return a whole content."""
        with self.open(cid) as stream:
            return stream.read()

    def record(self, submission_id: str) -> EvidenceRecord:
        """Return one submission; SubmissionNotFoundError."""
        self._check_open()
        with self._catalog.reading() as connection:
            return queries.find_record(connection, submission_id)

    def records(
        self,
        *,
        cid: Cid | str | bytes | None = None,
        owner: str | Any_ | None = ANY,
        complaint: str | Any_ | None = ANY,
        claim_type: str | Any_ | None = ANY,
        element: str | Any_ | None = ANY,
        type: str | Any_ = ANY,
        media_type: str | Any_ = ANY,
        file_name: str | Any_ | None = ANY,
        sha256: str | Any_ = ANY,
        stored_cid: str | Any_ = ANY,
        text: str | None = None,
        metadata: dict[str, Any] | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
        limit: int = 100,
        after: str | None = None,
    ) -> Page:
        """Return submissions that match everything given, oldest first.

        ``owner=None`` asks for what belongs to nobody in particular; leaving it out asks for all.
        ``text`` is searched for in descriptions; ``metadata`` must be contained in what was recorded.
        """
        self._check_open()
        equal = {
            "owner": owner,
            "complaint": complaint,
            "claim_type": claim_type,
            "element": element,
            "type": type,
            "media_type": media_type,
            "file_name": file_name,
            "sha256": sha256,
            "stored_cid": stored_cid,
        }
        with self._catalog.reading() as connection:
            return queries.find_page(
                connection,
                cid=None if cid is None else Cid.parse(cid),
                equal=equal,
                text=text,
                metadata=metadata,
                since=since,
                until=until,
                limit=limit,
                after=after,
            )

    # -- life

    def close(self) -> None:
        """Release files and connections; what was acknowledged is on disk already."""
        if not self._closed:
            self._closed = True
            self._blocks.close()
            self._catalog.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _note(self, kind: str, **what: Any) -> None:
        if not self.read_only:
            with self._catalog.writing() as (_, chain):
                chain.append(kind, at=self._clock(), actor=self.actor, **what)

    def _check_open(self) -> None:
        if self._closed:
            raise StoreClosedError("the evidence store is closed; open it again")

    def _check_writable(self) -> None:
        self._check_open()
        if self.read_only:
            raise StorageReadOnlyError(f"{str(self.path)!r} is open for reading only")


def _is_read_only(path: Path) -> bool:
    return (path / "blocks" / "SHARDING").exists() and not os.access(path, os.W_OK)


def _make_private(path: Path) -> None:
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
    except FileExistsError as error:
        raise StoreFormatError(f"{str(path)!r} is a file; an evidence store is a directory") from error
    except OSError as error:
        raise storage_error(error, "create the store", path) from error
