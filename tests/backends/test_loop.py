"""The thread that runs the asynchronous path for callers that are not asynchronous."""

from __future__ import annotations

import asyncio
import contextvars
import itertools
import os
import signal
import subprocess
import sys
import threading
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from backends._loop import LoopThread
from backends.exceptions import ProviderUnavailableError

pytestmark = pytest.mark.timeout(30)


@pytest.fixture
def loop_thread() -> Iterator[LoopThread]:
    thread = LoopThread("loop-under-test")
    yield thread
    thread.close()


async def echo(value: int) -> int:
    await asyncio.sleep(0)
    return value


async def numbers(end: int) -> AsyncIterator[int]:
    for number in range(end):
        yield number


class Gate:
    """Work that tells when it has begun and when it was cancelled."""

    def __init__(self) -> None:
        self.begun = threading.Event()
        self.cancelled = threading.Event()

    async def wait(self) -> None:
        self.begun.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            self.cancelled.set()
            raise

    async def pieces(self) -> AsyncIterator[str]:
        yield "first"
        await self.wait()


def test_many_threads_get_each_their_own_result(loop_thread: LoopThread) -> None:
    with ThreadPoolExecutor(32) as pool:
        results = list(pool.map(lambda number: loop_thread.run(echo(number)), range(2000)))

    assert results == list(range(2000))


def test_an_error_is_raised_where_the_call_was_made(loop_thread: LoopThread) -> None:
    async def fail() -> None:
        raise ValueError("of the work")

    with pytest.raises(ValueError, match="of the work"):
        loop_thread.run(fail())


def test_even_an_interrupt_of_the_work_leaves_the_loop_running(loop_thread: LoopThread) -> None:
    async def interrupted() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        loop_thread.run(interrupted())

    assert loop_thread.run(echo(7)) == 7


def test_the_work_runs_in_its_callers_context(loop_thread: LoopThread) -> None:
    name: contextvars.ContextVar[str] = contextvars.ContextVar("name", default="nobody's")

    async def whose() -> str:
        return name.get()

    name.set("mine")

    assert loop_thread.run(whose()) == "mine"


def test_a_call_that_runs_when_the_thread_is_closed_is_told_so(loop_thread: LoopThread) -> None:
    gate = Gate()

    with ThreadPoolExecutor(1) as pool:
        call = pool.submit(loop_thread.run, gate.wait())
        assert gate.begun.wait(10)
        loop_thread.close()

        with pytest.raises(ProviderUnavailableError, match="closed while the call ran"):
            call.result(10)
    assert gate.cancelled.is_set()


def test_a_stream_that_is_read_when_the_thread_is_closed_does_not_end_as_if_it_were_whole(
    loop_thread: LoopThread,
) -> None:
    gate = Gate()
    pieces = loop_thread.iterate(gate.pieces())
    assert next(pieces) == "first"
    assert gate.begun.wait(10)

    loop_thread.close()

    with pytest.raises(ProviderUnavailableError, match="closed while the call ran"):
        next(pieces)


def test_calls_that_race_with_close_all_end(loop_thread: LoopThread) -> None:
    def call(number: int) -> str:
        try:
            loop_thread.run(echo(number))
        except ProviderUnavailableError:
            return "closed"
        return "done"

    with ThreadPoolExecutor(16) as pool:
        calls = [pool.submit(call, number) for number in range(400)]
        for _ in range(20):
            loop_thread.close()
        ends = [each.result(20) for each in calls]

    assert set(ends) <= {"done", "closed"}


def test_a_closed_thread_starts_again(loop_thread: LoopThread) -> None:
    loop_thread.run(echo(1))
    loop_thread.close()

    assert not loop_thread.started
    assert loop_thread.run(echo(2)) == 2


def test_a_stream_comes_whole_and_in_order(loop_thread: LoopThread) -> None:
    assert list(loop_thread.iterate(numbers(5000))) == list(range(5000))


def test_a_slow_reader_holds_the_source_back(loop_thread: LoopThread) -> None:
    made = itertools.count()
    last = 0

    async def source() -> AsyncIterator[int]:
        nonlocal last
        while True:
            last = next(made)
            yield last

    pieces = loop_thread.iterate(source())
    for _ in range(1000):
        next(pieces)
    loop_thread.run(echo(0))  # whatever the source could still do, it has done by now
    ahead = last - 999
    pieces.close()  # type: ignore[attr-defined]  # it is a generator

    assert 0 < ahead <= 257


def test_a_reader_that_stops_cancels_the_source(loop_thread: LoopThread) -> None:
    gate = Gate()
    pieces = loop_thread.iterate(gate.pieces())
    next(pieces)

    pieces.close()  # type: ignore[attr-defined]  # as above

    assert gate.cancelled.wait(10)


def test_an_error_of_the_source_comes_after_its_pieces(loop_thread: LoopThread) -> None:
    async def broken() -> AsyncIterator[str]:
        yield "piece"
        raise ValueError("broke")

    pieces = loop_thread.iterate(broken())

    assert next(pieces) == "piece"
    with pytest.raises(ValueError, match="broke"):
        next(pieces)


def test_a_call_from_inside_the_loop_is_refused_and_does_not_hang(loop_thread: LoopThread) -> None:
    async def inside() -> int:
        return loop_thread.run(echo(1))

    with pytest.raises(RuntimeError, match="would wait for itself"):
        loop_thread.run(inside())


def test_an_interrupt_cancels_the_work() -> None:
    program = """
import asyncio, sys
from backends._loop import LoopThread
async def work():
    print("begun", flush=True)
    try:
        await asyncio.Event().wait()
    except asyncio.CancelledError:
        print("cancelled", flush=True)
        raise
thread = LoopThread()
try:
    thread.run(work())
except KeyboardInterrupt:
    thread.close()
    print("interrupted", flush=True)
"""
    # A child of a background shell ignores interrupts unless it is told otherwise.
    with subprocess.Popen(
        [sys.executable, "-c", "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)\n" + program],
        stdout=subprocess.PIPE,
        text=True,
    ) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == "begun\n"
        child.send_signal(signal.SIGINT)
        said = child.stdout.read().split()

    assert said == ["cancelled", "interrupted"]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system starts no process by fork, so none inherits a thread")
def test_a_forked_process_starts_a_loop_of_its_own() -> None:
    program = """
import asyncio, os
from backends._loop import LoopThread
async def echo(): return "alive"
thread = LoopThread()
thread.run(echo())
if os.fork() == 0:
    print(thread.run(echo()), flush=True)
    os._exit(0)
os.wait()
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=20, check=True)

    assert done.stdout == "alive\n"
