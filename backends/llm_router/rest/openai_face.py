"""The OpenAI-compatible REST face, mounted at ``/v1``: any OpenAI client talks to any provider of the router.

``model`` names whom to ask: a provider (``workstation``), a provider and its model (``openrouter:openai/gpt-4o``),
``auto``, or a plain model name, which goes to the server's own provider.
"""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from typing import Any, Literal

from fastapi import APIRouter, Request
from fastapi.responses import StreamingResponse
from pydantic import ConfigDict, Field, JsonValue, StrictBool

from backends.exceptions import BackendError, InvalidRequestError
from backends.llm_router.rest.body import Body
from backends.llm_router.rest.caller import while_there
from backends.llm_router.rest.failures import EVENTS, OPENAI_ERRORS, openai_error, status_of
from backends.llm_router.rest.service import Service
from backends.plain_text import clean_document
from backends.types import Completion, StreamItem

__all__ = ["PREFIX", "openai_routes"]

PREFIX = "/v1"


class ChatRequest(Body):
    """What OpenAI's clients send. What only serves OpenAI's own bookkeeping is accepted and left aside."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"model": "auto", "messages": [{"role": "user", "content": "Hello"}]}]},
    )

    messages: list[dict[str, Any]] = Field(min_length=1)
    model: str = "auto"
    stream: StrictBool = False
    stream_options: dict[str, JsonValue] | None = None
    n: Literal[1] | None = None
    max_tokens: int | None = None
    max_completion_tokens: int | None = None
    temperature: float | None = None
    top_p: float | None = None
    top_k: int | None = None
    min_p: float | None = None
    frequency_penalty: float | None = None
    presence_penalty: float | None = None
    repeat_penalty: float | None = None
    seed: int | None = None
    stop: str | list[str] | None = None
    response_format: dict[str, Any] | None = None
    tools: list[dict[str, Any]] | None = None
    tool_choice: str | dict[str, Any] | None = None
    user: str | None = None
    metadata: dict[str, Any] | None = None
    store: StrictBool | None = None
    service_tier: str | None = None
    safety_identifier: str | None = None
    prompt_cache_key: str | None = None

    def options(self) -> dict[str, Any]:
        """What goes with the call, under the router's names."""
        options: dict[str, Any] = {name: value for name in _SAME_NAME if (value := getattr(self, name)) is not None}
        if self.max_completion_tokens is not None:
            options["max_tokens"] = self.max_completion_tokens
        form = self.response_format or {}
        if form.get("type") == "json_schema":
            described = form.get("json_schema")
            schema = described.get("schema") if isinstance(described, Mapping) else None
            if not isinstance(schema, Mapping):
                raise InvalidRequestError("response_format.json_schema.schema must be an object")
            options["json_schema"] = schema
        elif form.get("type") not in (None, "text"):
            options["response_format"] = form
        return options


_SAME_NAME = (
    "max_tokens", "temperature", "top_p", "top_k", "min_p", "frequency_penalty", "presence_penalty", "repeat_penalty",
    "seed", "stop", "tools", "tool_choice",
)  # fmt: skip


def openai_routes(service: Service) -> APIRouter:
    """The routes, without the prefix."""
    routes = APIRouter(tags=["openai"])

    @routes.post("/chat/completions", responses={**OPENAI_ERRORS, **EVENTS})
    async def chat_completions(body: ChatRequest, request: Request) -> Any:
        """One chat completion, whole or as server-sent events."""
        provider, model = _whom(service, body.model)
        head = {"id": f"chatcmpl-{request.state.request_id}", "created": int(time.time()), "model": body.model}
        if not body.stream:
            completion = await while_there(request, service.complete(body.messages, provider, model, body.options()))
            whole = {**head, "object": "chat.completion", "model": completion.model or body.model}
            return clean_document({**whole, **_whole(completion)})
        events = service.stream(body.messages, provider, model, body.options())
        # The first item is awaited here, so that a call that fails at once has its own status.
        first = await while_there(request, anext(events))
        with_usage = bool((body.stream_options or {}).get("include_usage"))
        return StreamingResponse(_chunks(first, events, head, with_usage), media_type="text/event-stream")

    @routes.get("/models")
    async def models() -> dict[str, Any]:
        """The providers that are there, as models; ``auto`` is the best of them."""
        names = ["auto", *(info.name for info in service.providers() if info.available)]
        return {
            "object": "list",
            "data": [{"id": name, "object": "model", "created": 0, "owned_by": "llm-router"} for name in names],
        }

    return routes


def _whom(service: Service, name: str) -> tuple[str | None, str | None]:
    if name.strip().lower() in ("", "auto"):
        return None, None
    provider, colon, model = name.partition(":")
    if colon and service.names_provider(provider):
        return provider, model or None
    if service.names_provider(name):
        return name, None
    return None, name


def _whole(completion: Completion) -> dict[str, Any]:
    message: dict[str, Any] = {"role": "assistant", "content": completion.text}
    if completion.tool_calls:
        message["content"] = completion.text or None
        message["tool_calls"] = _tool_calls(completion)
    return {
        "choices": [{"index": 0, "message": message, "finish_reason": _reason(completion), "logprobs": None}],
        "usage": _usage(completion),
        "system_fingerprint": completion.provider,
    }


def _reason(completion: Completion) -> str:
    return "tool_calls" if completion.tool_calls else completion.finish_reason or "stop"


def _tool_calls(completion: Completion) -> list[dict[str, Any]]:
    return [
        {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": call.arguments}}
        for call in completion.tool_calls
    ]


def _usage(completion: Completion) -> dict[str, int]:
    usage = completion.usage
    return {
        "prompt_tokens": usage.prompt_tokens,
        "completion_tokens": usage.completion_tokens,
        "total_tokens": usage.total_tokens,
    }


async def _chunks(
    first: StreamItem, rest: AsyncGenerator[StreamItem, None], head: dict[str, Any], with_usage: bool
) -> AsyncIterator[str]:
    head = {**head, "object": "chat.completion.chunk"}

    def chunk(delta: dict[str, Any], finish: str | None = None) -> str:
        choice = {"index": 0, "delta": delta, "finish_reason": finish, "logprobs": None}
        return _event({**head, "choices": [choice]})

    yield chunk({"role": "assistant", "content": ""})
    try:
        async with contextlib.aclosing(rest):
            item: StreamItem = first
            while not isinstance(item, Completion):
                yield chunk({"content": item})
                item = await anext(rest)
    except BackendError as error:
        yield _event(openai_error(error.message, status_of(error), type(error).__name__))
        return
    if item.tool_calls:
        calls = [{"index": position, **call} for position, call in enumerate(_tool_calls(item))]
        yield chunk({"tool_calls": calls})
    yield chunk({}, _reason(item))
    if with_usage:
        yield _event({**head, "choices": [], "usage": _usage(item)})
    yield "data: [DONE]\n\n"


def _event(document: Mapping[str, Any]) -> str:
    return f"data: {json.dumps(clean_document(document), ensure_ascii=False)}\n\n"
