"""Runs a program for a backend, safely.

Promises: the program is started from an argument list and never by a shell; its input is bytes on
stdin; it runs in a session of its own, until a deadline; what it prints is bounded; and when the
block ends, by whatever way, neither it nor anything it started is left behind.
"""

from __future__ import annotations

import asyncio
import atexit
import contextlib
import errno
import functools
import os
import signal
import sys
import time
import uuid
from collections.abc import AsyncIterator, Coroutine, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from backends.exceptions import (
    BackendTimeoutError,
    InvalidRequestError,
    MalformedResponseError,
    ProviderUnavailableError,
)

__all__ = ["MAX_OUTPUT", "ProgramEnd", "RunningProgram", "end_marked", "marked", "running"]

T = TypeVar("T")

#: Bytes of stdout after which a program counts as broken and is ended.
MAX_OUTPUT = 32 * 1024 * 1024
#: Bytes of stderr that are kept: the last ones, where programs say why they ended.
_STDERR_KEPT = 64 * 1024
#: Seconds between the polite signal and the one that cannot be refused.
_GRACE = 0.3
#: Seconds that a killed program may take to be gone.
_GRACE_OF_THE_KERNEL = 5
#: Marks everything that a run started, so that what leaves its process group is found too (Linux).
_MARK = "COMPLAINT_GENERATOR_PROGRAM_RUN"
_MARKS_ARE_SEEN = sys.platform.startswith("linux")

#: Process groups that run now, each with the interpreter that started it, which may end in the middle of a call.
_running: dict[int, int] = {}


@dataclass(frozen=True, slots=True)
class ProgramEnd:
    """How a program ended. ``exit_code`` is negative for a signal, as subprocess has it."""

    exit_code: int
    stderr: str


class RunningProgram:
    """A started program: read ``chunks``, then ``end``."""

    def __init__(self, watcher: _Watcher, deadline: float | None, owner: str) -> None:
        self._watcher = watcher
        self._deadline = deadline
        self._owner = owner

    @property
    def stderr(self) -> str:
        """What it said on stderr until now, the last part of it."""
        return bytes(self._watcher.stderr).decode("utf-8", "replace")

    async def chunks(self) -> AsyncIterator[bytes]:
        """Yield stdout as it comes. Raises at the deadline and when the output has no end."""
        while True:
            chunk = await self._before_deadline(self._watcher.stdout.get())
            if chunk is None:
                break
            yield chunk
        if self._watcher.flooded:
            raise MalformedResponseError(
                f"the program printed more than {self._watcher.max_output} bytes and was ended", provider=self._owner
            )

    async def end(self) -> ProgramEnd:
        """Wait until the program has ended."""
        await self._before_deadline(self._watcher.exited.wait())
        code = self._watcher.transport.get_returncode()
        assert code is not None
        return ProgramEnd(code, self.stderr)

    async def _before_deadline(self, work: Coroutine[Any, Any, T]) -> T:
        left = None if self._deadline is None else max(0.0, self._deadline - time.monotonic())
        try:
            return await asyncio.wait_for(work, left)
        except TimeoutError as error:
            raise BackendTimeoutError("the program gave no answer before the deadline", provider=self._owner) from error


@contextlib.asynccontextmanager
async def running(
    arguments: Sequence[str],
    *,
    stdin: bytes = b"",
    directory: str | os.PathLike[str],
    environment: Mapping[str, str],
    deadline: float | None,
    owner: str,
    max_output: int = MAX_OUTPUT,
) -> AsyncIterator[RunningProgram]:
    """Start the program and end it with the block. ``deadline`` is a time of ``time.monotonic``."""
    mark, environment = marked(environment)
    watcher = _Watcher(max_output, mark)
    try:
        await _start(arguments, watcher, directory, environment, owner)
    except BaseException:
        end_marked(mark)  # cancelled between the fork and the hand-over
        raise
    try:
        watcher.feed(stdin)
        yield RunningProgram(watcher, deadline, owner)
    finally:
        await _end(watcher, mark)


async def _start(
    arguments: Sequence[str],
    watcher: _Watcher,
    directory: str | os.PathLike[str],
    environment: Mapping[str, str],
    owner: str,
) -> None:
    if any("\0" in argument for argument in arguments):
        raise InvalidRequestError("an argument of a program cannot hold a NUL character", provider=owner)
    try:
        # The transport reaches the watcher by connection_made.
        await asyncio.get_running_loop().subprocess_exec(
            lambda: watcher, *arguments, cwd=directory, env=environment, start_new_session=True
        )
    except OSError as error:
        if error.errno == errno.E2BIG:
            raise InvalidRequestError(
                "the prompt is too long for a program's argument; use a command without {prompt}, which reads stdin",
                provider=owner,
            ) from error
        raise ProviderUnavailableError(
            f"cannot start {arguments[0]}: {error.strerror or error}", provider=owner, retryable=False
        ) from error


class _Watcher(asyncio.SubprocessProtocol):
    """Collects what a program prints and notices its end even when a child of it holds the pipes."""

    transport: asyncio.SubprocessTransport

    def __init__(self, max_output: int, mark: str) -> None:
        self.max_output = max_output
        self.stdout: asyncio.Queue[bytes | None] = asyncio.Queue()
        self.stderr = bytearray()
        self.flooded = False
        self.exited = asyncio.Event()
        self._mark = mark
        self._printed = 0
        self.open = {0, 1, 2}

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.SubprocessTransport)
        self.transport = transport
        _end_with_interpreter()
        _running[transport.get_pid()] = os.getpid()

    def feed(self, data: bytes) -> None:
        pipe = self.transport.get_pipe_transport(0)
        assert isinstance(pipe, asyncio.WriteTransport)
        pipe.write(data)
        pipe.close()

    def pipe_data_received(self, fd: int, data: bytes | bytearray | memoryview) -> None:
        if fd == 2:
            self.stderr += data
            del self.stderr[:-_STDERR_KEPT]
            return
        self._printed += len(data)
        if self._printed <= self.max_output:
            self.stdout.put_nowait(bytes(data))
        elif not self.flooded:
            self.flooded = True
            self.stdout.put_nowait(None)

    def pipe_connection_lost(self, fd: int, exc: Exception | None) -> None:
        self.open.discard(fd)
        if fd == 1:
            self.stdout.put_nowait(None)

    def process_exited(self) -> None:
        self.exited.set()
        if self.open - {0}:
            # Its own last words are still in the pipes; a child that keeps them open would hold us until the deadline.
            loop = asyncio.get_running_loop()
            loop.call_later(_GRACE, lambda: self.open - {0} and loop.run_in_executor(None, end_marked, self._mark))


async def _end(watcher: _Watcher, mark: str) -> None:
    transport = watcher.transport
    pid = transport.get_pid()
    swept = False
    try:
        if transport.get_returncode() is None:
            _signal_group(pid, signal.SIGTERM)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(watcher.exited.wait(), _GRACE)
        if transport.get_returncode() is not None:
            await asyncio.to_thread(end_marked, mark)
            swept = True
    finally:
        # Reached also when a second cancellation interrupts the wait.
        if transport.get_returncode() is None:
            _signal_group(pid, signal.SIGKILL)
        if not swept:
            end_marked(mark)
        if not _MARKS_ARE_SEEN:
            _signal_group(pid, signal.SIGKILL)  # a group outlives its leader as long as somebody is in it
        _running.pop(pid, None)
        stdin = transport.get_pipe_transport(0)
        if 0 in watcher.open and isinstance(stdin, asyncio.WriteTransport):
            stdin.abort()
        transport.close()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(watcher.exited.wait(), _GRACE_OF_THE_KERNEL)


def _signal_group(pid: int, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, number)


def marked(environment: Mapping[str, str]) -> tuple[str, dict[str, str]]:
    """A new mark, and the environment with it, for ``end_marked``."""
    mark = uuid.uuid4().hex
    return mark, {**environment, _MARK: mark}


def end_marked(mark: str) -> None:
    """Kill every process that inherited the mark, wherever it moved to (Linux; elsewhere the group must do)."""
    if not _MARKS_ARE_SEEN:
        return
    wanted = f"{_MARK}={mark}".encode()
    until = time.monotonic() + _GRACE_OF_THE_KERNEL
    # Again until none is left: one may fork while we look, and one that was killed takes its time to go.
    while found := [pid for pid in _own_processes() if _carries(pid, wanted)]:
        for pid in found:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signal.SIGKILL)
        if time.monotonic() > until:
            return
        time.sleep(0.005)


def _own_processes() -> list[int]:
    with os.scandir("/proc") as entries:
        return [int(entry.name) for entry in entries if entry.name.isdigit()]


def _carries(pid: int, wanted: bytes) -> bool:
    try:
        with open(f"/proc/{pid}/environ", "rb") as file:
            return wanted in file.read().split(b"\0")
    except OSError:  # ended meanwhile, or somebody else's
        return False


@functools.cache
def _end_with_interpreter() -> None:
    atexit.register(_end_all)


def _end_all() -> None:
    for pid, owner in list(_running.items()):
        if owner == os.getpid():  # a fork has our table, but not our programs
            _signal_group(pid, signal.SIGKILL)
