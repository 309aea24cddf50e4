"""What is asked of the catalog and written to it, in one place; every function works inside a caller's transaction."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Connection, Row, Select, bindparam, delete, func, insert, select, update
from sqlalchemy.sql.elements import ColumnElement

from mediator.evidence.cid import Cid
from mediator.evidence.committing import Transaction
from mediator.evidence.errors import ContentNotFoundError, InvalidInputError, SubmissionNotFoundError
from mediator.evidence.records import (
    Any_,
    EvidenceRecord,
    Page,
    canonical_json,
    from_microseconds,
    frozen_metadata,
    to_microseconds,
)
from mediator.evidence.schema import contents, pins, submissions
from mediator.evidence.statements import Statement

__all__ = [
    "CONTENT_BY_CID",
    "Content",
    "add_content",
    "add_submission",
    "find_content",
    "find_page",
    "find_record",
    "iter_contents",
    "stored_content",
]

_FIELDS: Final = (
    submissions.c.submission_id,
    contents.c.cid,
    contents.c.sha256,
    contents.c.size,
    contents.c.stored_cid,
    submissions.c.type,
    submissions.c.media_type,
    submissions.c.file_name,
    submissions.c.owner,
    submissions.c.complaint,
    submissions.c.claim_type,
    submissions.c.element,
    submissions.c.description,
    submissions.c.metadata,
    submissions.c.submitted_at,
)
_RECORDS: Final = select(submissions.c.seq, *_FIELDS).join_from(
    submissions, contents, submissions.c.content_id == contents.c.id
)
_ONE_RECORD: Final = _RECORDS.where(submissions.c.submission_id == bindparam("wanted"))
#: A content by the one or two texts that its CID has.
CONTENT_BY_CID: Final = Statement(select(contents).where(contents.c.cid.in_([bindparam("cid_a"), bindparam("cid_b")])))
_NEW_CONTENT: Final = ("cid", "sha256", "size", "profile", "stored_cid", "key_id")
_ADD_CONTENT: Final = Statement(
    insert(contents).values({name: bindparam(name) for name in _NEW_CONTENT}).returning(contents.c.id)
)
_REPLACE_STORAGE: Final = Statement(
    update(contents)
    .where(contents.c.id == bindparam("wanted"))
    .values(stored_cid=bindparam("new_cid"), key_id=bindparam("new_key"))
)
_ADD_SUBMISSION: Final = Statement(
    insert(submissions).values(
        {column.name: bindparam(column.name) for column in submissions.c if column.name != "seq"}
    )
)
_MAX_PAGE: Final = 10_000


@dataclass(frozen=True, slots=True)
class Content:
    """How one content is stored. ``key_id`` is None when it is not encrypted."""

    id: int
    cid: str
    sha256: str
    size: int
    profile: str
    stored_cid: str
    key_id: str | None

    @property
    def is_pin(self) -> bool:
        """Whether this stands for a pinned root, which has no row among the contents."""
        return self.id == 0


def find_content(connection: Connection, cid: Cid) -> Content | None:
    """Return the content with this CID, in whichever version it was recorded."""
    row = connection.execute(CONTENT_BY_CID.core, spelled(cid)).first()
    return Content(**row._mapping) if row else None


def spelled(cid: Cid) -> dict[str, str]:
    """Return the parameters of ``CONTENT_BY_CID``."""
    texts = cid.spellings()
    return {"cid_a": texts[0], "cid_b": texts[-1]}


def get_content(connection: Connection, cid: Cid) -> Content:
    """Return the content with this CID; ContentNotFoundError."""
    content = find_content(connection, cid)
    if content is None:
        raise unknown_content(cid)
    return content


def unknown_content(cid: Cid) -> ContentNotFoundError:
    """Return the error that says that a CID is not here."""
    return ContentNotFoundError(f"no evidence with CID {cid} was submitted here; `evidence list` shows what is")


def find_pin(connection: Connection, cid: Cid) -> Content | None:
    """Return a pinned root as the content that it is, stored under its own CID."""
    row = connection.execute(select(pins.c.stored_cid).where(pins.c.stored_cid.in_(cid.spellings()))).first()
    return None if row is None else Content(0, row.stored_cid, "", 0, "", row.stored_cid, None)


def get_pin(connection: Connection, cid: Cid) -> Content:
    """Return a pinned root; ContentNotFoundError."""
    content = find_pin(connection, cid)
    if content is None:
        raise unknown_content(cid)
    return content


def stored_content(transaction: Transaction, cid: Cid) -> Content | None:
    """Return the content with this CID, within a write transaction."""
    row = transaction.first(CONTENT_BY_CID, spelled(cid))
    return None if row is None else Content(*row)


def add_content(transaction: Transaction, fresh: Content) -> Content:
    """Record a content that is not there; return it with its number."""
    values = {name: getattr(fresh, name) for name in Content.__slots__ if name != "id"}
    row = transaction.first(_ADD_CONTENT, values)
    if row is None:
        raise AssertionError("an insert that returns its number returned none")
    return replace(fresh, id=row[0])


def replace_storage(transaction: Transaction, content: Content, stored_cid: str, key_id: str | None) -> Content:
    """Let a content be stored as other blocks from now on."""
    transaction.run(_REPLACE_STORAGE, {"wanted": content.id, "new_cid": stored_cid, "new_key": key_id})
    return replace(content, stored_cid=stored_cid, key_id=key_id)


def add_submission(transaction: Transaction, content_id: int, record: EvidenceRecord) -> None:
    """Record a submission of a content."""
    transaction.run(_ADD_SUBMISSION, _submission_values(content_id, record))


def _submission_values(content_id: int, record: EvidenceRecord) -> dict[str, Any]:
    return {
        "submission_id": record.submission_id,
        "content_id": content_id,
        "type": record.type,
        "media_type": record.media_type,
        "file_name": None if record.file_name is None else os.fsencode(record.file_name),
        "owner": record.owner,
        "complaint": record.complaint,
        "claim_type": record.claim_type,
        "element": record.element,
        "description": record.description,
        "metadata": canonical_json(dict(record.metadata)),
        "submitted_at": to_microseconds(record.submitted_at),
    }


def remove_submission(connection: Connection, submission_id: str) -> None:
    """Take a submission out of the catalog."""
    connection.execute(delete(submissions).where(submissions.c.submission_id == submission_id))


def find_record(connection: Connection, submission_id: str) -> EvidenceRecord:
    """Return one submission; SubmissionNotFoundError."""
    row = connection.execute(_ONE_RECORD, {"wanted": submission_id}).first()
    if row is None:
        raise SubmissionNotFoundError(f"there is no submission {submission_id!r}; `evidence list` shows what there is")
    return record_from_row(row)


def find_page(
    connection: Connection,
    *,
    cid: Cid | None = None,
    equal: dict[str, str | Any_ | None],
    text: str | None = None,
    metadata: Mapping[str, Any] | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
    limit: int,
    after: str | None,
) -> Page:
    """Return the submissions that match all of what is asked, in the order they were recorded."""
    if not 1 <= limit <= _MAX_PAGE:
        raise InvalidInputError(f"limit is {limit}; it must be from 1 to {_MAX_PAGE}")
    query = _RECORDS.where(*_conditions(cid, equal, text, since, until))
    if metadata is None:
        rows = connection.execute(_from(query, after).limit(limit + 1)).all()
    else:
        rows = _with_metadata(connection, query, metadata, limit + 1, after)
    records = tuple(record_from_row(row) for row in rows[:limit])
    return Page(records, str(rows[limit - 1].seq) if len(rows) > limit else None)


def _from(query: Select[Any], after: str | None) -> Select[Any]:
    if after is not None:
        if not after.isascii() or not after.isdigit() or len(after) > 18:
            raise InvalidInputError(f"{after!r} is no place to continue from; use the `next` of a page")
        query = query.where(submissions.c.seq > int(after))
    return query.order_by(submissions.c.seq)


def _conditions(
    cid: Cid | None,
    equal: dict[str, str | Any_ | None],
    text: str | None,
    since: datetime | None,
    until: datetime | None,
) -> Iterator[ColumnElement[bool]]:
    if cid is not None:
        yield contents.c.cid.in_(cid.spellings())
    for name, value in equal.items():
        if isinstance(value, Any_):
            continue
        column = contents.c[name] if name in ("sha256", "stored_cid") else submissions.c[name]
        if value is None:
            yield column.is_(None)
        else:
            yield column == (os.fsencode(value) if name == "file_name" else value)
    if text is not None:
        yield submissions.c.description.contains(text, autoescape=True)
    if since is not None:
        yield submissions.c.submitted_at >= to_microseconds(since)
    if until is not None:
        yield submissions.c.submitted_at < to_microseconds(until)


def _with_metadata(
    connection: Connection, query: Select[Any], wanted: Mapping[str, Any], limit: int, after: str | None
) -> list[Row[Any]]:
    """Filter here: the two databases do not agree on JSON, and metadata is the caller's own shape."""
    found: list[Row[Any]] = []
    for row in connection.execute(_from(query, after).execution_options(yield_per=500)):
        recorded = frozen_metadata(row.metadata)
        if all(key in recorded and recorded[key] == value for key, value in wanted.items()):
            found.append(row)
            if len(found) == limit:
                break
    return found


def record_from_row(row: Any) -> EvidenceRecord:
    """Return the record in a row of the joined tables (typed by column in SQLAlchemy, too wide to write)."""
    values = {name: row._mapping[name] for name in EvidenceRecord.__slots__}
    name = values["file_name"]
    return EvidenceRecord(
        **values
        | {
            "file_name": None if name is None else os.fsdecode(name),
            "metadata": frozen_metadata(values["metadata"]),
            "submitted_at": from_microseconds(values["submitted_at"]),
        }
    )


def iter_contents(connection: Connection) -> Iterator[Content]:
    """Yield every content."""
    for row in connection.execute(select(contents).order_by(contents.c.id).execution_options(yield_per=1000)):
        yield Content(**row._mapping)


def iter_records(connection: Connection, *conditions: ColumnElement[bool]) -> Iterator[EvidenceRecord]:
    """Yield every submission in order."""
    query = _RECORDS.where(*conditions).order_by(submissions.c.seq).execution_options(yield_per=1000)
    for row in connection.execute(query):
        yield record_from_row(row)


def count(connection: Connection, *conditions: ColumnElement[bool]) -> int:
    """Return how many submissions there are."""
    return connection.execute(select(func.count()).select_from(submissions).where(*conditions)).scalar_one()


def submissions_of(connection: Connection, content_ids: Sequence[int]) -> int:
    """Return how many submissions name one of these contents."""
    return count(connection, submissions.c.content_id.in_(content_ids))
