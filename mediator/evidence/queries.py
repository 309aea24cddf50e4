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

__all__ = ["Content", "add_contents", "add_submissions", "find_content", "find_page", "find_record", "iter_contents"]

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
_CONTENT: Final = select(contents).where(contents.c.cid.in_(bindparam("wanted", expanding=True)))
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


def find_content(connection: Connection, cid: Cid) -> Content | None:
    """Return the content with this CID, in whichever version it was recorded."""
    row = connection.execute(_CONTENT, {"wanted": list(cid.spellings())}).first()
    return Content(**row._mapping) if row else None


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


def add_contents(connection: Connection, fresh: Mapping[Cid, Content]) -> dict[Cid, Content]:
    """Record the contents that are not there; return the rows that count. Their ``id`` is not used."""
    present = _present(connection, list(fresh))
    missing = [content for cid, content in fresh.items() if cid not in present]
    if missing:
        columns = [name for name in Content.__slots__ if name != "id"]
        connection.execute(insert(contents), [{name: getattr(row, name) for name in columns} for row in missing])
        present |= _present(connection, [Cid.parse(content.cid) for content in missing])
    return present


def _present(connection: Connection, cids: Sequence[Cid]) -> dict[Cid, Content]:
    texts = [text for cid in cids for text in cid.spellings()]
    rows = connection.execute(_CONTENT, {"wanted": texts})
    return {Cid.parse(row.cid): Content(**row._mapping) for row in rows}


def replace_storage(connection: Connection, content: Content, stored_cid: str, key_id: str | None) -> Content:
    """Let a content be stored as other blocks from now on."""
    values = {"stored_cid": stored_cid, "key_id": key_id}
    connection.execute(update(contents).where(contents.c.id == content.id).values(values))
    return replace(content, stored_cid=stored_cid, key_id=key_id)


def add_submissions(connection: Connection, rows: Sequence[tuple[int, EvidenceRecord]]) -> None:
    """Record submissions, each with the number of its content."""
    if rows:
        connection.execute(insert(submissions), [_submission_values(number, record) for number, record in rows])


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
