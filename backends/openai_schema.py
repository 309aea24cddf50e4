"""JSON Schema as strict structured outputs want it: closed objects, every property required, no bare extras."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

__all__ = ["response_format", "strict_schema"]

#: Words that strict mode refuses and that say nothing about the shape.
_DROPPED = frozenset({"default", "examples", "title", "minLength", "maxLength", "uniqueItems", "discriminator"})
_MAPS_OF_SCHEMAS = frozenset({"properties", "$defs", "definitions", "patternProperties"})
_LISTS_OF_SCHEMAS = frozenset({"anyOf", "oneOf", "allOf", "prefixItems"})


class _NotStrictError(Exception):
    """The schema allows what strict mode cannot say."""


def response_format(schema: Mapping[str, Any]) -> dict[str, Any]:
    """The ``response_format`` that asks for ``schema``, strict where the schema can be."""
    strict = strict_schema(schema)
    name = "".join(c if c.isascii() and (c.isalnum() or c in "_-") else "_" for c in str(schema.get("title", "answer")))
    document: dict[str, Any] = {"name": name[:64] or "answer", "schema": dict(schema) if strict is None else strict}
    document["strict"] = strict is not None
    return {"type": "json_schema", "json_schema": document}


def strict_schema(schema: Mapping[str, Any]) -> dict[str, Any] | None:
    """``schema`` in the strict form, which allows a part of what it allowed; None when there is none."""
    try:
        adapted = _adapted(schema)
    except _NotStrictError:
        return None
    return adapted if adapted.get("type") == "object" or "$ref" in adapted else None


def _adapted(schema: Any) -> Any:
    if not isinstance(schema, Mapping):
        return schema
    if "$ref" in schema and "$defs" not in schema:
        return {"$ref": schema["$ref"]}  # no neighbours are allowed
    adapted: dict[str, Any] = {}
    for word, value in schema.items():
        if word in _MAPS_OF_SCHEMAS and isinstance(value, Mapping):
            adapted[word] = {name: _adapted(inner) for name, inner in value.items()}
        elif word in _LISTS_OF_SCHEMAS and isinstance(value, list):
            adapted["anyOf" if word == "oneOf" else word] = [_adapted(inner) for inner in value]
        elif word == "items":
            adapted[word] = _adapted(value)
        elif word not in _DROPPED:
            adapted[word] = value
    if schema.get("type") == "object" or "properties" in schema:
        if schema.get("additionalProperties") not in (None, False) or "properties" not in schema:
            raise _NotStrictError
        adapted["additionalProperties"] = False
        adapted["required"] = list(schema["properties"])
    if "patternProperties" in schema or "allOf" in schema:
        raise _NotStrictError
    return adapted
