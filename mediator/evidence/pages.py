"""Which submissions match what is asked: one statement a kind of question, written and compiled once.

A look-up by CID runs on the driver in a fraction of a millisecond; building it with SQLAlchemy took ten times that.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from functools import lru_cache
from itertools import islice
from typing import Any, Final

from sqlalchemy import Connection, bindparam, select
from sqlalchemy.sql.elements import ColumnElement

from mediator.evidence.catalog import Catalog
from mediator.evidence.cid import Cid
from mediator.evidence.errors import InvalidInputError, SubmissionNotFoundError
from mediator.evidence.queries import spelled
from mediator.evidence.records import (
    Any_,
    EvidenceRecord,
    Page,
    from_microseconds,
    frozen_metadata,
    to_microseconds,
)
from mediator.evidence.schema import contents, submissions
from mediator.evidence.statements import Statement

__all__ = ["find_page", "find_record", "page_of_all", "record_within"]

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
_FILE_NAME, _METADATA, _SUBMITTED_AT = (
    _FIELDS.index(column) for column in (submissions.c.file_name, submissions.c.metadata, submissions.c.submitted_at)
)
_RECORDS: Final = select(submissions.c.seq, *_FIELDS).join_from(
    submissions, contents, submissions.c.content_id == contents.c.id
)
_ONE: Final = Statement(_RECORDS.where(submissions.c.submission_id == bindparam("wanted")))
_EQUAL: Final = {
    column.name: column
    for column in (
        contents.c.sha256,
        contents.c.stored_cid,
        submissions.c.type,
        submissions.c.media_type,
        submissions.c.file_name,
        submissions.c.owner,
        submissions.c.complaint,
        submissions.c.claim_type,
        submissions.c.element,
    )
}
#: What can be asked, by the name of its value; "no owner" needs none.
_CONDITIONS: Final[dict[str, ColumnElement[bool]]] = {
    "cid": contents.c.cid.in_([bindparam("cid_a"), bindparam("cid_b")]),
    "text": submissions.c.description.like(bindparam("text"), escape="/"),
    "since": submissions.c.submitted_at >= bindparam("since"),
    "until": submissions.c.submitted_at < bindparam("until"),
    "after": submissions.c.seq > bindparam("after"),
    **{name: column == bindparam(name) for name, column in _EQUAL.items()},
    **{f"no {name}": column.is_(None) for name, column in _EQUAL.items()},
}
_LIKE: Final = str.maketrans({"/": "//", "%": "/%", "_": "/_"})
_MAX_PAGE: Final = 10_000
_TOGETHER: Final = 500


def find_page(
    catalog: Catalog,
    *,
    cid: Cid | None = None,
    equal: Mapping[str, str | Any_ | None],
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
    asked = _equalities(equal)
    if cid is not None:
        asked["cid"] = None
    if text is not None:
        asked["text"] = f"%{text.translate(_LIKE)}%"
    if since is not None:
        asked["since"] = to_microseconds(since)
    if until is not None:
        asked["until"] = to_microseconds(until)
    if after is not None:
        asked["after"] = _place(after)
    values = asked if cid is None else asked | spelled(cid)
    if metadata is None:
        return _page(catalog.all(_statement((*asked, "limit")), {**values, "limit": limit + 1}), limit)
    with catalog.reading() as connection:
        streamed = _statement(tuple(asked)).core.execution_options(yield_per=_TOGETHER)
        return _page(list(islice(_having(connection.execute(streamed, values), metadata), limit + 1)), limit)


def page_of_all(connection: Connection, limit: int, after: str | None) -> Page:
    """Return a page of everything, within a caller's transaction."""
    asked = {} if after is None else {"after": _place(after)}
    statement = _statement((*asked, "limit"))
    return _page(connection.execute(statement.core, {**asked, "limit": limit + 1}).all(), limit)


def find_record(catalog: Catalog, submission_id: str) -> EvidenceRecord:
    """Return one submission; SubmissionNotFoundError."""
    return _known(catalog.first(_ONE, {"wanted": submission_id}), submission_id)


def record_within(connection: Connection, submission_id: str) -> EvidenceRecord:
    """Return one submission, within a caller's transaction; SubmissionNotFoundError."""
    return _known(connection.execute(_ONE.core, {"wanted": submission_id}).first(), submission_id)


@lru_cache(maxsize=512)
def _statement(asked: tuple[str, ...]) -> Statement:
    query = _RECORDS.where(*(_CONDITIONS[name] for name in asked if name != "limit")).order_by(submissions.c.seq)
    return Statement(query.limit(bindparam("limit")) if "limit" in asked else query)


def _equalities(equal: Mapping[str, str | Any_ | None]) -> dict[str, Any]:
    asked: dict[str, Any] = {}
    for name, value in equal.items():
        if value is None:
            asked[f"no {name}"] = None
        elif not isinstance(value, Any_):
            asked[name] = os.fsencode(value) if name == "file_name" else value
    return asked


def _place(after: str) -> int:
    if not after.isascii() or not after.isdigit() or len(after) > 18:
        raise InvalidInputError(f"{after!r} is no place to continue from; use the `next` of a page")
    return int(after)


def _page(rows: Sequence[Sequence[Any]], limit: int) -> Page:
    return Page(tuple(map(_record, rows[:limit])), str(rows[limit - 1][0]) if len(rows) > limit else None)


def _having(rows: Iterable[Sequence[Any]], wanted: Mapping[str, Any]) -> Iterable[Sequence[Any]]:
    """Filter here: the two databases do not agree on JSON, and metadata is the caller's own shape."""
    for row in rows:
        recorded = frozen_metadata(row[1 + _METADATA])
        if all(key in recorded and recorded[key] == value for key, value in wanted.items()):
            yield row


def _known(row: Sequence[Any] | None, submission_id: str) -> EvidenceRecord:
    if row is None:
        raise SubmissionNotFoundError(f"there is no submission {submission_id!r}; `evidence list` shows what there is")
    return _record(row)


def _record(row: Sequence[Any]) -> EvidenceRecord:
    """Return the record in a row of ``_RECORDS``, whose columns stand in the order of the record's fields."""
    values = list(row[1:])
    if values[_FILE_NAME] is not None:
        values[_FILE_NAME] = os.fsdecode(values[_FILE_NAME])
    values[_METADATA] = frozen_metadata(values[_METADATA])
    values[_SUBMITTED_AT] = from_microseconds(values[_SUBMITTED_AT])
    return EvidenceRecord(*values)
