"""Likelihoods of candidate answers by local transformers models, against the model's own scores."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from backends.exceptions import BackendTimeoutError, ContextLengthError, InvalidRequestError
from backends.huggingface import HuggingFaceBackend
from backends.local import transformers_score
from backends.local.shared import SharedModels
from tests.support.tiny_transformers import CHAT_TEMPLATE, CONTEXT, make_tiny_model

# Importing torch alone takes seconds.
pytestmark = pytest.mark.slow

PROMPT = "My manager reduced my hours after I asked for leave."
LABELS = ["retaliation", "no", "wages and hours", "x", "é €", "<|end|>", "half \ud800"]


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_tiny_model(tmp_path_factory.mktemp("models") / "chat", chat_template=CHAT_TEMPLATE)


@pytest.fixture(scope="module")
def backend(model: Path) -> Iterator[HuggingFaceBackend]:
    with HuggingFaceBackend("hf", model=str(model), local=True, env={}, models=SharedModels()) as made:
        yield made


@pytest.fixture(scope="module")
def reference(model: Path) -> Any:
    """Prompt and answer in one plain forward pass, nothing shared, nothing padded."""
    from transformers import AutoModelForCausalLM, AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(str(model), local_files_only=True)
    loaded = AutoModelForCausalLM.from_pretrained(str(model), local_files_only=True).eval()

    def score(prompt: str, answer: str) -> float:
        text = tokenizer.apply_chat_template(
            [{"role": "user", "content": prompt}], tokenize=False, add_generation_prompt=True
        )
        before = tokenizer(text)["input_ids"]
        answer = answer.replace("\ud800", "\N{REPLACEMENT CHARACTER}")
        after = tokenizer(answer, add_special_tokens=False, split_special_tokens=True)["input_ids"]
        with torch.inference_mode():
            scores = loaded(torch.tensor([before + after])).logits[0].double().log_softmax(-1)
        return sum(float(scores[len(before) - 1 + place, token]) for place, token in enumerate(after))

    return score


def test_scores_are_the_models_own_log_likelihoods_in_order(backend: HuggingFaceBackend, reference: Any) -> None:
    found = backend.score(PROMPT, LABELS)

    assert found == pytest.approx([reference(PROMPT, label) for label in LABELS], abs=1e-3)
    assert max(found) < 0


def test_company_changes_nothing_that_matters(backend: HuggingFaceBackend) -> None:
    together = backend.score(PROMPT, LABELS)

    assert together == pytest.approx([backend.score(PROMPT, [label])[0] for label in LABELS], abs=1e-3)


def test_long_prompts_long_candidates_and_small_groups_are_scored_in_parts(
    backend: HuggingFaceBackend, reference: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transformers_score, "READ_AT_ONCE", 7)
    monkeypatch.setattr(transformers_score, "_TOKENS_AT_ONCE", 5)
    monkeypatch.setattr(transformers_score, "_SCORES_AT_ONCE", 3_000)
    labels = ["a" * 40, "b", "c" * 17, "dd", "eee", "f" * 6]

    assert backend.score(PROMPT, labels) == pytest.approx([reference(PROMPT, label) for label in labels], abs=1e-2)


def test_a_thousand_candidates_are_scored(backend: HuggingFaceBackend) -> None:
    found = backend.score("?", [f"label {number}" for number in range(1_000)])

    assert len(found) == 1_000
    assert all(score < 0 for score in found)


def test_no_candidates_give_no_scores(backend: HuggingFaceBackend) -> None:
    assert backend.score(PROMPT, []) == []


@pytest.mark.parametrize("candidates", ["yes", [""], ["a", 3], [None]], ids=repr)
def test_candidates_must_be_texts(backend: HuggingFaceBackend, candidates: Any) -> None:
    with pytest.raises(InvalidRequestError, match="candidates"):
        backend.score(PROMPT, candidates)


def test_prompt_and_candidate_must_fit_together(backend: HuggingFaceBackend) -> None:
    with pytest.raises(ContextLengthError, match=rf"{CONTEXT} with 600 left"):
        backend.score(PROMPT, ["yes", "n" * 600])
    assert backend.score(PROMPT, ["yes"])


def test_a_deadline_ends_the_scoring_and_the_next_call_works(backend: HuggingFaceBackend) -> None:
    backend.score(PROMPT, ["loaded"])
    with pytest.raises(BackendTimeoutError, match="timeout"):
        backend.score(PROMPT, ["yes"], timeout=1e-9)
    assert backend.score(PROMPT, ["yes"])


async def test_asynchronous_callers_get_the_same(backend: HuggingFaceBackend) -> None:
    one, other = await asyncio.gather(backend.ascore(PROMPT, LABELS), backend.ascore(PROMPT, LABELS))

    assert one == other == backend.score(PROMPT, LABELS)


def test_scoring_leaves_generation_as_it_was(backend: HuggingFaceBackend) -> None:
    before = backend.generate(PROMPT, max_tokens=12, temperature=0)
    backend.score(PROMPT, LABELS)

    assert backend.generate(PROMPT, max_tokens=12, temperature=0) == before
