"""JSON Schema to a llama.cpp grammar (GBNF) that admits only documents of that schema.

Promises: every document that the grammar admits fits the schema; a keyword that cannot be held is
refused by its name, never ignored; the grammar may admit less than the schema (properties in the
order of the schema, none beyond those named, no exponents in numbers, little white space).
"""

from __future__ import annotations

import functools
import json
from collections.abc import Mapping, Sequence
from typing import Any

from backends.exceptions import InvalidRequestError
from backends.local.gbnf import Rules, choice
from backends.local.json_containers import array, object_
from backends.local.json_values import constants, number, string

__all__ = ["json_grammar"]

_ANNOTATIONS = frozenset(
    {"title", "description", "default", "examples", "example", "deprecated", "readOnly", "writeOnly"}
    | {"$schema", "$id", "$comment", "$defs", "definitions", "discriminator"}
)
_BY_TYPE: Mapping[str, frozenset[str]] = {
    "object": frozenset({"properties", "required", "additionalProperties", "minProperties", "maxProperties"}),
    "array": frozenset({"items", "prefixItems", "minItems", "maxItems", "uniqueItems"}),
    "string": frozenset({"minLength", "maxLength", "format", "pattern"}),
    "integer": frozenset({"minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"}),
    "number": frozenset({"minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"}),
    "boolean": frozenset(),
    "null": frozenset(),
}
_TYPED = frozenset().union(*_BY_TYPE.values())
_ANY_OF = ("anyOf", "oneOf")
# How deep "any value" nests; a small model would otherwise open brackets for ever.
_ANY_DEPTH = 3


def json_grammar(schema: Mapping[str, Any]) -> str:
    """The grammar of ``schema``. Raises InvalidRequestError that names what is not supported."""
    try:
        return _cached(json.dumps(schema))
    except (TypeError, ValueError) as error:
        raise InvalidRequestError(f"json_schema is no JSON Schema: {error}") from error
    except RecursionError as error:
        raise InvalidRequestError("json_schema is nested too deeply") from error


@functools.lru_cache(maxsize=64)
def _cached(schema: str) -> str:
    return _Compiler(json.loads(schema)).compile()


class _Compiler:
    def __init__(self, schema: Any) -> None:
        self._root = schema
        self._rules = Rules()
        self._references: dict[str, str] = {}

    def compile(self) -> str:
        return self._rules.text(self._visit(self._root, "$"))

    # Every method below returns an expression that can stand in a sequence.

    def _visit(self, schema: Any, where: str) -> str:
        if schema is True or schema == {}:
            return self._anything(_ANY_DEPTH)
        if not isinstance(schema, Mapping):
            raise InvalidRequestError(f"json_schema: {where} admits nothing or is no schema: {schema!r:.60}")
        keys = set(schema) - _ANNOTATIONS
        for keyword, visit in (
            ("$ref", self._reference),
            ("anyOf", self._any_of),
            ("oneOf", self._one_of),
            ("allOf", self._all_of),
        ):
            if keyword in keys:
                self._refuse_others(keys - {keyword, *self._implied(schema, keyword)}, f"{where} beside {keyword}")
                return visit(schema[keyword], where)
        if "const" in keys or "enum" in keys:
            self._refuse_others(keys - {"const", "enum", "type"}, f"{where} beside const or enum")
            return constants(schema, where)
        return self._typed(schema, keys, where)

    @staticmethod
    def _implied(schema: Mapping[str, Any], keyword: str) -> set[str]:
        """``type`` beside alternatives that all have that type says nothing new."""
        if keyword not in _ANY_OF or not isinstance(schema[keyword], list):
            return set()
        same = all(isinstance(s, Mapping) and s.get("type") == schema.get("type") for s in schema[keyword])
        return {"type"} if same else set()

    def _refuse_others(self, keys: set[str], where: str) -> None:
        if keys:
            raise InvalidRequestError(f'json_schema: the keyword "{min(keys)}" is not supported at {where}')

    def _typed(self, schema: Mapping[str, Any], keys: set[str], where: str) -> str:
        types = schema.get("type", self._guess_types(keys))
        types = [types] if isinstance(types, str) else types
        if not isinstance(types, list) or not types or not all(isinstance(t, str) and t in _BY_TYPE for t in types):
            raise InvalidRequestError(f"json_schema: {where} has the unknown type {schema.get('type')!r:.60}")
        allowed = frozenset({"type"}).union(*(_BY_TYPE[kind] for kind in types))
        # A keyword of another type constrains nothing here, so it may stand; an unknown one may not.
        self._refuse_others(keys - allowed - _TYPED, where)
        return choice([self._of_type(kind, schema, where) for kind in types])

    @staticmethod
    def _guess_types(keys: set[str]) -> list[str]:
        guessed = [kind for kind in ("object", "array", "string", "number") if keys & _BY_TYPE[kind]]
        # Without "type" the other types would be admitted too; admitting less is allowed.
        return guessed[:1] if guessed else list(_BY_TYPE)

    def _of_type(self, kind: str, schema: Mapping[str, Any], where: str) -> str:
        if kind == "object":
            return object_(self._rules, self._visit, schema, where)
        if kind == "array":
            return array(self._rules, self._visit, schema, where)
        if kind == "string":
            return string(self._rules, schema, where)
        if kind in ("integer", "number"):
            return number(self._rules, kind, schema, where)
        return self._rules.basic(kind)

    # -- combinations -------------------------------------------------------------------------

    def _reference(self, target: Any, where: str) -> str:
        if not isinstance(target, str) or not target.startswith("#"):
            raise InvalidRequestError(
                f'json_schema: "$ref" at {where} must point into the schema, not to {target!r:.60}'
            )
        if target not in self._references:
            name = self._references[target] = f"ref-{len(self._references)}"
            self._rules.define(name, self._visit(self._resolve(target, where), target))
        return self._references[target]

    def _resolve(self, target: str, where: str) -> Any:
        found = self._root
        for part in target[1:].lstrip("/").split("/") if target != "#" else ():
            key = part.replace("~1", "/").replace("~0", "~")
            if not isinstance(found, Mapping) or key not in found:
                raise InvalidRequestError(f'json_schema: "$ref" at {where} points to {target}, which is not there')
            found = found[key]
        return found

    def _any_of(self, schemas: Any, where: str) -> str:
        if not isinstance(schemas, list) or not schemas:
            raise InvalidRequestError(f'json_schema: "anyOf" at {where} must be a list of schemas')
        return choice([self._visit(schema, f"{where}.anyOf[{i}]") for i, schema in enumerate(schemas)])

    def _one_of(self, schemas: Any, where: str) -> str:
        if not isinstance(schemas, list) or not self._disjoint(schemas, where):
            raise InvalidRequestError(
                f'json_schema: the keyword "oneOf" is supported at {where} only for alternatives that exclude each '
                'other by type or by a property with "const"; use "anyOf"'
            )
        return self._any_of(schemas, where)

    def _disjoint(self, schemas: Sequence[Any], where: str) -> bool:
        resolved = [self._followed(schema, where) for schema in schemas]
        kinds = [schema.get("type") for schema in resolved]
        if all(isinstance(kind, str) for kind in kinds) and len(set(kinds)) == len(kinds):
            return {"integer", "number"} - set(kinds) != set()
        return bool(self._discriminators(resolved))

    def _followed(self, schema: Any, where: str) -> Mapping[str, Any]:
        while isinstance(schema, Mapping) and isinstance(schema.get("$ref"), str):
            schema = self._resolve(schema["$ref"], where)
        return schema if isinstance(schema, Mapping) else {}

    @staticmethod
    def _discriminators(schemas: Sequence[Mapping[str, Any]]) -> set[str]:
        """Required properties whose constants differ in all of ``schemas``."""
        shared = set.intersection(*(set(schema.get("required", ())) for schema in schemas)) if schemas else set()
        found = set()
        for name in shared:
            values = [schema.get("properties", {}).get(name, {}).get("const") for schema in schemas]
            if None not in values and len({json.dumps(value) for value in values}) == len(values):
                found.add(name)
        return found

    def _all_of(self, schemas: Any, where: str) -> str:
        if not isinstance(schemas, list) or len(schemas) != 1:
            raise InvalidRequestError(f'json_schema: the keyword "allOf" is supported at {where} with one schema only')
        return self._visit(schemas[0], f"{where}.allOf[0]")

    def _anything(self, depth: int) -> str:
        name, rules = f"any-{depth}", self._rules
        if name not in rules:
            options = [rules.basic(kind) for kind in ("string", "number", "boolean", "null")]
            if depth:
                ws, inner = rules.basic("ws"), self._anything(depth - 1)
                options.append(f'"{{" ({rules.basic("string")} ":" {ws} {inner})? "}}"')
                options.append(f'"[" ({inner} ("," {ws} {inner})*)? "]"')
            rules.named(name, " | ".join(options))
        return name
