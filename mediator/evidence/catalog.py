"""The catalog: who submitted what, when and for which claim. SQLite by default, PostgreSQL by URL.

Every write is one transaction together with its custody events, durable when the ``with`` block ends.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from typing import Any, Final, TypeVar

from sqlalchemy import Connection, Engine, create_engine, event, inspect, text
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import DBAPIError, NoSuchModuleError, SQLAlchemyError

from mediator.evidence import schema
from mediator.evidence.committing import GroupCommit, Transaction, Work
from mediator.evidence.custody import ADD_EVENT, LOCKED_HEAD, SET_HEAD, Chain, Unlogged
from mediator.evidence.errors import (
    CatalogCorruptError,
    EvidenceError,
    StorageError,
    StorageFullError,
    StorageReadOnlyError,
    StoreBusyError,
    StoreFormatError,
)
from mediator.evidence.statements import Statement

__all__ = ["Catalog"]

_T = TypeVar("_T")

_BUSY_TIMEOUT_S: Final = 60
_PRAGMAS: Final = (
    "PRAGMA foreign_keys = ON",
    "PRAGMA synchronous = FULL",
    "PRAGMA cache_size = -32768",
    "PRAGMA trusted_schema = OFF",
    # Removed evidence leaves nothing in unused pages.
    "PRAGMA secure_delete = ON",
)
# SQLite's primary result codes.
_SQLITE_ERRORS: Final[dict[int, tuple[type[EvidenceError], str]]] = {
    5: (StoreBusyError, "another process has held the catalog for too long; try again"),
    6: (StoreBusyError, "another process has held the catalog for too long; try again"),
    8: (StorageReadOnlyError, "the catalog cannot be written; check the permissions of the store"),
    11: (CatalogCorruptError, "the catalog is damaged; restore it from a copy and run repair"),
    13: (StorageFullError, "no space is left for the catalog; free some and submit again"),
    14: (StorageReadOnlyError, "the catalog cannot be opened; check the permissions of the store"),
    26: (CatalogCorruptError, "the catalog file is no database; restore it from a copy"),
}


class Catalog:
    """An engine with transactions; the queries live in ``queries``."""

    def __init__(self, url: str | URL, *, read_only: bool = False) -> None:
        self.url = _with_driver(url)
        self.read_only = read_only
        try:
            self._engine = _engine(self.url, read_only)
        except (NoSuchModuleError, ImportError) as error:
            raise StoreFormatError(
                f"no driver for {self.url.drivername}; use sqlite:// or postgresql:// (pip install 'psycopg[binary]')"
            ) from error
        self._group = GroupCommit(self._transaction)
        try:
            with self._translated():
                self._check_schema()
        except BaseException:
            self._engine.dispose()
            raise

    @classmethod
    def in_file(cls, path: str | os.PathLike[str], *, read_only: bool = False) -> Catalog:
        """Open or make a SQLite catalog."""
        return cls(URL.create("sqlite", database=os.fspath(path)), read_only=read_only)

    @property
    def dialect(self) -> str:
        """``sqlite`` or ``postgresql``."""
        return self._engine.dialect.name

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """One consistent view of the catalog."""
        with self._translated(), self._engine.connect() as connection, connection.begin():
            yield connection

    def first(self, statement: Statement, values: Mapping[str, Any]) -> tuple[Any, ...] | None:
        """Return the first row of one statement."""
        with self._executed(statement, values) as cursor:
            row: tuple[Any, ...] | None = cursor.fetchone()
            return row

    def all(self, statement: Statement, values: Mapping[str, Any]) -> list[tuple[Any, ...]]:
        """Return the rows of one statement."""
        with self._executed(statement, values) as cursor:
            rows: list[tuple[Any, ...]] = cursor.fetchall()
            return rows

    @contextmanager
    def _executed(self, statement: Statement, values: Mapping[str, Any]) -> Iterator[Any]:
        with self._translated(), closing(self._engine.raw_connection()) as connection:
            cursor = connection.cursor()
            cursor.execute(*statement.on(self._engine.dialect, values))
            yield cursor

    @contextmanager
    def writing(self) -> Iterator[tuple[Connection, Chain]]:
        """One transaction; its custody events are written with it. One writer at a time."""
        self._check_writable()
        # Who waits for their turn holds no connection: many that wait would leave none for the one whose turn it is.
        with self._group.turn, self._translated(), self._writing_connection() as connection, connection.begin():
            chain = Chain(*connection.execute(LOCKED_HEAD).one())
            yield connection, chain
            events = chain.take()
            if events:
                connection.execute(ADD_EVENT, events)
                connection.execute(SET_HEAD, {"new_seq": chain.seq, "new_hash": chain.hash})

    def _writing_connection(self) -> Connection:
        return self._engine.connect().execution_options(evidence_writes=True)

    def commit(self, work: Work[_T]) -> _T:
        """Do a small piece of writing; it is durable when this returns. Threads that come together share the wait."""
        self._check_writable()
        return self._group.run(work)

    @contextmanager
    def _transaction(self) -> Iterator[Transaction]:
        with self._translated(), closing(self._engine.raw_connection()) as connection:
            cursor = connection.cursor()
            try:
                if self.dialect == "sqlite":
                    cursor.execute("BEGIN IMMEDIATE")
                transaction = Transaction(cursor, self._engine.dialect)
                yield transaction
                transaction.finish()
                connection.commit()
            except BaseException:
                connection.rollback()
                raise

    @contextmanager
    def noting(self) -> Iterator[Chain | Unlogged]:
        """Append events about reading; they are dropped when this catalog is open for reading only."""
        if self.read_only:
            yield Unlogged()
        else:
            with self.writing() as (_, chain):
                yield chain

    def close(self) -> None:
        """Close every connection."""
        self._engine.dispose()

    def _check_writable(self) -> None:
        if self.read_only:
            raise StorageReadOnlyError("the store is open for reading only")

    @contextmanager
    def _translated(self) -> Iterator[None]:
        driver = self._engine.dialect.loaded_dbapi.Error
        try:
            yield
        except DBAPIError as error:
            raise _typed(error.orig) from error
        except driver as error:
            raise _typed(error) from error

    def _check_schema(self) -> None:
        with self._engine.connect() as connection:
            revision = _revision(connection)
        if revision == schema.REVISION:
            return
        if self.read_only:
            raise StoreFormatError(f"the catalog has schema {revision}, and this version reads {schema.REVISION}")
        from mediator.evidence.migrate import upgrade  # alembic takes 0.2 s; needed once a catalog

        upgrade(self._engine)


def _revision(connection: Connection) -> str | None:
    if not inspect(connection).has_table("alembic_version"):
        return None
    return connection.execute(text("SELECT version_num FROM alembic_version")).scalar_one_or_none()


def _with_driver(url: str | URL) -> URL:
    try:
        parsed = make_url(url)
    except SQLAlchemyError as error:
        raise StoreFormatError("the catalog URL cannot be read; write sqlite:///FILE or postgresql://…") from error
    return parsed.set(drivername="postgresql+psycopg") if parsed.drivername in ("postgresql", "postgres") else parsed


def _engine(url: URL, read_only: bool) -> Engine:
    if url.get_backend_name() != "sqlite":
        return create_engine(url, pool_pre_ping=True, isolation_level="READ COMMITTED")
    if read_only and url.database:
        # `immutable` where nobody can write: WAL mode would want to make files beside the catalog.
        fixed = "" if os.access(os.path.dirname(url.database) or ".", os.W_OK) else "&immutable=1"
        url = url.set(database=f"file:{_uri_path(url.database)}", query={}).update_query_string(
            f"uri=true&mode=ro{fixed}"
        )
    engine = create_engine(url, connect_args={"timeout": _BUSY_TIMEOUT_S, "isolation_level": None})

    @event.listens_for(engine, "connect")
    def configure(connection: Any, _: object) -> None:
        for pragma in _PRAGMAS:
            connection.execute(pragma)
        if not read_only:
            connection.execute("PRAGMA journal_mode = WAL")

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        # A transaction that will write takes the lock at once: upgrading later fails instead of waiting.
        writes = connection.get_execution_options().get("evidence_writes", False)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")

    return engine


def _uri_path(path: str) -> str:
    from urllib.parse import quote

    return quote(os.path.abspath(path))


def _typed(error: BaseException | None) -> EvidenceError:
    """Return the member of the family that names what a driver said."""
    code = getattr(error, "sqlite_errorcode", None)
    if code is not None:
        kind, advice = _SQLITE_ERRORS.get(code & 0xFF, (StorageError, "the disk refused; check it"))
        return kind(f"{advice} (SQLite: {error})")
    state = getattr(error, "sqlstate", None)
    reason = " ".join(str(error).split())
    if state == "53100":
        return StorageFullError(f"no space is left for the catalog: {reason}")
    if state == "25006":
        return StorageReadOnlyError(f"the catalog is read-only: {reason}")
    if state in ("55P03", "40001", "40P01"):
        return StoreBusyError(f"the catalog is busy; try again: {reason}")
    if state and state.startswith("XX"):
        return CatalogCorruptError(f"the catalog is damaged: {reason}")
    return StorageError(f"the catalog database failed: {reason}")
