"""The same store with its catalog in a real PostgreSQL server."""

import os
import subprocess
import sys
import threading
from http.server import ThreadingHTTPServer

import psycopg
import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import create_engine, inspect

from mediator.evidence import (
    EvidenceStore,
    InvalidInputError,
    LegalHoldError,
    StorageError,
    StoreFormatError,
    Submission,
)
from mediator.evidence.calendars import OpenTimestamps
from mediator.evidence.migrate import downgrade, upgrade
from mediator.evidence.schema import REVISION, metadata
from tests.mediator.evidence.test_calendars import Calendar

pytestmark = [pytest.mark.postgres, pytest.mark.timeout(120)]


@pytest.fixture
def store(tmp_path, database):
    with EvidenceStore(tmp_path / "store", catalog_url=database, actor="clerk") as opened:
        yield opened


def engine_of(database):
    return create_engine(database.replace("postgresql://", "postgresql+psycopg://"))


def test_a_submission_reads_back_with_all_that_was_said(store):
    said = {
        "type": "photo",
        "owner": "ana",
        "complaint": "c1",
        "claim_type": "retaliation",
        "element": "cause",
        "description": "üñí 100%_",
        "file_name": "a\udcff\n.png",
        "metadata": {"n": 1, "nul": "\0", "half": "\ud800"},
    }
    record = store.submit(b"bytes", **said)

    assert store.record(record.submission_id) == record
    assert {name: getattr(record, name) for name in said} == said
    assert store.read(record.cid) == b"bytes"
    assert store.records(text="100%_").records == (record,)
    assert store.records(file_name="a\udcff\n.png").records == (record,)
    assert store.records(metadata={"n": 1}).records == (record,)
    assert store.records(owner=None).records == ()


def test_text_that_the_database_cannot_hold_is_refused_first(store):
    with pytest.raises(InvalidInputError):
        store.submit(b"x", type="document", description="a\0b")


def test_custody_holds_gc_and_verify_work_as_on_sqlite(store):
    keep = store.submit(b"keep", type="document")
    gone = store.submit(b"gone", type="document")
    hold = store.hold("court", submission_id=gone.submission_id)
    with pytest.raises(LegalHoldError):
        store.remove(gone.submission_id, "x")
    store.release(hold.hold_id, "settled")
    store.remove(gone.submission_id, "mistake")

    assert store.gc(dry_run=False).blocks == 1
    assert store.read(keep.cid) == b"keep"
    assert store.verify().ok
    kinds = [event.kind for event in store.events()]
    assert kinds[:2] == ["submitted", "submitted"]
    assert kinds[2:6] == ["held", "removal refused", "released", "removed"]
    assert kinds[6:] == ["collected", "read", "verified"]


@pytest.mark.parametrize("secret", [None, "5e" * 32], ids=["plain", "encrypted"])
def test_directories_and_archives_stay_come_back_and_go(tmp_path, database, secret):
    tree, file = tmp_path / "tree", os.urandom(300_000)
    (tree / "empty").mkdir(parents=True)
    (tree / "file").write_bytes(file)
    with EvidenceStore(tmp_path / "s", catalog_url=database, key_source=secret and (lambda new: secret)) as store:
        cid, (record,) = store.submit_directory(tree, Submission(b"", "document"), on_skip=print)
        store.export_car([cid], tmp_path / "tree.car")
        hold = store.hold("court", cid=cid)
        with pytest.raises(LegalHoldError):
            store.unpin(cid, "x")
        store.release(hold.hold_id, "settled")
        store.remove(record.submission_id, "settled")
        store.gc(dry_run=False)
        store.restore(cid, tmp_path / "out")
        assert (tmp_path / "out" / "file").read_bytes() == file
        assert (tmp_path / "out" / "empty").is_dir()
        store.unpin(cid, "settled")
        store.gc(dry_run=False)
        assert store.pins() == ()

        assert store.import_car(tmp_path / "tree.car").roots == (str(cid),)
        assert store.is_directory(cid)
        if secret:
            store.rotate_key(reencrypt=True)
        store.restore(cid, tmp_path / "again")
        assert store.verify().ok


def test_the_custody_log_is_stamped_and_the_stamp_is_found_again(store):
    server = ThreadingHTTPServer(("127.0.0.1", 0), Calendar)
    server.uri = f"http://127.0.0.1:{server.server_port}"
    server.seen, server.mined, server.spoil = [], False, lambda body: body
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        service = OpenTimestamps(server.uri)
        store.submit(b"x", type="document")
        store.timestamp(service)
        (stamp,) = store.timestamps(service)
    finally:
        server.shutdown()
        server.server_close()
        thread.join()

    assert (stamp.seq, stamp.at) == (1, None)
    assert [event.kind for event in store.events()] == ["submitted", "time-stamped"]
    assert store.verify().ok


def test_a_change_behind_the_stores_back_is_found(store, database):
    store.submit(b"x", type="document", owner="ana")
    with psycopg.connect(database) as connection:
        connection.execute("UPDATE submissions SET owner = 'eve'")

    assert [fault.kind for fault in store.verify().faults] == ["record"]


WORKER = """
import sys
from mediator.evidence import EvidenceStore, Submission

path, url, number = sys.argv[1:]
with EvidenceStore(path, catalog_url=url) as store:
    for n in range(10):
        store.submit(b"shared %d" % n, type="document", owner="all")
    list(store.submit_many(Submission(b"%s %d" % (number.encode(), n), "document") for n in range(10)))
"""


def test_processes_that_start_and_submit_at_once_are_all_recorded(tmp_path, database):
    arguments = [sys.executable, "-c", WORKER, str(tmp_path / "s"), database]
    workers = [subprocess.Popen([*arguments, str(n)]) for n in range(4)]

    assert [worker.wait(100) for worker in workers] == [0] * 4
    with EvidenceStore(tmp_path / "s", catalog_url=database) as store:
        assert store.stat().submissions == 80
        assert store.stat().contents == 10 + 40
        assert [event.seq for event in store.events()] == list(range(1, 81))
        assert store.verify().ok


def test_the_migrations_make_the_tables_that_the_code_uses(store, database):
    engine = engine_of(database)
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})

        assert compare_metadata(context, metadata) == []
        assert context.get_current_revision() == REVISION
    engine.dispose()


def test_the_migrations_can_be_taken_back(database):
    engine = engine_of(database)
    upgrade(engine)
    downgrade(engine)

    assert inspect(engine).get_table_names() == ["alembic_version"]
    engine.dispose()


def test_a_catalog_of_a_later_version_is_refused(tmp_path, database):
    EvidenceStore(tmp_path / "s", catalog_url=database).close()
    with psycopg.connect(database) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")

    with pytest.raises(StoreFormatError, match="another version"):
        EvidenceStore(tmp_path / "s", catalog_url=database)


def test_a_server_that_is_not_there_is_a_typed_error_without_the_password(tmp_path):
    with pytest.raises(StorageError) as caught:
        EvidenceStore(tmp_path / "s", catalog_url=f"postgresql://u:hunter2@/x?host={tmp_path}")

    assert "hunter2" not in str(caught.value)


def test_pages_follow_each_other_without_gaps(store):
    made = [r.submission_id for r in store.submit_many(Submission(os.urandom(8), "document") for _ in range(1500))]

    assert [record.submission_id for record in store.all_records()] == made
