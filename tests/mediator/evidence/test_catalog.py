"""The catalog's tables are what the migrations make, however and by how many it is opened first."""

import sqlite3
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import create_engine, inspect

from mediator.evidence import CatalogCorruptError, EvidenceStore, StoreFormatError
from mediator.evidence.migrate import downgrade, migration_scripts, upgrade
from mediator.evidence.schema import REVISION, metadata


@pytest.fixture
def engine(tmp_path):
    engine = create_engine(f"sqlite:///{tmp_path}/catalog.sqlite3")
    yield engine
    engine.dispose()


def test_the_migrations_make_the_tables_that_the_code_uses(engine):
    upgrade(engine)

    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, metadata) == []
        assert context.get_current_revision() == REVISION


def test_the_newest_migration_is_the_one_that_the_code_expects():
    assert migration_scripts().get_current_head() == REVISION


def test_the_migrations_can_be_taken_back(engine):
    upgrade(engine)
    downgrade(engine)

    assert inspect(engine).get_table_names() == ["alembic_version"]


def test_migrating_twice_changes_nothing(engine):
    upgrade(engine)
    upgrade(engine)

    with engine.connect() as connection:
        assert connection.exec_driver_sql("select count(*) from custody_head").scalar() == 1


OPENER = "import sys; from mediator.evidence import EvidenceStore; EvidenceStore(sys.argv[1]).close()"


@pytest.mark.slow
def test_processes_that_open_a_new_store_at_once_make_one_catalog(tmp_path):
    openers = [subprocess.Popen([sys.executable, "-c", OPENER, str(tmp_path / "s")]) for _ in range(4)]

    assert [opener.wait(100) for opener in openers] == [0] * 4
    with EvidenceStore(tmp_path / "s") as store:
        assert store.verify().ok


def test_a_catalog_of_a_later_version_is_refused(tmp_path):
    EvidenceStore(tmp_path / "s").close()
    connection = sqlite3.connect(tmp_path / "s" / "catalog.sqlite3")
    connection.execute("update alembic_version set version_num = '9999'")
    connection.commit()
    connection.close()

    with pytest.raises(StoreFormatError, match="another version"):
        EvidenceStore(tmp_path / "s")


def test_a_file_that_is_no_catalog_is_refused(tmp_path):
    (tmp_path / "s").mkdir()
    (tmp_path / "s" / "catalog.sqlite3").write_bytes(b"not a database at all" * 100)

    with pytest.raises(CatalogCorruptError):
        EvidenceStore(tmp_path / "s")


@pytest.mark.parametrize("url", ["nonsense", "mongodb://localhost/x", "oracle://x"])
def test_a_catalog_url_that_cannot_work_is_refused(tmp_path, url):
    with pytest.raises(StoreFormatError):
        EvidenceStore(tmp_path / "s", catalog_url=url)


def test_a_catalog_can_lie_elsewhere(tmp_path):
    url = f"sqlite:///{tmp_path}/elsewhere.sqlite3"
    with EvidenceStore(tmp_path / "s", catalog_url=url) as store:
        store.submit(b"x", type="document")

    assert (tmp_path / "elsewhere.sqlite3").exists()
    assert not (tmp_path / "s" / "catalog.sqlite3").exists()


def test_the_catalog_writes_ahead_and_waits_for_the_disk(tmp_path):
    with EvidenceStore(tmp_path / "s") as store, store._parts.catalog.reading() as connection:
        assert connection.exec_driver_sql("pragma journal_mode").scalar() == "wal"
        assert connection.exec_driver_sql("pragma synchronous").scalar() == 2
        assert connection.exec_driver_sql("pragma foreign_keys").scalar() == 1
        assert connection.exec_driver_sql("pragma busy_timeout").scalar() == 60_000


def test_many_writers_that_wait_leave_a_connection_to_the_one_whose_turn_it_is(tmp_path):
    with EvidenceStore(tmp_path / "store") as store, ThreadPoolExecutor(40) as threads:
        ids = [store.submit(f"letter {n}".encode(), type="letter").submission_id for n in range(80)]

        def both(number: int) -> None:
            store.remove(ids[number], "no longer needed")
            store.submit(f"another letter {number}".encode(), type="letter")

        list(threads.map(both, range(80)))  # without that, SQLAlchemy's pool runs dry: TimeoutError after 30 s
        assert store.stat().submissions == 80
