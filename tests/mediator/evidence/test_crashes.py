"""Killed at any point, refused by any system call, used by many at once: what was acknowledged is there."""

import errno
import os
import random
import signal
import subprocess
import sys
import time

import pytest

from mediator.evidence import (
    EvidenceStore,
    StorageError,
    StorageFullError,
    StorageReadOnlyError,
    StoreBusyError,
    Submission,
    locks,
)
from mediator.evidence.filesystem import FileSystem
from mediator.evidence.sweep import collect

SECRET = "5e" * 32

# A process that has everything imported and forks a submitter for each line it reads. The submitter says
# what is acknowledged by appending to a file; the parent kills it while it works.
FORKER = """
import os, random, sys
from mediator.evidence import EvidenceStore, Submission, migrate

def submit_until_killed(path, secret, seed, said):
    def say(*words):
        os.write(said, (" ".join(map(str, words)) + "\\n").encode())

    say("ready")
    store = EvidenceStore(path, key_source=(lambda new: secret) if secret else None, profile="kubo-v1")
    while True:
        sizes = random.Random(seed).choices([1, 5_000, 300_000, 700_000], k=3)
        items = [Submission(random.Random(seed + n).randbytes(size), "document") for n, size in enumerate(sizes)]
        if seed % 2:
            records = [store.submit(items[0].source, type="document")]
        else:
            records = list(store.submit_many(items))
        for n, record in enumerate(records):
            say(record.cid, seed + n, sizes[n])
        seed += 10

for line in sys.stdin:
    path, secret, seed, said = line.rstrip("\\n").split("\\t")
    child = os.fork()
    if child == 0:
        submit_until_killed(path, secret, int(seed), os.open(said, os.O_WRONLY | os.O_CREAT | os.O_APPEND))
    print(child, flush=True)
    os.waitpid(child, 0)
    print("dead", flush=True)
"""


@pytest.fixture
def forker():
    with subprocess.Popen(
        [sys.executable, "-c", FORKER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1
    ) as process:
        yield process
        process.stdin.close()


def run_and_kill(forker, path, secret, seed, patience, delay):
    """Return what the child acknowledged before it was killed: ``delay`` seconds after ``patience`` submissions."""
    said = path.with_suffix(".said")
    said.write_bytes(b"")
    forker.stdin.write(f"{path}\t{secret}\t{seed}\t{said}\n")
    child = int(forker.stdout.readline())
    while said.read_bytes().count(b"\n") <= patience:
        time.sleep(0.002)
    time.sleep(delay)
    os.kill(child, signal.SIGKILL)
    assert forker.stdout.readline() == "dead\n"
    return [line.split() for line in said.read_text().splitlines()[1:]]


def check_everything(path, secret, acknowledged):
    with EvidenceStore(path, key_source=(lambda new: secret) if secret else None) as store:
        report = store.verify()
        assert report.ok, report.faults
        for cid, seed, size in acknowledged:
            assert store.read(cid) == random.Random(int(seed)).randbytes(int(size))
            assert len(store.records(cid=cid)) >= 1


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("secret", ["", SECRET], ids=["plain", "encrypted"])
def test_a_killed_process_loses_nothing_that_it_acknowledged(tmp_path, forker, secret):
    randomness = random.Random(7)
    acknowledged = []
    for round_number in range(10):
        path = tmp_path / str(round_number)
        acknowledged = []
        for _ in range(10):
            seed = randomness.randrange(10**9) // 10 * 10 + randomness.randrange(2)
            patience, delay = randomness.randrange(4), randomness.random() * 0.1
            acknowledged += run_and_kill(forker, path, secret, seed, patience, delay)
            check_everything(path, secret, acknowledged[-8:])
        check_everything(path, secret, acknowledged)
        with EvidenceStore(path, key_source=(lambda new: secret) if secret else None) as store:
            store.gc(dry_run=False)
        check_everything(path, secret, acknowledged)
    assert acknowledged


class FailingFileSystem(FileSystem):
    """Fails the call with a given number, in the way that is asked for; the calls before and after work."""

    def __init__(self):
        self.count = 0
        self.fail_at = None
        self.code = errno.EIO
        self.seen = []

    def _step(self, name):
        self.count += 1
        self.seen.append(name)
        if self.count == self.fail_at:
            raise OSError(self.code, os.strerror(self.code))

    def create(self, path):
        self._step("create")
        return super().create(path)

    def write(self, fd, data):
        # Half of what is asked for, as a full disk or a signal may have it.
        self._step("write")
        return super().write(fd, data[: len(data) // 2 + 1])

    def fsync(self, fd):
        self._step("fsync")
        super().fsync(fd)

    def fsync_file(self, path):
        self._step("fsync_file")
        super().fsync_file(path)

    def rename(self, source, target):
        self._step("rename")
        super().rename(source, target)

    def make_dir(self, path):
        self._step("make_dir")
        super().make_dir(path)

    def fsync_dir(self, path):
        self._step("fsync_dir")
        super().fsync_dir(path)


CODES = {
    errno.ENOSPC: StorageFullError,
    errno.EIO: StorageError,
    errno.EACCES: StorageReadOnlyError,
    errno.EROFS: StorageReadOnlyError,
    errno.EDQUOT: StorageFullError,
}


def error_of(store, content):
    """Return how a submission failed, None when it did not."""
    try:
        store.submit(content, type="document")
    except StorageError as error:
        return error
    return None


@pytest.mark.parametrize(
    "code",
    [
        pytest.param(code, marks=() if code == errno.ENOSPC else pytest.mark.slow, id=errno.errorcode[code])
        for code in CODES
    ],
)
@pytest.mark.parametrize("size", [500, 600_000], ids=["draft", "batch"])
def test_every_failing_system_call_is_a_typed_error_and_leaves_the_store_consistent(tmp_path, key_source, code, size):
    content = random.Random(1).randbytes(size)
    fs = FailingFileSystem()
    with EvidenceStore(tmp_path / "s", key_source=key_source, profile="kubo-v1", fs=fs) as store:
        kept = store.submit(b"acknowledged before", type="document")
        fs.count, fs.seen = 0, []
        for number in range(1, 200):
            fs.count, fs.fail_at, fs.code, fs.seen = 0, number, code, []
            error = error_of(store, content + bytes([number]))
            if error is None:
                break
            assert isinstance(error, CODES[code])
            assert isinstance(error.__cause__, OSError)
            assert len(store.records()) == 1
            assert store._parts.blocks.leftovers() == []
        fs.fail_at = None

        assert number > 10
        assert fs.count < number
        assert store.read(kept.cid) == b"acknowledged before"
        assert len(store.records()) == 2
        store.gc(dry_run=False)
        assert store.verify().ok


def test_a_full_catalog_is_a_typed_error_and_the_blocks_are_garbage(tmp_path):
    with EvidenceStore(tmp_path / "s") as store:
        kept = store.submit(b"x", type="document")
        with store._parts.catalog._engine.connect() as connection:
            pages = connection.exec_driver_sql("PRAGMA page_count").scalar()
            connection.exec_driver_sql(f"PRAGMA max_page_count = {pages}")
        with pytest.raises(StorageFullError, match="no space"):
            list(store.submit_many(Submission(b"y%d" % n, "document", description="long " * 100) for n in range(100)))

        assert store.records().records == (kept,)
        assert store.gc().blocks == 100
        assert store.verify().faults == ()


def test_nothing_is_collected_between_the_blocks_of_a_submission_and_its_record(tmp_path):
    with EvidenceStore(tmp_path / "s") as store:

        def collect_now(done, total):
            with pytest.raises(StoreBusyError):
                collect(store._parts, dry_run=False, wait=0)

        record = store.submit(b"x" * 2_000_000, type="document", progress=collect_now)

        assert store.read(record.cid) == b"x" * 2_000_000


def test_gc_waits_for_a_submission_and_gives_up_in_the_end(tmp_path):
    lock = str(tmp_path / "s" / "lock")
    with EvidenceStore(tmp_path / "s") as store, locks.shared(lock), pytest.raises(StoreBusyError):
        collect(store._parts, dry_run=False, wait=0)


WORKER = """
import sys
from mediator.evidence import EvidenceStore

path, number = sys.argv[1], int(sys.argv[2])
with EvidenceStore(path, profile="kubo-v1", actor=str(number)) as store:
    for n in range(8):
        store.submit((b"shared %d" % n) * 40_000, type="document", owner="all")
        store.submit(b"own %d %d" % (number, n), type="document", owner=str(number))
"""


@pytest.mark.slow
@pytest.mark.timeout(400)
def test_eight_processes_that_submit_at_once_are_all_recorded(tmp_path):
    path = tmp_path / "s"
    workers = [subprocess.Popen([sys.executable, "-c", WORKER, str(path), str(n)]) for n in range(8)]

    assert [worker.wait(300) for worker in workers] == [0] * 8
    with EvidenceStore(path) as store:
        assert store.verify().ok
        assert store.stat().contents == 8 + 64
        assert len(store.records(owner="all", limit=1000)) == 64
        assert [len(store.records(owner=str(n))) for n in range(8)] == [8] * 8
        assert [event.seq for event in store.events()][:128] == list(range(1, 129))
