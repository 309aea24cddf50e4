"""What is asked of the catalog and written to it, in one place; every function works inside a caller's transaction."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any, Final

from sqlalchemy import Connection, bindparam, delete, insert, select, update

from mediator.evidence.cid import Cid
from mediator.evidence.committing import Transaction
from mediator.evidence.errors import ContentNotFoundError
from mediator.evidence.records import (
    EvidenceRecord,
    canonical_json,
    to_microseconds,
)
from mediator.evidence.schema import contents, pins, submissions
from mediator.evidence.statements import Statement

__all__ = [
    "CONTENT_BY_CID",
    "Content",
    "add_contents",
    "add_submissions",
    "find_content",
    "iter_contents",
    "stored_content",
    "stored_contents",
]

#: A content by the one or two texts that its CID has.
CONTENT_BY_CID: Final = Statement(select(contents).where(contents.c.cid.in_([bindparam("cid_a"), bindparam("cid_b")])))
_NEW_CONTENT: Final = ("cid", "sha256", "size", "profile", "stored_cid", "key_id")
_ADD_CONTENT: Final = Statement(insert(contents).inline().values({name: bindparam(name) for name in _NEW_CONTENT}))
_ASKED_TOGETHER: Final = 64
_CONTENTS_BY_CIDS: Final = Statement(
    select(contents).where(contents.c.cid.in_([bindparam(f"cid_{number}") for number in range(_ASKED_TOGETHER)]))
)
_REPLACE_STORAGE: Final = Statement(
    update(contents)
    .where(contents.c.id == bindparam("wanted"))
    .values(stored_cid=bindparam("new_cid"), key_id=bindparam("new_key"))
)
_ADD_SUBMISSION: Final = Statement(
    insert(submissions)
    .inline()
    .values(
        {column.name: bindparam(column.name) for column in submissions.c if column.name not in ("seq", "content_id")}
        | {"content_id": select(contents.c.id).where(contents.c.cid == bindparam("content_cid")).scalar_subquery()}
    )
)


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


def stored_contents(transaction: Transaction, cids: Iterable[Cid]) -> dict[Cid, Content]:
    """Return those of the contents that are stored, within a write transaction."""
    texts = [text for cid in cids for text in cid.spellings()]
    found = {}
    for first in range(0, len(texts), _ASKED_TOGETHER):
        asked = texts[first : first + _ASKED_TOGETHER]
        asked += asked[-1:] * (_ASKED_TOGETHER - len(asked))
        for row in transaction.all(_CONTENTS_BY_CIDS, {f"cid_{number}": text for number, text in enumerate(asked)}):
            found[Cid.parse(row[1])] = Content(*row)
    return found


def add_contents(transaction: Transaction, fresh: Iterable[Content]) -> None:
    """Record contents that are not there."""
    transaction.run_many(_ADD_CONTENT, [{name: getattr(one, name) for name in _NEW_CONTENT} for one in fresh])


def replace_storage(transaction: Transaction, content: Content, stored_cid: str, key_id: str | None) -> Content:
    """Let a content be stored as other blocks from now on."""
    transaction.run(_REPLACE_STORAGE, {"wanted": content.id, "new_cid": stored_cid, "new_key": key_id})
    return replace(content, stored_cid=stored_cid, key_id=key_id)


def add_submissions(transaction: Transaction, records: Iterable[EvidenceRecord]) -> None:
    """Record submissions of contents that are recorded."""
    transaction.run_many(_ADD_SUBMISSION, [_submission_values(record) for record in records])


def _submission_values(record: EvidenceRecord) -> dict[str, Any]:
    return {
        "submission_id": record.submission_id,
        "content_cid": record.cid,
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


def iter_contents(connection: Connection) -> Iterator[Content]:
    """Yield every content."""
    for row in connection.execute(select(contents).order_by(contents.c.id).execution_options(yield_per=1000)):
        yield Content(**row._mapping)
