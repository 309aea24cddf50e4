"""The view: one frozen picture of a case that terminal, page and API show."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from pydantic import ValidationError

from mediator import CaseView, Mediator
from mediator.claims.taxonomy import NOTICE
from tests.mediator.conftest import ScriptedBackend, failing

STORY = (
    "I moved out of the flat on May 1, 2025 and gave back the keys. I had paid a $900 security deposit. "
    "He kept my whole deposit, no list."
)


def test_before_anything_is_told_the_view_is_whole_and_empty(mediator: Mediator) -> None:
    view = mediator.view()

    assert (view.step.kind, view.claims, view.story.text, view.notice) == ("tell", (), "", NOTICE)


def test_highlights_and_pieces_are_spans_of_the_story(mediator: Mediator) -> None:
    mediator.io(STORY)
    mediator.io("add: I gave him my new address in writing.")
    story = mediator.view().story

    assert [story.text[p.start : p.end] for p in story.pieces] == [STORY, "I gave him my new address in writing."]
    assert story.highlights
    assert all(story.text[h.start : h.end].strip() for h in story.highlights)
    assert {h.claim for h in story.highlights} == {"security_deposit"}


def test_the_timeline_holds_dates_of_story_and_answers_in_order(mediator: Mediator) -> None:
    mediator.io(STORY)
    mediator.session.import_events(
        "answer",
        {"claim": "security_deposit", "element": "deposit_paid", "answer": "text", "text": "$900, on June 3, 2024"},
    )
    moments = mediator.view().timeline

    assert [(m.iso, m.where.source) for m in moments] == [("2024-06-03", "answer"), ("2025-05-01", "story")]
    assert moments[1].about == "the day you moved out"


def test_the_matrix_shows_words_answers_and_evidence_by_element(mediator: Mediator) -> None:
    mediator.io(STORY)
    mediator.submit_evidence(b"receipt", "document", claim_type="security_deposit", element="forwarding_address")
    cells = {cell.element: cell for cell in mediator.view().matrix}

    assert (cells["forwarding_address"].state, cells["forwarding_address"].exhibits) == ("with evidence", ("A",))
    assert {"told", "missing"} >= {cell.state for name, cell in cells.items() if name != "forwarding_address"}


def test_every_answer_names_the_key_that_asks_it_again(mediator: Mediator) -> None:
    mediator.io(STORY)
    shown = mediator.view().step
    mediator.io("something")
    (answer,) = mediator.view().answers

    assert answer.key == shown.key
    mediator.session.show(answer.key)
    assert mediator.view().step.previous == "something"


def test_the_same_session_gives_the_same_view_and_goes_through_json(state_dir: Path) -> None:
    with Mediator(backends=[ScriptedBackend(failing)], state_dir=state_dir) as first:
        first.io(STORY)
        first.io("words")
        shown = first.view()
    with Mediator(backends=[ScriptedBackend(failing)], state_dir=state_dir) as second:
        second.resume()
        assert second.view() == shown

    assert CaseView.model_validate(json.loads(shown.model_dump_json())) == shown


def test_a_view_is_frozen(mediator: Mediator) -> None:
    view = mediator.view()
    with pytest.raises(ValidationError):
        view.session = "other"
