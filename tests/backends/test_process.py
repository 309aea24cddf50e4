"""Programs are started without a shell, bounded, and ended with everything that they started."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest

from backends.exceptions import (
    BackendTimeoutError,
    InvalidRequestError,
    MalformedResponseError,
    ProviderUnavailableError,
)
from backends.process import ProgramEnd, end_marked, marked, running
from tests.support.processes import processes_naming


async def _run(
    folder: Path, body: str, *arguments: str, stdin: bytes = b"", seconds: float = 30, max_output: int = 1 << 20
) -> tuple[bytes, ProgramEnd]:
    async with running(
        [sys.executable, "-Sc", body, *arguments],
        stdin=stdin,
        directory=folder,
        environment={"HOME": str(folder), "PATH": os.defpath},
        deadline=time.monotonic() + seconds,
        owner="test",
        max_output=max_output,
    ) as program:
        printed = b"".join([chunk async for chunk in program.chunks()])
        return printed, await program.end()


async def test_arguments_and_input_arrive_byte_for_byte(tmp_path: Path) -> None:
    body = "import sys; sys.stdout.buffer.write(repr(sys.argv[1:]).encode() + sys.stdin.buffer.read())"

    printed, end = await _run(tmp_path, body, "$(x)", "a 'b'", "", "*", stdin=b"\0\xff in")

    assert printed == b"['$(x)', \"a 'b'\", '', '*']\0\xff in"
    assert end == ProgramEnd(0, "")


async def test_input_larger_than_a_pipe_does_not_block(tmp_path: Path) -> None:
    data = bytes(range(256)) * 16_384

    printed, _ = await _run(
        tmp_path,
        "import sys, shutil; shutil.copyfileobj(sys.stdin.buffer, sys.stdout.buffer)",
        stdin=data,
        max_output=1 << 23,
    )

    assert printed == data


@pytest.mark.parametrize(("body", "code"), [("raise SystemExit(7)", 7), ("import os; os.kill(os.getpid(), 15)", -15)])
async def test_the_exit_code_is_told(body: str, code: int, tmp_path: Path) -> None:
    assert (await _run(tmp_path, body))[1].exit_code == code


async def test_the_end_of_stderr_is_kept(tmp_path: Path) -> None:
    _, end = await _run(tmp_path, "import sys; sys.stderr.write('x' * 1_000_000 + 'the end')")

    assert end.stderr.endswith("xthe end")
    assert len(end.stderr) <= 64 * 1024


async def test_more_output_than_allowed_ends_the_program(tmp_path: Path) -> None:
    with pytest.raises(MalformedResponseError, match="more than 1000 bytes"):
        await _run(tmp_path, "while True: print('x' * 100)", max_output=1000)

    assert processes_naming(str(tmp_path)) == []


async def test_the_deadline_ends_a_program_that_prints_and_one_that_does_not(tmp_path: Path) -> None:
    for body in ("import time; time.sleep(600)", "import time\nwhile True: time.sleep(0.05); print('.', flush=True)"):
        with pytest.raises(BackendTimeoutError):
            await _run(tmp_path, body, seconds=0.7)

    assert processes_naming(str(tmp_path)) == []


async def test_a_program_may_say_goodbye(tmp_path: Path) -> None:
    body = (
        "import signal, sys, time\n"
        "def goodbye(*_): open('goodbye', 'w').close(); sys.exit()\n"
        "signal.signal(signal.SIGTERM, goodbye); time.sleep(600)"
    )

    with pytest.raises(BackendTimeoutError):
        await _run(tmp_path, body, seconds=1.5)

    assert (tmp_path / "goodbye").exists()


async def test_a_child_that_keeps_the_pipes_open_holds_nobody_up(tmp_path: Path) -> None:
    body = "import os, time\nif os.fork() == 0:\n os.setsid(); time.sleep(600)\nprint('said', flush=True)"

    printed, end = await _run(tmp_path, body, seconds=30)

    assert (printed, end.exit_code) == (b"said\n", 0)
    assert processes_naming(str(tmp_path)) == []


async def test_two_cancellations_leave_nothing_either(tmp_path: Path) -> None:
    body = (
        "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('up', flush=True); time.sleep(600)"
    )
    up = asyncio.Event()

    async def call() -> None:
        async with running(
            [sys.executable, "-Sc", body],
            directory=tmp_path,
            environment={"HOME": str(tmp_path)},
            deadline=None,
            owner="test",
        ) as program:
            async for _ in program.chunks():
                up.set()

    task = asyncio.create_task(call())
    await up.wait()
    task.cancel()
    await asyncio.sleep(0)
    task.cancel()

    with pytest.raises(asyncio.CancelledError):
        await task
    assert processes_naming(str(tmp_path)) == []


async def test_sixteen_programs_at_once_do_not_mix(tmp_path: Path) -> None:
    body = "import sys; print(sys.argv[1], sys.stdin.read())"

    ends = await asyncio.gather(*(_run(tmp_path, body, str(n), stdin=b"in%d" % n) for n in range(16)))

    assert [printed for printed, _ in ends] == [b"%d in%d\n" % (n, n) for n in range(16)]


async def test_a_program_of_no_name_is_unavailable(tmp_path: Path) -> None:
    with pytest.raises(ProviderUnavailableError, match="cannot start"):
        async with running(
            [str(tmp_path / "missing")], directory=tmp_path, environment={}, deadline=None, owner="test"
        ):
            pass


async def test_a_nul_in_an_argument_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidRequestError, match="NUL"):
        await _run(tmp_path, "", "a\0b")


async def test_an_argument_beyond_what_the_system_takes_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidRequestError, match="too long"):
        await _run(tmp_path, "", "x" * 10_000_000)


def test_an_interpreter_that_ends_in_a_call_takes_its_program_along(tmp_path: Path) -> None:
    script = textwrap.dedent(f"""
        import asyncio, sys, threading, time
        sys.path.insert(0, {str(Path(__file__).parents[2])!r})
        from backends.process import running
        up = threading.Event()
        async def call():
            async with running([sys.executable, "-Sc", "print('up', flush=True); import time; time.sleep(600)"],
                               directory="/", environment={{"HOME": {str(tmp_path)!r}}}, deadline=None, owner="t") as p:
                async for _ in p.chunks():
                    up.set()
        threading.Thread(target=lambda: asyncio.run(call()), daemon=True).start()
        assert up.wait(30)
    """)

    subprocess.run([sys.executable, "-c", script], check=True, timeout=60)

    assert processes_naming(str(tmp_path)) == []


def test_what_carries_the_mark_is_ended_and_nothing_else(tmp_path: Path) -> None:
    mark, environment = marked({"HOME": str(tmp_path)})
    sleeper = [sys.executable, "-Sc", "import time; time.sleep(600)"]
    ours = subprocess.Popen(sleeper, env=environment, start_new_session=True)
    other = subprocess.Popen(sleeper, env=marked({"HOME": str(tmp_path)})[1])

    end_marked(mark)

    assert ours.wait(timeout=10) == -9
    assert other.poll() is None
    other.kill()
    other.wait(timeout=10)
