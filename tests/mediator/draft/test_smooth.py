"""Smoothing: one paragraph at a time, checked, accepted by the person, kept as an event, taken back by undo."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from mediator import Mediator, MediatorError
from mediator.draft import Proposal, accept, proposals
from mediator.draft.smooth import marked_difference
from tests.mediator.conftest import ScriptedBackend, failing
from tests.mediator.draft.matters import draft_of

STORY = "I moved out on May 1, 2025 and gave back the keys. He kept my whole $900 security deposit, no list."


def tidied(prompt: str) -> str:
    """A good model for this alone: it changes the teller's words."""
    if "-----" not in prompt:
        return failing(prompt)
    return prompt.split("-----")[1].strip().replace("I ", "Plaintiff ").replace("my", "Plaintiff's")


def inventing(prompt: str) -> str:
    return tidied(prompt) + " He laughed."


def mediator_with(answer: Callable[[str], str], folder: Path, *more: ScriptedBackend) -> Mediator:
    return Mediator(backends=[ScriptedBackend(answer), *more], state_dir=folder)


def test_each_paragraph_is_sent_alone() -> None:
    backend = ScriptedBackend(tidied)
    list(proposals(draft_of(), [backend]))
    told = [fact.text for fact in draft_of().facts if fact.source.kind != "evidence"]

    assert [prompt.split("-----")[1].strip() for prompt in backend.asked] == told
    assert not any("Photo of the walls" in prompt for prompt in backend.asked)


def test_a_proposal_says_who_wrote_it_and_what_it_replaces() -> None:
    made = next(p for p in proposals(draft_of(), [ScriptedBackend(tidied)]) if "$900" in p.text)

    assert (made.original, made.text, made.backend, made.refused) == (
        "He kept my $900.", "He kept Plaintiff's $900.", "scripted", (),
    )  # fmt: skip


def test_an_invention_is_refused_with_its_reasons() -> None:
    refused = list(proposals(draft_of(), [ScriptedBackend(inventing)]))

    assert refused
    assert all(any("He laughed" in reason for reason in made.refused) for made in refused)


def test_a_backend_that_fails_is_passed_over_and_all_failing_is_one_line() -> None:
    good = ScriptedBackend(tidied, id="second")

    assert next(iter(proposals(draft_of(), [ScriptedBackend(failing), good]))).backend == "second"
    with pytest.raises(MediatorError, match=r"no backend could smooth paragraph 1; your words stand\. scripted: "):
        list(proposals(draft_of(), [ScriptedBackend(failing)]))


def test_fences_and_line_breaks_around_an_answer_are_taken_off() -> None:
    wrapped = ScriptedBackend(lambda prompt: f"```text\n{tidied(prompt)}\n```\n")

    assert all(made.refused == () for made in proposals(draft_of(), [wrapped]))


def test_only_the_asked_paragraphs_are_smoothed() -> None:
    assert [made.number for made in proposals(draft_of(), [ScriptedBackend(tidied)], numbers=[1])] == [1]


def test_an_accepted_paragraph_is_kept_in_the_session_and_undo_takes_it_back(tmp_path: Path) -> None:
    with mediator_with(tidied, tmp_path) as mediator:
        mediator.io(STORY)
        made = next(p for p in proposals(mediator.draft(), mediator.backends) if "$900" in p.text)
        accept(mediator.session, made)
        smoothed = next(f for f in mediator.draft().facts if "$900" in f.text)
        mediator.session.undo()
        taken_back = next(f for f in mediator.draft().facts if "$900" in f.text)

    assert (smoothed.text, smoothed.original) == (made.text, made.original)
    assert (taken_back.text, taken_back.original) == (made.original, None)


def test_an_accepted_paragraph_is_there_after_a_restart(tmp_path: Path) -> None:
    with mediator_with(tidied, tmp_path) as mediator:
        mediator.io(STORY)
        for made in proposals(mediator.draft(), mediator.backends):
            accept(mediator.session, made)
        before = mediator.draft()
    with mediator_with(failing, tmp_path) as again:
        again.resume()
        after = again.draft()

    assert any(fact.smoothed_by == "scripted" for fact in after.facts)
    assert after == before


def test_a_smoothed_paragraph_is_offered_again_only_when_asked_for(tmp_path: Path) -> None:
    with mediator_with(tidied, tmp_path) as mediator:
        mediator.io(STORY)
        made = next(iter(proposals(mediator.draft(), mediator.backends)))
        accept(mediator.session, made)
        again = {p.number for p in proposals(mediator.draft(), mediator.backends)}
        asked = {p.number for p in proposals(mediator.draft(), mediator.backends, numbers=[made.number])}

    assert made.number not in again
    assert asked == {made.number}


def test_what_adds_a_fact_cannot_be_accepted_by_any_caller(tmp_path: Path) -> None:
    with mediator_with(tidied, tmp_path) as mediator:
        mediator.io(STORY)
        events = len(mediator.session.events)
        forged = Proposal(1, "He kept my $900.", "He kept my $9,000.", "web", None, ())
        with pytest.raises(MediatorError, match="cannot be taken"):
            accept(mediator.session, forged)

        assert len(mediator.session.events) == events


def test_a_forged_event_changes_no_word(tmp_path: Path) -> None:
    with mediator_with(tidied, tmp_path) as mediator:
        mediator.io(STORY)
        said = next(fact.text for fact in mediator.draft().facts if "$900" in fact.text)
        mediator.session.import_events(
            "smoothed", {"original": said, "text": said.replace("$900", "$9,000"), "backend": "x", "model": None}
        )
        data = json.loads(mediator.draft().model_dump_json())

    assert "9,000" not in json.dumps(data["facts"])
    assert any("your words stand" in warning for warning in data["warnings"])


def test_the_difference_shows_what_goes_and_what_comes() -> None:
    assert marked_difference("He kept my $900.", "He kept Plaintiff's $900.") == "He kept [-my-]{+Plaintiff's+} $900."
