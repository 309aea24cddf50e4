"""Verification: recompute every block, every record and the whole custody chain, and name each fault."""

from __future__ import annotations

import functools
import hashlib
import json
from collections.abc import Container, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from sqlalchemy import Connection, create_engine, select, text

from mediator.evidence import locks, pages, queries
from mediator.evidence.cid import RAW, Cid
from mediator.evidence.custody import GENESIS, event_hash
from mediator.evidence.dagpb import decode_node
from mediator.evidence.errors import CatalogCorruptError, EvidenceError, IntegrityError, KeyRequiredError, NotFoundError
from mediator.evidence.intake import Progress
from mediator.evidence.migrate import upgrade
from mediator.evidence.parts import Parts
from mediator.evidence.pinning import contents_of, fetch_pinned, stored_roots
from mediator.evidence.queries import Content
from mediator.evidence.reader import Fetch
from mediator.evidence.schema import custody, custody_head, submissions
from mediator.evidence.unixfs import FileBuilder, profile_named

__all__ = ["Fault", "VerifyReport", "block_faults", "verify"]


_SCHEMA: Final = text("SELECT type, name, tbl_name, sql FROM sqlite_master ORDER BY type, name")


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that is wrong: of what kind, with what, and in words."""

    kind: str
    subject: str
    message: str


@dataclass(frozen=True, slots=True)
class VerifyReport:
    """What was looked at and what was wrong with it.

    ``head`` is the hash of the last custody event: kept elsewhere, it proves later that nothing before was changed.
    ``unopened`` contents are encrypted and were checked without their key: their blocks only.
    """

    faults: tuple[Fault, ...]
    submissions: int
    contents: int
    unopened: int
    blocks: int
    bytes: int
    events: int
    head: str

    @property
    def ok(self) -> bool:
        """Whether nothing is wrong."""
        return not self.faults

    def as_dict(self) -> dict[str, Any]:
        """Return the report as plain JSON values."""
        faults = [{"kind": f.kind, "subject": f.subject, "message": f.message} for f in self.faults]
        return {name: getattr(self, name) for name in self.__slots__} | {"faults": faults, "ok": self.ok}


class _Audit:
    def __init__(self, parts: Parts, progress: Progress | None) -> None:
        self.parts = parts
        self.progress = progress
        self.faults: list[Fault] = []
        self.seen: set[bytes] = set()
        self.events = self.submissions = self.contents = self.unopened = self.bytes = 0
        self.head = GENESIS

    def fault(self, kind: str, subject: object, message: object) -> None:
        fault = Fault(kind, str(subject), str(message))
        if fault not in self.faults:
            self.faults.append(fault)

    def fetch(self, cid: Cid) -> bytes:
        """Every block that is read counts as looked at, good or bad."""
        fresh = cid.multihash not in self.seen
        self.seen.add(cid.multihash)
        data = self.parts.blocks.get(cid)
        if fresh:
            self.bytes += len(data)
            if self.progress is not None:
                self.progress(self.bytes, None)
        return data


def verify(parts: Parts, progress: Progress | None = None) -> VerifyReport:
    """Check everything. Faults are collected, not raised; gc waits until this is done."""
    audit = _Audit(_unlocked(parts), progress)
    with locks.shared(parts.lock_path):
        contents = _check_catalog(audit)
        for content in contents:
            _check_content(audit, content)
        _check_other_blocks(audit)
    return VerifyReport(
        tuple(audit.faults),
        audit.submissions,
        audit.contents,
        audit.unopened,
        len(audit.seen),
        audit.bytes,
        audit.events,
        audit.head,
    )


def _unlocked(parts: Parts) -> Parts:
    """Ask for the key once. Without one blocks are checked, not what is in them; a wrong one is an error."""
    if parts.keys is None:
        return parts
    try:
        parts.keys.unlock()
    except KeyRequiredError:
        return replace(parts, keys=None)
    return parts


def _check_catalog(audit: _Audit) -> list[Content]:
    """Check chain and records in one view of the catalog; return what should be stored."""
    contents: list[Content] = []
    try:
        with audit.parts.catalog.reading() as connection:
            _check_pages(audit, connection, audit.parts.catalog.dialect)
            _check_chain(audit, connection)
            _check_records(audit, connection)
            contents.extend(queries.iter_contents(connection))
            held = [(root, stored, contents_of(connection, root)) for root, stored in stored_roots(connection)]
        for pinned in held:
            _check_pin(audit, *pinned)
        for cid in audit.parts.drafts.damaged():
            audit.fault("catalog", f"draft of block {cid}", "the catalog's copy of a block that waits is damaged")
    except (CatalogCorruptError, ValueError, TypeError, KeyError, OverflowError) as error:
        # A damaged page gives values of any type in any column; whatever cannot be read is the fault.
        audit.fault("catalog", "catalog", f"the catalog cannot be read to its end: {error}")
    return contents


def _check_pages(audit: _Audit, connection: Connection, dialect: str) -> None:
    if dialect != "sqlite":
        return
    for (message,) in connection.execute(text("PRAGMA integrity_check(100)")):
        if message != "ok":
            audit.fault("catalog", "pages", message)
    if connection.execute(_SCHEMA).all() != _expected_schema():
        audit.fault("catalog", "schema", "the tables or indexes are not those that this version makes")
    for row in connection.execute(text("PRAGMA foreign_key_check")):
        audit.fault("catalog", f"{row[0]} row {row[1]}", f"it names a row of {row[2]} that is not there")


@functools.cache
def _expected_schema() -> Sequence[Any]:
    engine = create_engine("sqlite://")
    try:
        upgrade(engine)
        with engine.connect() as connection:
            return connection.execute(_SCHEMA).all()
    finally:
        engine.dispose()


def _check_chain(audit: _Audit, connection: Connection) -> None:
    number, previous = 0, GENESIS
    for row in connection.execute(select(custody).order_by(custody.c.seq).execution_options(yield_per=1000)):
        event = dict(row._mapping)
        if event["seq"] != number + 1:
            audit.fault("custody", f"event {number + 1}", f"it is missing: event {event['seq']} follows event {number}")
        if event["previous"] != previous:
            audit.fault("custody", f"event {event['seq']}", "it does not continue the event before it")
        if event["hash"] != event_hash(event):
            audit.fault("custody", f"event {event['seq']}", "its content was changed: it has another hash")
        number, previous = event["seq"], event["hash"]
        audit.events += 1
    audit.head = str(previous)
    head = connection.execute(select(custody_head.c.seq, custody_head.c.hash)).all()
    if [(row.seq, row.hash) for row in head] != [(number, previous)]:
        audit.fault("custody", "head", "the log does not end where the catalog says; events were cut off or added")


def _check_records(audit: _Audit, connection: Connection) -> None:
    """Compare each record with its event, in both directions, a page at a time."""
    after = None
    while True:
        page = pages.page_of_all(connection, 1000, after)
        expected = _recorded_digests(connection, [record.submission_id for record in page])
        for record in page:
            audit.submissions += 1
            if record.submission_id not in expected:
                audit.fault("record", record.submission_id, "no custody event tells of this submission")
            elif expected[record.submission_id] != record.digest():
                audit.fault("record", record.submission_id, "it was changed after it was submitted")
        after = page.next
        if after is None:
            break
    for submission_id in _lost_records(connection):
        audit.fault("record", submission_id, "the custody log tells of this submission, and the record is gone")


def _recorded_digests(connection: Connection, ids: list[str]) -> dict[str, object]:
    query = select(custody.c.submission_id, custody.c.details).where(
        custody.c.kind == "submitted", custody.c.submission_id.in_(ids)
    )
    return {row.submission_id: json.loads(row.details).get("record_sha256") for row in connection.execute(query)}


def _lost_records(connection: Connection) -> Iterator[str]:
    removed = select(custody.c.submission_id).where(custody.c.kind == "removed")
    query = (
        select(custody.c.submission_id)
        .outerjoin(submissions, submissions.c.submission_id == custody.c.submission_id)
        .where(custody.c.kind == "submitted", submissions.c.seq.is_(None))
        .where(custody.c.submission_id.not_in(removed))
    )
    yield from connection.execute(query).scalars()


def _check_pin(audit: _Audit, root: str, stored: Sequence[str], files: Container[Cid]) -> None:
    """Check what is stored and, where the keys are at hand, that it is the DAG; its files are contents."""
    for needed in stored:
        for fault in block_faults(audit.fetch, Cid.parse(needed), files):
            audit.fault(*fault)
    if stored != [root] and audit.parts.keys is not None:
        for fault in block_faults(fetch_pinned(audit.parts, audit.fetch), Cid.parse(root), files):
            audit.fault(*fault)


def _check_content(audit: _Audit, content: Content) -> None:
    audit.contents += 1
    try:
        stored = Cid.parse(content.stored_cid)
        if not audit.parts.can_open(content):
            audit.unopened += 1
            for fault in block_faults(audit.fetch, stored):
                audit.fault(*fault)
            return
        _compare(audit, content)
    except (IntegrityError, NotFoundError) as error:
        found = list(block_faults(audit.fetch, stored))
        for fault in found:
            audit.fault(*fault)
        audit.fault("content", content.cid, error)
    except EvidenceError as error:
        audit.fault("content", content.cid, error)


def _compare(audit: _Audit, content: Content) -> None:
    sha256, size = hashlib.sha256(), 0
    profile = profile_named(content.profile)
    builder = FileBuilder(profile, lambda cid, block: None)
    with audit.parts.open_content(content, audit.fetch) as stream:
        while chunk := stream.read(profile.chunk_size):
            sha256.update(chunk)
            size += len(chunk)
            builder.add(chunk)
    if (size, sha256.hexdigest()) != (content.size, content.sha256):
        audit.fault("content", content.cid, "the stored bytes are not the bytes that were submitted")
    if builder.finish() != Cid.parse(content.cid):
        audit.fault("content", content.cid, "the stored bytes have another CID")


def block_faults(fetch: Fetch, root: Cid, skip: Container[Cid] = ()) -> Iterator[tuple[str, str, str]]:
    """Yield (kind, CID, message) for every block below ``root`` that is missing or damaged and not to ``skip``."""
    seen: set[bytes] = set()
    stack = [root]
    while stack:
        cid = stack.pop()
        if cid.multihash in seen or cid in skip:
            continue
        seen.add(cid.multihash)
        try:
            block = fetch(cid)
            if cid.codec != RAW:
                stack.extend(link.cid for link in reversed(decode_node(block).links))
        except EvidenceError as error:
            yield "block", str(cid), str(error)


def _check_other_blocks(audit: _Audit) -> None:
    """Blocks that no record needs are checked too: a damaged disk shows anywhere."""
    blocks = audit.parts.blocks
    for path in blocks.foreign_files():
        audit.fault("file", path, "it lies among the blocks and is none; move it away")
    for multihash in blocks.multihashes():
        if multihash in audit.seen:
            continue
        cid = Cid(1, RAW, multihash)
        try:
            Cid.parse(bytes(cid))
            audit.fetch(cid)
        except EvidenceError as error:
            audit.fault("block", cid, error)
