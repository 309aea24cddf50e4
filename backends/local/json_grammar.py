"""JSON Schema to a llama.cpp grammar (GBNF) that admits only documents of that schema.

Promises: every document that the grammar admits fits the schema; a keyword that cannot be held is
refused by its name, never ignored; the grammar may admit less than the schema (properties in the
order of the schema, none beyond those named, no exponents in numbers, little white space).
"""

from __future__ import annotations

import functools
import json
import math
from collections.abc import Mapping, Sequence
from typing import Any

from backends.exceptions import InvalidRequestError
from backends.local.gbnf import BASICS, FORMATS, MOST_REPEATS, NEEDS, json_literal, literal, repeat
from backends.local.number_grammar import integer_range, number_range

__all__ = ["json_grammar"]

_ANNOTATIONS = frozenset(
    {"title", "description", "default", "examples", "example", "deprecated", "readOnly", "writeOnly"}
    | {"$schema", "$id", "$comment", "$defs", "definitions", "discriminator"}
)
_BY_TYPE: Mapping[str, frozenset[str]] = {
    "object": frozenset({"properties", "required", "additionalProperties", "minProperties", "maxProperties"}),
    "array": frozenset({"items", "prefixItems", "minItems", "maxItems", "uniqueItems"}),
    "string": frozenset({"minLength", "maxLength", "format"}),
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
        self._rules: dict[str, str] = {}
        self._references: dict[str, str] = {}

    def compile(self) -> str:
        root = self._visit(self._root, "$")
        if root not in self._rules or self._rules.get("root") is None:
            self._rules = {"root": root, **self._rules}
        return "\n".join(f"{name} ::= {body}" for name, body in self._rules.items()) + "\n"

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
            return self._values(schema, where)
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
        return self._choice([self._of_type(kind, schema, where) for kind in types])

    @staticmethod
    def _guess_types(keys: set[str]) -> list[str]:
        guessed = [kind for kind in ("object", "array", "string", "number") if keys & _BY_TYPE[kind]]
        # Without "type" the other types would be admitted too; admitting less is allowed.
        return guessed[:1] if guessed else list(_BY_TYPE)

    def _of_type(self, kind: str, schema: Mapping[str, Any], where: str) -> str:
        if kind == "object":
            return self._object(schema, where)
        if kind == "array":
            return self._array(schema, where)
        if kind == "string":
            return self._string(schema, where)
        if kind in ("integer", "number"):
            return self._number(kind, schema, where)
        return self._basic(kind)

    # -- combinations -------------------------------------------------------------------------

    def _reference(self, target: Any, where: str) -> str:
        if not isinstance(target, str) or not target.startswith("#"):
            raise InvalidRequestError(
                f'json_schema: "$ref" at {where} must point into the schema, not to {target!r:.60}'
            )
        if target not in self._references:
            name = self._references[target] = f"ref-{len(self._references)}"
            self._rules[name] = self._visit(self._resolve(target, where), target)
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
        return self._choice([self._visit(schema, f"{where}.anyOf[{i}]") for i, schema in enumerate(schemas)])

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

    def _values(self, schema: Mapping[str, Any], where: str) -> str:
        values = schema["enum"] if "enum" in schema else [schema["const"]]
        if not isinstance(values, list):
            raise InvalidRequestError(f'json_schema: "enum" at {where} must be a list')
        types = schema.get("type")
        types = [types] if isinstance(types, str) else types
        fitting = [
            value
            for value in values
            if ("const" not in schema or _same(value, schema["const"]))
            and (types is None or any(_is_of_type(value, kind) for kind in types))
        ]
        if not fitting:
            raise InvalidRequestError(f'json_schema: "enum" at {where} admits nothing')
        return self._choice([json_literal(value) for value in fitting])

    # -- types --------------------------------------------------------------------------------

    def _object(self, schema: Mapping[str, Any], where: str) -> str:
        properties = schema.get("properties", {})
        required = schema.get("required", [])
        if not isinstance(properties, Mapping) or not isinstance(required, list):
            raise InvalidRequestError(f'json_schema: "properties" or "required" at {where} is malformed')
        self._check_property_count(schema, properties, required, where)
        others = schema.get("additionalProperties", True)
        unnamed = [name for name in required if name not in properties]
        if unnamed:
            if others is False:
                raise InvalidRequestError(f'json_schema: {where} requires "{unnamed[0]}" and forbids it')
            properties = {**properties, **dict.fromkeys(unnamed, others)}
        if not properties:
            return self._map(others, where)
        pairs = [(name, f"{where}.{name}", name in required) for name in properties]
        return self._members(pairs, properties)

    def _check_property_count(
        self, schema: Mapping[str, Any], properties: Mapping[str, Any], required: Sequence[str], where: str
    ) -> None:
        if schema.get("minProperties", 0) > len(set(required)):
            raise InvalidRequestError(f'json_schema: the keyword "minProperties" is not supported at {where}')
        if "maxProperties" in schema and (not properties or schema["maxProperties"] < len(properties)):
            raise InvalidRequestError(f'json_schema: the keyword "maxProperties" is not supported at {where}')

    def _members(self, pairs: Sequence[tuple[str, str, bool]], properties: Mapping[str, Any]) -> str:
        """``{`` the properties in order, optional ones left out at will ``}``."""
        ws = self._basic("ws")
        bodies = [f"{json_literal(name, ':')} {ws} {self._visit(properties[name], place)}" for name, place, _ in pairs]
        # after[i] continues after a member was written; before any was, no comma is due.
        after = ""
        first = ""
        for (_, _, needed), body in reversed(list(zip(pairs, bodies, strict=True))):
            written = self._rule("m", f"{body} {after}".strip())
            comma = self._rule("m", f'"," {ws} {body} {after}'.strip())
            after, first = (
                (comma, written) if needed else (self._choice([comma, after]), self._choice([written, first]))
            )
        return self._rule("object", f'"{{" {first} "}}"')

    def _map(self, others: Any, where: str) -> str:
        if others is False:
            return literal("{}")
        pair = f'{self._basic("string")} ":" {self._basic("ws")} {self._visit(others, where + ".*")}'
        # A JSON object should not name a property twice; with one member it cannot.
        return self._rule("map", f'"{{" ({pair})? "}}"')

    def _array(self, schema: Mapping[str, Any], where: str) -> str:
        if schema.get("uniqueItems", False):
            raise InvalidRequestError(f'json_schema: the keyword "uniqueItems" is not supported at {where}')
        fixed = schema.get("prefixItems", [])
        rest = schema.get("items", True)
        least, most = schema.get("minItems", 0), schema.get("maxItems")
        if not isinstance(fixed, list) or not _is_count(least) or not (most is None or _is_count(most)):
            raise InvalidRequestError(f"json_schema: the array at {where} is malformed")
        if (most is not None and most < least) or (rest is False and least > len(fixed)):
            raise InvalidRequestError(f"json_schema: the array at {where} admits nothing")
        if least > MOST_REPEATS:
            raise InvalidRequestError(f'json_schema: "minItems" at {where} is above {MOST_REPEATS}')
        items = [
            self._visit(item, f"{where}[{i}]") for i, item in enumerate(fixed[: len(fixed) if most is None else most])
        ]
        return self._rule("array", f'"[" {self._elements(items, rest, least, most, where)} "]"')

    def _elements(self, fixed: Sequence[str], rest: Any, least: int, most: int | None, where: str) -> str:
        comma = f'"," {self._basic("ws")}'
        tail = ""
        extra_most = None if most is None else max(0, most - len(fixed))
        if rest is not False and extra_most != 0:
            item = self._visit(rest, f"{where}[]")
            extra_least = max(0, least - len(fixed))
            if not fixed:
                return self._list(item, comma, extra_least, extra_most)
            tail = self._rule("more", f"({comma} {item}){repeat(extra_least, extra_most)}")
        for index in range(len(fixed) - 1, -1, -1):
            part = f"{fixed[index]} {tail}" if index == 0 else f"{comma} {fixed[index]} {tail}"
            tail = self._rule("item", part.strip() if index < least else f"({part.strip()})?")
        return tail

    def _list(self, item: str, comma: str, least: int, most: int | None) -> str:
        further = repeat(max(0, least - 1), None if most is None else most - 1)
        body = f"{item} ({comma} {item}){further}"
        return body if least > 0 else f"({body})?"

    def _string(self, schema: Mapping[str, Any], where: str) -> str:
        least, most = schema.get("minLength", 0), schema.get("maxLength")
        if not _is_count(least) or not (most is None or _is_count(most)):
            raise InvalidRequestError(f"json_schema: the string at {where} has a malformed length")
        if "format" in schema:
            if schema["format"] not in FORMATS:
                raise InvalidRequestError(
                    f'json_schema: the keyword "format" is not supported with {schema["format"]!r:.40} at {where}; '
                    f"with {', '.join(FORMATS)} it is"
                )
            self._refuse_others(set(schema) & {"minLength", "maxLength"}, f"{where} beside format")
            return f'"\\"" {self._basic(FORMATS[schema["format"]])} "\\""'
        if least == 0 and most is None:
            return self._basic("string")
        if least > MOST_REPEATS or (most is not None and most < least):
            raise InvalidRequestError(f'json_schema: "minLength" at {where} cannot be held')
        body = f'"\\"" {self._basic("char")}{repeat(least, most)} "\\""'
        return self._named(f"string-{least}-{'any' if most is None else most}", body)

    def _number(self, kind: str, schema: Mapping[str, Any], where: str) -> str:
        if schema.get("multipleOf", 1) != 1:
            raise InvalidRequestError(f'json_schema: the keyword "multipleOf" is not supported at {where}')
        whole = kind == "integer" or "multipleOf" in schema
        bounds = [schema.get(key) for key in ("minimum", "exclusiveMinimum", "maximum", "exclusiveMaximum")]
        if all(bound is None for bound in bounds):
            return self._basic("integer" if whole else "number")
        for bound in bounds:
            if bound is not None and (
                isinstance(bound, bool) or not isinstance(bound, int | float) or math.isnan(bound)
            ):
                raise InvalidRequestError(f"json_schema: the number at {where} has a malformed bound {bound!r:.40}")
        body = (integer_range if whole else number_range)(*bounds)
        if not body:
            raise InvalidRequestError(f"json_schema: the bounds of the number at {where} cannot be held: {bounds}")
        return self._rule("range", body)

    def _anything(self, depth: int) -> str:
        name = f"any-{depth}"
        if name not in self._rules:
            self._rules[name] = ""
            scalars = [self._basic(kind) for kind in ("string", "number", "boolean", "null")]
            if depth:
                ws, inner = self._basic("ws"), self._anything(depth - 1)
                scalars.append(f'"{{" ({self._basic("string")} ":" {ws} {inner})? "}}"')
                scalars.append(f'"[" ({inner} ("," {ws} {inner})*)? "]"')
            self._rules[name] = " | ".join(scalars)
        return name

    # -- rules --------------------------------------------------------------------------------

    def _basic(self, name: str) -> str:
        for needed in (*NEEDS.get(name, ()), name):
            self._rules.setdefault(needed, BASICS[needed])
        return name

    def _rule(self, kind: str, body: str) -> str:
        return self._named(f"{kind}-{len(self._rules)}", body)

    def _named(self, name: str, body: str) -> str:
        self._rules.setdefault(name, body)
        return name

    def _choice(self, options: Sequence[str]) -> str:
        if len(options) == 1:
            return options[0]
        return "(" + " | ".join(option or '""' for option in options) + ")"


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _same(one: Any, other: Any) -> bool:
    """Equal as JSON: 1 is 1.0, but true is not 1."""
    return json.dumps(one) == json.dumps(other) or (one == other and type(one) is not bool and type(other) is not bool)


def _is_of_type(value: Any, kind: str) -> bool:
    if isinstance(value, bool):
        return kind == "boolean"
    if isinstance(value, int | float):
        return kind == "number" or (kind == "integer" and float(value).is_integer())
    names: Mapping[str, type] = {"string": str, "object": dict, "array": list, "null": type(None)}
    return kind in names and isinstance(value, names[kind])
