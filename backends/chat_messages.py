"""Chat messages in the OpenAI format, taken apart for providers that have a format of their own."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from backends.exceptions import InvalidRequestError
from backends.types import Message, message_text

__all__ = [
    "CHAT_OPTIONS",
    "Image",
    "ToolChoice",
    "read_image",
    "read_response_format",
    "read_tool_choice",
    "split_system",
    "tool_arguments",
    "tool_functions",
]

#: The options of the chat format beside those that draw tokens; a provider that takes messages apart knows them all.
CHAT_OPTIONS = frozenset({"extra_body", "json_schema", "model", "response_format", "timeout", "tool_choice", "tools"})

_SYSTEM_ROLES = ("system", "developer")


@dataclass(frozen=True, slots=True)
class Image:
    """An image: by URL, or as base64 data of a media type."""

    url: str | None = None
    media_type: str | None = None
    data: str | None = None


@dataclass(frozen=True, slots=True)
class ToolChoice:
    """``mode`` is auto, none, required or one; ``name`` is the tool of "one"."""

    mode: str
    name: str | None = None


def split_system(messages: Iterable[Message]) -> tuple[str, list[Message]]:
    """The system text, and the conversation without it."""
    systems: list[str] = []
    rest: list[Message] = []
    for message in messages:
        if message["role"] in _SYSTEM_ROLES:
            systems.append(message_text(message))
        else:
            rest.append(message)
    return "\n\n".join(systems), rest


def read_image(part: Mapping[str, Any], owner: str) -> Image:
    """Read a part of type ``image_url``."""
    value = part.get("image_url")
    url = value if isinstance(value, str) else value.get("url") if isinstance(value, Mapping) else None
    if not isinstance(url, str):
        raise InvalidRequestError("an image_url part needs a url", provider=owner)
    if not url.startswith("data:"):
        return Image(url=url)
    head, comma, data = url[5:].partition(",")
    media_type, *parameters = head.split(";")
    if not comma or "base64" not in parameters:
        raise InvalidRequestError("an image in a data: URL must be base64", provider=owner)
    return Image(media_type=media_type, data=data)


def tool_functions(tools: Iterable[Mapping[str, Any]], owner: str) -> list[Mapping[str, Any]]:
    """The functions that ``tools`` declare: name, description, parameters."""
    functions = []
    for tool in tools:
        function = tool.get("function")
        if tool.get("type", "function") != "function" or not isinstance(function, Mapping) or "name" not in function:
            raise InvalidRequestError('a tool must be {"type": "function", "function": {"name": ...}}', provider=owner)
        functions.append(function)
    return functions


def tool_arguments(call: Mapping[str, Any], owner: str) -> Any:
    """The arguments of an earlier tool call, which are JSON text in the chat format."""
    text = call["function"].get("arguments") or "{}"
    try:
        return json.loads(text)
    except (TypeError, ValueError) as error:
        raise InvalidRequestError("the arguments of a tool call in the messages are no JSON", provider=owner) from error


def read_tool_choice(choice: Any, owner: str) -> ToolChoice:
    """Read ``tool_choice``: auto, none, required, or one function."""
    if choice in ("auto", "none", "required"):
        return ToolChoice(choice)
    function = choice.get("function") if isinstance(choice, Mapping) else None
    if isinstance(function, Mapping) and isinstance(function.get("name"), str):
        return ToolChoice("one", function["name"])
    raise InvalidRequestError(
        f"tool_choice must be auto, none, required or a function, not {choice!r:.60}", provider=owner
    )


def read_response_format(value: Mapping[str, Any] | None, owner: str) -> tuple[str, Mapping[str, Any] | None]:
    """Read ``response_format``: its kind (text, json_object, json_schema), and the schema of the last."""
    kind = "text" if value is None else value.get("type")
    inner = None if value is None else value.get("json_schema")
    if kind in ("text", "json_object"):
        return kind, None
    if kind == "json_schema" and isinstance(inner, Mapping) and isinstance(inner.get("schema"), Mapping):
        return kind, inner["schema"]
    raise InvalidRequestError(
        "response_format must be text, json_object, or a json_schema with its schema", provider=owner
    )
