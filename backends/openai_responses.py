"""OpenAI's Responses API wire format."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from backends.exceptions import InvalidRequestError
from backends.http_wire import Answer, StreamReader
from backends.openai_schema import response_format
from backends.types import Message, Request, ToolCall, Usage

__all__ = ["ResponsesWire"]

_NAMES = {"max_tokens": "max_output_tokens"}
#: What Chat Completions has and this API has not.
_UNKNOWN = ("frequency_penalty", "presence_penalty", "seed", "stop")


class ResponsesWire:
    """The Responses API. Nothing is stored at the provider (``store`` is false)."""

    def __init__(self, owner: str) -> None:
        self._owner = owner

    def path(self, model: str | None, stream: bool) -> str:
        return "responses"

    def payload(self, request: Request, model: str | None, stream: bool) -> dict[str, Any]:
        options = request.options
        for name in _UNKNOWN:
            if name in options:
                raise InvalidRequestError(
                    f'option "{name}" does not exist in the Responses API; use api "chat"', provider=self._owner
                )
        body: dict[str, Any] = {"input": _input(request.messages), "store": False}
        if model is not None:
            body["model"] = model
        for name, value in options.items():
            if name == "response_format":
                body["text"] = {"format": _flat_format(value)}
            elif name == "tools":
                body["tools"] = [_flat_tool(tool) for tool in value]
            elif name == "reasoning_effort":
                body["reasoning"] = {"effort": value}
            elif name not in ("model", "extra_body"):
                body[_NAMES.get(name, name)] = value
        if request.json_schema is not None:
            body["text"] = {"format": _flat_format(response_format(request.json_schema))}
        if stream:
            body["stream"] = True
        body.update(options.get("extra_body", {}))
        return body

    def read(self, document: Mapping[str, Any]) -> Answer:
        texts: list[str] = []
        refusals: list[str] = []
        calls: list[ToolCall] = []
        for item in document["output"]:
            if item["type"] == "message":
                for part in item["content"]:
                    if part["type"] == "output_text":
                        texts.append(part["text"])
                    elif part["type"] == "refusal":
                        refusals.append(part["refusal"])
            elif item["type"] == "function_call":
                calls.append(ToolCall(id=item["call_id"], name=item["name"], arguments=item["arguments"]))
        usage = document.get("usage")
        reason = (document.get("incomplete_details") or {}).get("reason")
        declined = "".join(refusals) or ("the answer was filtered" if reason == "content_filter" else None)
        return Answer(
            text="".join(texts),
            model=document.get("model"),
            usage=Usage(usage["input_tokens"], usage["output_tokens"]) if usage else None,
            finish_reason=_finish(reason, bool(calls)),
            tool_calls=tuple(calls),
            id=document.get("id"),
            declined=declined,
        )

    def reader(self) -> StreamReader:
        return _ResponsesReader(self)


class _ResponsesReader:
    def __init__(self, wire: ResponsesWire) -> None:
        self._wire = wire
        self._texts: list[str] = []
        self._whole: Answer | None = None

    @property
    def finished(self) -> bool:
        return self._whole is not None

    def feed(self, document: Mapping[str, Any]) -> str:
        kind = document["type"]
        if kind == "response.output_text.delta":
            text: str = document["delta"]
            self._texts.append(text)
            return text
        if kind in ("response.completed", "response.incomplete"):
            self._whole = self._wire.read(document["response"])
        return ""

    def answer(self) -> Answer:
        if self._whole is None:
            return Answer(text="".join(self._texts))
        # What was streamed is the text: a stream's pieces add up to its completion.
        whole = self._whole
        return Answer(
            "".join(self._texts),
            whole.model,
            whole.usage,
            whole.finish_reason,
            whole.tool_calls,
            whole.id,
            whole.declined,
        )


def _finish(reason: str | None, has_calls: bool) -> str:
    """The chat format's words for why it ended, so that callers need to know one set."""
    if reason == "max_output_tokens":
        return "length"
    return reason or ("tool_calls" if has_calls else "stop")


def _input(messages: Sequence[Message]) -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = []
    for message in messages:
        role = message["role"]
        if role == "tool":
            items.append(
                {"type": "function_call_output", "call_id": message["tool_call_id"], "output": message["content"]}
            )
            continue
        content = message.get("content")
        if content is not None:
            items.append({"role": role, "content": _parts(content, role)})
        for call in message.get("tool_calls") or ():
            function = call["function"]
            items.append(
                {
                    "type": "function_call",
                    "call_id": call["id"],
                    "name": function["name"],
                    "arguments": function["arguments"],
                }
            )
    return items


def _parts(content: Any, role: str) -> Any:
    if isinstance(content, str):
        return content
    return [_part(part, role) for part in content]


def _part(part: Mapping[str, Any], role: str) -> Mapping[str, Any]:
    if part.get("type") == "text":
        return {"type": "output_text" if role == "assistant" else "input_text", "text": part["text"]}
    if part.get("type") == "image_url":
        image = part["image_url"]
        url, detail = (image, "auto") if isinstance(image, str) else (image["url"], image.get("detail", "auto"))
        return {"type": "input_image", "image_url": url, "detail": detail}
    return part


def _flat_format(value: Mapping[str, Any]) -> dict[str, Any]:
    """Chat nests the schema's name and rules one level deeper."""
    if value.get("type") == "json_schema" and "json_schema" in value:
        return {"type": "json_schema", **value["json_schema"]}
    return dict(value)


def _flat_tool(tool: Mapping[str, Any]) -> dict[str, Any]:
    if tool.get("type") == "function" and "function" in tool:
        return {"type": "function", **tool["function"]}
    return dict(tool)
