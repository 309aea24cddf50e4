"""Legal holds and removal: while a hold is in force nothing it covers can be removed, and every attempt is logged."""

from __future__ import annotations

from collections.abc import Iterator
from uuid import uuid4

from sqlalchemy import Connection, insert, or_, select, update

from mediator.evidence import pages, queries
from mediator.evidence.cid import Cid
from mediator.evidence.errors import HoldNotFoundError, InvalidInputError, LegalHoldError
from mediator.evidence.parts import Parts
from mediator.evidence.records import EvidenceRecord, Hold, from_microseconds, to_microseconds
from mediator.evidence.schema import holds

__all__ = ["held_contents", "list_holds", "place", "release", "remove"]


def place(parts: Parts, reason: str, *, cid: Cid | None, submission_id: str | None, complaint: str | None) -> Hold:
    """Put a hold on one content, one submission or everything of one complaint."""
    given = {"content": cid, "submission": submission_id, "complaint": complaint}
    named = {scope: target for scope, target in given.items() if target is not None}
    if len(named) != 1:
        raise InvalidInputError("a hold is on one thing: give a CID, a submission id or a complaint")
    if not reason.strip():
        raise InvalidInputError("a hold needs a reason; it is kept in the custody log")
    ((scope, target),) = named.items()
    with parts.catalog.writing() as (connection, chain):
        if isinstance(target, Cid):
            target = (queries.find_content(connection, target) or queries.get_pin(connection, target)).cid
        elif scope == "submission":
            pages.record_within(connection, target)
        hold = Hold(str(uuid4()), scope, target, reason, parts.actor, parts.clock())
        connection.execute(
            insert(holds),
            {
                "hold_id": hold.hold_id,
                "scope": hold.scope,
                "target": hold.target,
                "reason": hold.reason,
                "placed_by": hold.placed_by,
                "placed_at": to_microseconds(hold.placed_at),
                "released_at": None,
            },
        )
        details = {"hold_id": hold.hold_id, "scope": hold.scope, "target": hold.target, "reason": reason}
        chain.append("held", at=hold.placed_at, actor=parts.actor, details=details)
    return hold


def release(parts: Parts, hold_id: str, reason: str) -> None:
    """End a hold; its row and its events stay."""
    if not reason.strip():
        raise InvalidInputError("a release needs a reason; it is kept in the custody log")
    now = parts.clock()
    with parts.catalog.writing() as (connection, chain):
        done = connection.execute(
            update(holds)
            .where(holds.c.hold_id == hold_id, holds.c.released_at.is_(None))
            .values(released_at=to_microseconds(now))
        )
        if done.rowcount != 1:
            raise HoldNotFoundError(f"no hold {hold_id!r} is in force; `evidence hold --list` shows which are")
        chain.append("released", at=now, actor=parts.actor, details={"hold_id": hold_id, "reason": reason})


def list_holds(parts: Parts) -> tuple[Hold, ...]:
    """Return the holds in force, oldest first."""
    with parts.catalog.reading() as connection:
        return tuple(_in_force(connection))


def _in_force(connection: Connection) -> Iterator[Hold]:
    for row in connection.execute(select(holds).where(holds.c.released_at.is_(None)).order_by(holds.c.placed_at)):
        yield Hold(row.hold_id, row.scope, row.target, row.reason, row.placed_by, from_microseconds(row.placed_at))


def remove(parts: Parts, submission_id: str, reason: str) -> None:
    """Take a submission out of the catalog, unless a hold covers it; gc removes what nothing else needs."""
    if not reason.strip():
        raise InvalidInputError("a removal needs a reason; it is kept in the custody log")
    with parts.catalog.writing() as (connection, chain):
        record = pages.record_within(connection, submission_id)
        hold = _covering(connection, record)
        if hold is None:
            queries.remove_submission(connection, submission_id)
        # The refusal is an event too, so it must be committed before the error is raised.
        chain.append(
            "removed" if hold is None else "removal refused",
            at=parts.clock(),
            submission_id=submission_id,
            cid=record.cid,
            actor=parts.actor,
            details={"reason": reason} | ({} if hold is None else {"hold_id": hold}),
        )
    if hold is not None:
        raise LegalHoldError(f"submission {submission_id} is under legal hold {hold}; the attempt was logged")


def _covering(connection: Connection, record: EvidenceRecord) -> str | None:
    targets = [("content", record.cid), ("submission", record.submission_id), ("complaint", record.complaint)]
    covers = [(holds.c.scope == scope) & (holds.c.target == target) for scope, target in targets if target is not None]
    query = select(holds.c.hold_id).where(holds.c.released_at.is_(None), or_(*covers)).limit(1)
    found = connection.execute(query).scalar_one_or_none()
    return None if found is None else str(found)


def hold_on(connection: Connection, cid: str) -> str | None:
    """Return the hold in force that names a content or a pinned DAG itself."""
    query = select(holds.c.hold_id).where(
        holds.c.released_at.is_(None), holds.c.scope == "content", holds.c.target == cid
    )
    found = connection.execute(query.limit(1)).scalar_one_or_none()
    return None if found is None else str(found)


def held_contents(connection: Connection) -> set[str]:
    """Return the CIDs that a hold names itself; what it covers by submission or complaint has a record."""
    return {hold.target for hold in _in_force(connection) if hold.scope == "content"}
