"""The terminal interview over a pipe: plain lines in, plain lines out."""

from __future__ import annotations

import io
from pathlib import Path

import pytest

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


def after_story(state_dir: Path, typed: str) -> str:
    """What is shown after the first question."""
    return held(state_dir, STORY + typed).split("this one is", 1)[1]


def test_a_story_shows_its_claims_in_its_own_words_and_the_notice(state_dir: Path) -> None:
    shown = held(state_dir, STORY)

    assert "[He kept my whole $900 security deposit, no list.](1)" in shown
    assert "(1) Security deposit not returned: 3 of 5 told" in shown
    assert "not legal advice" in shown
    assert "Passed over: scripted: ProviderUnavailableError" in shown


def test_questions_take_answers_and_commands_one_at_a_time(state_dir: Path) -> None:
    shown = held(state_dir, STORY + "why\nnine hundred\nback\n")

    assert "It is about: " in shown
    assert "(You said: nine hundred)" in shown


def test_progress_is_shown_with_every_question(state_dir: Path) -> None:
    shown = held(state_dir, STORY + "by letter\n")

    assert "[############--------] 3 of 5 questions settled; this one is helpful:" in shown
    assert "[################----] 4 of 5 questions settled" in shown


def test_the_way_back_is_told_and_leads_to_the_same_question(state_dir: Path) -> None:
    shown = held(state_dir, STORY + "nine hundred\nquit\n")
    session_id = shown.rsplit("--resume ", 1)[1].split()[0]
    last_question = [line for line in shown.splitlines() if line.startswith("[#")][-1]

    assert last_question in held(state_dir, "", resume=session_id)


def test_a_story_that_tells_no_claim_ends_with_where_to_go(state_dir: Path) -> None:
    shown = held(state_dir, "They moved my desk next to the printer and it is loud. I feel nobody respects me.\n")

    assert "lawhelp.org" in shown


def test_no_input_at_all_ends_quietly(state_dir: Path) -> None:
    assert "Tell what happened" in held(state_dir, "")


def test_nothing_but_signs_is_told_apart_from_a_story(state_dir: Path) -> None:
    assert "there is no story in the text" in held(state_dir, "?!?\n\n\n")


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


@pytest.mark.slow
@pytest.mark.parametrize(
    ("typed", "says"),
    [
        ("/answers\n", "You have not answered a question yet."),
        ("by letter\n/answers\n", "  1  Did you give them your new address in writing?\n     by letter"),
        ("/edit 7\n", "Which one? /answers lists them"),
        ("/edit one\n", "Which one? /answers lists them"),
        ("/missing\n", "Would help"),
        ("/timeline\n", '2025-05-01  "May 1, 2025": the day you moved out'),
        ("/story\n", "[He kept my whole $900 security deposit, no list.](1)"),
        ("/claims\n", '"He kept my whole $900 security deposit, no list."'),
        ("/evidence\n", "Give its path"),
        ("/evidence no-such-file.pdf\n", "There is no file 'no-such-file.pdf'"),
        ("/draft x.exe\n", "The file's ending says what to write: ."),
        ("/undu\n", "There is no command /undu; did you mean /undo?"),
        ("!save\n", "Every step is saved already, in "),
        ("!resume\n", "There is no other session on this machine."),
        ("!resume ../../etc/passwd\n", "/sessions lists them"),
        ("/redo\n", "There is nothing to do again."),
        ("/help\n", "/edit NUMBER"),
        ("/sessions\n", "(this one)"),
    ],
)
def test_a_command_says_what_it_did(state_dir: Path, typed: str, says: str) -> None:
    assert says in after_story(state_dir, typed)


def test_edit_asks_an_earlier_question_again_and_loses_no_later_answer(state_dir: Path) -> None:
    shown = held(state_dir, STORY + "by letter\nIn Ohio, I have photos.\n/edit 1\nby e-mail\n/answers\n")

    listed = shown.rsplit("Your answers", 1)[1]
    assert "by e-mail" in listed
    assert "In Ohio, I have photos." in listed


def test_reset_begins_a_new_session_and_resume_goes_back(state_dir: Path) -> None:
    shown = held(state_dir, STORY + "by letter\n!reset\n!resume\n/answers\n")

    assert "A new session begins" in shown
    assert shown.rsplit("Your answers", 1)[1].count("by letter") == 1


def test_evidence_is_kept_under_its_cid_and_linked_to_the_question(state_dir: Path, tmp_path: Path) -> None:
    file = tmp_path / "letter.txt"
    file.write_text("my new address")
    with Mediator(backends=[ScriptedBackend(failing)], state_dir=state_dir) as mediator:
        typed = io.StringIO(STORY + f"/evidence {file}\n")
        assert run_interview(mediator, source=typed, out=(out := io.StringIO())) == 0
        (exhibit,) = mediator.view().exhibits

    assert f"Kept as {exhibit.cid}" in out.getvalue()
    assert (exhibit.claim, exhibit.element) == ("security_deposit", "forwarding_address")


def test_two_sums_for_one_thing_are_asked_about_once(state_dir: Path) -> None:
    story = STORY.rstrip() + "\nI paid a $950 deposit.\n\n\n"
    shown = held(state_dir, story + "9\n2\n/timeline\n")

    assert "Type a number from 1 to 4" in shown
    assert shown.count("Which one is right?") == 2  # asked, and shown again after the wrong number
    assert "You said: 950" in shown


def test_a_draft_is_written_from_the_interview(state_dir: Path, tmp_path: Path) -> None:
    shown = after_story(state_dir, f"/draft {tmp_path / 'mine.html'}\n")

    assert "never signed" in shown
    assert "Complaint" in (tmp_path / "mine.html").read_text()


def test_a_folder_that_is_not_there_is_one_line(state_dir: Path, tmp_path: Path) -> None:
    assert "No such file or directory" in after_story(state_dir, f"/draft {tmp_path}/nowhere/mine.html\n")


def test_what_a_story_holds_cannot_act_on_the_terminal(state_dir: Path) -> None:
    shown = held(state_dir, "He kept my $900 deposit \x1b]0;owned\x07\x1b[2J when I moved out.\n\n\n/story\n")

    assert "\x1b" not in shown
    assert "\\x1b]0;owned" in shown
