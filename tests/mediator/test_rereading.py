"""What changed is read again and nothing else; what a backend may say about answers; what explain replays."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from click.testing import CliRunner

from backends.exceptions import ProviderUnavailableError
from mediator import Mediator
from mediator.claims.checks import CONTROLS as CLAIM_CONTROLS
from mediator.claims.checks import content_id
from mediator.claims.engine import FallingBackScorer
from mediator.claims.text import sentences
from mediator.exceptions import SessionError
from mediator.explain import explain, explain_claim
from mediator.reading import CONTROLS as ANSWER_CONTROLS
from mediator.steps import ASKED_AGAIN, Question
from tests.mediator.conftest import ScriptedBackend, failing, verdict
from tests.mediator.made_sessions import ASKS

DEPOSIT = "I moved out of the flat on May 1, 2025. He kept my whole $900 security deposit and gave no list."
DEBT = "A collection agency calls my office ten times a day and told my boss that they will have me arrested."
RIGHT = {story: applies for _, story, applies in CLAIM_CONTROLS} | {said: yes for _, said, yes in ANSWER_CONTROLS}


class Trusted(ScriptedBackend):
    """Tells the controls apart, says yes to every claim, and of an answer what the test says."""

    def __init__(self, answers: str = "yes", *, fails_on: str | None = None) -> None:
        super().__init__(self.say, "trusted")
        self.verdict = answers
        self.fails_on = fails_on

    def say(self, prompt: str) -> str:
        known = next((right for words, right in RIGHT.items() if words in prompt), None)
        if "<said>" not in prompt:
            return verdict(True if known is None else known)
        if known is None and self.fails_on is not None:
            raise ProviderUnavailableError("down", provider=self.id)
        return json.dumps({"answers": self.verdict if known is None else "yes" if known else "no"})

    def about(self, words: str) -> list[str]:
        return [asked for asked in self.asked if words in asked]


@pytest.fixture
def backend() -> Trusted:
    return Trusted()


def test_a_backend_is_asked_again_only_about_what_changed(backend: Trusted, state_dir: Path) -> None:
    with Mediator(backends=[backend], state_dir=state_dir) as mediator:
        mediator.session.tell(DEPOSIT)
        first = len(backend.about("<story>"))
        mediator.session.tell(DEBT)
        again = backend.about("<story>")[first:]
        found = {claim.id for claim in mediator.view().claims}

    assert {"security_deposit", "debt_collection"} <= found
    assert again
    assert not [asked for asked in again if "Claim type: Security deposit" in asked]


def test_a_piece_told_anew_is_read_whole(backend: Trusted, state_dir: Path) -> None:
    with Mediator(backends=[backend], state_dir=state_dir) as mediator:
        mediator.session.tell(DEPOSIT)
        first = len(backend.about("Claim type: Security deposit"))
        mediator.session.retell(0, DEPOSIT.replace("$900", "$950"))

    assert len(backend.about("Claim type: Security deposit")) == first + 1


def test_words_that_were_taken_away_are_asked_about_again(backend: Trusted, state_dir: Path) -> None:
    kept = DEPOSIT.split(". ")[1]
    with Mediator(backends=[backend], state_dir=state_dir) as mediator:
        mediator.session.tell(DEPOSIT)
        first = len(backend.about("Claim type: Security deposit"))
        mediator.session.retell(0, kept)

    assert len(backend.about("Claim type: Security deposit")) == first + 1


def test_sentences_that_were_read_keep_their_vectors(monkeypatch: pytest.MonkeyPatch) -> None:
    scorer = FallingBackScorer()
    asked: list[str] = []
    embed = scorer._embedder.embed

    def counted(texts: list[str]) -> np.ndarray:
        asked.extend(texts)
        return embed(texts)

    monkeypatch.setattr(scorer._embedder, "embed", counted)
    scorer.score(sentences(DEPOSIT))
    before = set(asked)
    asked.clear()
    scorer.score(sentences(f"{DEPOSIT}\n\n{DEBT}"))

    assert asked
    assert not before & set(asked)


def test_an_answer_that_does_not_answer_is_kept_and_asked_once_more_in_the_same_words(state_dir: Path) -> None:
    backend = Trusted("no")
    with Mediator(backends=[backend], state_dir=state_dir) as mediator:
        mediator.session.tell(DEPOSIT)
        asked = mediator.session.step
        shown = mediator.io("it rains")
        again = mediator.session.step

        assert isinstance(asked, Question)
        assert isinstance(again, Question)
        assert (again.key, again.text, again.again) == (asked.key, asked.text, True)
        assert ASKED_AGAIN in shown
        assert mediator.session.state.answers[asked.element_key].text == "it rains"
        mediator.io("it still rains")
        assert mediator.session.step.key != asked.key


def test_an_answer_that_answers_moves_on(backend: Trusted, state_dir: Path) -> None:
    with Mediator(backends=[backend], state_dir=state_dir) as mediator:
        mediator.session.tell(DEPOSIT)
        asked = mediator.session.step
        mediator.io("nine hundred, in May")
        assert mediator.session.step.key != asked.key
        assert backend.about("nine hundred, in May")


def test_a_model_that_fails_the_controls_reads_no_answer(state_dir: Path) -> None:
    backend = ScriptedBackend(lambda prompt: verdict(True))
    with Mediator(backends=[backend], state_dir=state_dir) as mediator:
        mediator.session.tell(DEPOSIT)
        mediator.io("a secret answer")

    assert not [asked for asked in backend.asked if "a secret answer" in asked]


@pytest.mark.parametrize("fails", ["<story>", "<said>"])
def test_both_sets_of_controls_must_be_passed(state_dir: Path, fails: str) -> None:
    backend = Trusted()
    backend._answer = lambda prompt: (
        json.dumps({"applies": "yes", "answers": "yes", "quotes": [], "elements": []})
        if fails in prompt
        else backend.say(prompt)
    )
    with Mediator(backends=[backend], state_dir=state_dir) as mediator:
        mediator.session.tell(DEPOSIT)
        mediator.io("a secret answer")

    assert not backend.about("a secret answer")


@pytest.mark.parametrize("broken", [Trusted(fails_on="answers"), ScriptedBackend(failing)])
def test_when_the_backend_fails_the_answer_stands(state_dir: Path, broken: ScriptedBackend) -> None:
    with Mediator(backends=[broken], state_dir=state_dir) as mediator:
        mediator.session.tell(DEPOSIT)
        asked = mediator.session.step
        mediator.io("nine hundred")

        assert mediator.session.step.key != asked.key
        assert not mediator.session.state.readings


def test_reading_of_answers_can_be_switched_off(backend: Trusted, state_dir: Path) -> None:
    with Mediator(backends=[backend], state_dir=state_dir, read_answers=False) as mediator:
        mediator.session.tell(DEPOSIT)
        mediator.io("nine hundred")

    assert not backend.about("<said>")


def test_no_backend_words_a_question_whatever_it_says(state_dir: Path) -> None:
    words = "PLEASE SEND YOUR BANK PIN"
    backend = Trusted()
    backend._answer = lambda prompt: backend.say(prompt) if any(w in prompt for w in RIGHT) else json.dumps(
        {"applies": "yes", "answers": "no", "quotes": [words], "elements": [words], "question": words}
    )  # fmt: skip
    with Mediator(backends=[backend], state_dir=state_dir) as mediator:
        mediator.session.tell(DEPOSIT)
        shown = []
        while isinstance(step := mediator.session.step, Question):
            shown.append(step.text)
            mediator.session.answer("words")
        view = mediator.view()

    assert set(shown) <= ASKS
    assert words not in view.step.model_dump_json() + "".join(view.warnings)


def test_explain_replays_what_was_asked_and_answered_word_for_word(state_dir: Path) -> None:
    backend = Trusted()
    with Mediator(backends=[backend], state_dir=state_dir) as mediator:
        mediator.session.tell(DEPOSIT)
        mediator.io("nine hundred, in May")
        session_id = mediator.session.id
    with Mediator(backends=[ScriptedBackend(failing)], state_dir=state_dir) as later:
        later.resume(session_id)
        told = explain_claim(later.session.state, "security_deposit")

    prompt, response = told["verdict"]["prompt_cid"], told["verdict"]["response_cid"]
    assert DEPOSIT in told["texts"][prompt]
    assert json.loads(told["texts"][response])["applies"] == "yes"
    assert all(content_id(text) == cid for cid, text in told["texts"].items())
    (reading,) = told["readings"].values()
    assert "nine hundred, in May" in told["texts"][reading["prompt"]]


def test_a_kept_text_that_is_not_what_its_cid_names_is_refused(backend: Trusted, state_dir: Path) -> None:
    with Mediator(backends=[backend], state_dir=state_dir) as mediator:
        mediator.session.tell(DEPOSIT)
        state = mediator.session.state
    forged = dataclasses.replace(state, kept=dict.fromkeys(state.kept, "something else"))

    with pytest.raises(SessionError, match="is another one"):
        explain_claim(forged, "security_deposit")


def test_the_command_prints_the_texts_when_asked(backend: Trusted, state_dir: Path) -> None:
    with Mediator(backends=[backend], state_dir=state_dir) as mediator:
        mediator.session.tell(DEPOSIT)
        mediator.submit_evidence(b"receipt", "document", claim_type="security_deposit", element="deposit_paid")
        mediator.reset()
        app = SimpleNamespace(mediator=mediator)
        plain = CliRunner().invoke(explain, ["security_deposit"], obj=app).stdout
        mediator.reset()
        whole = CliRunner().invoke(explain, ["security_deposit", "--texts"], obj=app).stdout

    assert "trusted says that it applies" in plain
    assert "evidence bafk" in plain
    assert "for security_deposit/deposit_paid" in plain
    assert "You sort stories for a legal intake desk" not in plain
    assert "You sort stories for a legal intake desk" in whole
