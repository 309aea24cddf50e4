"""The Chat Completions wire format, as OpenAI documents it and many servers speak it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from backends.http_wire import Answer, StreamReader
from backends.openai_schema import response_format
from backends.types import Request, ToolCall, Usage

__all__ = ["ChatWire"]

#: What our options are called on the wire, where it is not the same. Servers ignore the name they do not know:
#: llama.cpp says repeat_penalty, vLLM and OpenRouter say repetition_penalty.
_NAMES = {"repeat_penalty": ("repeat_penalty", "repetition_penalty")}


class ChatWire:
    """Chat Completions."""

    def __init__(self, *, max_tokens_name: str = "max_tokens") -> None:
        self._max_tokens_name = max_tokens_name

    def path(self, model: str | None, stream: bool) -> str:
        return "chat/completions"

    def payload(self, request: Request, model: str | None, stream: bool) -> dict[str, Any]:
        body: dict[str, Any] = {"messages": request.messages}
        if model is not None:
            body["model"] = model
        for name, value in request.options.items():
            if name in ("model", "extra_body"):
                continue
            if name == "max_tokens":
                body[self._max_tokens_name] = value
            else:
                for wire_name in _NAMES.get(name, (name,)):
                    body[wire_name] = value
        if request.json_schema is not None:
            body["response_format"] = response_format(request.json_schema)
        if stream:
            body["stream"] = True
            body["stream_options"] = {"include_usage": True}
        body.update(request.options.get("extra_body", {}))
        return body

    def read(self, document: Mapping[str, Any]) -> Answer:
        choice = document["choices"][0]
        message = choice["message"]
        finish = choice.get("finish_reason")
        return Answer(
            text=content_text(message.get("content")),
            model=document.get("model"),
            usage=read_usage(document.get("usage")),
            finish_reason=finish,
            tool_calls=tuple(_tool_call(call) for call in message.get("tool_calls") or ()),
            id=document.get("id"),
            declined=_declined(message.get("refusal"), finish),
        )

    def reader(self) -> StreamReader:
        return _ChatReader()


class _ChatReader:
    def __init__(self) -> None:
        self.finished = False
        self._texts: list[str] = []
        self._refusals: list[str] = []
        self._calls: dict[int, dict[str, str]] = {}
        self._model: str | None = None
        self._id: str | None = None
        self._finish: str | None = None
        self._usage: Usage | None = None

    def feed(self, document: Mapping[str, Any]) -> str:
        self._model = document.get("model") or self._model
        self._id = document.get("id") or self._id
        if document.get("usage"):
            self._usage = read_usage(document["usage"])
        choices = document["choices"]
        if not choices:
            return ""
        choice = choices[0]
        delta = choice.get("delta") or {}
        if choice.get("finish_reason"):
            self._finish = choice["finish_reason"]
            self.finished = True
        for call in delta.get("tool_calls") or ():
            self._tool_call(call)
        if delta.get("refusal"):
            self._refusals.append(delta["refusal"])
        text = content_text(delta.get("content"))
        if text:
            self._texts.append(text)
        return text

    def _tool_call(self, call: Mapping[str, Any]) -> None:
        known = self._calls.setdefault(call.get("index", len(self._calls)), {"id": "", "name": "", "arguments": ""})
        known["id"] = call.get("id") or known["id"]
        function = call.get("function") or {}
        known["name"] += function.get("name") or ""
        known["arguments"] += function.get("arguments") or ""

    def answer(self) -> Answer:
        return Answer(
            text="".join(self._texts),
            model=self._model,
            usage=self._usage,
            finish_reason=self._finish,
            tool_calls=tuple(ToolCall(**self._calls[index]) for index in sorted(self._calls)),
            id=self._id,
            declined=_declined("".join(self._refusals), self._finish),
        )


def content_text(content: Any) -> str:
    """Text, or the text of a list of parts, as some servers send it; nothing stands for an empty text."""
    if isinstance(content, str):
        return content
    if content is None:
        return ""
    return "".join(part["text"] for part in content if part.get("type") in ("text", "output_text"))


def read_usage(usage: Any) -> Usage | None:
    """Tokens, and the price where the provider tells it (OpenRouter)."""
    if not usage:
        return None
    cost = usage.get("cost")
    return Usage(
        prompt_tokens=int(usage.get("prompt_tokens") or 0),
        completion_tokens=int(usage.get("completion_tokens") or 0),
        cost_usd=float(cost) if isinstance(cost, int | float) else None,
    )


def _tool_call(call: Mapping[str, Any]) -> ToolCall:
    function = call["function"]
    return ToolCall(id=call.get("id") or "", name=function["name"], arguments=function.get("arguments") or "")


def _declined(refusal: str | None, finish: str | None) -> str | None:
    if refusal:
        return refusal
    return "the answer was filtered" if finish == "content_filter" else None
