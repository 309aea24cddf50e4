"""The custody log: every event carries the hash of the one before, so none can be changed,
cut out or slipped in unseen.

It lives in the catalog, so that a record and its event are one transaction: there is never one without the other.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Connection, bindparam, insert, select, update

from mediator.evidence.cid import Cid
from mediator.evidence.records import CustodyEvent, canonical_json, from_microseconds, to_microseconds
from mediator.evidence.schema import custody, custody_head

__all__ = ["GENESIS", "Chain", "Unlogged", "event_from_row", "event_hash", "read_events"]

#: What the first event names as the one before.
GENESIS: Final = "0" * 64

#: What a write transaction does with the log: lock its end first, add events, move the end.
LOCKED_HEAD: Final = select(custody_head.c.seq, custody_head.c.hash).with_for_update()
ADD_EVENT: Final = insert(custody)
SET_HEAD: Final = update(custody_head).values(seq=bindparam("new_seq"), hash=bindparam("new_hash"))


class Chain:
    """Events that continue the log within one write transaction; whoever made it writes them at its end."""

    def __init__(self, seq: int, last: str) -> None:
        self.seq = seq
        self.hash = last
        self._rows: list[dict[str, Any]] = []

    def append(
        self,
        kind: str,
        *,
        at: datetime,
        submission_id: str | None = None,
        cid: str | None = None,
        actor: str | None = None,
        details: Mapping[str, Any] | None = None,
    ) -> None:
        """Add one event."""
        self.seq += 1
        row: dict[str, Any] = {
            "seq": self.seq,
            "at": to_microseconds(at),
            "kind": kind,
            "submission_id": submission_id,
            "cid": cid,
            "actor": actor,
            "details": canonical_json(details if details is not None else {}),
            "previous": self.hash,
        }
        self.hash = row["hash"] = event_hash(row)
        self._rows.append(row)

    def take(self) -> list[dict[str, Any]]:
        """Return the events that were appended and forget them."""
        rows, self._rows = self._rows, []
        return rows


class Unlogged:
    """Takes the events of reading when the catalog is open for reading only: there is nowhere to write them."""

    def append(self, kind: str, **what: Any) -> None:
        """Drop the event."""


def event_hash(row: Mapping[str, Any]) -> str:
    """Return the hash of an event: SHA-256 of the canonical JSON of all its other columns."""
    values = {name: row[name] for name in _HASHED}
    return hashlib.sha256(canonical_json(values).encode("ascii")).hexdigest()


_HASHED: Final = ("seq", "at", "kind", "submission_id", "cid", "actor", "details", "previous")


def read_events(
    connection: Connection, cid: Cid | None = None, submission_id: str | None = None
) -> Iterator[CustodyEvent]:
    """Yield events in order: all, or those of one content or submission."""
    query = select(custody).order_by(custody.c.seq).execution_options(yield_per=1000)
    if cid is not None:
        query = query.where(custody.c.cid.in_(cid.spellings()))
    if submission_id is not None:
        query = query.where(custody.c.submission_id == submission_id)
    for row in connection.execute(query):
        yield event_from_row(row)


def event_from_row(row: Any) -> CustodyEvent:
    """Return a stored event."""
    values = dict(row._mapping)
    values["at"] = from_microseconds(values["at"])
    values["details"] = json.loads(values["details"])
    return CustodyEvent(**values)
