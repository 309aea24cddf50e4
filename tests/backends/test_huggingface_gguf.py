"""The embedded GGUF model on transformers: one model, both engines."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Literal

import pytest
from pydantic import BaseModel, Field

from backends.huggingface import HuggingFaceBackend
from backends.local.packaged_models import packaged_gguf
from backends.local.shared import SharedModels
from backends.workstation import WorkstationBackend

pytestmark = pytest.mark.slow

QUESTION = "What is the capital of France?"


@pytest.fixture(scope="module")
def registry() -> SharedModels:
    return SharedModels()


@pytest.fixture(scope="module")
def backend(registry: SharedModels) -> Iterator[HuggingFaceBackend]:
    # Reading the quantised weights takes many seconds on a busy machine.
    with HuggingFaceBackend(env={}, models=registry, max_tokens=24, temperature=0, timeout=250) as made:
        yield made


def test_the_embedded_model_answers_and_says_nothing_on_the_terminal(
    backend: HuggingFaceBackend, capfd: pytest.CaptureFixture[str]
) -> None:
    completion = backend.complete(QUESTION)

    assert completion.text == "The capital of France is Paris."
    assert completion.finish_reason == "stop"
    assert completion.model == packaged_gguf().name
    assert backend.local
    assert capfd.readouterr() == ("", "")


def test_a_gguf_file_may_be_named_in_each_way(backend: HuggingFaceBackend, registry: SharedModels) -> None:
    path = packaged_gguf()
    ways = [{"model": str(path)}, {"gguf_file": str(path)}, {"model": str(path.parent), "gguf_file": path.name}]

    for way in ways:
        with HuggingFaceBackend(env={}, models=registry, **way) as other:  # type: ignore[arg-type]  # all text
            assert other.health().ok
            assert other.local
            assert other.model is not None
            assert other.model.endswith(path.name)


def test_both_engines_see_the_same_tokens_and_give_the_same_answer(backend: HuggingFaceBackend) -> None:
    # llama.cpp rounds activations to eight bits, so this is a question whose answer stands far before the next best.
    question = "What is the opposite of hot?"
    with WorkstationBackend(max_tokens=8, temperature=0, timeout=250) as other:
        theirs = other.complete(question)
    ours = backend.complete(question, max_tokens=8)

    assert ours.text == theirs.text == "The opposite of hot is cold. This"
    assert ours.usage == theirs.usage


def test_a_batch_gives_the_texts_of_one_at_a_time(backend: HuggingFaceBackend) -> None:
    prompts = [QUESTION, "Say hello to Bob in one friendly sentence, please.", "Write <|im_end|> twice."]

    texts = backend.batch_generate(prompts, timeout=250, max_tokens=10)

    assert texts == [backend.generate(prompt, max_tokens=10) for prompt in prompts]


def test_a_document_is_held_to_its_schema(backend: HuggingFaceBackend) -> None:
    class Person(BaseModel):
        name: Annotated[str, Field(max_length=20)]
        age: Annotated[int, Field(ge=0, le=130)]
        job: Literal["nurse", "driver", "cook"]

    found = backend.generate_json("Anna, 34, works as a nurse.", Person, max_tokens=80)

    assert found == Person(name="Anna", age=34, job="nurse")


def test_a_stop_string_and_the_stream_agree(backend: HuggingFaceBackend) -> None:
    assert "".join(backend.stream(QUESTION, stop=["Paris"])) == "The capital of France is "
