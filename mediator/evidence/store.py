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

from mediator.evidence import holds, locks, queries
from mediator.evidence.audit import VerifyReport, block_faults, verify
from mediator.evidence.blockstores.local import LocalBlockstore
from mediator.evidence.catalog import Catalog
from mediator.evidence.cid import Cid
from mediator.evidence.custody import Chain, read_events
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
from mediator.evidence.keys import KeyRing, KeySource
from mediator.evidence.keys import key_source as named_key_source
from mediator.evidence.parts import Parts
from mediator.evidence.records import ANY, Any_, CustodyEvent, EvidenceRecord, Hold, Page, frozen_metadata
from mediator.evidence.sources import Source, open_source
from mediator.evidence.sweep import GcReport, collect
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
        key_source: str | KeySource | None = None,
        actor: str | None = None,
        read_only: bool | None = None,
        fs: FileSystem | None = None,
        clock: Callable[[], datetime] = _now,
    ) -> None:
        self.path = Path(path)
        self.profile = profile_named(profile)
        self.read_only = _is_read_only(self.path) if read_only is None else read_only
        self._closed = False
        self._parts = _open_parts(
            self.path,
            catalog_url=catalog_url,
            keys=named_key_source(key_source, self.path) if isinstance(key_source, str) else key_source,
            actor=actor,
            read_only=self.read_only,
            fs=fs if fs is not None else FileSystem(),
            clock=clock,
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
        parts = self._parts
        sealer = None if parts.keys is None else parts.keys.sealer()
        staged: list[tuple[Submission, Staged]] = []
        with locks.shared(parts.lock_path):
            with parts.blocks.batch() as batch:
                for item in items:
                    try:
                        with open_source(item.source, follow=item.follow_links) as opened:
                            content = ingest(item, opened, batch, self.profile, sealer, progress)
                    except SourceError as error:
                        if on_error is None:
                            raise
                        on_error(item, error)
                        continue
                    staged.append((item, content))
            with parts.catalog.writing() as (connection, chain):
                records = [self._record(connection, chain, item, content) for item, content in staged]
            for record, (_, content) in zip(records, staged, strict=True):
                self._drop_duplicate(record, content)
        return records

    def _record(self, connection: Any, chain: Chain, item: Submission, staged: Staged) -> EvidenceRecord:
        content = queries.add_content(
            connection,
            queries.Content(
                0, str(staged.cid), staged.sha256, staged.size, self.profile.name, str(staged.stored_cid), staged.key_id
            ),
        )
        if content.stored_cid != str(staged.stored_cid) and not self._is_whole(content):
            content = queries.replace_storage(connection, content, str(staged.stored_cid), staged.key_id)
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
            submitted_at=self._parts.clock(),
        )
        queries.add_submission(connection, content.id, record)
        chain.append(
            "submitted",
            at=record.submitted_at,
            submission_id=record.submission_id,
            cid=record.cid,
            actor=self._parts.actor,
            details={"record_sha256": record.digest()},
        )
        return record

    def _is_whole(self, content: queries.Content) -> bool:
        """Whether what an earlier submission stored can still be read; if not, the new copy takes its place."""
        return next(block_faults(self._parts.blocks.get, Cid.parse(content.stored_cid)), None) is None

    def _drop_duplicate(self, record: EvidenceRecord, staged: Staged) -> None:
        """Remove the encrypted copy of a content that is stored already: its blocks are nobody else's."""
        if record.stored_cid != str(staged.stored_cid):
            for cid in staged.own_blocks:
                self._parts.blocks.delete(cid)

    # -- reading

    def open(self, cid: Cid | str | bytes) -> BinaryIO:
        """Return a seekable stream over a content; every block is verified as it is read."""
        self._check_open()
        wanted = Cid.parse(cid)
        with self._parts.catalog.reading() as connection:
            content = queries.get_content(connection, wanted)
        stream = self._parts.open_content(content)
        self._note("read", cid=content.cid)
        return stream

    def read(self, cid: Cid | str | bytes) -> bytes:
        """Return a whole content."""
        with self.open(cid) as stream:
            return stream.read()

    def record(self, submission_id: str) -> EvidenceRecord:
        """Return one submission; SubmissionNotFoundError."""
        self._check_open()
        with self._parts.catalog.reading() as connection:
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
        with self._parts.catalog.reading() as connection:
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

    # -- custody

    def events(
        self, *, cid: Cid | str | bytes | None = None, submission_id: str | None = None
    ) -> Iterator[CustodyEvent]:
        """Yield the custody log in order: all of it, or what tells of one content or submission."""
        self._check_open()
        with self._parts.catalog.reading() as connection:
            yield from read_events(connection, None if cid is None else Cid.parse(cid), submission_id)

    def verify(self, progress: Progress | None = None) -> VerifyReport:
        """Recompute every block, record and event; faults are in the report, and the check is an event."""
        self._check_open()
        report = verify(self._parts, progress)
        self._note("verified", details={"faults": len(report.faults), "head": report.head})
        return report

    def hold(
        self,
        reason: str,
        *,
        cid: Cid | str | bytes | None = None,
        submission_id: str | None = None,
        complaint: str | None = None,
    ) -> Hold:
        """Put a legal hold on a content, a submission or a complaint."""
        self._check_writable()
        wanted = None if cid is None else Cid.parse(cid)
        return holds.place(self._parts, reason, cid=wanted, submission_id=submission_id, complaint=complaint)

    def release(self, hold_id: str, reason: str) -> None:
        """End a legal hold."""
        self._check_writable()
        holds.release(self._parts, hold_id, reason)

    def holds(self) -> tuple[Hold, ...]:
        """Return the legal holds in force."""
        self._check_open()
        return holds.list_holds(self._parts)

    def remove(self, submission_id: str, reason: str) -> None:
        """Take a submission out of the catalog; LegalHoldError while a hold covers it."""
        self._check_writable()
        holds.remove(self._parts, submission_id, reason)

    def gc(self, dry_run: bool = True) -> GcReport:
        """Remove what no record, pin or hold needs; without ``dry_run=False`` only say what that would be."""
        self._check_writable()
        return collect(self._parts, dry_run=dry_run)

    # -- life

    def close(self) -> None:
        """Release files and connections; what was acknowledged is on disk already."""
        if not self._closed:
            self._closed = True
            self._parts.blocks.close()
            self._parts.catalog.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _note(self, kind: str, **what: Any) -> None:
        if not self.read_only:
            with self._parts.catalog.writing() as (_, chain):
                chain.append(kind, at=self._parts.clock(), actor=self._parts.actor, **what)

    def _check_open(self) -> None:
        if self._closed:
            raise StoreClosedError("the evidence store is closed; open it again")

    def _check_writable(self) -> None:
        self._check_open()
        if self.read_only:
            raise StorageReadOnlyError(f"{str(self.path)!r} is open for reading only")


def _open_parts(
    path: Path,
    *,
    catalog_url: str | None,
    keys: KeySource | None,
    actor: str | None,
    read_only: bool,
    fs: FileSystem,
    clock: Callable[[], datetime],
) -> Parts:
    if read_only:
        blocks = LocalBlockstore.open(path / "blocks", fs=fs)
    else:
        _make_private(path)
        blocks = LocalBlockstore.create(path / "blocks", fs=fs)
    ring = KeyRing.load(path / "keys.json", keys, fs)
    if ring is None and keys is not None and not read_only:
        ring = KeyRing.create(path / "keys.json", keys, fs)
    if catalog_url is not None:
        catalog = Catalog(catalog_url, read_only=read_only)
    else:
        catalog = Catalog.in_file(path / "catalog.sqlite3", read_only=read_only)
    return Parts(path, catalog, blocks, str(path / "lock"), ring, actor, clock)


def _is_read_only(path: Path) -> bool:
    return (path / "blocks" / "SHARDING").exists() and not os.access(path, os.W_OK)


def _make_private(path: Path) -> None:
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
    except FileExistsError as error:
        raise StoreFormatError(f"{str(path)!r} is a file; an evidence store is a directory") from error
    except OSError as error:
        raise storage_error(error, "create the store", path) from error
