"""The providers' documented answers, for the scripted server: one dialect a wire format."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import Any

from backends.base import Backend
from backends.llm_router.providers.base import ProviderContext
from tests.support.http_server import Act, Received, Reply, json_reply, sse_reply

__all__ = ["CHAT", "CLAUDE", "GEMINI", "HOSTED", "KEY", "RESPONSES", "Dialect", "provider"]

#: Shaped like no real key; looked for in everything that must not hold it.
KEY = "test-key-3f9a77c2e1"


@dataclass(frozen=True)
class Dialect:
    """How one wire format says things."""

    #: The whole answer with this text.
    whole: Callable[[str], Mapping[str, Any]]
    #: The events before, for, and after the pieces of a streamed answer; the last are given the whole text.
    opening: Sequence[Any]
    piece: Callable[[str], Any]
    closing: Callable[[str], Sequence[Any]]
    #: An error in this format: HTTP status, code.
    error: Callable[[int, str], Mapping[str, Any]]
    #: How a request says that it wants a stream.
    wants_stream: Callable[[Received], bool] = lambda received: bool(received.json.get("stream"))
    ends_with_done: bool = False

    def stream(self, *pieces: str) -> Reply:
        """A whole streamed answer."""
        events = [*self.opening, *map(self.piece, pieces), *self.closing("".join(pieces))]
        return sse_reply(*events, done=self.ends_with_done)

    def broken(self, *pieces: str, then: Act) -> Reply:
        """A streamed answer that breaks after its pieces, before it says that it is complete."""
        return sse_reply(*self.opening, *map(self.piece, pieces), done=False, then=then)

    def cut(self, *pieces: Any) -> Reply:
        """An ordered end of the body in the middle of the answer; what is no text goes in as it is."""
        first, second, *rest = pieces
        return sse_reply(*self.opening, self.piece(first), self.piece(second), *rest, done=False)

    def answers(self, text: str) -> Callable[[Received], Reply]:
        """What answers every request with ``text``, streamed where it is asked for."""

        def answer(received: Received) -> Reply:
            if received.method == "GET":
                return json_reply({"data": []})
            if self.wants_stream(received):
                return self.stream(text[:4], text[4:])
            return json_reply(self.whole(text))

        return answer


def _chat_chunk(delta: Mapping[str, Any], finish: str | None = None) -> dict[str, Any]:
    choice = {"index": 0, "delta": delta, "finish_reason": finish}
    return {"id": "chatcmpl-1", "object": "chat.completion.chunk", "model": "m-1", "choices": [choice]}


CHAT = Dialect(
    whole=lambda text: {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "model": "m-1",
        "choices": [{"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 7, "completion_tokens": 3, "total_tokens": 10},
    },
    opening=[_chat_chunk({"role": "assistant", "content": ""})],
    piece=lambda text: _chat_chunk({"content": text}),
    closing=lambda whole: [
        _chat_chunk({}, "stop"),
        {"id": "chatcmpl-1", "model": "m-1", "choices": [], "usage": {"prompt_tokens": 7, "completion_tokens": 3}},
    ],
    error=lambda status, code: {"error": {"message": "it went wrong", "type": code, "param": None, "code": code}},
    ends_with_done=True,
)


def _response(text: str, status: str = "completed") -> dict[str, Any]:
    part = {"type": "output_text", "text": text, "annotations": []}
    return {
        "id": "resp_1",
        "object": "response",
        "status": status,
        "model": "m-1",
        "output": [
            {"type": "reasoning", "id": "rs_1", "summary": []},
            {"type": "message", "id": "msg_1", "role": "assistant", "status": "completed", "content": [part]},
        ],
        "usage": {"input_tokens": 7, "output_tokens": 3, "total_tokens": 10},
    }


RESPONSES = Dialect(
    whole=_response,
    opening=[{"type": "response.created", "response": _response("", "in_progress")}],
    piece=lambda text: {"type": "response.output_text.delta", "item_id": "msg_1", "delta": text},
    closing=lambda whole: [
        {"type": "response.output_text.done", "item_id": "msg_1", "text": whole},
        {"type": "response.completed", "response": _response(whole)},
    ],
    error=CHAT.error,
)


CLAUDE = Dialect(
    whole=lambda text: {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": "m-1",
        "content": [{"type": "text", "text": text}],
        "stop_reason": "end_turn",
        "stop_sequence": None,
        "usage": {"input_tokens": 7, "output_tokens": 3},
    },
    opening=[
        {
            "type": "message_start",
            "message": {"id": "msg_1", "model": "m-1", "content": [], "usage": {"input_tokens": 7, "output_tokens": 1}},
        },
        {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
        {"type": "ping"},
    ],
    piece=lambda text: {
        "type": "content_block_delta",
        "index": 0,
        "delta": {"type": "text_delta", "text": text},
    },
    closing=lambda whole: [
        {"type": "content_block_stop", "index": 0},
        {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 3}},
        {"type": "message_stop"},
    ],
    error=lambda status, code: {"type": "error", "error": {"type": code, "message": "it went wrong"}},
)


def _candidate(text: str, finish: str | None = None) -> dict[str, Any]:
    candidate: dict[str, Any] = {"content": {"role": "model", "parts": [{"text": text}]}, "index": 0}
    document: dict[str, Any] = {"candidates": [candidate], "modelVersion": "m-1", "responseId": "r-1"}
    if finish is not None:
        candidate["finishReason"] = finish
        document["usageMetadata"] = {"promptTokenCount": 7, "candidatesTokenCount": 3, "totalTokenCount": 10}
    return document


GEMINI = Dialect(
    whole=lambda text: _candidate(text, "STOP"),
    opening=[],
    piece=_candidate,
    closing=lambda whole: [_candidate("", "STOP")],
    error=lambda status, code: {"error": {"code": status, "message": "it went wrong", "status": code.upper()}},
    wants_stream=lambda received: ":streamGenerateContent" in received.path,
)

#: The hosted providers and what they speak.
HOSTED: Mapping[str, Dialect] = {
    "openai": CHAT,
    "openrouter": CHAT,
    "huggingface": CHAT,
    "claude_py": CLAUDE,
    "gemini_py": GEMINI,
}


def provider(name: str, url: str, *, env: Mapping[str, str] | None = None, **settings: Any) -> Backend:
    """The hosted provider ``name`` at the server's address, as the router makes it."""
    spec = import_module(f"backends.llm_router.providers.{name}").SPEC
    given = {"base_url": url, "api_key": KEY, **settings}
    backend: Backend = spec.create(ProviderContext(env=env or {}, model="m", settings=given))
    return backend
