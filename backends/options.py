"""The options of a call: their names, their ranges, and the one place that checks them.

An option that a backend does not know is an error that names the near miss. ``None`` means "not
set"; every other value is kept as it is, so an explicit 0 stays 0.
"""

from __future__ import annotations

import difflib
import math
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from backends.exceptions import InvalidRequestError

__all__ = ["GENERATION_OPTIONS", "SAMPLING_OPTIONS", "check_options", "near_miss"]


def _number(low: float, high: float, what: str) -> Callable[[Any], float]:
    def check(value: Any) -> float:
        if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
            raise ValueError(f"must be a number, {what}")
        if not low <= value <= high:
            raise ValueError(f"must be {what}")
        return value

    return check


def _integer(low: int | None, what: str) -> Callable[[Any], int]:
    def check(value: Any) -> int:
        if isinstance(value, bool) or not isinstance(value, int):
            raise ValueError(f"must be a whole number, {what}")
        if low is not None and value < low:
            raise ValueError(f"must be {what}")
        return value

    return check


def _positive_seconds(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not value > 0:
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
    "max_tokens": _integer(1, "1 or more"),
    "temperature": _number(0.0, 2.0, "between 0 and 2"),
    "top_p": _number(0.0, 1.0, "between 0 and 1"),
    "top_k": _integer(0, "0 or more"),
    "min_p": _number(0.0, 1.0, "between 0 and 1"),
    "frequency_penalty": _number(-2.0, 2.0, "between -2 and 2"),
    "presence_penalty": _number(-2.0, 2.0, "between -2 and 2"),
    "repeat_penalty": _number(0.0, 10.0, "between 0 and 10"),
    "seed": _integer(None, "any"),
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


def near_miss(name: str, known: Iterable[str]) -> str:
    """`` (did you mean "x"?)`` for the nearest known name, or nothing."""
    close = difflib.get_close_matches(name.lower(), sorted(known), n=1, cutoff=0.6)
    return f' (did you mean "{close[0]}"?)' if close else ""


def check_options(options: Mapping[str, Any], known: Iterable[str], owner: str) -> dict[str, Any]:
    """Return the options that are set, each checked; raise InvalidRequestError naming the bad one."""
    allowed = frozenset(known)
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
