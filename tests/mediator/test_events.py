"""The event file: what was appended stays, what was cut short is set aside, what was changed is found."""

from __future__ import annotations

import json
import subprocess
import sys
import warnings
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mediator.events import DamagedTailWarning, EventLog
from mediator.exceptions import SessionBusyError, SessionError

KINDS = ["story", "answer", "skip"]


def clock() -> str:
    return "2026-01-01T00:00:00+00:00"


def written(path: Path, count: int = 3) -> bytes:
    with EventLog(path, clock) as log:
        for number in range(count):
            log.append(KINDS[number % 3], {"text": f"line {number} ñ 🙂\n second"})
    return path.read_bytes()


def test_events_come_back_in_order(tmp_path: Path) -> None:
    written(tmp_path / "s.jsonl")

    with EventLog(tmp_path / "s.jsonl", clock) as log:
        assert [event.kind for event in log.events] == KINDS


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_a_file_cut_anywhere_keeps_every_whole_event(tmp_path: Path, data: st.DataObject) -> None:
    path = tmp_path / "s.jsonl"
    path.unlink(missing_ok=True)
    whole = written(path)
    cut = data.draw(st.integers(0, len(whole)))
    path.write_bytes(whole[:cut])

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DamagedTailWarning)
        with EventLog(path, clock) as log:
            kept = len(log.events)
            log.append("story", {"text": "after the cut"})

    assert kept == whole[:cut].count(b"\n")
    with EventLog(path, clock) as again:
        assert len(again.events) == kept + 1


def test_a_cut_tail_is_kept_aside_with_a_warning(tmp_path: Path) -> None:
    path = tmp_path / "s.jsonl"
    path.write_bytes(written(path)[:-20])

    with pytest.warns(DamagedTailWarning, match="not written whole"), EventLog(path, clock):
        pass

    aside = next(tmp_path.glob("s.jsonl.damaged-*"))
    assert b"line 2" in aside.read_bytes()


def test_a_changed_line_in_the_middle_is_an_error_and_changes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "s.jsonl"
    changed = written(path, 4).replace(b"line 1", b"line 9")
    path.write_bytes(changed)

    with pytest.raises(SessionError, match="line 2 was changed"):
        EventLog(path, clock)

    assert path.read_bytes() == changed


def test_every_event_holds_the_hash_of_the_one_before(tmp_path: Path) -> None:
    lines = [json.loads(line) for line in written(tmp_path / "s.jsonl").splitlines()]

    assert [line["prev"] for line in lines[1:]] == [line["hash"] for line in lines[:-1]]


def test_two_writers_never_share_a_file(tmp_path: Path) -> None:
    with EventLog(tmp_path / "s.jsonl", clock), pytest.raises(SessionBusyError, match="open in another program"):
        EventLog(tmp_path / "s.jsonl", clock)


@pytest.mark.slow
def test_a_process_killed_while_it_writes_loses_no_acknowledged_event(tmp_path: Path) -> None:
    path = tmp_path / "s.jsonl"
    code = (
        "import pathlib, sys\n"
        "from mediator.events import EventLog\n"
        "log = EventLog(pathlib.Path(sys.argv[1]), lambda: 't')\n"
        "for n in range(100000):\n"
        "    log.append('story', {'text': 'x' * 500}); print(n, flush=True)\n"
    )
    process = subprocess.Popen([sys.executable, "-c", code, str(path)], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    acknowledged = [int(process.stdout.readline()) for _ in range(40)]
    process.kill()
    acknowledged += [int(line) for line in process.stdout if line.endswith("\n")]
    process.wait()

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DamagedTailWarning)
        with EventLog(path, clock) as log:
            assert len(log.events) >= acknowledged[-1] + 1
