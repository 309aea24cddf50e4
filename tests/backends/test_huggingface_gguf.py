"""The embedded GGUF model on transformers: one model, both engines."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Annotated, Any, Literal

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from pydantic import BaseModel, Field

from backends.huggingface import HuggingFaceBackend
from backends.local.packaged_models import packaged_gguf
from backends.local.shared import SharedModels
from backends.local.transformers_decode import decode
from backends.local.transformers_rows import make_row
from backends.types import Request
from backends.workstation import WorkstationBackend
from tests.backends.local.schemas import schemas

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


@pytest.mark.long
@settings(max_examples=1, deadline=None, phases=[Phase.generate], suppress_health_check=list(HealthCheck))
@given(st.lists(schemas(), min_size=10, max_size=10))
def test_random_schemas_hold_on_the_embedded_model(backend: HuggingFaceBackend, asked: list[Any]) -> None:
    """The schemas that the other engine decodes by hundreds, each a row of one batch."""
    with backend._here()._shared.use() as loaded:
        rows = [
            make_row(
                loaded,
                Request(
                    ({"role": "user", "content": "Give me JSON."},),
                    {"temperature": 1.2, "seed": seed, "max_tokens": 400},
                    json_schema=schema,
                ),
                lambda: False,
                "hf",
            )
            for seed, schema in enumerate(asked)
        ]
        texts = dict.fromkeys(rows, "")
        for row, piece in decode(loaded, rows):
            texts[row] += piece

    assert [row.finish for row in rows] == ["stop"] * 10
    for text, schema in zip(texts.values(), asked, strict=True):
        Draft202012Validator(schema, format_checker=Draft202012Validator.FORMAT_CHECKER).validate(json.loads(text))


@pytest.mark.long
@pytest.mark.parametrize(
    ("schema", "fits"),
    [
        ({"type": "string", "pattern": "^[A-Z]{2}-[0-9]{3}$"}, r"[A-Z]{2}-[0-9]{3}"),
        (
            {"type": "integer", "multipleOf": 7, "minimum": 1, "maximum": 99},
            r"7|14|21|28|35|42|49|56|63|70|77|84|91|98",
        ),
    ],
)
def test_patterns_and_multiples_hold_on_both_engines(
    backend: HuggingFaceBackend, schema: dict[str, Any], fits: str
) -> None:
    with WorkstationBackend(temperature=1.2, seed=1, max_tokens=40, timeout=250) as other:
        texts = [
            str(json.loads(one.generate("JSON, please.", json_schema=schema, temperature=1.2, seed=1)))
            for one in (backend, other)
        ]

    assert [text for text in texts if not re.fullmatch(fits, text)] == []


@pytest.mark.long
def test_both_engines_choose_the_same_label(backend: HuggingFaceBackend) -> None:
    labels = ["Paris", "London", "Rome", "a banana"]
    question = "What is the capital of France? Answer with one word."
    with WorkstationBackend(timeout=250) as other:
        theirs = other.score(question, labels)
    ours = backend.score(question, labels)

    assert labels[ours.index(max(ours))] == labels[theirs.index(max(theirs))] == "Paris"
    # llama.cpp rounds weights and activations to eight bits.
    assert ours == pytest.approx(theirs, abs=1.5)


def test_a_stop_string_and_the_stream_agree(backend: HuggingFaceBackend) -> None:
    assert "".join(backend.stream(QUESTION, stop=["Paris"])) == "The capital of France is "
