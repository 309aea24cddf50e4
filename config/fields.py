"""The kinds of values that a configuration holds, and how each is checked.

An option of a call is checked by ``backends.options``, so its range is written once. Text that came from the
environment counts as a number or a boolean where one is wanted; text that stands in the file does not.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Iterable
from pathlib import Path as FilePath
from typing import Annotated, Any
from urllib.parse import urlsplit

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    GetCoreSchemaHandler,
    SecretStr,
    StrictBool,
    StrictInt,
    ValidationInfo,
)
from pydantic.json_schema import WithJsonSchema
from pydantic_core import CoreSchema, core_schema

from backends.options import GENERATION_OPTIONS, option_schema
from config.expand import Expanded

__all__ = [
    "Address",
    "AtLeastOne",
    "Flag",
    "Model",
    "Names",
    "NotNegative",
    "NotOneOfError",
    "Option",
    "Part",
    "Place",
    "Port",
    "Program",
    "Seconds",
    "Secret",
    "Text",
    "Whole",
    "in_folder",
    "plain",
]


class NotOneOfError(ValueError):
    """The value is none of ``known``; the nearest of them is shown."""

    def __init__(self, message: str, known: Iterable[str] = ()) -> None:
        super().__init__(message)
        self.known = tuple(known)


class Part(BaseModel):
    """A part of a configuration: frozen, and a key that it does not know is an error."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", hide_input_in_errors=True, allow_inf_nan=False, protected_namespaces=()
    )


def plain(value: Any) -> Any:
    """``value``, or the JSON number or boolean that an expansion gave as text."""
    if not isinstance(value, Expanded):
        return value
    try:
        read = json.loads(value)
    except (ValueError, RecursionError):
        return value
    return read if isinstance(read, bool | int | float) else value


class Option:
    """Marks a field as the option of that name in ``backends.options``. None means "not set"."""

    def __init__(self, name: str) -> None:
        self.name = name

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        check: Callable[[Any], Any] = GENERATION_OPTIONS[self.name]
        takes_text = self.name in ("stop", "model")

        def checked(value: Any) -> Any:
            return None if value is None else check(value if takes_text else plain(value))

        return core_schema.no_info_plain_validator_function(
            checked, serialization=core_schema.plain_serializer_function_ser_schema(lambda value: value)
        )

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: Any) -> dict[str, Any]:
        return option_schema(self.name)


def _not_blank(value: Any) -> Any:
    if isinstance(value, str) and not value.strip():
        raise ValueError("must not be empty")
    return value


def _address(value: Any) -> Any:
    try:
        parts = urlsplit(value) if isinstance(value, str) else None
        good = parts is not None and parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:  # a port that is no number, a bracket too many
        good = False
    if not good or parts is None:
        raise ValueError("must be an address that begins with http:// or https://")
    if parts.username is not None:
        raise ValueError("must not hold a user or password; use api_key or headers")
    return str(value)


def _seconds(value: Any) -> Any:
    value = plain(value)
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1e9:
        raise ValueError("must be a number of seconds, 0 or more")
    return value


def _names(value: Any) -> Any:
    items = [value] if isinstance(value, str) else value
    named = isinstance(items, list | tuple) and all(isinstance(item, str) and item.strip() for item in items)
    if not named or not items:
        raise ValueError("must be a name or a list of names")
    return tuple(str(item) for item in items)


def _place(value: Any, info: ValidationInfo) -> Any:
    if isinstance(value, str) and (not value.strip() or "\0" in value):
        raise ValueError("must be a path")
    if not isinstance(value, str | FilePath):
        raise ValueError("must be a path")
    return in_folder(str(value), info)


def in_folder(text: str, info: ValidationInfo) -> FilePath:
    """``text`` as a path: ``~`` is the home folder, and what is relative is so to the configuration's folder."""
    path = FilePath(text).expanduser()
    folder = (info.context or {}).get("folder")
    return path if folder is None else FilePath(folder, path)


def _program(value: Any, info: ValidationInfo) -> Any:
    """A bare name is looked up by the system; anything with a separator is a path."""
    if not isinstance(value, str) or not value.strip():
        raise ValueError("must be a program's name or path")
    return str(in_folder(value, info)) if "/" in value or os.sep in value else str(value)


def _model(value: Any, info: ValidationInfo) -> Any:
    """A model's name, or a local path when it begins like one."""
    if not isinstance(value, str) or not value.strip():
        raise ValueError("must be a model's name")
    return str(in_folder(value, info)) if re.match(r"\.{1,2}[/\\]|~", value) else str(value)


Text = Annotated[str, BeforeValidator(_not_blank), WithJsonSchema({"type": "string", "minLength": 1})]
Secret = Annotated[SecretStr, BeforeValidator(_not_blank), WithJsonSchema({"type": "string", "minLength": 1})]
Address = Annotated[str, BeforeValidator(_address), WithJsonSchema({"type": "string", "minLength": 1})]
Flag = Annotated[StrictBool, BeforeValidator(plain)]
Whole = Annotated[StrictInt, BeforeValidator(plain)]
AtLeastOne = Annotated[StrictInt, Field(ge=1), BeforeValidator(plain)]
NotNegative = Annotated[StrictInt, Field(ge=0), BeforeValidator(plain)]
Port = Annotated[StrictInt, Field(ge=0, le=65535), BeforeValidator(plain)]
Seconds = Annotated[float, BeforeValidator(_seconds), WithJsonSchema({"type": "number", "minimum": 0})]
Place = Annotated[FilePath, BeforeValidator(_place), WithJsonSchema({"type": "string", "minLength": 1})]
Model = Annotated[str, BeforeValidator(_model), WithJsonSchema({"type": "string", "minLength": 1})]
Program = Annotated[str, BeforeValidator(_program), WithJsonSchema({"type": "string", "minLength": 1})]
Names = Annotated[
    tuple[str, ...],
    BeforeValidator(_names),
    WithJsonSchema({"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}]}),
]
