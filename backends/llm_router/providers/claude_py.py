"""Anthropic's Messages API, by key."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, ClassVar

from backends.chat_messages import (
    CHAT_OPTIONS,
    read_image,
    read_response_format,
    read_tool_choice,
    split_system,
    tool_arguments,
    tool_functions,
)
from backends.exceptions import InvalidRequestError
from backends.http_backend import HttpBackend
from backends.http_wire import Answer, StreamReader, Wire
from backends.llm_router.providers.hosted import hosted_spec
from backends.llm_router.settings import names_of
from backends.openai_schema import strict_schema
from backends.types import Message, Request, ToolCall, Usage, message_text

__all__ = ["SPEC", "ClaudeBackend"]

#: The API demands a number; this is what every Claude model allows.
_DEFAULT_MAX_TOKENS = 4096
_NAMES = {
    "max_tokens": "max_tokens",
    "temperature": "temperature",
    "top_p": "top_p",
    "top_k": "top_k",
    "stop": "stop_sequences",
}
_FINISH = {
    "end_turn": "stop",
    "stop_sequence": "stop",
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "tool_use": "tool_calls",
}
_TOOL_CHOICE = {"auto": "auto", "none": "none", "required": "any", "one": "tool"}


class ClaudeBackend(HttpBackend):
    """Claude models. ``base_url`` may end with or without ``/v1``."""

    type = "claude_py"
    provider = "claude_py"
    base_url = "https://api.anthropic.com"
    api_key_env = names_of("ANTHROPIC_API_KEY")
    base_url_env = names_of("ANTHROPIC_BASE_URL")
    key_hint = "ANTHROPIC_API_KEY"
    # Takes the sampling options; the models from Opus 4.7 and Sonnet 5 on refuse them.
    default_model = "claude-sonnet-4-6"
    default_headers: ClassVar[Mapping[str, str]] = {"anthropic-version": "2023-06-01"}
    request_id_headers = ("request-id", "x-request-id")
    health_path = "v1/models?limit=1"
    known_options = frozenset(_NAMES) | CHAT_OPTIONS

    def __init__(self, id: str | None = None, *, base_url: str | None = None, **settings: Any) -> None:
        super().__init__(id, base_url=base_url, **settings)
        # Gateways are often written down with the version at the end.
        self._client.drop_path_suffix("/v1")

    def _make_wire(self) -> Wire:
        return _MessagesWire(self.id)

    def _authorization(self, key: str) -> Mapping[str, str]:
        return {"x-api-key": key}


class _MessagesWire:
    def __init__(self, owner: str) -> None:
        self._owner = owner

    def path(self, model: str | None, stream: bool) -> str:
        return "v1/messages"

    def payload(self, request: Request, model: str | None, stream: bool) -> dict[str, Any]:
        system, conversation = split_system(request.messages)
        options = request.options
        body: dict[str, Any] = {
            "model": model,
            "max_tokens": _DEFAULT_MAX_TOKENS,
            "messages": [self._message(message) for message in conversation],
        }
        if system:
            body["system"] = system
        for name, wire_name in _NAMES.items():
            if name in options:
                body[wire_name] = options[name]
        if "tools" in options:
            body["tools"] = [_tool(function) for function in tool_functions(options["tools"], self._owner)]
        if "tool_choice" in options:
            choice = read_tool_choice(options["tool_choice"], self._owner)
            body["tool_choice"] = {"type": _TOOL_CHOICE[choice.mode]}
            if choice.name is not None:
                body["tool_choice"]["name"] = choice.name
        schema = request.json_schema or self._schema_of(options.get("response_format"))
        if schema is not None:
            body["output_config"] = {"format": {"type": "json_schema", "schema": strict_schema(schema) or dict(schema)}}
        if stream:
            body["stream"] = True
        body.update(options.get("extra_body", {}))
        return body

    def read(self, document: Mapping[str, Any]) -> Answer:
        blocks = document["content"]
        reason = document.get("stop_reason")
        return Answer(
            text="".join(block["text"] for block in blocks if block["type"] == "text"),
            model=document.get("model"),
            usage=_usage(document.get("usage") or {}),
            finish_reason=_FINISH.get(reason or "", reason),
            tool_calls=tuple(
                ToolCall(block["id"], block["name"], json.dumps(block["input"]))
                for block in blocks
                if block["type"] == "tool_use"
            ),
            id=document.get("id"),
            declined="the model declined to answer" if reason == "refusal" else None,
        )

    def reader(self) -> StreamReader:
        return _MessagesReader()

    def _schema_of(self, response_format: Mapping[str, Any] | None) -> Mapping[str, Any] | None:
        kind, schema = read_response_format(response_format, self._owner)
        if kind == "json_object":
            raise InvalidRequestError(
                "this API knows no json_object; response_format must be a json_schema with its schema",
                provider=self._owner,
            )
        return schema

    def _message(self, message: Message) -> dict[str, Any]:
        if message["role"] == "tool":
            result = {
                "type": "tool_result",
                "tool_use_id": message.get("tool_call_id"),
                "content": message_text(message),
            }
            return {"role": "user", "content": [result]}
        content = message.get("content")
        calls = message.get("tool_calls") or ()
        if isinstance(content, str) and not calls:
            return {"role": message["role"], "content": content}
        parts = [{"type": "text", "text": content}] if isinstance(content, str) and content else []
        if content is not None and not isinstance(content, str):
            parts = [self._part(part) for part in content]
        for call in calls:
            parts.append(
                {
                    "type": "tool_use",
                    "id": call["id"],
                    "name": call["function"]["name"],
                    "input": tool_arguments(call, self._owner),
                }
            )
        return {"role": message["role"], "content": parts}

    def _part(self, part: Mapping[str, Any]) -> Any:
        if part.get("type") != "image_url":
            return part
        image = read_image(part, self._owner)
        if image.url is not None:
            return {"type": "image", "source": {"type": "url", "url": image.url}}
        return {"type": "image", "source": {"type": "base64", "media_type": image.media_type, "data": image.data}}


class _MessagesReader:
    def __init__(self) -> None:
        self.finished = False
        self._texts: list[str] = []
        self._calls: dict[int, dict[str, str]] = {}
        self._start: Mapping[str, Any] = {}
        self._usage: dict[str, Any] = {}
        self._reason: str | None = None

    def feed(self, document: Mapping[str, Any]) -> str:
        kind = document["type"]
        if kind == "content_block_delta":
            return self._delta(document["index"], document["delta"])
        if kind == "message_start":
            self._start = document["message"]
            self._usage.update(self._start.get("usage") or {})
        elif kind == "content_block_start":
            block = document["content_block"]
            if block["type"] == "tool_use":
                self._calls[document["index"]] = {"id": block["id"], "name": block["name"], "arguments": ""}
            elif block.get("text"):
                self._texts.append(block["text"])
                return str(block["text"])
        elif kind == "message_delta":
            self._reason = document["delta"].get("stop_reason") or self._reason
            self._usage.update(document.get("usage") or {})
            self.finished = self._reason is not None
        elif kind == "message_stop":
            self.finished = True
        return ""

    def _delta(self, index: int, delta: Mapping[str, Any]) -> str:
        if delta["type"] == "text_delta":
            text: str = delta["text"]
            self._texts.append(text)
            return text
        if delta["type"] == "input_json_delta":
            self._calls[index]["arguments"] += delta["partial_json"]
        return ""

    def answer(self) -> Answer:
        calls = [self._calls[index] for index in sorted(self._calls)]
        return Answer(
            text="".join(self._texts),
            model=self._start.get("model"),
            usage=_usage(self._usage),
            finish_reason=_FINISH.get(self._reason or "", self._reason),
            tool_calls=tuple(ToolCall(call["id"], call["name"], call["arguments"] or "{}") for call in calls),
            id=self._start.get("id"),
            declined="the model declined to answer" if self._reason == "refusal" else None,
        )


def _usage(usage: Mapping[str, Any]) -> Usage | None:
    if "input_tokens" not in usage and "output_tokens" not in usage:
        return None
    read = ("input_tokens", "cache_creation_input_tokens", "cache_read_input_tokens")
    return Usage(sum(usage.get(name) or 0 for name in read), usage.get("output_tokens") or 0)


def _tool(function: Mapping[str, Any]) -> dict[str, Any]:
    tool = {"name": function["name"], "input_schema": function.get("parameters") or {"type": "object"}}
    if function.get("description"):
        tool["description"] = function["description"]
    return tool


SPEC = hosted_spec(
    ClaudeBackend,
    summary="Anthropic's API by key",
    key="ANTHROPIC_API_KEY",
    model="CLAUDE_MODEL",
    base_url="ANTHROPIC_BASE_URL",
)
