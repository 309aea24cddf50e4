"""The interview as lines of text: every command, and whatever else a person may type."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mediator import dialogue
from mediator.claims.taxonomy import NOTICE
from mediator.session import Session
from mediator.steps import Clarification, End, EvidenceRequest, Question
from tests.mediator.made_sessions import session

STORY = "I moved out on May 1, 2025. He kept my $900 deposit."


@pytest.fixture
def running(tmp_path: Path) -> Session:
    made = session(tmp_path, "security_deposit")
    dialogue.turn(made, STORY)
    return made


def test_why_tells_the_need_the_element_and_the_law_and_changes_nothing(running: Session) -> None:
    before = running.state
    told = dialogue.turn(running, "Why?")

    assert "A court needs this for: Security deposit not returned. It is about: Plaintiff paid a deposit." in told
    assert running.state == before


@pytest.mark.parametrize(
    ("line", "kind"),
    [("I don't know.", "unknown"), ("don’t know", "unknown"), ("no sé", "unknown"), ("skip", "skipped"),
     ("I don't know the day, but it was in May", "text")],
)  # fmt: skip
def test_not_knowing_and_skipping_are_answers(running: Session, line: str, kind: str) -> None:
    dialogue.turn(running, line)
    assert [answer.kind for answer in running.state.answers.values()] == [kind]


def test_back_edit_undo_and_redo_by_words(running: Session) -> None:
    dialogue.turn(running, "first")
    dialogue.turn(running, "second")

    assert "(You said: second)" in dialogue.turn(running, "back")
    assert "(You said: first)" in dialogue.turn(running, "edit 1")
    dialogue.turn(running, "FIRST")
    assert [answer.text for answer in running.state.answers.values()] == ["FIRST", "second"]
    dialogue.turn(running, "undo")
    assert [answer.text for answer in running.state.answers.values()] == ["first", "second"]
    dialogue.turn(running, "redo")
    assert [answer.text for answer in running.state.answers.values()] == ["FIRST", "second"]
    assert "1. " in dialogue.turn(running, "answers")
    assert "There is no answer 9" in dialogue.turn(running, "edit 9")


def test_words_after_add_go_to_the_story_while_a_question_is_open(running: Session) -> None:
    before = running.step
    dialogue.turn(running, "add: The deposit was $950.\nHe laughed.")

    assert running.state.stories[1] == "The deposit was $950.\nHe laughed."
    assert running.state.answers == {}
    assert isinstance(running.step, Clarification)
    assert "1. $900\n2. $950" in dialogue.turn(running, "what?")
    dialogue.turn(running, "2")
    assert running.step == before


def test_evidence_by_words(running: Session) -> None:
    while isinstance(running.step, Question):
        dialogue.turn(running, "something")
    first = running.step
    assert isinstance(first, EvidenceRequest)
    assert "Do you have something that shows this: Plaintiff paid a deposit?" in dialogue.turn(running, "")
    assert "handed in as a file" in dialogue.turn(running, "here it is")
    dialogue.turn(running, "I have none")
    assert running.state.proofs == {first.element_key: "none"}
    while not isinstance(running.step, End):
        dialogue.turn(running, "later")
    assert NOTICE in dialogue.turn(running, "")


LINES = st.one_of(
    st.sampled_from(["why", "back", "undo", "redo", "answers", "edit 1", "edit 9999", "add:", "add: more", "skip", "1",
                     "99", "both", "none", "later", "no sé", "...", "\x1b[2J", "\udcff", "edit -1", "$950 on May 3"]),
    st.text(max_size=30),
)  # fmt: skip


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(lines=st.lists(LINES, max_size=15))
def test_whatever_is_typed_there_is_something_to_show(tmp_path: Path, lines: list[str]) -> None:
    made = session(tmp_path, "security_deposit")
    for line in lines:
        assert dialogue.turn(made, line).strip()
        assert made.step.text
        assert isinstance(made.step, End) or made.step.why
    made.close()
