"""The durable queue of what a replica still has to be given.

A row is written in the transaction of the submission and deleted when the replica proved that it has the
content. Whatever dies in between, the row is still there.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol

from sqlalchemy import Connection, bindparam, delete, func, insert, select, update

from mediator.evidence.cid import Cid
from mediator.evidence.committing import Transaction
from mediator.evidence.errors import IntegrityError, NotFoundError, ReplicaError, ReplicaRejectedError, StorageError
from mediator.evidence.parts import Parts
from mediator.evidence.reader import blocks_of
from mediator.evidence.schema import contents, queue
from mediator.evidence.statements import Statement

__all__ = ["Replica", "ReplicationReport", "Replicator", "all_stored", "drain", "enqueue", "waiting"]


_QUEUED: Final = Statement(
    select(queue.c.id).where(queue.c.replica == bindparam("replica"), queue.c.stored_cid == bindparam("stored_cid"))
)
_ENQUEUE: Final = Statement(
    insert(queue).values({name: bindparam(name) for name in ("replica", "stored_cid", "attempts", "last_error")})
)

_FIRST_PAUSE_S: Final = 1.0
_LAST_PAUSE_S: Final = 300.0
_CLOSE_S: Final = 5.0


class Replica(Protocol):
    """A place that keeps a second copy."""

    name: str

    def push(self, root: Cid, blocks: Iterable[tuple[Cid, bytes]]) -> None:
        """Give it a DAG, pinned; return when reading back proved that it is all there."""

    def get(self, cid: Cid) -> bytes:
        """Return a block from it, verified."""

    def close(self) -> None:
        """Close its connections."""


@dataclass(frozen=True, slots=True)
class ReplicationReport:
    """What a replica was given, and what is still to be given."""

    replica: str
    confirmed: int
    waiting: int
    last_error: str | None

    def as_dict(self) -> dict[str, Any]:
        """Return the report as plain JSON values."""
        return {name: getattr(self, name) for name in self.__slots__}


def enqueue(transaction: Transaction, replicas: Iterable[str], stored_cids: Iterable[str]) -> None:
    """Note, in the transaction of a submission, what each replica has to be given."""
    cids = sorted(set(stored_cids))
    for replica in replicas:
        for cid in cids:
            wanted = {"replica": replica, "stored_cid": cid}
            if transaction.first(_QUEUED, wanted) is None:
                transaction.run(_ENQUEUE, wanted | {"attempts": 0, "last_error": None})


def waiting(connection: Connection, replica: str) -> int:
    """Return how many contents a replica still has to be given."""
    return connection.execute(select(func.count()).where(queue.c.replica == replica)).scalar_one()


def drain(
    parts: Parts,
    replica: Replica,
    *,
    stop: Callable[[], bool] = lambda: False,
    on_confirmed: Callable[[str], None] | None = None,
) -> ReplicationReport:
    """Give a replica what waits for it, oldest first, until nothing does or the replica fails."""
    confirmed, last, error = 0, 0, None
    while not stop():
        with parts.catalog.reading() as connection:
            row = connection.execute(
                select(queue.c.id, queue.c.stored_cid)
                .where(queue.c.replica == replica.name, queue.c.id > last)
                .order_by(queue.c.id)
                .limit(1)
            ).first()
        if row is None:
            break
        last = row.id
        try:
            root = Cid.parse(row.stored_cid)
            replica.push(root, blocks_of(parts.blocks.get, root))
        except (ReplicaError, IntegrityError, NotFoundError) as failure:
            error = str(failure)
            _note_failure(parts, row.id, error)
            if isinstance(failure, ReplicaError) and not isinstance(failure, ReplicaRejectedError):
                break  # it is away: the rest would fail the same way
            continue  # this one is refused or damaged here; the others may pass
        _note_confirmed(parts, replica.name, row.id, row.stored_cid)
        confirmed += 1
        if on_confirmed is not None:
            on_confirmed(row.stored_cid)
    with parts.catalog.reading() as connection:
        return ReplicationReport(replica.name, confirmed, waiting(connection, replica.name), error)


def _note_failure(parts: Parts, row_id: int, message: str) -> None:
    with parts.catalog.writing() as (connection, _):
        values = {"attempts": queue.c.attempts + 1, "last_error": message}
        connection.execute(update(queue).where(queue.c.id == row_id).values(values))


def _note_confirmed(parts: Parts, replica: str, row_id: int, stored_cid: str) -> None:
    with parts.catalog.writing() as (connection, chain):
        done = connection.execute(delete(queue).where(queue.c.id == row_id))
        if done.rowcount:  # another process may have confirmed it meanwhile
            details = {"replica": replica, "stored_cid": stored_cid}
            chain.append("replicated", at=parts.clock(), actor=parts.actor, details=details)


def all_stored(connection: Connection) -> Sequence[str]:
    """Return every stored CID, for a replica that joins later."""
    return connection.execute(select(contents.c.stored_cid).order_by(contents.c.id)).scalars().all()


class Replicator:
    """A thread that gives the replicas what waits for them: at once when told, later when they were away."""

    def __init__(self, parts: Parts, replicas: Sequence[Replica]) -> None:
        self._parts = parts
        self._replicas = replicas
        self._wake = threading.Event()
        self._ended = threading.Event()
        self._idle = threading.Event()
        self._thread = threading.Thread(target=self._run, name="evidence-replication", daemon=True)
        self._thread.start()

    def wake(self) -> None:
        """Something was submitted."""
        self._idle.clear()
        self._wake.set()

    def wait_idle(self, timeout: float) -> bool:
        """Wait until nothing waits for a replica; whether that came about in time."""
        return self._idle.wait(timeout)

    def close(self) -> None:
        """Stop after the content that is being sent, if that is soon; the queue keeps the rest."""
        self._ended.set()
        self._wake.set()
        self._thread.join(_CLOSE_S)

    def _run(self) -> None:
        pause = _FIRST_PAUSE_S
        while not self._ended.is_set():
            self._wake.clear()
            try:
                reports = [drain(self._parts, replica, stop=self._ended.is_set) for replica in self._replicas]
            except StorageError:
                left = True  # the catalog is busy or the disk is full: the queue is still there
            else:
                left = any(report.waiting for report in reports)
            pause = min(pause * 2, _LAST_PAUSE_S) if left else _FIRST_PAUSE_S
            if not left and not self._wake.is_set():
                self._idle.set()
            # While a replica is away a new submission does not hurry it; when nothing waits, one wakes us.
            (self._ended if left else self._wake).wait(pause if left else None)
