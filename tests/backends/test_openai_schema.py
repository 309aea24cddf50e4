"""JSON Schema in the strict form: narrower than what was asked for, never wider; given up where it cannot be."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import BaseModel, Field

from backends.openai_schema import response_format, strict_schema


class Party(BaseModel):
    name: str = Field(description="as written", min_length=1)
    age: int | None = None


class Case(BaseModel):
    title: str = "untitled"
    parties: list[Party] = []
    lead: Party | None = Field(default=None, description="who speaks")


def objects(schema: Any) -> list[dict[str, Any]]:
    """Every object schema inside."""
    if isinstance(schema, list):
        return [found for item in schema for found in objects(item)]
    if not isinstance(schema, dict):
        return []
    inside = [found for value in schema.values() for found in objects(value)]
    return [schema, *inside] if schema.get("type") == "object" else inside


def test_every_object_is_closed_and_every_property_required() -> None:
    strict = strict_schema(Case.model_json_schema())

    found = objects(strict)
    assert len(found) == 2
    assert all(item["additionalProperties"] is False for item in found)
    assert all(item["required"] == list(item["properties"]) for item in found)


def test_a_property_may_be_called_like_a_word_of_json_schema() -> None:
    schema = {"type": "object", "properties": {"title": {"type": "string"}, "default": {"type": "integer"}}}

    strict = strict_schema(schema)

    assert strict is not None
    assert strict["properties"] == schema["properties"]


def test_words_that_strict_mode_refuses_are_gone_and_descriptions_stay() -> None:
    strict = strict_schema(Party.model_json_schema())

    assert strict is not None
    assert strict["properties"]["name"] == {"type": "string", "description": "as written"}


def test_a_reference_stands_alone() -> None:
    schema = {"type": "object", "properties": {"a": {"$ref": "#/$defs/A", "description": "x"}}, "$defs": {"A": {}}}

    strict = strict_schema(schema)

    assert strict is not None
    assert strict["properties"]["a"] == {"$ref": "#/$defs/A"}


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "object"},
        {"type": "object", "properties": {}, "additionalProperties": {"type": "string"}},
        {"type": "object", "properties": {"a": {"type": "object", "additionalProperties": True}}},
        {"type": "array", "items": {"type": "string"}},
        {"anyOf": [{"type": "string"}]},
        {"type": "object", "properties": {"a": {"allOf": [{"type": "string"}]}}},
    ],
    ids=str,
)
def test_a_schema_that_cannot_be_strict_is_sent_as_it_is(schema: dict[str, Any]) -> None:
    asked = response_format(schema)["json_schema"]

    assert (asked["strict"], asked["schema"]) == (False, schema)


def test_the_original_is_not_changed() -> None:
    schema = Case.model_json_schema()

    strict_schema(schema)

    assert schema == Case.model_json_schema()


@pytest.mark.parametrize(
    ("title", "name"), [("My Case!", "My_Case_"), ("é" * 3, "___"), ("x" * 99, "x" * 64), ("", "answer")]
)
def test_the_name_is_one_that_the_api_takes(title: str, name: str) -> None:
    assert response_format({"title": title, "type": "object", "properties": {}})["json_schema"]["name"] == name
