"""The evidence store beside what it would be used instead of: plain files, a js-ipfs daemon, Kubo as a library.

    python -m benchmarks.evidence [--gib 1] [--rounds 3] [--files 10000] [--records 1000000] [--directory DIR]

One run, a table on standard output. Bars: a large file at half the speed of reading, hashing, writing and
syncing it or better, memory growth under 64 MiB; small files three times as fast as either IPFS; look-ups
by CID under a millisecond, and no operation more than 1.5 times as dear at a million records as at a thousand.
A missed bar makes the exit code 1. What is not installed is named and left out.
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import os
import random
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from benchmarks import evidence_small_files
from mediator.evidence import EvidenceStore
from mediator.evidence.cid import raw_cid
from mediator.evidence.custody import GENESIS, event_hash
from mediator.evidence.intake import new_submission_id

MIB = 1 << 20
missed: list[str] = []


def row(what: str, value: str, note: str = "") -> None:
    print(f"{what:<58}{value:>16}  {note}", flush=True)


def bar(what: str, met: bool) -> str:
    if not met:
        missed.append(what)
    return "bar met" if met else "BAR MISSED"


def timed(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def resident_peak() -> int:
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) * 1024 for line in status if line.startswith("VmHWM"))


def reset_peak() -> None:
    Path("/proc/self/clear_refs").write_text("5")


def plain_copy(source: Path, target: Path) -> None:
    """What keeping a file with a checksum costs at least."""
    digest = hashlib.sha256()
    with source.open("rb", buffering=0) as read, target.open("wb", buffering=0) as write:
        while chunk := read.read(MIB):
            digest.update(chunk)
            write.write(chunk)
        os.fsync(write.fileno())


def plain_read(source: Path) -> None:
    digest = hashlib.sha256()
    with source.open("rb", buffering=0) as read:
        while chunk := read.read(MIB):
            digest.update(chunk)


def drain(store: EvidenceStore, cid: str) -> None:
    with store.open(cid) as stream:
        while stream.read(MIB):
            pass


def large_file(place: Path, mib: int, rounds: int) -> None:
    """Baseline and store take turns: on a machine that others use, only neighbours in time compare."""
    print(f"\nOne file of {mib} MiB, {rounds} rounds")
    source = place / "large"
    randomness = random.Random(1)
    with source.open("wb") as out:
        for _ in range(mib):
            out.write(randomness.randbytes(MIB))
        os.fsync(out.fileno())
    for name, key in (("plain", None), ("encrypted", lambda new: "5e" * 32)):
        into, out_of, growths = [], [], []
        for number in range(rounds):
            base = timed(lambda: plain_copy(source, place / "copy")), timed(lambda: plain_read(source))
            path = place / f"large-{name}-{number}"
            with EvidenceStore(path, key_source=key) as store:
                store.submit(b"warm", type="document")
                reset_peak()
                before = resident_peak()
                ours = timed(lambda: store.submit(source, type="video"))
                into.append((base[0], ours))
                cid = store.records().records[-1].cid
                out_of.append((base[1], timed(lambda: drain(store, cid))))  # noqa: B023
                growths.append((resident_peak() - before) / MIB)
            shutil.rmtree(path)
            (place / "copy").unlink()
        side_by_side(f"{name}, in", mib, into, judged=key is None)
        side_by_side(f"{name}, out", mib, out_of, judged=key is None)
        row(f"{name}, memory growth", f"{max(growths):.0f} MiB", bar(f"{name} memory", max(growths) < 64))
    source.unlink()


def side_by_side(what: str, mib: int, times: list[tuple[float, float]], *, judged: bool) -> None:
    base = mib / statistics.median(base for base, _ in times)
    ours = mib / statistics.median(ours for _, ours in times)
    ratio = statistics.median(base / ours for base, ours in times)
    note = bar(what, ratio >= 0.5) if judged else ""
    row(what, f"{ours:.0f} MiB/s", f"{ratio:.2f} of {base:.0f} MiB/s without a store  {note}")


def fill(store: EvidenceStore, count: int) -> None:
    """Put records into the catalog with the driver's own inserts; how fast that goes is not what is measured."""
    with store._parts.catalog.writing() as (connection, _):
        last = GENESIS
        for first in range(0, count, 50_000):
            rows: dict[str, list[tuple[object, ...]]] = {"contents": [], "submissions": [], "custody": []}
            for number in range(first, min(first + 50_000, count)):
                last = add_synthetic(number, last, rows)
            for table, values in rows.items():
                marks = ", ".join("?" * len(values[0]))
                connection.exec_driver_sql(f"INSERT INTO {table} VALUES ({marks})", values)
        connection.exec_driver_sql("UPDATE custody_head SET seq = ?, hash = ?", (count, last))


def add_synthetic(number: int, previous: str, rows: dict[str, list[tuple[object, ...]]]) -> str:
    """Add one content, its submission and its event, as a submission would leave them."""
    data = b"record %d" % number
    cid, key, identity = str(raw_cid(data)), number + 1, new_submission_id()
    rows["contents"].append((key, cid, hashlib.sha256(data).hexdigest(), len(data), "unixfs-v1-2025", cid, None))
    kind = ("document", "photo", "email")[number % 3]
    claim = ("retaliation", "wage theft")[number % 2]
    said = (f"owner {number % 40}", f"complaint {number % 47}", claim, None, f"what number {number} shows", "{}")
    name = b"file %d.txt" % number
    rows["submissions"].append((key, identity, key, kind, "text/plain", name, *said, number))
    event = {
        "seq": key,
        "at": number,
        "kind": "submitted",
        "submission_id": identity,
        "cid": cid,
        "actor": None,
        "details": "{}",
        "previous": previous,
    }
    event["hash"] = event_hash(event)
    rows["custody"].append(tuple(event.values()))
    return str(event["hash"])


def growth(place: Path, most: int) -> None:
    print("\nCost of an operation as the catalog grows: median of 300, the sizes taking turns")
    sizes = [size for size in (1_000, 10_000, 100_000, 1_000_000) if size <= most]
    randomness = random.Random(3)
    with contextlib.ExitStack() as opened:
        stores = {size: opened.enter_context(EvidenceStore(place / f"growth-{size}")) for size in sizes}
        for size, store in stores.items():
            row(f"{size} records put into a catalog", f"{timed(lambda: fill(store, size)):.0f} s")  # noqa: B023
        for name, work in OPERATIONS.items():
            spent: dict[int, list[float]] = {size: [] for size in sizes}
            for number in range(320):
                for size, store in stores.items():
                    pick = randomness.randrange(size)
                    start = time.perf_counter()
                    work(store, pick)
                    if number >= 20:
                        spent[size].append(time.perf_counter() - start)
            medians = [statistics.median(spent[size]) * 1000 for size in sizes]
            ratio = medians[-1] / medians[0]
            shown = " / ".join(f"{value:.2f}" for value in medians)
            row(f"{name}, ms at {' / '.join(map(str, sizes))}", shown, f"x{ratio:.2f} {bar(name, ratio <= 1.5)}")
            if name == "look-up by CID":
                row(f"{name} at {sizes[-1]}", f"{medians[-1]:.2f} ms", bar("under a millisecond", medians[-1] < 1))


OPERATIONS: dict[str, Callable[[EvidenceStore, int], object]] = {
    "look-up by CID": lambda store, pick: store.records(cid=str(raw_cid(b"record %d" % pick))),
    "a page of 20 of one owner": lambda store, pick: store.records(owner=f"owner {pick % 40}", limit=20),
    "a page of 20 of one type": lambda store, pick: store.records(type="photo", limit=20),
    "submission of 4 KiB": lambda store, pick: store.submit(os.urandom(4096), type="document"),
}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--gib", type=float, default=1.0)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--files", type=int, default=10_000)
    parser.add_argument("--records", type=int, default=1_000_000)
    parser.add_argument("--directory", type=Path)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=options.directory) as place:
        if options.gib:
            large_file(Path(place), int(options.gib * 1024), options.rounds)
        if options.files:
            evidence_small_files.measure(Path(place), options.files, row, bar)
        if options.records:
            growth(Path(place), options.records)
    print(f"\n{'every bar met' if not missed else 'missed: ' + ', '.join(missed)}")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
