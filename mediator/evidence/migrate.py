"""Bring a catalog to the schema of this version, once, however many processes open it at the same time."""

from __future__ import annotations

from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.runtime.environment import EnvironmentContext
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from sqlalchemy import Connection, Engine, text

from mediator.evidence import schema
from mediator.evidence.errors import StoreFormatError

__all__ = ["downgrade", "migration_scripts", "upgrade"]

# Any number will do; PostgreSQL's advisory locks are named by one.
_ADVISORY_LOCK = 0x65766964


def migration_scripts() -> ScriptDirectory:
    """Return the migrations that ship with this version."""
    config = Config()
    config.set_main_option("script_location", "mediator.evidence:migrations")
    config.set_main_option("path_separator", "os")
    return ScriptDirectory.from_config(config)


def upgrade(engine: Engine, revision: str = schema.REVISION) -> None:
    """Run the migrations that are missing, in one transaction."""
    with engine.connect().execution_options(evidence_writes=True) as connection, connection.begin():
        if engine.dialect.name == "postgresql":
            connection.execute(text("SELECT pg_advisory_xact_lock(:number)"), {"number": _ADVISORY_LOCK})
        current = MigrationContext.configure(connection).get_current_revision()
        if current != revision:
            _run(connection, revision)


def _run(connection: Connection, revision: str) -> None:
    scripts = migration_scripts()
    config = Config(attributes={"connection": connection})
    try:
        with EnvironmentContext(
            config, scripts, fn=lambda rev, _: scripts._upgrade_revs(revision, rev), destination_rev=revision
        ):
            scripts.run_env()
    except CommandError as error:
        raise StoreFormatError(f"the catalog was made by another version of this program: {error}") from error


def downgrade(engine: Engine) -> None:
    """Take every migration back: the tables are gone afterwards."""
    scripts = migration_scripts()
    with engine.connect().execution_options(evidence_writes=True) as connection, connection.begin():
        config = Config(attributes={"connection": connection})
        with EnvironmentContext(
            config, scripts, fn=lambda rev, _: scripts._downgrade_revs("base", rev), destination_rev="base"
        ):
            scripts.run_env()
