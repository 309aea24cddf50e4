"""Encrypted sessions: nothing readable on the disk, a chain that needs no key, a wrong key told from damage."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from mediator.events import DamagedTailWarning, EventLog, check_chain
from mediator.evidence import EvidenceStore
from mediator.exceptions import SessionError, SessionKeyError
from mediator.sealed_lines import LineSeal
from tests.mediator.made_sessions import session

KEY, OTHER = "11" * 32, "22" * 32


def seal(folder: Path, key: str = KEY) -> LineSeal:
    return LineSeal.with_evidence_key(folder, lambda _new: key)


def clock() -> str:
    return "2026-01-01T00:00:00"


def written(folder: Path) -> Path:
    """A sealed session with three lines."""
    path = folder / "s.jsonl"
    with EventLog(path, clock, seal(folder / "evidence")) as log:
        for n in range(3):
            log.append("story", {"text": f"he kept my deposit {n}"})
    return path


def test_no_word_of_the_story_is_on_the_disk_and_it_comes_back(tmp_path: Path) -> None:
    path = written(tmp_path)

    assert b"deposit" not in path.read_bytes()
    assert b"story" not in path.read_bytes()
    assert all(KEY.encode() not in file.read_bytes() for file in tmp_path.rglob("*") if file.is_file())
    with EventLog(path, clock, seal(tmp_path / "evidence")) as log:
        assert [event.data["text"] for event in log.events] == [f"he kept my deposit {n}" for n in range(3)]


def test_the_chain_is_checked_without_the_key(tmp_path: Path) -> None:
    path = written(tmp_path)
    assert check_chain(path) == 3

    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(lines[0] + lines[2])
    with pytest.raises(SessionError, match="line 2"):
        check_chain(path)


def test_without_a_key_it_says_that_it_is_encrypted(tmp_path: Path) -> None:
    path = written(tmp_path)
    with pytest.raises(SessionKeyError, match="is encrypted; set MEDIATOR"):
        EventLog(path, clock)


def test_a_wrong_key_is_told_from_damage_and_changes_nothing(tmp_path: Path) -> None:
    path = written(tmp_path)
    before = path.read_bytes()

    with pytest.raises(SessionKeyError, match="not the one"):
        EventLog(path, clock, seal(tmp_path / "evidence", OTHER))
    with pytest.raises(SessionKeyError, match="has no key"):
        EventLog(path, clock, seal(tmp_path / "another-store", OTHER))
    assert path.read_bytes() == before
    assert list(tmp_path.glob("*.damaged-*")) == []


def test_a_sealed_line_that_was_changed_with_its_hashes_is_damage(tmp_path: Path) -> None:
    path = written(tmp_path)
    lines = [json.loads(line) for line in path.read_bytes().splitlines()]
    from mediator.events import _canonical, _digest  # what a forger would do who has no key

    lines[2]["sealed"] = lines[1]["sealed"]
    lines[2]["hash"] = _digest({name: value for name, value in lines[2].items() if name != "hash"})
    path.write_bytes(b"".join(_canonical(line) + b"\n" for line in lines))

    assert check_chain(path) == 3
    with pytest.raises(SessionError, match="line 3: the key is the right one"):
        EventLog(path, clock, seal(tmp_path / "evidence"))


def test_half_a_sealed_line_is_cut_and_kept_aside(tmp_path: Path) -> None:
    path = written(tmp_path)
    path.write_bytes(path.read_bytes()[:-20])

    with pytest.warns(DamagedTailWarning), EventLog(path, clock, seal(tmp_path / "evidence")) as log:
        assert len(log.events) == 2
    (aside,) = tmp_path.glob("*.damaged-*")
    assert b"deposit" not in aside.read_bytes()


def test_a_session_begun_in_the_clear_is_sealed_whole_when_it_goes_on(tmp_path: Path) -> None:
    first = session(tmp_path, "security_deposit")
    first.tell("he kept my deposit")
    first.answer("nine hundred")
    first.close()
    again = session(tmp_path, "security_deposit", session_id=first.id, seal=seal(tmp_path / "evidence"))

    assert again.state == first.state
    assert b"deposit" not in again.path.read_bytes()
    again.answer("in May")
    again.close()
    assert check_chain(again.path) == len(again.events)
    assert not list(tmp_path.glob("*.sealing"))


def test_the_key_is_the_evidence_stores(tmp_path: Path) -> None:
    with EvidenceStore(tmp_path / "evidence", key_source=lambda _new: KEY):
        pass
    path = written(tmp_path)

    with EventLog(path, clock, seal(tmp_path / "evidence")) as log:
        assert len(log.events) == 3


def test_a_line_of_another_session_does_not_open_here(tmp_path: Path) -> None:
    made = seal(tmp_path / "evidence")
    sealed = made.seal(b"words", "0 now a")

    assert made.open(sealed, "0 now a", made.key_id) == b"words"
    with pytest.raises(SessionError, match="was changed"):
        made.open(sealed, "0 now b", made.key_id)
