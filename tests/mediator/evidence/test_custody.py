"""Whatever happened is in the log, and whatever was changed behind the store's back is found and named."""

import os
import random
import shutil
import sqlite3

import pytest

from mediator.evidence import (
    CatalogCorruptError,
    EvidenceError,
    EvidenceStore,
    HoldNotFoundError,
    IntegrityError,
    InvalidInputError,
    LegalHoldError,
    StoreFormatError,
    SubmissionNotFoundError,
)


def change(store_path, statement, *values):
    connection = sqlite3.connect(store_path / "catalog.sqlite3")
    connection.execute(statement, values)
    connection.commit()
    connection.close()


def faults_of(path, **options):
    with EvidenceStore(path, **options) as store:
        return store.verify().faults


@pytest.fixture
def case(tmp_path):
    """A closed store with a few submissions: one large, one twice, one removed."""
    path = tmp_path / "case"
    with EvidenceStore(path, profile="kubo-v1", actor="clerk") as store:
        store.submit(random.Random(1).randbytes(700_000), type="photo", owner="ana", metadata={"n": 1})
        store.submit(b"letter", type="document", description="the letter")
        store.submit(b"letter", type="document", owner="ben", complaint="c1")
        gone = store.submit(b"mistake", type="document")
        store.remove(gone.submission_id, "added by mistake")
        store.read(store.records().records[0].cid)
    return path


def test_everything_that_happens_is_an_event(case):
    with EvidenceStore(case) as store:
        events = list(store.events())

    assert [event.kind for event in events] == ["submitted"] * 4 + ["removed", "read"]
    assert [event.seq for event in events] == [1, 2, 3, 4, 5, 6]
    assert {event.actor for event in events} == {"clerk"}
    assert events[4].details == {"reason": "added by mistake"}


def test_each_event_carries_the_hash_of_the_one_before(case):
    with EvidenceStore(case) as store:
        events = list(store.events())

    assert [event.previous for event in events] == ["0" * 64] + [event.hash for event in events[:-1]]


def test_the_events_of_one_content_or_submission_are_found(case):
    with EvidenceStore(case) as store:
        record = store.records(owner="ana").records[0]

        assert [event.kind for event in store.events(cid=record.cid)] == ["submitted", "read"]
        assert [event.kind for event in store.events(submission_id=record.submission_id)] == ["submitted"]


def test_an_untouched_store_has_no_fault_and_the_check_is_an_event(case):
    with EvidenceStore(case) as store:
        report = store.verify()

        assert report.ok
        assert (report.submissions, report.contents, report.events) == (3, 3, 6)
        assert [event.kind for event in store.events()][-1] == "verified"


@pytest.mark.parametrize(
    ("statement", "kind", "words"),
    [
        ("update submissions set description = 'another letter' where owner is null", "record", "changed after"),
        ("update submissions set owner = 'eve' where owner = 'ana'", "record", "changed after"),
        ("update submissions set metadata = '{}' where owner = 'ana'", "record", "changed after"),
        ("update submissions set submitted_at = submitted_at + 1 where owner = 'ana'", "record", "changed after"),
        ("delete from submissions where owner = 'ben'", "record", "the record is gone"),
        ("update contents set sha256 = replace(sha256, substr(sha256, 1, 1), 'x')", "content", "not the bytes"),
        ("update contents set size = size + 1", "content", "not the bytes"),
        ("update custody set actor = 'eve' where seq = 2", "custody", "another hash"),
        ("update custody set at = at + 1 where seq = 2", "custody", "another hash"),
        ("update custody set details = '{}' where seq = 2", "custody", "another hash"),
        ("update custody set previous = hash where seq = 3", "custody", "does not continue"),
        ("delete from custody where seq = 3", "custody", "event 3: it is missing"),
        ("delete from custody where seq = 6", "custody", "cut off"),
        ("update custody_head set seq = 5", "custody", "cut off"),
        ("delete from custody_head", "custody", "cut off"),
    ],
)
def test_a_change_behind_the_stores_back_is_found(case, statement, kind, words):
    change(case, statement)

    faults = faults_of(case)

    assert any(fault.kind == kind and words in f"{fault.subject}: {fault.message}" for fault in faults), faults


def test_an_event_that_was_rewritten_with_a_right_hash_breaks_the_chain_after_it(case):
    from mediator.evidence.custody import event_hash

    connection = sqlite3.connect(case / "catalog.sqlite3")
    connection.row_factory = sqlite3.Row
    row = dict(connection.execute("select * from custody where seq = 2").fetchone()) | {"actor": "eve"}
    connection.close()
    change(case, "update custody set actor = 'eve', hash = ? where seq = 2", event_hash(row))

    assert "does not continue" in str(faults_of(case))


def test_an_event_cannot_be_joined_to_a_rewritten_one_without_a_new_hash(case):
    change(case, "update custody set previous = ? where seq = 2", "ab" * 32)

    assert "event 2: its content was changed" in "\n".join(f"{f.subject}: {f.message}" for f in faults_of(case))


def test_a_record_slipped_in_is_found(case):
    change(
        case,
        "insert into submissions (submission_id, content_id, type, media_type, metadata, submitted_at)"
        " values ('forged', 1, 'document', 'text/plain', '{}', 0)",
    )

    assert [fault.subject for fault in faults_of(case)] == ["forged"]


def test_a_stored_content_that_was_swapped_for_another_is_found(case):
    change(case, "update contents set stored_cid = (select stored_cid from contents where size = 6) where size > 6")

    assert any(fault.kind == "content" for fault in faults_of(case))


def test_a_lost_block_and_a_strange_file_are_named(case):
    files = sorted(case.glob("blocks/*/*.data"), key=lambda path: path.stat().st_size)
    files[-1].unlink()
    (files[0].parent / "notes.txt").write_text("x")

    kinds = {fault.kind for fault in faults_of(case)}

    assert kinds == {"block", "content", "file"}


@pytest.mark.parametrize("secret", [None, "5e" * 32])
@pytest.mark.slow
def test_a_flipped_bit_in_any_block_is_found(tmp_path, secret):
    options = {"key_source": None if secret is None else lambda new: secret, "profile": "kubo-v1"}
    with EvidenceStore(tmp_path / "s", **options) as store:
        store.submit(random.Random(1).randbytes(700_000), type="photo")
        store.submit(b"letter", type="document")
        store.settle()  # before that the catalog has the letter too, and a flipped file would be made good from there
        randomness = random.Random(2)
        for path in sorted((tmp_path / "s").glob("blocks/*/*.data")) * 3:
            original = path.read_bytes()
            damaged = bytearray(original)
            damaged[randomness.randrange(len(damaged))] ^= 1 << randomness.randrange(8)
            path.write_bytes(damaged)

            assert not store.verify().ok, path

            path.write_bytes(original)
        assert store.verify().ok


def logical_content(path):
    """Everything the catalog says, without how it is laid out."""
    connection = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
    try:
        return list(connection.iterdump())
    finally:
        connection.close()


@pytest.mark.slow
def test_a_flipped_bit_in_the_catalog_is_found_or_changes_nothing(case, tmp_path):
    # Bytes that SQLite does not use hold nothing: a flip there is allowed to go unseen, and only there.
    original = (case / "catalog.sqlite3").read_bytes()
    expected = logical_content(case / "catalog.sqlite3")
    randomness = random.Random(3)
    found = 0
    for _ in range(120):
        damaged = bytearray(original)
        damaged[randomness.randrange(len(damaged))] ^= 1 << randomness.randrange(8)
        for name in ("catalog.sqlite3-wal", "catalog.sqlite3-shm"):
            (case / name).unlink(missing_ok=True)
        (case / "catalog.sqlite3").write_bytes(damaged)
        copy = tmp_path / "copy.sqlite3"
        shutil.copy(case / "catalog.sqlite3", copy)
        try:
            faults = faults_of(case)
        except (CatalogCorruptError, StoreFormatError, EvidenceError):
            found += 1
            continue
        if faults:
            found += 1
        else:
            assert logical_content(copy) == expected

    assert found > 5


class TestHolds:
    @pytest.mark.parametrize("scope", ["cid", "submission_id", "complaint"])
    def test_what_is_held_cannot_be_removed_and_the_attempt_is_logged(self, store, scope):
        record = store.submit(b"x", type="document", complaint="c1")
        target = {"cid": record.cid, "submission_id": record.submission_id, "complaint": "c1"}[scope]
        store.hold("ordered by the court", **{scope: target})

        with pytest.raises(LegalHoldError, match=record.submission_id):
            store.remove(record.submission_id, "tidying up")

        assert store.records().records == (record,)
        assert [event.kind for event in store.events()] == ["submitted", "held", "removal refused"]
        assert store.verify().ok

    def test_a_released_hold_holds_no_more(self, store):
        record = store.submit(b"x", type="document")
        hold = store.hold("court", cid=record.cid)
        assert store.holds() == (hold,)

        store.release(hold.hold_id, "settled")
        store.remove(record.submission_id, "no longer needed")

        assert store.holds() == ()
        assert len(store.records()) == 0

    def test_a_hold_on_one_complaint_leaves_the_others_alone(self, store):
        other = store.submit(b"y", type="document", complaint="c2")
        store.hold("court", complaint="c1")

        store.remove(other.submission_id, "withdrawn")

        assert len(store.records()) == 0

    def test_a_hold_can_be_placed_before_there_is_anything_in_the_complaint(self, store):
        store.hold("court", complaint="c1")
        record = store.submit(b"x", type="document", complaint="c1")

        with pytest.raises(LegalHoldError):
            store.remove(record.submission_id, "x")

    def test_a_hold_keeps_a_content_from_gc_even_without_a_submission(self, store):
        record = store.submit(b"x", type="document")
        store.remove(record.submission_id, "mistake")
        store.hold("not so fast", cid=record.cid)

        store.gc(dry_run=False)

        assert store.read(record.cid) == b"x"

    def test_a_hold_needs_one_target_a_reason_and_a_target_that_exists(self, store):
        with pytest.raises(InvalidInputError, match="one thing"):
            store.hold("x")
        with pytest.raises(InvalidInputError, match="reason"):
            store.hold(" ", complaint="c1")
        with pytest.raises(SubmissionNotFoundError):
            store.hold("x", submission_id="nothing")
        with pytest.raises(HoldNotFoundError):
            store.release("nothing", "x")


class TestGc:
    def test_nothing_is_removed_unless_asked(self, store):
        record = store.submit(b"x", type="document")
        store.remove(record.submission_id, "mistake")

        report = store.gc()

        assert (report.dry_run, report.contents, report.blocks) == (True, 1, 1)
        assert store.read(record.cid) == b"x"

    def test_what_nothing_needs_is_removed_and_the_rest_stays(self, store):
        shared = os.urandom(2_000_000)
        keep = store.submit(shared + b"a", type="document")
        gone = store.submit(shared + b"b", type="document")
        store.remove(gone.submission_id, "mistake")

        report = store.gc(dry_run=False)

        assert report.contents == 1
        assert report.blocks > 0
        assert store.read(keep.cid) == shared + b"a"
        assert store.verify().ok
        assert store.gc().blocks == 0

    def test_a_content_stays_while_one_of_its_submissions_does(self, store):
        first, second = (store.submit(b"x", type="document") for _ in range(2))
        store.remove(first.submission_id, "twice")

        store.gc(dry_run=False)

        assert store.read(second.cid) == b"x"

    def test_what_a_killed_process_left_is_removed(self, store, tmp_path):
        (store.path / "blocks" / ".temp" / "half").write_bytes(b"half a block")

        assert store.gc(dry_run=False).temporary_files == 1
        assert list((store.path / "blocks" / ".temp").iterdir()) == []

    def test_nothing_is_removed_when_what_is_needed_cannot_be_told(self, tmp_path):
        with EvidenceStore(tmp_path / "s", profile="kubo-v1") as store:
            record = store.submit(os.urandom(600_000), type="document")
            gone = store.submit(b"x", type="document")
            store.remove(gone.submission_id, "mistake")
            root = min(
                (path for path in store.path.glob("blocks/*/*.data") if path.stat().st_size > 1),
                key=lambda path: path.stat().st_size,
            )
            root.write_bytes(b"damaged")
            before = store.stat().blocks

            with pytest.raises(IntegrityError, match="nothing was removed"):
                store.gc(dry_run=False)

            assert store.stat().blocks == before
            assert store.records(cid=record.cid).records == (record,)
