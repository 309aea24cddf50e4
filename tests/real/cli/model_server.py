"""A model server on the loopback that speaks the four wire formats of the agent programs.

It answers every prompt with ``answer`` (or with a call of the tool named in ``tool``), records what
it was sent, and can be told to fail. Nothing of it leaves this machine.
"""

from __future__ import annotations

import gzip
import json
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

INPUT_TOKENS, OUTPUT_TOKENS = 11, 5


@dataclass(frozen=True)
class Received:
    """One request as it came."""

    path: str
    headers: Mapping[str, str]
    body: Any

    @property
    def text(self) -> str:
        """The whole body as JSON, to look for what must or must not have been sent."""
        return json.dumps(self.body, ensure_ascii=False)


@dataclass(frozen=True)
class Failure:
    """What the server says instead of an answer."""

    status: int
    body: Mapping[str, Any]
    headers: Mapping[str, str]


@dataclass(frozen=True)
class ToolUse:
    """A tool that the model asks for, in the first answer only."""

    name: str
    arguments: Mapping[str, Any]


class ModelServer:
    """``with ModelServer() as server:``; ``server.url`` is its address without a path."""

    def __init__(self) -> None:
        self.answer = "It was wage theft."
        self.failure: Failure | None = None
        self.tool: ToolUse | None = None
        #: Why the model stopped, in Anthropic's words.
        self.stop_reason = "end_turn"
        #: Cleared, the server takes requests and says nothing.
        self.hang = threading.Event()
        self.hang.set()
        #: Set by the first request for text.
        self.asked = threading.Event()
        self.requests: list[Received] = []
        self._http = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._http.daemon_threads = True
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.05,), daemon=True)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._http.server_address[1]}"

    def fail(self, status: int, body: Mapping[str, Any], **headers: str) -> None:
        """Answer every generation with this status from now on."""
        self.failure = Failure(status, body, headers)

    @property
    def generations(self) -> list[Received]:
        """The requests that asked for text, without model lists and token counts."""
        return [request for request in self.requests if _wire(request.path) is not None]

    @property
    def sent(self) -> str:
        """Everything that was sent for generation, as one text."""
        return "\n".join(request.text for request in self.generations)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self.hang.set()
        self._http.shutdown()
        self._http.server_close()
        self._thread.join(5)


def _wire(path: str) -> Any:
    plain = path.partition("?")[0]
    for ending, wire in _WIRES.items():
        if plain.endswith(ending):
            return wire
    return None


def _handler(server: ModelServer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *args: Any) -> None:
            """The tests read ``requests`` instead."""

        def do_HEAD(self) -> None:
            self._reply(200, "application/json", b"")

        def do_GET(self) -> None:
            server.requests.append(Received(self.path, dict(self.headers), None))
            models = [{"id": "test-model", "object": "model", "created": 0, "owned_by": "tests"}]
            self._json(200, {"object": "list", "data": models})

        def do_POST(self) -> None:
            body = self._body()
            server.requests.append(Received(self.path, dict(self.headers), body))
            wire = _wire(self.path)
            if wire is None:
                self._json(200, {"input_tokens": INPUT_TOKENS, "totalTokens": INPUT_TOKENS})
                return
            server.asked.set()
            server.hang.wait()
            if server.failure is not None:
                self._json(server.failure.status, server.failure.body, server.failure.headers)
                return
            tool = server.tool if len(server.generations) == 1 else None
            if "stream" in self.path or (isinstance(body, dict) and body.get("stream")):
                events = "".join(wire.events(server.answer, tool)).replace('"end_turn"', f'"{server.stop_reason}"')
                self._reply(200, "text/event-stream", events.encode())
            else:
                self._json(200, wire.whole(server.answer, tool))

        def _body(self) -> Any:
            raw = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            if self.headers.get("Content-Encoding") == "gzip":
                raw = gzip.decompress(raw)
            return json.loads(raw) if raw else None

        def _json(self, status: int, body: Any, headers: Mapping[str, str] | None = None) -> None:
            self._reply(status, "application/json", json.dumps(body).encode(), headers)

        def _reply(self, status: int, kind: str, data: bytes, headers: Mapping[str, str] | None = None) -> None:
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(data)))
            for name, value in (headers or {}).items():
                self.send_header(name.replace("_", "-"), value)
            self.end_headers()
            self.wfile.write(data)

    return Handler


def _event(name: str | None, data: Any) -> str:
    head = f"event: {name}\n" if name else ""
    return f"{head}data: {data if isinstance(data, str) else json.dumps(data)}\n\n"


class _Anthropic:
    """Messages API."""

    @staticmethod
    def whole(answer: str, tool: ToolUse | None) -> dict[str, Any]:
        return {
            "id": "msg_1", "type": "message", "role": "assistant", "model": "test-model",
            "content": [{"type": "text", "text": answer}], "stop_reason": "end_turn", "stop_sequence": None,
            "usage": {"input_tokens": INPUT_TOKENS, "output_tokens": OUTPUT_TOKENS},
        }  # fmt: skip

    @classmethod
    def events(cls, answer: str, tool: ToolUse | None) -> Iterator[str]:
        start = {**cls.whole("", None), "content": [], "stop_reason": None}
        start["usage"] = {"input_tokens": INPUT_TOKENS, "output_tokens": 1}
        yield _event("message_start", {"type": "message_start", "message": start})
        if tool is None:
            block: dict[str, Any] = {"type": "text", "text": ""}
            deltas = [{"type": "text_delta", "text": piece} for piece in _pieces(answer)]
        else:
            block = {"type": "tool_use", "id": "toolu_1", "name": tool.name, "input": {}}
            deltas = [{"type": "input_json_delta", "partial_json": json.dumps(tool.arguments)}]
        yield _event("content_block_start", {"type": "content_block_start", "index": 0, "content_block": block})
        for delta in deltas:
            yield _event("content_block_delta", {"type": "content_block_delta", "index": 0, "delta": delta})
        yield _event("content_block_stop", {"type": "content_block_stop", "index": 0})
        reason = "end_turn" if tool is None else "tool_use"
        ending = {"stop_reason": reason, "stop_sequence": None}
        yield _event(
            "message_delta",
            {"type": "message_delta", "delta": ending, "usage": {"output_tokens": OUTPUT_TOKENS}},
        )
        yield _event("message_stop", {"type": "message_stop"})


class _Responses:
    """OpenAI Responses API."""

    @staticmethod
    def _item(answer: str, tool: ToolUse | None) -> dict[str, Any]:
        if tool is not None:
            return {
                "type": "function_call", "id": "fc_1", "call_id": "call_1", "name": tool.name,
                "arguments": json.dumps(tool.arguments), "status": "completed",
            }  # fmt: skip
        content = [{"type": "output_text", "text": answer, "annotations": []}]
        return {"type": "message", "id": "item_1", "role": "assistant", "status": "completed", "content": content}

    @classmethod
    def whole(cls, answer: str, tool: ToolUse | None) -> dict[str, Any]:
        usage = {
            "input_tokens": INPUT_TOKENS, "input_tokens_details": {"cached_tokens": 0},
            "output_tokens": OUTPUT_TOKENS, "output_tokens_details": {"reasoning_tokens": 0},
            "total_tokens": INPUT_TOKENS + OUTPUT_TOKENS,
        }  # fmt: skip
        output = [cls._item(answer, tool)]
        return {"id": "resp_1", "object": "response", "status": "completed", "output": output, "usage": usage}

    @classmethod
    def events(cls, answer: str, tool: ToolUse | None) -> Iterator[str]:
        item = cls._item(answer, tool)
        opened = {**cls.whole(answer, tool), "status": "in_progress", "output": []}
        yield _event("response.created", {"type": "response.created", "response": opened})
        yield _event(
            "response.output_item.added",
            {"type": "response.output_item.added", "output_index": 0, "item": {**item, "status": "in_progress"}},
        )
        for piece in _pieces(answer) if tool is None else ():
            yield _event(
                "response.output_text.delta",
                {"type": "response.output_text.delta", "item_id": "item_1", "output_index": 0, "content_index": 0,
                 "delta": piece},
            )  # fmt: skip
        yield _event(
            "response.output_item.done", {"type": "response.output_item.done", "output_index": 0, "item": item}
        )
        yield _event("response.completed", {"type": "response.completed", "response": cls.whole(answer, tool)})


class _Chat:
    """OpenAI chat completions."""

    USAGE = {  # noqa: RUF012 # read only
        "prompt_tokens": INPUT_TOKENS, "completion_tokens": OUTPUT_TOKENS, "total_tokens": INPUT_TOKENS + OUTPUT_TOKENS,
    }  # fmt: skip

    @staticmethod
    def _message(answer: str, tool: ToolUse | None) -> dict[str, Any]:
        if tool is None:
            return {"role": "assistant", "content": answer}
        function = {"name": tool.name, "arguments": json.dumps(tool.arguments)}
        return {
            "role": "assistant", "content": None,
            "tool_calls": [{"index": 0, "id": "call_1", "type": "function", "function": function}],
        }  # fmt: skip

    @classmethod
    def whole(cls, answer: str, tool: ToolUse | None) -> dict[str, Any]:
        reason = "stop" if tool is None else "tool_calls"
        choice = {"index": 0, "message": cls._message(answer, tool), "finish_reason": reason}
        return {
            "id": "chat_1", "object": "chat.completion", "created": 1, "model": "test-model",
            "choices": [choice], "usage": cls.USAGE,
        }  # fmt: skip

    @classmethod
    def events(cls, answer: str, tool: ToolUse | None) -> Iterator[str]:
        base = {"id": "chat_1", "object": "chat.completion.chunk", "created": 1, "model": "test-model"}
        messages = (
            [{"role": "assistant", "content": piece} for piece in _pieces(answer)]
            if tool is None
            else [cls._message(answer, tool)]
        )
        for message in messages:
            yield _event(None, {**base, "choices": [{"index": 0, "delta": message, "finish_reason": None}]})
        reason = "stop" if tool is None else "tool_calls"
        yield _event(None, {**base, "choices": [{"index": 0, "delta": {}, "finish_reason": reason}]})
        yield _event(None, {**base, "choices": [], "usage": cls.USAGE})
        yield _event(None, "[DONE]")


class _Gemini:
    """Google's generateContent."""

    @staticmethod
    def whole(answer: str, tool: ToolUse | None) -> dict[str, Any]:
        part = {"text": answer} if tool is None else {"functionCall": {"name": tool.name, "args": tool.arguments}}
        candidate = {"content": {"role": "model", "parts": [part]}, "finishReason": "STOP", "index": 0}
        usage = {
            "promptTokenCount": INPUT_TOKENS, "candidatesTokenCount": OUTPUT_TOKENS,
            "totalTokenCount": INPUT_TOKENS + OUTPUT_TOKENS,
        }  # fmt: skip
        return {"candidates": [candidate], "usageMetadata": usage, "modelVersion": "test-model", "responseId": "r1"}

    @classmethod
    def events(cls, answer: str, tool: ToolUse | None) -> Iterator[str]:
        whole = cls.whole(answer, tool)
        pieces = _pieces(answer) if tool is None else []
        for piece in pieces[:-1]:
            part = {"content": {"role": "model", "parts": [{"text": piece}]}, "index": 0}
            yield _event(None, {"candidates": [part]})
        yield _event(None, cls.whole(pieces[-1], None) if pieces else whole)


def _pieces(answer: str) -> list[str]:
    middle = max(1, len(answer) // 2)
    return [piece for piece in (answer[:middle], answer[middle:]) if piece]


_WIRES = {
    "/messages": _Anthropic,
    "/responses": _Responses,
    "/chat/completions": _Chat,
    ":streamGenerateContent": _Gemini,
    ":generateContent": _Gemini,
}
