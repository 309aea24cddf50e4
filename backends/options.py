"""The options of a call: their names, their ranges, and the one place that checks them.

An option that a backend does not know is an error that names the near miss. ``None`` means "not
set"; every other value is kept as it is, so an explicit 0 stays 0.
"""

from __future__ import annotations

import difflib
import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from backends.exceptions import InvalidRequestError

__all__ = ["GENERATION_OPTIONS", "SAMPLING_OPTIONS", "check_options", "near_miss", "option_schema"]


@dataclass(frozen=True, slots=True)
class _Number:
    low: float
    high: float

    def __call__(self, value: Any) -> float:
        what = f"between {self.low:g} and {self.high:g}"
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise ValueError(f"must be a number, {what}")
        if not self.low <= value <= self.high:
            raise ValueError(f"must be {what}")
        return value

    def schema(self) -> dict[str, Any]:
        return {"type": "number", "minimum": self.low, "maximum": self.high}


@dataclass(frozen=True, slots=True)
class _Integer:
    low: int | None

    def __call__(self, value: Any) -> int:
        what = "any" if self.low is None else f"{self.low} or more"
        if isinstance(value, bool) or not isinstance(value, int):
            raise ValueError(f"must be a whole number, {what}")
        if self.low is not None and value < self.low:
            raise ValueError(f"must be {what}")
        return value

    def schema(self) -> dict[str, Any]:
        return {"type": "integer"} if self.low is None else {"type": "integer", "minimum": self.low}


def _positive_seconds(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value <= sys.float_info.max:
        raise ValueError("must be a number of seconds above 0")
    return float(value)


def _stop(value: Any) -> tuple[str, ...]:
    items = (value,) if isinstance(value, str) else value
    if not isinstance(items, list | tuple) or not all(isinstance(item, str) and item for item in items):
        raise ValueError("must be a non-empty string or a list of them")
    return tuple(items)


def _name(value: Any) -> str:
    if not isinstance(value, str) or not value.strip():
        raise ValueError("must be a non-empty name")
    return value


def _mapping(value: Any) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise ValueError("must be an object")
    return value


def _list_of_mappings(value: Any) -> list[Mapping[str, Any]]:
    if not isinstance(value, list | tuple) or not all(isinstance(item, Mapping) for item in value):
        raise ValueError("must be a list of objects")
    return list(value)


def _any(value: Any) -> Any:
    return value


#: How a model draws its next token. Every engine knows most of them.
SAMPLING_OPTIONS: Mapping[str, Callable[[Any], Any]] = {
    "max_tokens": _Integer(1),
    "temperature": _Number(0.0, 2.0),
    "top_p": _Number(0.0, 1.0),
    "top_k": _Integer(0),
    "min_p": _Number(0.0, 1.0),
    "frequency_penalty": _Number(-2.0, 2.0),
    "presence_penalty": _Number(-2.0, 2.0),
    "repeat_penalty": _Number(0.0, 10.0),
    "seed": _Integer(None),
    "stop": _stop,
}

#: Every option that the contract names. A backend lists the ones it knows in ``known_options``.
GENERATION_OPTIONS: Mapping[str, Callable[[Any], Any]] = {
    **SAMPLING_OPTIONS,
    "model": _name,
    "timeout": _positive_seconds,
    "json_schema": _mapping,
    "response_format": _mapping,
    "tools": _list_of_mappings,
    "tool_choice": _any,
}


_SHAPES: Mapping[Callable[[Any], Any], dict[str, Any]] = {
    _positive_seconds: {"type": "number", "exclusiveMinimum": 0},
    _stop: {
        "anyOf": [
            {"type": "string", "minLength": 1},
            {"type": "array", "items": {"type": "string", "minLength": 1}},
        ]
    },
    _name: {"type": "string", "minLength": 1},
    _mapping: {"type": "object"},
    _list_of_mappings: {"type": "array", "items": {"type": "object"}},
}


def option_schema(name: str) -> dict[str, Any]:
    """What the option takes, as JSON Schema; the same ranges that ``check_options`` holds."""
    check = GENERATION_OPTIONS[name]
    if isinstance(check, _Number | _Integer):
        return check.schema()
    return dict(_SHAPES.get(check, {}))


def near_miss(name: str, known: Iterable[str]) -> str:
    """`` (did you mean "x"?)`` for the nearest known name, or nothing."""
    close = difflib.get_close_matches(name.lower(), sorted(known), n=1, cutoff=0.6)
    return f' (did you mean "{close[0]}"?)' if close else ""


def check_options(options: Mapping[str, Any], known: Iterable[str], owner: str) -> dict[str, Any]:
    """Return the options that are set, each checked; raise InvalidRequestError naming the bad one."""
    allowed = known if isinstance(known, frozenset) else frozenset(known)
    checked: dict[str, Any] = {}
    for name, value in options.items():
        if name not in allowed:
            raise InvalidRequestError(f'unknown option "{name}"{near_miss(name, allowed)}', provider=owner)
        if value is None:
            continue
        check = GENERATION_OPTIONS.get(name, _any)
        try:
            checked[name] = check(value)
        except ValueError as error:
            raise InvalidRequestError(f'option "{name}" {error}, not {value!r}', provider=owner) from error
    return checked
