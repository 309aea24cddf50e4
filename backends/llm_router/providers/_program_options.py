"""The options of program and SDK providers: each key of the documents with the check that it must pass."""

from __future__ import annotations

import os
import uuid
from collections.abc import Callable, Mapping
from typing import Any

from pydantic import SecretStr

from backends.exceptions import InvalidRequestError

__all__ = [
    "COMMON_OPTIONS",
    "PROGRAM_OPTIONS",
    "Check",
    "boolean",
    "check_program_options",
    "environment",
    "folder",
    "identifier",
    "mapping",
    "name",
    "number",
    "one_of",
    "secret",
    "text",
    "texts",
    "uuid_text",
]

#: Returns the value to use, or raises ValueError whose text follows "must be".
Check = Callable[[Any], Any]


def boolean(value: Any) -> bool:
    if not isinstance(value, bool):
        raise ValueError("true or false")
    return value


def text(value: Any) -> str:
    """Text that becomes one argument."""
    if not isinstance(value, str) or "\0" in value:
        raise ValueError("text without NUL characters")
    return value


def name(value: Any) -> str:
    """Text that names something and can never be taken for an option."""
    if not text(value).strip() or value.startswith("-"):
        raise ValueError("a name that does not begin with a dash")
    return str(value)


def identifier(value: Any) -> str:
    """A session's id or name: one word or more, never an option, never a path upwards."""
    if name(value) != value.strip() or any(character in value for character in "\n\r/\\"):
        raise ValueError("a session id")
    return str(value)


def uuid_text(value: Any) -> str:
    try:
        return str(uuid.UUID(text(value)))
    except ValueError:
        raise ValueError("a UUID") from None


def one_of(*allowed: str) -> Check:
    def check(value: Any) -> str:
        if value not in allowed:
            raise ValueError("one of " + ", ".join(allowed))
        return str(value)

    return check


def texts(value: Any) -> tuple[str, ...]:
    """One text or a list of them."""
    items = (value,) if isinstance(value, str) else value
    if not isinstance(items, list | tuple) or not all(isinstance(item, str) and item for item in items):
        raise ValueError("text or a list of texts")
    return tuple(name(item) for item in items)


def folder(value: Any) -> str:
    """A path as text, ``~`` expanded."""
    if not isinstance(value, str | os.PathLike) or not os.fspath(value):
        raise ValueError("a path")
    return os.path.abspath(os.path.expanduser(text(os.fspath(value))))


def mapping(value: Any) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise ValueError("an object")
    return dict(value)


def secret(value: Any) -> SecretStr:
    """Text that no repr, log or trace shows."""
    return SecretStr(text(value.get_secret_value() if isinstance(value, SecretStr) else value))


def environment(value: Any) -> dict[str, SecretStr]:
    """Variables. Any of them may hold a key, so all of them count as secret."""
    try:
        return {text(key): secret(item) for key, item in mapping(value).items()}
    except ValueError:
        raise ValueError("an object of texts") from None


def number(low: int, high: int) -> Check:
    def check(value: Any) -> int:
        if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
            raise ValueError(f"a whole number from {low} to {high}")
        return value

    return check


#: What every program and SDK provider knows.
COMMON_OPTIONS: Mapping[str, Check] = {
    "trace": boolean,
    "trace_dir": folder,
    "trace_jsonl_path": folder,
    "trace_content": boolean,
    "working_directory": folder,
    "program_env": environment,
}

#: What every program provider knows on top.
PROGRAM_OPTIONS: Mapping[str, Check] = {
    **COMMON_OPTIONS,
    "program_path": folder,
    "program_command": text,
    "resume_session_id": identifier,
    "continue_session": boolean,
}


def check_program_options(options: Mapping[str, Any], checks: Mapping[str, Check], owner: str) -> dict[str, Any]:
    """The options with their checks applied; raise InvalidRequestError naming the bad one."""
    checked = dict(options)
    for key, check in checks.items():
        if key not in checked:
            continue
        try:
            checked[key] = check(checked[key])
        except ValueError as error:
            raise InvalidRequestError(
                f'option "{key}" must be {error}, not {checked[key]!r:.80}', provider=owner
            ) from error
    return checked
