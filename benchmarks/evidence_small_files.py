"""Small files one by one and in bulk: the store, a js-ipfs daemon and Kubo as a library, a thousand at a time in turn.

Who takes turns on one machine is compared fairly even when others use it. What a wait for the disk costs is measured
in between, and how many waits each makes for a file is counted with strace where that is installed.
"""

from __future__ import annotations

import contextlib
import os
import random
import re
import shutil
import signal
import statistics
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from mediator.evidence import EvidenceStore, Submission

__all__ = ["measure"]

KEY = "5e" * 32
_SLICE = 1000
_CALL = 100

Work = Callable[[list[Path]], object]


def timed(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def make_files(folder: Path, count: int, seed: int) -> list[Path]:
    folder.mkdir()
    randomness = random.Random(seed)
    paths = [folder / str(number) for number in range(count)]
    for path in paths:
        path.write_bytes(randomness.randbytes(4096))
    return paths


def slices(paths: list[Path]) -> list[list[Path]]:
    return [paths[first : first + _SLICE] for first in range(0, len(paths), _SLICE)]


@contextlib.contextmanager
def ours(place: Path, name: str, secret: str | None) -> Iterator[dict[str, Work]]:
    key = None if secret is None else lambda new: secret
    with (
        EvidenceStore(place / f"one-{name}", key_source=key) as one,
        EvidenceStore(place / f"bulk-{name}", key_source=key) as bulk,
    ):
        yield {
            "one by one": lambda paths: [one.submit(path, type="document") for path in paths],
            "settling those": lambda paths: one.settle(),
            "in bulk": lambda paths: list(bulk.submit_many(Submission(path, "document") for path in paths)),
        }


@contextlib.contextmanager
def libkubo(place: Path) -> Iterator[dict[str, Work] | str]:
    try:
        from tests.real.ipfs.libkubo import Kubo, library
    except ImportError as error:
        yield f"libkubo was not measured: {error}"
        return
    if library() is None:
        yield "libkubo is not here: pip install --no-deps kubo_python"
        return
    kubo = Kubo(place / "libkubo")
    folders = (place / f"folder-{number}" for number in range(1_000_000))

    def as_folder(paths: list[Path]) -> None:
        folder = next(folders)
        folder.mkdir()
        for path in paths:
            os.link(path, folder / path.name)
        kubo.add(folder)

    try:
        yield {
            "one by one": lambda paths: [kubo.add(path) for path in paths],
            "in bulk": as_folder,
            "process": lambda paths: kubo._process.pid,
        }
    finally:
        kubo.close()


def give_our_share(process: int) -> None:
    """Let a process in a session of its own weigh what ours does: Linux shares the processors by session."""
    own, other = Path("/proc/self/autogroup"), Path(f"/proc/{process}/autogroup")
    if own.exists():
        other.write_text(own.read_text().rpartition(" ")[2].strip())


@contextlib.contextmanager
def js_ipfs(place: Path) -> Iterator[dict[str, Work] | str]:
    from tests.real.ipfs.daemon import PROGRAM, Daemon

    if not PROGRAM.exists():
        yield "js-ipfs is not here: npm install --prefix tests/real/ipfs"
        return
    import ipfshttpclient

    (place / "js-ipfs").mkdir()
    daemon = Daemon(place / "js-ipfs").start()
    give_our_share(daemon._process.pid)
    try:
        with ipfshttpclient.Client(daemon.address) as client:
            yield {
                "one by one": lambda paths: [client.add(str(path)) for path in paths],
                "in bulk": lambda paths: [
                    client.add(*map(str, paths[first : first + _CALL])) for first in range(0, len(paths), _CALL)
                ],
                "process": lambda paths: daemon._process.pid,
            }
    finally:
        daemon.stop()


def waits_of(place: Path, process: int, work: Callable[[], object]) -> int:
    """Return how often a process waits for the disk while it works, counted by strace."""
    output = place / "trace"
    tracer = subprocess.Popen(
        ["strace", "-f", "-e", "trace=fsync,fdatasync,syncfs,sync", "-o", str(output), "-p", str(process)],
        stderr=subprocess.PIPE,
        text=True,
    )
    tracer.stderr.readline()  # it says that it is attached
    work()
    tracer.send_signal(signal.SIGINT)
    tracer.wait()
    found = len(re.findall(r"(?:fsync|fdatasync|syncfs|sync)\(", output.read_text()))
    output.unlink()
    tracer.stderr.close()
    return found


def disk(place: Path) -> tuple[float, float]:
    """Return what one wait costs: for a page of a file that is there, and for a new file with its name."""
    page = place / "page"
    fd = os.open(page, os.O_RDWR | os.O_CREAT)
    os.write(fd, bytes(65536))
    os.fsync(fd)
    old, new = [], []
    for number in range(20):
        old.append(timed(lambda: (os.pwrite(fd, os.urandom(4096), 4096 * (number % 16)), os.fdatasync(fd))))  # noqa: B023
        new.append(timed(lambda: new_file(place / f"new-{number}", place)))  # noqa: B023
        (place / f"new-{number}").unlink()
    os.close(fd)
    return statistics.median(old), statistics.median(new)


def new_file(path: Path, folder: Path) -> None:
    for opened, flags in ((path, os.O_WRONLY | os.O_CREAT), (folder, os.O_RDONLY | os.O_DIRECTORY)):
        fd = os.open(opened, flags, 0o600)
        if opened is path:
            os.write(fd, bytes(4096))
        os.fsync(fd)
        os.close(fd)


def measure(place: Path, count: int, row: Callable[..., None], bar: Callable[[str, bool], str]) -> None:
    """Print the speeds and what a wait for the disk cost meanwhile; the bar is three times either IPFS."""
    print(f"\n{count} files of 4 KiB, {_SLICE} at a time in turn")
    singles, bulks = make_files(place / "singles", count, 2), make_files(place / "bulks", count, 3)
    with contextlib.ExitStack() as opened:
        contenders: dict[str, dict[str, Work]] = {}
        for name, context in (
            ("plain", ours(place, "plain", None)),
            ("encrypted", ours(place, "encrypted", KEY)),
            ("libkubo", libkubo(place)),
            ("js-ipfs", js_ipfs(place)),
        ):
            found = opened.enter_context(context)
            if isinstance(found, str):
                print(found)
            else:
                contenders[name] = found
        spent: dict[tuple[str, str], float] = {}
        floor = []
        for single, bulk in zip(slices(singles), slices(bulks), strict=True):
            floor.append(disk(place))
            for name, works in contenders.items():
                for what in ("one by one", "settling those", "in bulk"):
                    if what in works:
                        paths = bulk if what == "in bulk" else single
                        took = timed(lambda: works[what](paths))  # noqa: B023
                        spent[name, what] = spent.get((name, what), 0.0) + took
        report(count, spent, floor, row, bar)
        if shutil.which("strace"):
            count_waits(place, contenders, row)
    for folder in ("singles", "bulks"):
        shutil.rmtree(place / folder)


def report(
    count: int,
    spent: dict[tuple[str, str], float],
    floor: list[tuple[float, float]],
    row: Callable[..., None],
    bar: Callable[[str, bool], str],
) -> None:
    page, file = (statistics.median(column) * 1000 for column in zip(*floor, strict=True))
    row("one wait for the disk: a page / a new file and its name", f"{page:.2f} / {file:.2f} ms")
    for (name, what), seconds in spent.items():
        if what == "settling those":
            continue
        speed, note = count / seconds, ""
        if name in ("plain", "encrypted") and what == "one by one":
            settled = count / (seconds + spent[name, "settling those"])
            note = f"{settled:.0f} files/s with the wait for their files at the end"
        if name in ("libkubo", "js-ipfs"):
            ratio = seconds / spent["plain", what]
            note = f"we are {ratio:.1f} times as fast  {bar(f'{name}, {what}', ratio >= 3)}"
        row(f"{name}, {what}", f"{speed:.0f} files/s", note)


def count_waits(place: Path, contenders: dict[str, dict[str, Work]], row: Callable[..., None]) -> None:
    processes = {"plain": os.getpid()}
    for name in ("libkubo", "js-ipfs"):
        if name in contenders:
            processes[name] = contenders[name]["process"]([])  # type: ignore[assignment]
    for number, what in enumerate(("one by one", "in bulk")):
        sample = make_files(place / f"traced-{number}", _CALL, 4 + number)
        for name, process in processes.items():
            work = contenders[name][what]
            waits = waits_of(place, process, lambda: work(sample))  # noqa: B023
            row(f"{name}, waits for the disk a file, {what}", f"{waits / len(sample):.2f}", "counted by strace")
        shutil.rmtree(place / f"traced-{number}")
