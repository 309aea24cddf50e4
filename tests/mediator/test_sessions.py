"""Sessions: killed anywhere they go on at the same question; threads, processes and sessions never mix."""

from __future__ import annotations

import shutil
import subprocess
import sys
import threading
import warnings
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mediator.events import DamagedTailWarning
from mediator.exceptions import NothingToReadError, SessionBusyError, SessionError
from mediator.session import Session
from mediator.state import fold
from mediator.steps import Question
from tests.mediator.made_sessions import report, session

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize("seed", [1, 2])
def test_killed_at_random_points_it_goes_on_at_the_same_question(tmp_path: Path, seed: int) -> None:
    rounds = 40
    done = subprocess.run(
        [sys.executable, "-m", "tests.mediator.killed_sessions", str(tmp_path), str(rounds), str(seed)],
        cwd=ROOT, capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip

    assert done.returncode == 0, done.stderr
    assert done.stdout.count("killed after") == rounds


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The file of a session with story, answers, undo and evidence."""
    running = session(tmp_path_factory.mktemp("whole"), "security_deposit")
    running.tell("I moved out on May 1, 2025. He kept my $900 deposit.")
    running.answer("It was 950 dollars.")
    running.unknown()
    running.answer("something")
    running.undo()
    running.back()
    running.add_exhibit({"cid": "bafy", "claim": "security_deposit", "element": "deposit_paid"})
    running.close()
    return running.path


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(cut=st.floats(0, 1))
def test_cut_at_any_byte_it_opens_as_a_beginning_of_itself(tmp_path: Path, whole: Path, cut: float) -> None:
    raw = whole.read_bytes()
    folder = tmp_path / "cut"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    path = folder / whole.name
    path.write_bytes(raw[: round(cut * len(raw))])
    complete = path.read_bytes().count(b"\n")

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DamagedTailWarning)
        again = session(folder, "security_deposit", session_id=whole.name.removesuffix(".session.jsonl"))
    assert len(again.events) == complete
    assert again.state == fold(again.events)
    kept = b"".join(aside.read_bytes() for aside in folder.glob("*.damaged-*"))
    assert path.read_bytes() + kept == raw[: round(cut * len(raw))]
    again.close()


def test_a_story_that_was_told_and_not_read_is_read_when_it_goes_on(tmp_path: Path) -> None:
    first = session(tmp_path, "security_deposit")
    first.hear("He kept my deposit.")
    first.close()
    again = session(tmp_path, "security_deposit", session_id=first.id)
    assert again.state.unread

    again.catch_up()
    assert isinstance(again.step, Question)


def test_a_story_without_a_word_is_refused_before_it_is_written(tmp_path: Path) -> None:
    running = session(tmp_path, "security_deposit")
    with pytest.raises(NothingToReadError):
        running.tell(" \n ... ")
    assert running.events == ()


def test_halves_of_characters_and_control_characters_do_no_harm(tmp_path: Path) -> None:
    first = session(tmp_path, "security_deposit")
    first.tell("He kept \udcff my deposit \x00\x1b[2J\u2028 and \U0001f600.")
    first.answer("\ud800 nine hundred\r\n")
    first.close()

    assert session(tmp_path, "security_deposit", session_id=first.id).state == first.state


def test_many_threads_in_one_session_lose_and_tear_nothing(tmp_path: Path) -> None:
    running = session(tmp_path, "security_deposit")
    running.tell("a story")

    def add(number: int) -> None:
        running.add_exhibit({"cid": f"cid-{number}"})
        assert running.step.text

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(add, range(64)))
    running.close()
    again = session(tmp_path, "security_deposit", session_id=running.id)

    assert sorted(e.cid for e in again.state.exhibits) == sorted(f"cid-{n}" for n in range(64))
    assert again.state == running.state


def test_what_is_on_the_disk_first_is_in_the_state_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One thread stops between the disk and the state; another one must not get between the two."""
    running = session(tmp_path, "security_deposit")
    append = running._log.append
    on_disk, second_is_done = threading.Event(), threading.Event()

    def stopping(kind: str, data: dict[str, str]) -> object:
        event = append(kind, data)
        if data["cid"] == "first":
            on_disk.set()
            second_is_done.wait(0.3)
        return event

    monkeypatch.setattr(running._log, "append", stopping)
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(running.add_exhibit, {"cid": "first"})
        assert on_disk.wait(30)
        running.add_exhibit({"cid": "second"})
        second_is_done.set()
        first.result(timeout=30)

    assert [exhibit.cid for exhibit in running.state.exhibits] == ["first", "second"]


def test_two_sessions_in_two_threads_never_mix(tmp_path: Path) -> None:
    def interview(name: str) -> Session:
        running = session(tmp_path, "security_deposit")
        running.tell(f"the story of {name}")
        for number in range(20):
            running.add_exhibit({"cid": f"{name}-{number}"})
        running.close()
        return running

    with ThreadPoolExecutor(4) as pool:
        made = list(pool.map(interview, ["a", "b", "c", "d"]))
    again = [session(tmp_path, "security_deposit", session_id=one.id) for one in made]

    assert [one.state.story for one in again] == [f"the story of {name}" for name in "abcd"]
    assert all({e.cid[0] for e in one.state.exhibits} == {name} for one, name in zip(again, "abcd", strict=True))


def test_another_process_is_told_that_the_session_is_open(tmp_path: Path) -> None:
    running = session(tmp_path, "security_deposit")
    running.tell("a story")
    code = (
        "import sys; from pathlib import Path; from tests.mediator.made_sessions import session\n"
        "session(Path(sys.argv[1]), session_id=sys.argv[2])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path), running.id], cwd=ROOT, capture_output=True, text=True, check=False
    )

    assert done.returncode != 0
    assert SessionBusyError.__name__ in done.stderr
    running.answer("still mine")


def test_what_is_told_while_the_story_is_read_is_read_too(tmp_path: Path) -> None:
    """The reading holds no lock: an answer and more story come in while it goes on."""
    running = session(tmp_path, "security_deposit")
    began, go_on = threading.Event(), threading.Event()
    read: list[str] = []

    def slow(text: str, _before: object) -> object:
        read.append(text)
        began.set()
        assert go_on.wait(30)
        return report("security_deposit", story=text)

    running._extract = slow  # type: ignore[assignment]
    with ThreadPoolExecutor(1) as pool:
        reading = pool.submit(running.tell, "first")
        assert began.wait(30)
        running.hear("second")
        go_on.set()
        reading.result(timeout=30)

    assert read == ["first", "first\n\nsecond"]
    assert not running.state.unread
    running.undo()
    assert running.state.stories == ("first",)


def test_a_closed_session_says_so(tmp_path: Path) -> None:
    running = session(tmp_path, "security_deposit")
    running.tell("a story")
    running.close()

    with pytest.raises(SessionError, match="was closed"):
        running.answer("too late")


def test_a_full_disk_keeps_what_was_told_before(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    running = session(tmp_path, "security_deposit")
    running.tell("a story")
    before = running.path.read_bytes()

    def full(_file: object, _data: bytes) -> None:
        _file.write(_data[:10])  # type: ignore[attr-defined]
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("mediator.events._write", full)
    with pytest.raises(SessionError, match="No space left on device; the last entry was not kept"):
        running.answer("nine hundred")
    monkeypatch.undo()

    assert running.path.read_bytes() == before
    running.answer("nine hundred")
    assert len(running.state.answers) == 1
