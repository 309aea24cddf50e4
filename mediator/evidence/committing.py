"""Group commit: threads that want to write at the same moment share one transaction and one wait for the disk."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any, Generic, TypeVar

from sqlalchemy import Dialect

from mediator.evidence.custody import ADD_EVENT, LOCKED_HEAD, SET_HEAD, Chain
from mediator.evidence.errors import StorageError
from mediator.evidence.statements import Statement

__all__ = ["GroupCommit", "Transaction", "Work"]

_T = TypeVar("_T")

_HEAD = Statement(LOCKED_HEAD)
_ADD_EVENT = Statement(ADD_EVENT)
_SET_HEAD = Statement(SET_HEAD)


class Transaction:
    """One write transaction on the driver, with the end of the custody log; ``finish`` writes its events."""

    def __init__(self, cursor: Any, dialect: Dialect) -> None:
        self._cursor = cursor
        self._dialect = dialect
        head = self.first(_HEAD, {})
        if head is None:
            raise ValueError("the custody log has no head")
        self.chain = Chain(*head)

    def run(self, statement: Statement, values: Mapping[str, Any]) -> None:
        """Run a statement that returns nothing."""
        self._cursor.execute(*statement.on(self._dialect, values))

    def run_many(self, statement: Statement, rows: Sequence[Mapping[str, Any]]) -> None:
        """Run a statement that returns nothing once a row."""
        if len(rows) == 1:
            self.run(statement, rows[0])
        elif rows:
            self._cursor.executemany(*statement.many_on(self._dialect, rows))

    def first(self, statement: Statement, values: Mapping[str, Any]) -> tuple[Any, ...] | None:
        """Run a statement and return its first row."""
        self.run(statement, values)
        row: tuple[Any, ...] | None = self._cursor.fetchone()
        return row

    def all(self, statement: Statement, values: Mapping[str, Any]) -> list[tuple[Any, ...]]:
        """Run a statement and return its rows."""
        self.run(statement, values)
        rows: list[tuple[Any, ...]] = self._cursor.fetchall()
        return rows

    def finish(self) -> None:
        """Write the custody events."""
        events = self.chain.take()
        self.run_many(_ADD_EVENT, events)
        if events:
            self.run(_SET_HEAD, {"new_seq": self.chain.seq, "new_hash": self.chain.hash})


#: Reads and writes within a transaction. It may be run a second time, after the first was rolled back.
Work = Callable[[Transaction], _T]


class _Job(Generic[_T]):
    def __init__(self, work: Work[_T]) -> None:
        self.work = work
        self.done = False
        self._value: _T
        self._error: BaseException | None = None

    def run(self, transaction: Transaction) -> None:
        self._value = self.work(transaction)

    def end(self, error: BaseException | None = None) -> None:
        self._error = error
        self.done = True

    def result(self) -> _T:
        if self._error is not None:
            raise self._error
        return self._value


class GroupCommit:
    """Runs work in transactions, one after the other; what arrives during one is in the next, together."""

    def __init__(self, transact: Callable[[], AbstractContextManager[Transaction]]) -> None:
        self._transact = transact
        self._waiting: list[_Job[Any]] = []
        self._guard = threading.Lock()
        #: Held by whoever writes, here or elsewhere in this process: waiting for it beats polling the database.
        self.turn = threading.Lock()

    def run(self, work: Work[_T]) -> _T:
        """Do the work and return when it is durable. Its failure is its own, not that of others in the group."""
        job = _Job(work)
        with self._guard:
            self._waiting.append(job)
        with self.turn:
            if not job.done:
                with self._guard:
                    jobs, self._waiting = self._waiting, []
                self._commit(jobs, job)
        return job.result()

    def _commit(self, jobs: list[_Job[Any]], own: _Job[Any]) -> None:
        try:
            self._together(jobs)
        except Exception as error:
            if len(jobs) == 1:
                jobs[0].end(error)
            else:  # one of them is the cause, and only that one shall fail
                for job in jobs:
                    self._commit([job], own)
        except BaseException as error:  # this thread is interrupted; the others are told, not interrupted too
            for job in jobs:
                job.end(error if job is own else StorageError("the commit was interrupted; submit again"))
        else:
            for job in jobs:
                job.end()

    def _together(self, jobs: list[_Job[Any]]) -> None:
        with self._transact() as transaction:
            for job in jobs:
                job.run(transaction)
