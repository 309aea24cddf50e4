"""What a JSON Schema says of single values, as grammar: strings, numbers, constants."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any

from backends.exceptions import InvalidRequestError
from backends.local.gbnf import FORMATS, MOST_REPEATS, Rules, choice, json_literal, repeat
from backends.local.multiple_grammar import multiples
from backends.local.number_grammar import integer_range, number_range
from backends.local.pattern_grammar import pattern_rule
from backends.local.pattern_syntax import PatternError

__all__ = ["constants", "is_count", "number", "string"]

Schema = Mapping[str, Any]


def string(rules: Rules, schema: Schema, where: str) -> str:
    """The expression of a string that ``schema`` admits."""
    least, most = schema.get("minLength", 0), schema.get("maxLength")
    if not is_count(least) or not (most is None or is_count(most)):
        raise InvalidRequestError(f"json_schema: the string at {where} has a malformed length")
    if most is not None and most < least:
        raise InvalidRequestError(f"json_schema: the lengths of the string at {where} admit nothing")
    if "format" in schema:
        return _formatted(rules, schema, where)
    if "pattern" in schema:
        return _patterned(rules, schema["pattern"], least, most, where)
    if least == 0 and most is None:
        return rules.basic("string")
    if least > MOST_REPEATS:
        raise InvalidRequestError(f'json_schema: "minLength" at {where} is above {MOST_REPEATS}')
    body = f'"\\"" {rules.basic("char")}{repeat(least, most)} "\\""'
    return rules.named(f"string-{least}-{'any' if most is None else most}", body)


def _formatted(rules: Rules, schema: Schema, where: str) -> str:
    if schema["format"] not in FORMATS:
        raise InvalidRequestError(
            f'json_schema: the keyword "format" is not supported with {schema["format"]!r:.40} at {where}; '
            f"with {', '.join(FORMATS)} it is"
        )
    others = set(schema) & {"minLength", "maxLength", "pattern"}
    if others:
        raise InvalidRequestError(f'json_schema: the keyword "{min(others)}" is not supported at {where} beside format')
    return f'"\\"" {rules.basic(FORMATS[schema["format"]])} "\\""'


def _patterned(rules: Rules, pattern: Any, least: int, most: int | None, where: str) -> str:
    if not isinstance(pattern, str):
        raise InvalidRequestError(f'json_schema: "pattern" at {where} must be text, not {pattern!r:.40}')
    name = rules.name_for(f"pattern {least} {most} {pattern}")
    try:
        first = pattern_rule(rules.named, name, pattern, least, most)
    except PatternError as error:
        raise InvalidRequestError(
            f'json_schema: the keyword "pattern" is not supported with {pattern!r:.60} at {where}: {error}'
        ) from error
    return f'"\\"" {first} "\\""'


def number(rules: Rules, kind: str, schema: Schema, where: str) -> str:
    """The expression of a number that ``schema`` admits; ``kind`` is integer or number."""
    bounds = (
        schema.get("minimum"),
        schema.get("exclusiveMinimum"),
        schema.get("maximum"),
        schema.get("exclusiveMaximum"),
    )
    step = schema.get("multipleOf")
    for value in (*bounds, step):
        if value is not None and (isinstance(value, bool) or not isinstance(value, int | float) or math.isnan(value)):
            raise InvalidRequestError(f"json_schema: the number at {where} has a malformed bound {value!r:.40}")
    if step is not None and not 0 < step < math.inf:
        raise InvalidRequestError(f'json_schema: "multipleOf" at {where} must be above 0, not {step!r:.40}')
    whole = kind == "integer" or step == 1
    if step is not None and step != 1:
        body = multiples(rules.named, step, bounds, whole=whole)
        if not body:
            raise InvalidRequestError(
                f'json_schema: the keyword "multipleOf" is not supported with {step!r:.40} and these bounds at {where}'
            )
        return rules.fresh("multiple", body)
    if all(bound is None for bound in bounds):
        return rules.basic("integer" if whole else "number")
    body = (integer_range if whole else number_range)(*bounds)
    if not body:
        raise InvalidRequestError(f"json_schema: the bounds of the number at {where} cannot be held: {list(bounds)}")
    return rules.fresh("range", body)


def constants(schema: Schema, where: str) -> str:
    """The expression of the values that ``enum`` and ``const`` leave."""
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
    return choice([json_literal(value) for value in fitting])


def is_count(value: Any) -> bool:
    """Whether ``value`` is a whole number from 0 on."""
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _same(one: Any, other: Any) -> bool:
    """Equal as JSON: 1 is 1.0, but true is not 1."""
    return json.dumps(one) == json.dumps(other) or (one == other and type(one) is not bool and type(other) is not bool)


def _is_of_type(value: Any, kind: str) -> bool:
    if isinstance(value, bool):
        return kind == "boolean"
    if isinstance(value, int | float):
        return kind == "number" or (kind == "integer" and (isinstance(value, int) or value.is_integer()))
    names: Mapping[str, type] = {"string": str, "object": dict, "array": list, "null": type(None)}
    return kind in names and isinstance(value, names[kind])
