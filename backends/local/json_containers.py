"""What a JSON Schema says of objects and arrays, as grammar."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from backends.exceptions import InvalidRequestError
from backends.local.gbnf import MOST_REPEATS, Rules, choice, json_literal, literal, repeat
from backends.local.json_values import is_count

__all__ = ["Visit", "array", "object_"]

Schema = Mapping[str, Any]
#: Makes the expression of an inner schema; the text says where it stands.
Visit = Callable[[Any, str], str]


def object_(rules: Rules, visit: Visit, schema: Schema, where: str) -> str:
    """The expression of an object that ``schema`` admits: its properties in order, none beyond those named."""
    properties = schema.get("properties", {})
    required = schema.get("required", [])
    if not isinstance(properties, Mapping) or not isinstance(required, list):
        raise InvalidRequestError(f'json_schema: "properties" or "required" at {where} is malformed')
    _check_count(schema, properties, required, where)
    others = schema.get("additionalProperties", True)
    unnamed = [name for name in required if name not in properties]
    if unnamed:
        if others is False:
            raise InvalidRequestError(f'json_schema: {where} requires "{unnamed[0]}" and forbids it')
        properties = {**properties, **dict.fromkeys(unnamed, others)}
    if not properties:
        return _map(rules, visit, others, where)
    return _members(rules, visit, properties, required, where)


def _check_count(schema: Schema, properties: Schema, required: Sequence[str], where: str) -> None:
    if schema.get("minProperties", 0) > len(set(required)):
        raise InvalidRequestError(f'json_schema: the keyword "minProperties" is not supported at {where}')
    if "maxProperties" in schema and (not properties or schema["maxProperties"] < len(properties)):
        raise InvalidRequestError(f'json_schema: the keyword "maxProperties" is not supported at {where}')


def _members(rules: Rules, visit: Visit, properties: Schema, required: Sequence[str], where: str) -> str:
    """``{`` the properties in order, optional ones left out at will ``}``."""
    ws = rules.basic("ws")
    bodies = [f"{json_literal(name, ':')} {ws} {visit(inner, f'{where}.{name}')}" for name, inner in properties.items()]
    # after[i] continues after a member was written; before any was, no comma is due.
    after = ""
    first = ""
    for name, body in reversed(list(zip(properties, bodies, strict=True))):
        written = rules.fresh("m", f"{body} {after}".strip())
        comma = rules.fresh("m", f'"," {ws} {body} {after}'.strip())
        after, first = (comma, written) if name in required else (choice([comma, after]), choice([written, first]))
    return rules.fresh("object", f'"{{" {first} "}}"')


def _map(rules: Rules, visit: Visit, others: Any, where: str) -> str:
    if others is False:
        return literal("{}")
    pair = f'{rules.basic("string")} ":" {rules.basic("ws")} {visit(others, where + ".*")}'
    # A JSON object should not name a property twice; with one member it cannot.
    return rules.fresh("map", f'"{{" ({pair})? "}}"')


def array(rules: Rules, visit: Visit, schema: Schema, where: str) -> str:
    """The expression of an array that ``schema`` admits."""
    if schema.get("uniqueItems", False):
        raise InvalidRequestError(f'json_schema: the keyword "uniqueItems" is not supported at {where}')
    fixed = schema.get("prefixItems", [])
    rest = schema.get("items", True)
    least, most = schema.get("minItems", 0), schema.get("maxItems")
    if not isinstance(fixed, list) or not is_count(least) or not (most is None or is_count(most)):
        raise InvalidRequestError(f"json_schema: the array at {where} is malformed")
    if (most is not None and most < least) or (rest is False and least > len(fixed)):
        raise InvalidRequestError(f"json_schema: the array at {where} admits nothing")
    if least > MOST_REPEATS:
        raise InvalidRequestError(f'json_schema: "minItems" at {where} is above {MOST_REPEATS}')
    items = [visit(item, f"{where}[{i}]") for i, item in enumerate(fixed[: len(fixed) if most is None else most])]
    comma = f'"," {rules.basic("ws")}'
    extra = (max(0, least - len(fixed)), None if most is None else max(0, most - len(fixed)))
    inner = None if rest is False or extra[1] == 0 else visit(rest, f"{where}[]")
    body = _elements(rules, items, inner, comma, least, extra) if items else _list(inner, comma, *extra)
    return rules.fresh("array", f'"[" {body} "]"')


def _elements(
    rules: Rules, fixed: Sequence[str], rest: str | None, comma: str, least: int, extra: tuple[int, int | None]
) -> str:
    """The fixed items, those beyond ``least`` left out at will, then the rest."""
    tail = "" if rest is None else rules.fresh("more", f"({comma} {rest}){repeat(*extra)}")
    for index in range(len(fixed) - 1, -1, -1):
        part = f"{fixed[index]} {tail}" if index == 0 else f"{comma} {fixed[index]} {tail}"
        tail = rules.fresh("item", part.strip() if index < least else f"({part.strip()})?")
    return tail


def _list(item: str | None, comma: str, least: int, most: int | None) -> str:
    if item is None:
        return ""
    further = repeat(max(0, least - 1), None if most is None else most - 1)
    body = f"{item} ({comma} {item}){further}"
    return body if least > 0 else f"({body})?"
