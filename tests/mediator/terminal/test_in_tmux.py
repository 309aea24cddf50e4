"""The interview in a real terminal of 80 columns, as a person sees it: `python run.py`, keys, pastes and the screen."""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.support.tmux import Tmux

pytestmark = pytest.mark.slow
HOME = Path(__file__).resolve().parents[3]
STORY = (
    "I moved out of the flat on May 1, 2025 and gave back the keys. He kept my whole $900 security deposit, no list."
)
QUESTION = "Did you give them your new address in writing?"
Start = Callable[..., Tmux]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Starts run.py in a window; every window is closed at the end."""
    config = tmp_path / "config.json"
    backend = {"id": "mock", "type": "llm_router", "provider": "mock"}
    config.write_text(
        json.dumps(
            {
                "BACKENDS": [backend],
                "MEDIATOR": {"backends": ["mock"], "state_dir": "state"},
                "EVIDENCE": {"path": "evidence"},
            }
        )
    )
    windows: list[Tmux] = []

    def run(*arguments: str, columns: int = 80, **variables: str) -> Tmux:
        folder = tmp_path / f"window{len(windows)}"
        folder.mkdir()
        env = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "LANG": "C.UTF-8"}
        # tmux sets TERM itself, so variables are set behind it.
        command = [
            "env",
            *(f"{name}={value}" for name, value in variables.items()),
            sys.executable,
            str(HOME / "run.py"),
            "--config",
            str(config),
            *arguments,
        ]
        windows.append(Tmux(folder, command, env=env, columns=columns))
        return windows[-1]

    yield run
    for window in windows:
        window.close()


def told(window: Tmux, story: str = STORY) -> str:
    """Tell the story at the first prompt and wait for the first question."""
    window.wait_for("\n|")
    window.paste(story)
    window.press("C-d")
    return window.wait_for("this one is helpful")


def test_the_first_screen_says_what_to_do(start: Start) -> None:
    shown = start().wait_for("\n|")

    assert "not legal advice" in shown
    assert "Tell what happened, in your own words." in shown
    assert "Finish with two empty lines, or with Ctrl-D." in shown


@pytest.mark.parametrize("columns", [80, 40])
def test_words_are_wrapped_at_the_window(start: Start, columns: int) -> None:
    shown = told(start(columns=columns))
    lines = shown.splitlines()

    assert max(map(len, lines)) <= columns
    words = set(re.findall(r"[A-Za-z]+", STORY))
    inside = set(re.findall(r"[A-Za-z]+", shown[shown.index("Your story") :]))
    assert words <= inside, "a word was broken at the window's edge"


def test_the_story_is_marked_by_claim_with_colour_and_without(start: Start) -> None:
    window = start()
    told(window)
    plain = start(NO_COLOR="1")
    told(plain)

    assert re.search(r"\x1b\[[\d;]*m\[He kept my whole \$900 security deposit, no list.\]\(1\)", _joined(window))
    assert "[He kept my whole $900 security deposit, no list.](1)" in _joined(plain)
    assert not re.search(r"\x1b\[[\d;]*3[0-7]m", _joined(plain)), "there is colour although NO_COLOR is set"


def _joined(window: Tmux) -> str:
    return re.sub(r" *\n", " ", window.screen(colours=True))


def test_two_empty_lines_end_a_story_and_one_is_a_paragraph(start: Start) -> None:
    window = start()
    window.wait_for("\n|")
    window.write("I moved out on May 1, 2025 and gave back the keys.")
    window.press("Enter", "Enter")
    window.write("He kept my whole $900 security deposit, no list.")
    window.press("Enter", "Enter", "Enter")

    assert "Security deposit not returned" in window.wait_for("questions settled")


def test_a_pasted_page_is_one_answer(start: Start) -> None:
    window = start()
    told(window)
    window.paste("Yes, in a letter.\n\nIt was on Main Street.\nback\nskip")
    window.press("Enter")
    window.wait_for("4 of 5 questions settled")
    window.write("/answers")
    window.press("Enter")
    shown = window.wait_for("/edit NUMBER")

    assert "It was on Main Street." in shown
    assert "4 of 5" in shown


def test_the_arrow_key_brings_back_what_was_typed(start: Start) -> None:
    window = start()
    told(window)
    window.write("by registered letter")
    window.press("Enter")
    window.wait_for("4 of 5 questions settled")
    window.wait_for("\n>", at_the_end=True)
    window.press("Up")

    assert window.wait_for("\n> by registered letter", at_the_end=True).count("> by registered letter") == 2


def test_ctrl_c_says_how_to_resume_and_that_leads_to_the_same_question(start: Start) -> None:
    window = start()
    told(window)
    window.press("C-c")
    shown = window.wait_for("ended with 130")
    session = shown.rsplit("--resume ", 1)[1].split()[0]

    assert "Stopped." in shown
    assert QUESTION in start("start", "--resume", session).wait_for("questions settled")


def test_ctrl_c_in_the_middle_of_a_story_ends_without_a_traceback(start: Start) -> None:
    window = start()
    window.wait_for("\n|")
    window.write("He kept")
    window.press("C-c")

    assert "Traceback" not in window.wait_for("ended with 130")


def test_ctrl_d_at_a_question_ends_and_nothing_is_lost(start: Start) -> None:
    window = start()
    told(window)
    window.press("C-d")

    assert "Your session is saved." in window.wait_for("ended with 0")


def test_a_terminal_without_abilities_still_holds_the_interview(start: Start) -> None:
    window = start(TERM="dumb", NO_COLOR="1")
    window.wait_for("\n>")
    window.write(STORY)
    window.press("Enter", "Enter", "Enter")

    assert QUESTION in window.wait_for("this one is helpful")


def test_nothing_of_the_story_is_written_outside_the_state_folder(start: Start, tmp_path: Path) -> None:
    window = start()
    told(window)
    window.write("by registered letter")
    window.press("Enter")
    window.wait_for("4 of 5 questions settled")
    window.wait_for("\n>", at_the_end=True)
    window.press("C-d")
    window.wait_for("ended with 0")
    holding = [path for path in tmp_path.rglob("*") if path.is_file() and b"registered letter" in path.read_bytes()]

    assert {path.relative_to(tmp_path).parts[0] for path in holding} == {"state"}
