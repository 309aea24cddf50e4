"""JSON Schema to grammar: what the embedded model may say fits the schema, whatever it is."""

import json
from collections.abc import Iterator
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from pydantic import BaseModel, Field

from backends.exceptions import InvalidRequestError
from backends.local.jobs import Generation, Ticket
from backends.local.json_grammar import json_grammar
from backends.local.llama_runtime import LlamaRuntime, RuntimeSettings, open_llama
from backends.local.sampling import Sampling
from tests.backends.local.schemas import schemas


@pytest.fixture(scope="module")
def llama() -> Iterator[LlamaRuntime]:
    shared = open_llama(RuntimeSettings(n_ctx=2048, n_threads=1))
    with shared.use() as loaded:
        yield loaded
    shared.release()


def run(llama: LlamaRuntime, asked: list[Any], temperature: float = 1.2, max_tokens: int = 400) -> list[str]:
    """What the model says under each schema, all decoded together."""
    prompt = tuple(llama.chat(None).tokens([{"role": "user", "content": "Give me a JSON document."}]))
    tickets = [
        llama.run(Ticket(Generation(prompt, max_tokens, Sampling(temperature, seed=seed), json_grammar(schema))))
        for seed, schema in enumerate(asked)
    ]
    return [ticket.result().text for ticket in tickets]


def documents(llama: LlamaRuntime, asked: list[Any], temperature: float = 1.2) -> list[Any]:
    return [json.loads(text) for text in run(llama, asked, temperature)]


def assert_valid(found: list[Any], asked: list[Any]) -> None:
    for document, schema in zip(found, asked, strict=True):
        Draft202012Validator.check_schema(schema)
        Draft202012Validator(schema, format_checker=Draft202012Validator.FORMAT_CHECKER).validate(document)


KINDS = [
    {"type": "string", "maxLength": 8},
    {"type": "string", "minLength": 3, "maxLength": 3},
    {"type": "string", "format": "date"},
    {"type": "string", "format": "date-time"},
    {"type": "string", "format": "uuid"},
    {"type": "string", "pattern": "^[A-Z]{2}-[0-9]{3,5}$"},
    {"type": "string", "pattern": "^(yes|no|per\\shour)$", "minLength": 3},
    {"type": "string", "pattern": "^[^@]+@[a-z]+\\.(com|org)$", "maxLength": 20},
    {"type": "string", "pattern": "\\d", "maxLength": 6},
    {"type": "string", "pattern": "^\"[é\\\\]{1,2}\\n$"},
    {"type": "integer", "multipleOf": 7},
    {"type": "integer", "multipleOf": 250, "minimum": -9000, "exclusiveMaximum": 120000},
    {"type": "number", "multipleOf": 0.5},
    {"type": "number", "multipleOf": 0.25, "minimum": 0, "maximum": 1},
    {"type": "integer", "minimum": -5, "maximum": 17},
    {"type": "integer", "exclusiveMinimum": 99, "exclusiveMaximum": 101},
    {"type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 1},
    {"type": "number", "minimum": -1.5, "maximum": 2.5},
    {"type": "boolean"},
    {"type": ["null", "integer"]},
    {"enum": ["a\nb", 'q"uote', "\\", "é\u2028", 1, 1.5, None, True, {"k": [1]}]},
    {"const": {"a": []}},
    {"const": "é\U0003fe03\U000c3557\u2028\ud800\U0001f600"},
    {"type": "object", "properties": {"\U000b0e30é": {"const": 1}}, "required": ["\U000b0e30é"]},
    {"enum": ["x", 3], "type": "integer"},
    {"type": "array", "items": {"type": "boolean"}, "minItems": 2, "maxItems": 4},
    {"type": "array", "items": {"type": "null"}, "maxItems": 0},
    {"type": "array", "prefixItems": [{"const": 1}, {"const": 2}], "items": False, "minItems": 1},
    {"type": "object", "properties": {"a": {"const": 1}, "b": {"const": 2}, "c": {"const": 3}}, "required": ["b"]},
    {"type": "object", "properties": {"a": {"const": 1}}, "additionalProperties": False},
    {"type": "object", "additionalProperties": False},
    {"type": "object", "required": ["x"], "additionalProperties": {"type": "boolean"}},
    {"type": "object", "properties": {'we"ird\n\x7f': {"const": 1}}, "required": ['we"ird\n\x7f']},
    {"anyOf": [{"const": 1}, {"type": "boolean"}]},
    {"oneOf": [{"type": "boolean"}, {"type": "null"}]},
    {"allOf": [{"$ref": "#/$defs/x"}], "$defs": {"x": {"const": "y"}}},
    {"$defs": {"t": {"type": "array", "items": {"$ref": "#/$defs/u"}, "maxItems": 2}, "u": {"enum": [1, 2]}},
     "$ref": "#/$defs/t"},
    {"properties": {"a": {"const": 1}}, "required": ["a"]},
]  # fmt: skip


def test_every_kind_of_schema_holds(llama: LlamaRuntime) -> None:
    assert_valid(documents(llama, KINDS), KINDS)


def test_a_grammar_holds_at_temperature_zero_too(llama: LlamaRuntime) -> None:
    assert_valid(documents(llama, KINDS, temperature=0), KINDS)


@settings(max_examples=1, deadline=None, phases=[Phase.generate], suppress_health_check=list(HealthCheck))
@given(st.lists(schemas(), min_size=12, max_size=12))
def test_random_schemas_hold(llama: LlamaRuntime, asked: list[Any]) -> None:
    assert_valid(documents(llama, asked), asked)


@pytest.mark.long
@pytest.mark.timeout(1_200)
def test_five_hundred_random_schemas_hold(tmp_path_factory: pytest.TempPathFactory) -> None:
    """All of them wait at once, so that every batch is full, on the copy that the engine computes fastest."""
    asked: list[Any] = []
    collect = given(schemas())(lambda schema: asked.append(schema))
    settings(max_examples=500, deadline=None, phases=[Phase.generate], suppress_health_check=list(HealthCheck))(
        collect
    )()
    with open_llama(RuntimeSettings(n_ctx=2048, fast_weights=tmp_path_factory.mktemp("fast"))).use() as quick:
        assert_valid(documents(quick, asked), asked)
    assert len(asked) >= 500


def test_any_value_is_a_json_document(llama: LlamaRuntime) -> None:
    (found,) = documents(llama, [{"type": "object", "properties": {"x": {"maxLength": 9}}, "required": ["x"]}])
    assert set(found) == {"x"}


@pytest.mark.parametrize(
    ("keyword", "schema"),
    [
        ("uniqueItems", {"type": "array", "uniqueItems": True}),
        ("pattern", {"type": "string", "pattern": "^(?=a)b"}),
        ("pattern", {"type": "string", "pattern": 3}),
        ("pattern", {"type": "string", "format": "date", "pattern": "1"}),
        ("format", {"type": "string", "format": "email"}),
        ("multipleOf", {"type": "integer", "multipleOf": 1_009}),
        ("multipleOf", {"type": "integer", "multipleOf": 7, "minimum": 1, "maximum": 6}),
        ("multipleOf", {"type": "number", "multipleOf": 0}),
        ("multipleOf", {"type": "number", "multipleOf": -0.1}),
        ("not", {"not": {"type": "null"}}),
        ("if", {"type": "object", "if": {}, "then": {}}),
        ("patternProperties", {"type": "object", "patternProperties": {"^x": {}}}),
        ("contains", {"type": "array", "contains": {"const": 1}}),
        ("minProperties", {"type": "object", "minProperties": 1}),
        ("oneOf", {"oneOf": [{"type": "integer"}, {"type": "number"}]}),
        ("oneOf", {"oneOf": [{"const": 1}, {}]}),
        ("allOf", {"allOf": [{"type": "string"}, {"maxLength": 3}]}),
        ("maxLength", {"type": "string", "format": "date", "maxLength": 3}),
        ("type", {"$ref": "#/$defs/x", "type": "string", "$defs": {"x": {}}}),
        ("inventedKeyword", {"type": "object", "properties": {"a": {"type": "string", "inventedKeyword": 1}}}),
    ],
)
def test_what_cannot_be_held_is_refused_by_name(keyword: str, schema: dict[str, Any]) -> None:
    with pytest.raises(InvalidRequestError, match=f'"{keyword}"'):
        json_grammar(schema)


@pytest.mark.parametrize(
    "schema",
    [
        {"$ref": "#/$defs/missing"},
        {"$ref": "https://example.org/schema"},
        {"type": "text"},
        {"type": []},
        {"enum": []},
        {"enum": "ab"},
        {"anyOf": []},
        {"type": "object", "properties": []},
        {"type": "object", "properties": {"a": False}, "required": ["a"]},
        {"type": "object", "required": ["a"], "additionalProperties": False},
        {"type": "array", "minItems": 3, "maxItems": 2},
        {"type": "array", "minItems": "3"},
        {"type": "array", "minItems": 5_000},
        {"type": "string", "minLength": 5_000},
        {"type": "string", "maxLength": -1},
        {"type": "string", "minLength": 3, "maxLength": 2},
        {"type": "string", "pattern": "^a$", "minLength": 2},
        {"type": "number", "multipleOf": "2"},
        {"enum": [10**400], "type": "string"},
        {"type": "integer", "minimum": 3, "maximum": 2},
        {"type": "integer", "minimum": "3"},
        {"type": "number", "minimum": 0.2, "maximum": 0.8},
        {"const": {1, 2}},
    ],
    ids=str,
)
def test_a_schema_that_makes_no_sense_is_refused(schema: dict[str, Any]) -> None:
    with pytest.raises(InvalidRequestError, match="json_schema"):
        json_grammar(schema)


def test_a_schema_nested_beyond_reason_is_refused() -> None:
    schema: dict[str, Any] = {"type": "null"}
    for _ in range(5_000):
        schema = {"type": "array", "items": schema}
    with pytest.raises(InvalidRequestError, match="too deeply"):
        json_grammar(schema)


def test_money_is_a_multiple_of_a_hundredth(llama: LlamaRuntime) -> None:
    """By the decimal digits, as JSON Schema counts; binary fractions would call 1.13 no multiple of 0.01."""
    text = run(llama, [{"type": "number", "multipleOf": 0.01, "minimum": 0}] * 8)
    assert [value for value in text if Fraction(value) % Fraction("0.01") != 0 or Fraction(value) < 0] == []


def test_pydantic_fields_with_patterns_and_steps_are_taken(llama: LlamaRuntime) -> None:
    class Wage(BaseModel):
        plate: str = Field(pattern=r"^[A-Z]{1,3}-\d{1,4}$", max_length=8)
        hours: float = Field(multiple_of=0.25, ge=0, le=24)
        pay: int = Field(multiple_of=50, gt=0, lt=5_000)

    (text,) = run(llama, [Wage.model_json_schema()])
    assert Wage.model_validate_json(text)


def test_a_schema_that_contains_itself_is_taken() -> None:
    tree = {"type": "object", "properties": {"next": {"anyOf": [{"$ref": "#"}, {"type": "null"}]}}}
    assert "ref-0" in json_grammar(tree)


def test_a_discriminated_union_is_taken() -> None:
    one = {"type": "object", "properties": {"kind": {"const": "a"}}, "required": ["kind"]}
    other = {"type": "object", "properties": {"kind": {"const": "b"}}, "required": ["kind"]}
    assert "root" in json_grammar({"oneOf": [one, other], "discriminator": {"propertyName": "kind"}})
