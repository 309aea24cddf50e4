"""A small submission waits for the disk once: what a power cut takes from its files is still in the catalog."""

import errno
import os
import random
import shutil
import sqlite3
import threading

import pytest

from mediator.evidence import EvidenceStore, StorageError, StorageFullError, Submission, drafts
from mediator.evidence.cid import raw_cid
from mediator.evidence.filesystem import FileSystem


class RememberingFileSystem(FileSystem):
    """Knows which files and names were waited for: a power cut takes the others, or parts of them."""

    def __init__(self):
        self.written = set()
        self.named = set()
        self.waits = 0

    def fsync(self, fd):
        super().fsync(fd)
        self.waits += 1
        self.written.add(os.fstat(fd).st_ino)

    def rename(self, source, target):
        super().rename(source, target)
        self.named.discard(target)

    def fsync_dir(self, path):
        super().fsync_dir(path)
        self.waits += 1
        self.named.update(os.path.join(path, name) for name in os.listdir(path))

    def is_safe(self, path):
        return os.stat(path).st_ino in self.written and {str(path), str(path.parent)} <= self.named


def after_a_power_cut(store, fs, copy, randomness):
    """Copy a store that is in use as a machine might find it when it starts again."""
    shutil.copytree(store.path, copy)
    (copy / "catalog.sqlite3-shm").unlink()
    for path in store.path.glob("blocks/*/*.data"):
        if not fs.is_safe(path):
            lost = copy / path.relative_to(store.path)
            data = lost.read_bytes()
            left = randomness.choice([None, b"", data[: len(data) // 2], os.urandom(len(data)), data])
            if left is None:
                lost.unlink()
            else:
                lost.write_bytes(left)
    return copy


def submit_something(store, randomness):
    """Submit in one of the ways there are; return (cid, bytes) of what was acknowledged."""
    sizes = randomness.choice([[10], [4096], [5], [120_000], [400_000], [7000] * 4, [50_000] * 6])
    contents = [randomness.randbytes(size) for size in sizes]
    if randomness.random() < 0.3:
        contents.append(b"the same again and again")
    return [
        (record.cid, content)
        for record, content in zip(
            store.submit_many(Submission(content, "document") for content in contents), contents, strict=True
        )
    ]


@pytest.mark.parametrize("seed", [1, pytest.param(2, marks=pytest.mark.slow), pytest.param(3, marks=pytest.mark.slow)])
def test_a_power_cut_loses_nothing_that_was_acknowledged(tmp_path, key_source, monkeypatch, seed):
    monkeypatch.setattr(drafts, "_SETTLE_BLOCKS", 7)
    randomness, acknowledged, taken = random.Random(seed), [], 0
    fs = RememberingFileSystem()
    with EvidenceStore(tmp_path / "s", key_source=key_source, fs=fs) as store:
        for number in range(12):
            acknowledged += submit_something(store, randomness)
            taken += sum(not fs.is_safe(path) for path in store.path.glob("blocks/*/*.data"))
            copy = after_a_power_cut(store, fs, tmp_path / str(number), randomness)
            with EvidenceStore(copy, key_source=key_source) as found:
                assert found.stat().drafts == 0
                assert found.verify().ok
                assert [found.read(cid) for cid, _ in acknowledged] == [content for _, content in acknowledged]
                found.gc(dry_run=False)
                assert found.verify().ok

    assert taken > 10


def test_a_small_submission_waits_for_no_file_of_its_own(tmp_path):
    fs = RememberingFileSystem()
    with EvidenceStore(tmp_path / "s", fs=fs) as store:
        before = fs.waits
        for n in range(10):
            store.submit(b"small %d" % n, type="document")

        assert fs.waits == before
        assert store.stat().drafts == 10
    assert fs.waits > before


def test_a_store_that_is_closed_has_everything_in_its_files(tmp_path):
    fs = RememberingFileSystem()
    with EvidenceStore(tmp_path / "s", fs=fs) as store:
        for n in range(20):
            store.submit(b"small %d" % n, type="document")

    assert all(fs.is_safe(path) for path in (tmp_path / "s").glob("blocks/*/*.data"))
    connection = sqlite3.connect(tmp_path / "s" / "catalog.sqlite3")
    assert connection.execute("select count(*) from fresh_blocks").fetchone() == (0,)
    connection.close()


def test_a_batch_waits_for_a_copy_that_a_draft_left_behind(tmp_path):
    fs = RememberingFileSystem()
    with EvidenceStore(tmp_path / "s", fs=fs) as store:
        with store._parts.blocks.drafting(1000) as draft:
            draft.put(raw_cid(b"block"), b"block")
        (path,) = store.path.glob("blocks/*/*.data")
        assert not fs.is_safe(path)

        store._parts.blocks.put(raw_cid(b"block"), b"block")

        assert fs.is_safe(path)


def test_a_store_open_for_reading_reads_what_a_power_cut_took_from_the_files(tmp_path):
    fs = RememberingFileSystem()
    with EvidenceStore(tmp_path / "s", fs=fs) as store:
        record = store.submit(b"acknowledged", type="document")
        copy = after_a_power_cut(store, fs, tmp_path / "copy", random.Random(1))
    for path in copy.glob("blocks/*/*.data"):
        path.unlink()

    with EvidenceStore(copy, read_only=True) as found:
        assert found.read(record.cid) == b"acknowledged"


class RefusingFileSystem(FileSystem):
    """Waits for nothing any more once it is told to."""

    refuses = False

    def fsync_file(self, path):
        if self.refuses:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        super().fsync_file(path)


def test_a_disk_that_refuses_the_files_refuses_the_next_submission_and_loses_none(tmp_path, monkeypatch):
    monkeypatch.setattr(drafts, "_SETTLE_BLOCKS", 3)
    fs = RefusingFileSystem()
    with EvidenceStore(tmp_path / "s", fs=fs) as store:
        fs.refuses = True
        records = [store.submit(b"%d" % n, type="document") for n in range(3)]
        with pytest.raises(StorageFullError):
            store.submit(b"one more", type="document")
        assert store.records().records == tuple(records)
        assert store.read(records[0].cid) == b"0"
    with EvidenceStore(tmp_path / "s", fs=fs) as store:
        assert store.stat().drafts == 3
        with pytest.raises(StorageFullError):
            store.gc(dry_run=False)
        fs.refuses = False
        assert store.settle() == 3
        assert store.verify().ok


def test_removed_evidence_leaves_nothing_in_the_catalog_either(tmp_path):
    mark = b"MARKED" * 700
    with EvidenceStore(tmp_path / "s") as store:
        record = store.submit(mark, type="document")
        store.remove(record.submission_id, "mistake")
        store.gc(dry_run=False)
        assert list(store.path.glob("blocks/*/*.data")) == []
    with EvidenceStore(tmp_path / "s") as store:
        assert list(store.path.glob("blocks/*/*.data")) == []

    assert b"MARKED" not in (tmp_path / "s" / "catalog.sqlite3").read_bytes()


def damage_the_draft(store):
    connection = sqlite3.connect(store.path / "catalog.sqlite3")
    connection.execute("update fresh_blocks set data = x'00'")
    connection.commit()
    connection.close()


def test_a_damaged_draft_is_found_and_settles_from_its_file(tmp_path):
    with EvidenceStore(tmp_path / "s") as store:
        record = store.submit(b"content", type="document")
        damage_the_draft(store)

        assert [fault.kind for fault in store.verify().faults] == ["catalog"]
        store.settle()
        assert store.verify().ok
        assert store.read(record.cid) == b"content"


def test_a_block_that_is_damaged_in_both_places_is_reported(tmp_path):
    with EvidenceStore(tmp_path / "s") as store:
        store.submit(b"content", type="document")
        damage_the_draft(store)
        (path,) = store.path.glob("blocks/*/*.data")
        path.write_bytes(b"damaged")
        store.settle()

        assert {fault.kind for fault in store.verify().faults} == {"block", "content"}


def run_together(store, works):
    """Run pieces of work in threads that all wait for the same turn; return what each returned or raised."""
    results = [None] * len(works)

    def run(number):
        try:
            results[number] = works[number]()
        except Exception as error:  # the caller looks at whatever it is
            results[number] = error

    group = store._parts.catalog._group
    threads = [threading.Thread(target=run, args=(number,)) for number in range(len(works))]
    with group.turn:
        for thread in threads:
            thread.start()
        while len(group._waiting) < len(works):
            threading.Event().wait(0.001)
    for thread in threads:
        thread.join()
    return results


def count_transactions(store, monkeypatch):
    group, count = store._parts.catalog._group, []
    transact = group._transact

    def counted():
        count.append(1)
        return transact()

    monkeypatch.setattr(group, "_transact", counted)
    return count


def test_threads_that_submit_at_once_share_one_wait_for_the_disk(plain, monkeypatch):
    count = count_transactions(plain, monkeypatch)
    works = [lambda n=n: plain.submit(b"%d" % n, type="document", owner=str(n)) for n in range(6)]

    records = run_together(plain, works)

    assert len(count) == 1
    assert [record.owner for record in records] == list("012345")
    assert {record.submission_id for record in plain.records()} == {record.submission_id for record in records}
    assert plain.verify().ok


def test_in_a_group_only_the_one_that_cannot_be_written_fails(plain):
    def fail():
        def work(transaction):
            transaction.chain.append("never", at=plain._parts.clock())
            raise StorageError("only mine")

        plain._parts.catalog.commit(work)

    works = [lambda n=n: plain.submit(b"%d" % n, type="document") for n in range(3)]

    *records, error = run_together(plain, [*works, fail])

    assert str(error) == "only mine"
    assert {record.submission_id for record in plain.records()} == {record.submission_id for record in records}
    assert [event.kind for event in plain.events()] == ["submitted"] * 3
    assert plain.verify().ok
