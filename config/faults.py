"""Turns what pydantic reports into problems that name the place in the file, the value and the near miss."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from pydantic_core import ErrorDetails

from config.document import Document
from config.entries import BACKEND_TYPES
from config.fields import NotOneOfError
from config.models import Application, Config, Evidence, Log, Mediator, Server
from config.problems import Path, Problem, is_secret, nearest, path_text, show
from config.router_entry import UNION_TAGS, Budget, Endpoint, Fallback, Price

__all__ = ["path_of", "problem_of"]

_SECTIONS = {"MEDIATOR": Mediator, "APPLICATION": Application, "LOG": Log, "EVIDENCE": Evidence, "SERVER": Server}
_NESTED = {"endpoints": Endpoint, "budget": Budget, "price": Price, "fallback_providers": Fallback}
_SIMPLE = {
    "bool_type": "must be true or false",
    "dict_type": "must be an object",
    "finite_number": "must be a finite number",
    "float_parsing": "must be a number",
    "float_type": "must be a number",
    "int_type": "must be a whole number",
    "list_type": "must be a list",
    "model_attributes_type": "must be an object",
    "model_type": "must be an object",
    "string_type": "must be text",
    "tuple_type": "must be a list",
}
_BOUNDS = {
    "greater_than": "must be more than {gt:g}",
    "greater_than_equal": "must be {ge:g} or more",
    "less_than_equal": "must be {le:g} or less",
}


def problem_of(error: ErrorDetails, document: Document, renamed: Mapping[Path, Path]) -> Problem:
    """One pydantic error as a problem of the document. ``renamed`` leads from today's keys to those in the file."""
    path = path_of(error)
    kind = error["type"]
    value = error["input"]
    if kind == "missing":
        return document.problem(path, f"{path_text(path)} is missing")
    if kind == "union_tag_not_found":
        path = (*path, "type")
        return document.problem(path, f"{path_text(path)} is missing; it is one of {_listed(BACKEND_TYPES)}")
    if kind == "extra_forbidden":
        return _unknown_key(path, document, error)
    rule, known = _rule(error)
    if kind == "union_tag_invalid":
        path = (*path, "type")
        value = value.get("type") if isinstance(value, Mapping) else value
    path = renamed.get(path, path)
    shown = show(value, secret=is_secret(path))
    message = f"{path_text(path)} {rule}"
    if not rule.startswith(("must not", "names ")):
        message += f", not {shown}"
    near = nearest(value, known) if isinstance(value, str) and not is_secret(path) else None
    return document.problem(path, message, value=shown, near_miss=near)


def path_of(error: ErrorDetails) -> Path:
    """pydantic's location without the union tags that it puts between the keys."""
    where = error["loc"]
    if len(where) > 2 and where[0] == "BACKENDS":
        where = (*where[:2], *where[3:])
    return tuple(part for part in where if part not in UNION_TAGS)


def _rule(error: ErrorDetails) -> tuple[str, Iterable[str]]:
    """What should have been, and the values among which a near miss may be."""
    kind, context = error["type"], error.get("ctx", {})
    if kind == "value_error":
        cause = context["error"]
        return str(cause), cause.known if isinstance(cause, NotOneOfError) else ()
    if kind == "union_tag_invalid":
        return f"must be one of {_listed(BACKEND_TYPES)}", BACKEND_TYPES
    if kind == "literal_error":
        # pydantic gives the values as text: 'a', 'b' or 'c'
        known = [part.strip("' ") for part in context["expected"].replace(" or ", ", ").split(", ")]
        return (f"must be one of {_listed(known)}" if len(known) > 1 else f'must be "{known[0]}"'), known
    if kind in _BOUNDS:
        return _BOUNDS[kind].format(**context), ()
    if kind == "too_short":
        return "must not be empty", ()
    return _SIMPLE.get(kind) or error["msg"][:1].lower() + error["msg"][1:], ()


def _unknown_key(path: Path, document: Document, error: ErrorDetails) -> Problem:
    key = str(path[-1])
    model = _model_at(path, error)
    near = nearest(key, {*model.model_fields, *getattr(model, "renamed", {})})
    message = f"{path_text(path)} is not a known key"
    owners = [name for name, entry in BACKEND_TYPES.items() if key in entry.model_fields]
    if path[0] == "BACKENDS" and len(path) == 3 and owners:
        return document.problem(path, f"{message} of this type; it belongs to {_listed(owners)}")
    return document.problem(path, message, near_miss=near)


def _model_at(path: Path, error: ErrorDetails) -> Any:
    if len(path) == 1:
        return Config
    if path[0] == "BACKENDS":
        nested = next((_NESTED[part] for part in path[2:-1] if isinstance(part, str) and part in _NESTED), None)
        return nested or BACKEND_TYPES[str(error["loc"][2])]
    return _SECTIONS[str(path[0])]


def _listed(names: Iterable[str]) -> str:
    return ", ".join(f'"{name}"' for name in names)
