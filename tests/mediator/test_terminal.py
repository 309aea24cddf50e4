"""The terminal interview over a pipe."""

from __future__ import annotations

import io
from pathlib import Path

from mediator import Mediator
from mediator.interfaces.terminal import run_interview
from tests.mediator.conftest import ScriptedBackend, failing

STORY = (
    "I moved out of the flat on May 1, 2025 and gave back the keys.\n"
    "He kept my whole $900 security deposit, no list.\n\n\n"
)


def held(state_dir: Path, typed: str, resume: str | None = None) -> str:
    out = io.StringIO()
    with Mediator(backends=[ScriptedBackend(failing)], state_dir=state_dir) as mediator:
        assert run_interview(mediator, resume=resume, source=io.StringIO(typed), out=out) == 0
    return out.getvalue()


def test_a_story_over_a_pipe_shows_claims_quotes_and_the_notice(state_dir: Path) -> None:
    shown = held(state_dir, STORY)

    assert '"He kept my whole $900 security deposit, no list."' in shown
    assert "not legal advice" in shown
    assert "Passed over: scripted: ProviderUnavailableError" in shown


def test_questions_take_answers_and_commands_one_at_a_time(state_dir: Path) -> None:
    shown = held(state_dir, STORY + "why\nnine hundred\nback\n")

    assert "It is about: " in shown
    assert "(You said: nine hundred)" in shown


def test_the_way_back_is_told_and_leads_to_the_same_question(state_dir: Path) -> None:
    shown = held(state_dir, STORY + "nine hundred\nquit\n")
    session_id = shown.rsplit("--resume ", 1)[1].split()[0]
    last_question = [line for line in shown.splitlines() if line.startswith("[")][-1]

    assert last_question in held(state_dir, "", resume=session_id)


def test_a_story_that_tells_no_claim_ends_with_where_to_go(state_dir: Path) -> None:
    shown = held(state_dir, "They moved my desk next to the printer and it is loud. I feel nobody respects me.\n")

    assert "lawhelp.org" in shown


def test_no_input_at_all_ends_quietly(state_dir: Path) -> None:
    assert "Tell what happened" in held(state_dir, "")


class Interrupted(io.StringIO):
    """Input that ends with Ctrl-C."""

    def readline(self, size: int = -1, /) -> str:
        line = super().readline(size)
        if line == "":
            raise KeyboardInterrupt
        return line


def test_ctrl_c_keeps_what_was_told_and_tells_the_way_back(state_dir: Path) -> None:
    out = io.StringIO()
    with Mediator(backends=[ScriptedBackend(failing)], state_dir=state_dir) as mediator:
        code = run_interview(mediator, source=Interrupted(STORY + "nine hundred\n"), out=out)

    assert code == 130
    session_id = out.getvalue().rsplit("--resume ", 1)[1].split()[0]
    assert "(You said: nine hundred)" in held(state_dir, "back\n", resume=session_id)
