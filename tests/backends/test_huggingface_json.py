"""Answers of local transformers models that are held to a JSON Schema."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Literal

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import BaseModel, Field, TypeAdapter, create_model

from backends.exceptions import ConfigurationError, InvalidRequestError
from backends.huggingface import HuggingFaceBackend
from backends.local.transformers_json import schema_grammar
from tests.support.tiny_transformers import CHAT_TEMPLATE, make_tiny_model

# Importing torch alone takes seconds.
pytestmark = pytest.mark.slow


class Person(BaseModel):
    name: str = Field(max_length=12)
    age: int = Field(ge=0, le=130)
    role: Literal["nurse", "driver", "cook"]
    tags: list[Annotated[str, Field(max_length=5)]] = Field(max_length=3)
    nick: Annotated[str, Field(max_length=4)] | None


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_tiny_model(tmp_path_factory.mktemp("models") / "chat", chat_template=CHAT_TEMPLATE)


@pytest.fixture(scope="module")
def backend(model: Path) -> Iterator[HuggingFaceBackend]:
    with HuggingFaceBackend("hf", model=str(model), local=True, env={}, max_tokens=400) as made:
        yield made


@pytest.mark.parametrize("temperature", [0, 0.7, 2.0])
def test_a_random_model_gives_valid_documents(backend: HuggingFaceBackend, temperature: float) -> None:
    assert backend.constrains_json
    for seed in range(5):
        assert isinstance(backend.generate_json("who?", Person, temperature=temperature, seed=seed), Person)


def test_the_document_is_the_whole_answer_and_ends_it(backend: HuggingFaceBackend) -> None:
    completion = backend.complete("who?", json_schema=Person.model_json_schema())

    assert set(json.loads(completion.text)) == {"name", "age", "role", "tags", "nick"}
    assert completion.finish_reason == "stop"


def test_a_stream_of_a_document_adds_up_to_it(backend: HuggingFaceBackend) -> None:
    schema = Person.model_json_schema()

    text = "".join(backend.stream("who?", json_schema=schema))

    assert Person.model_validate_json(text)
    assert text == backend.generate("who?", json_schema=schema)


def test_a_batch_of_documents_is_that_of_one_at_a_time(backend: HuggingFaceBackend) -> None:
    schema = Person.model_json_schema()
    prompts = ["who?", "a longer question about who it was", "x"]

    texts = backend.batch_generate(prompts, json_schema=schema)

    assert texts == [backend.generate(prompt, json_schema=schema) for prompt in prompts]


def test_tokens_that_run_out_are_told(backend: HuggingFaceBackend) -> None:
    completion = backend.complete("who?", json_schema=Person.model_json_schema(), max_tokens=5)

    assert completion.finish_reason == "length"
    assert completion.usage.completion_tokens == 5


def test_objects_take_no_members_that_were_not_named(backend: HuggingFaceBackend) -> None:
    class One(BaseModel):
        ok: bool

    for seed in range(5):
        text = backend.generate("?", json_schema=One.model_json_schema(), temperature=2.0, seed=seed)
        assert set(json.loads(text)) == {"ok"}


def test_a_member_may_have_the_name_of_a_keyword(backend: HuggingFaceBackend) -> None:
    inner = {"type": "object", "properties": {"properties": {"type": "boolean"}}, "required": ["properties"]}
    schema = {"type": "object", "properties": {"properties": inner, "enum": {"type": "null"}}}

    document = json.loads(backend.generate("?", json_schema={**schema, "required": ["properties", "enum"]}))

    assert set(document) == {"properties", "enum"}
    assert set(document["properties"]) == {"properties"}


def test_objects_that_speak_of_other_members_may_have_them(backend: HuggingFaceBackend) -> None:
    schema = {
        "type": "object",
        "properties": {},
        "patternProperties": {"^[ab]{1,2}$": {"type": "boolean"}},
        "minProperties": 1,
        "maxProperties": 2,
        "additionalProperties": False,
    }

    document = json.loads(backend.generate("?", json_schema=schema, temperature=1.0, seed=3))

    assert 1 <= len(document) <= 2
    assert all(isinstance(value, bool) for value in document.values())


@pytest.mark.parametrize(
    ("schema", "named"),
    [
        ({"not": {"type": "string"}}, "not"),
        ({"type": "array", "uniqueItems": True}, "uniqueItems"),
        ({"if": {}, "then": {}}, "if"),
        ({"type": "string", "format": "colour"}, "colour"),
        ({"type": "string", "pattern": "a(?=b)"}, "look-ahead"),
        ({"$ref": "https://example.com/schema"}, "example.com"),
        ({"$ref": "#/$defs/none"}, "none"),
        ({"type": "bogus"}, "bogus"),
        ({"oneOf": [{"type": "number"}, {"type": "integer"}]}, "oneOf"),
        ({"enum": []}, "empty"),
        ({"type": "string", "const": object()}, "read"),
    ],
)
def test_what_cannot_be_held_is_refused_by_name_before_the_first_token(
    backend: HuggingFaceBackend, schema: dict[str, Any], named: str
) -> None:
    with pytest.raises(InvalidRequestError, match=named) as caught:
        backend.generate("?", json_schema=schema)

    assert caught.value.provider == "hf"
    assert "\n" not in caught.value.message


def test_a_refused_schema_in_a_batch_stands_in_each_place(backend: HuggingFaceBackend) -> None:
    results = backend.batch_generate(["a", "b"], json_schema={"not": {}}, return_exceptions=True)

    assert all(isinstance(result, InvalidRequestError) for result in results)


def test_without_the_library_nothing_is_promised(model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from backends.local import transformers_json

    find = transformers_json.importlib.util.find_spec
    monkeypatch.setattr(
        transformers_json.importlib.util, "find_spec", lambda name: None if name == "llguidance" else find(name)
    )
    with HuggingFaceBackend(model=str(model), local=True, env={}, max_tokens=5) as plain:
        assert not plain.constrains_json
        assert plain.generate("hello")
        with pytest.raises(ConfigurationError, match="llguidance"):
            plain.generate("hello", json_schema={"type": "null"})


# -- random schemas -------------------------------------------------------------------------------

_NAMES = st.text(alphabet="abcdefgh", min_size=1, max_size=6)
_LEAVES: st.SearchStrategy[Any] = st.one_of(
    st.just(bool),
    st.just(None),
    st.just(dt.date),
    st.lists(st.text(max_size=6).filter(str.isprintable), min_size=1, max_size=4, unique=True).map(
        lambda values: Literal[tuple(values)]
    ),
    st.tuples(st.integers(-999, 999), st.integers(0, 999)).map(
        lambda pair: Annotated[int, Field(ge=pair[0], le=pair[0] + pair[1])]
    ),
    st.tuples(st.integers(0, 3), st.integers(0, 6)).map(
        lambda pair: Annotated[str, Field(min_length=pair[0], max_length=pair[0] + pair[1])]
    ),
)


def _model(fields: dict[str, Any]) -> type[BaseModel]:
    return create_model("Made", **{name: (kind, ...) for name, kind in fields.items()})  # type: ignore[call-overload]


def _nested(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.one_of(
        st.tuples(inner, st.integers(0, 2)).map(lambda pair: Annotated[list[pair[0]], Field(max_length=pair[1])]),
        inner.map(lambda kind: kind | None if kind is not None else kind),
        st.tuples(inner, inner).map(lambda pair: tuple[pair[0], pair[1]]),
        st.dictionaries(_NAMES, inner, min_size=1, max_size=3).map(_model),
    )


_SCHEMAS = st.recursive(_LEAVES, _nested, max_leaves=5)


@given(kind=_SCHEMAS, seed=st.integers(0, 2**31))
@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
def test_documents_of_random_schemas_are_valid(backend: HuggingFaceBackend, kind: Any, seed: int) -> None:
    adapter = TypeAdapter[Any](kind)

    completion = backend.complete("?", json_schema=adapter.json_schema(), temperature=1.0, seed=seed)

    assert completion.finish_reason == "stop", completion.text
    adapter.validate_json(completion.text)


_KEYWORDS = st.sampled_from(["type", "properties", "items", "$ref", "enum", "allOf", "required", "x"])
_DOCUMENTS: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_KEYWORDS, inner, max_size=3),
    max_leaves=8,
)


@given(_DOCUMENTS)
def test_any_document_in_place_of_a_schema_is_a_grammar_or_an_error_of_the_family(document: Any) -> None:
    try:
        grammar = schema_grammar({"properties": {"a": document}}, "hf")
    except InvalidRequestError as error:
        grammar = error.message

    assert grammar
