"""Google's Gemini API (generateContent), by key. The key goes into a header, never into the address."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote

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
from backends.types import Message, Request, ToolCall, Usage, message_text

__all__ = ["SPEC", "GeminiBackend"]

_NAMES = {
    "max_tokens": "maxOutputTokens",
    "temperature": "temperature",
    "top_p": "topP",
    "top_k": "topK",
    "frequency_penalty": "frequencyPenalty",
    "presence_penalty": "presencePenalty",
    "seed": "seed",
    "stop": "stopSequences",
}
_FINISH = {"STOP": "stop", "MAX_TOKENS": "length"}
_DECLINED = frozenset({"SAFETY", "RECITATION", "BLOCKLIST", "PROHIBITED_CONTENT", "SPII", "IMAGE_SAFETY"})
_TOOL_CHOICE = {"auto": "AUTO", "none": "NONE", "required": "ANY", "one": "ANY"}


class GeminiBackend(HttpBackend):
    """Gemini models. ``base_url`` may leave out the version, as Google's own program does."""

    type = "gemini_py"
    provider = "gemini_py"
    base_url = "https://generativelanguage.googleapis.com"
    api_key_env = names_of("GOOGLE_API_KEY")
    base_url_env = names_of("GEMINI_BASE_URL")
    key_hint = "GOOGLE_API_KEY or GEMINI_API_KEY"
    # Google moves this name on to its newest stable Flash model.
    default_model = "gemini-flash-latest"
    health_path = "v1beta/models?pageSize=1"
    known_options = frozenset(_NAMES) | CHAT_OPTIONS

    def __init__(self, id: str | None = None, *, base_url: str | None = None, **settings: Any) -> None:
        super().__init__(id, base_url=base_url, **settings)
        self._client.drop_path_suffix("/v1beta")

    def _make_wire(self) -> Wire:
        return _GeminiWire(self.id)

    def _authorization(self, key: str) -> Mapping[str, str]:
        return {"x-goog-api-key": key}


class _GeminiWire:
    def __init__(self, owner: str) -> None:
        self._owner = owner

    def path(self, model: str | None, stream: bool) -> str:
        name = (model or "").removeprefix("models/")
        folder, _, rest = name.partition("/")
        # The name is data: but for Google's own second folder, it is one segment of the path.
        place = f"{folder}/{quote(rest, safe='')}" if folder == "tunedModels" else f"models/{quote(name, safe='')}"
        return f"v1beta/{place}:" + ("streamGenerateContent?alt=sse" if stream else "generateContent")

    def payload(self, request: Request, model: str | None, stream: bool) -> dict[str, Any]:
        system, conversation = split_system(request.messages)
        options = request.options
        config = {wire_name: options[name] for name, wire_name in _NAMES.items() if name in options}
        body: dict[str, Any] = {"contents": self._contents(conversation)}
        if system:
            body["systemInstruction"] = {"parts": [{"text": system}]}
        if "tools" in options:
            functions = tool_functions(options["tools"], self._owner)
            body["tools"] = [{"functionDeclarations": [_function(function) for function in functions]}]
        if "tool_choice" in options:
            choice = read_tool_choice(options["tool_choice"], self._owner)
            calling: dict[str, Any] = {"mode": _TOOL_CHOICE[choice.mode]}
            if choice.name is not None:
                calling["allowedFunctionNames"] = [choice.name]
            body["toolConfig"] = {"functionCallingConfig": calling}
        if "response_format" in options:
            config.update(self._format(options["response_format"]))
        if request.json_schema is not None:
            config.update({"responseMimeType": "application/json", "responseJsonSchema": dict(request.json_schema)})
        if config:
            body["generationConfig"] = config
        body.update(options.get("extra_body", {}))
        return body

    def read(self, document: Mapping[str, Any]) -> Answer:
        reader = _GeminiReader()
        reader.feed(document)
        if not reader.seen:
            raise ValueError("there is no candidate")
        return reader.answer()

    def reader(self) -> StreamReader:
        return _GeminiReader()

    def _format(self, response_format: Mapping[str, Any]) -> dict[str, Any]:
        kind, schema = read_response_format(response_format, self._owner)
        if kind == "text":
            return {}
        return {"responseMimeType": "application/json", **({} if schema is None else {"responseJsonSchema": schema})}

    def _contents(self, messages: Sequence[Message]) -> list[dict[str, Any]]:
        names: dict[str, str] = {}
        contents: list[dict[str, Any]] = []
        for message in messages:
            calls = message.get("tool_calls") or ()
            for call in calls:
                names[call["id"]] = call["function"]["name"]
            if message["role"] == "tool":
                name = names.get(message.get("tool_call_id", ""), message.get("name", ""))
                answer = {"name": name, "response": {"result": message_text(message)}}
                contents.append({"role": "user", "parts": [{"functionResponse": answer}]})
                continue
            parts = self._parts(message.get("content"))
            for call in calls:
                function = {"name": call["function"]["name"], "args": tool_arguments(call, self._owner)}
                parts.append({"functionCall": function})
            contents.append({"role": "model" if message["role"] == "assistant" else "user", "parts": parts})
        return contents

    def _parts(self, content: Any) -> list[dict[str, Any]]:
        if content is None:
            return []
        if isinstance(content, str):
            return [{"text": content}]
        return [self._part(part) for part in content]

    def _part(self, part: Mapping[str, Any]) -> dict[str, Any]:
        if part.get("type") == "text":
            return {"text": part["text"]}
        if part.get("type") != "image_url":
            raise InvalidRequestError(f'this API takes no part of type "{part.get("type")}"', provider=self._owner)
        image = read_image(part, self._owner)
        if image.url is not None:
            return {"fileData": {"fileUri": image.url}}
        return {"inlineData": {"mimeType": image.media_type, "data": image.data}}


class _GeminiReader:
    """Whole answers and streamed pieces have the same shape here."""

    def __init__(self) -> None:
        self.finished = False
        #: Whether there was anything that is an answer.
        self.seen = False
        self._texts: list[str] = []
        self._calls: list[ToolCall] = []
        self._reason: str | None = None
        self._blocked: str | None = None
        self._usage: Mapping[str, Any] = {}
        self._model: str | None = None
        self._id: str | None = None

    def feed(self, document: Mapping[str, Any]) -> str:
        self._usage = document.get("usageMetadata") or self._usage
        self._model = document.get("modelVersion") or self._model
        self._id = document.get("responseId") or self._id
        blocked = (document.get("promptFeedback") or {}).get("blockReason")
        if blocked:
            self._blocked = str(blocked)
            self.finished = self.seen = True
        candidates = document.get("candidates") or ()
        if not candidates:
            return ""
        self.seen = True
        candidate = candidates[0]
        if candidate.get("finishReason"):
            self._reason = candidate["finishReason"]
            self.finished = True
        texts = [self._part(part) for part in (candidate.get("content") or {}).get("parts") or ()]
        text = "".join(texts)
        if text:
            self._texts.append(text)
        return text

    def _part(self, part: Mapping[str, Any]) -> str:
        if "functionCall" in part:
            call = part["functionCall"]
            number = call.get("id") or f"call_{len(self._calls)}"
            self._calls.append(ToolCall(number, call["name"], json.dumps(call.get("args") or {})))
        if part.get("thought"):
            return ""
        text: str = part.get("text") or ""
        return text

    def answer(self) -> Answer:
        reason = self._reason or ""
        declined = self._blocked or (reason if reason in _DECLINED else None)
        return Answer(
            text="".join(self._texts),
            model=self._model,
            usage=_usage(self._usage),
            finish_reason="tool_calls"
            if self._calls and reason == "STOP"
            else _FINISH.get(reason, reason.lower() or None),
            tool_calls=tuple(self._calls),
            id=self._id,
            declined=f"blocked: {declined}" if declined else None,
        )


def _usage(usage: Mapping[str, Any]) -> Usage | None:
    if "promptTokenCount" not in usage:
        return None
    answered = (usage.get("candidatesTokenCount") or 0) + (usage.get("thoughtsTokenCount") or 0)
    return Usage(usage["promptTokenCount"], answered)


def _function(function: Mapping[str, Any]) -> dict[str, Any]:
    declared = {"name": function["name"], "description": function.get("description", "")}
    if function.get("parameters"):
        declared["parametersJsonSchema"] = function["parameters"]
    return declared


SPEC = hosted_spec(
    GeminiBackend,
    summary="Google's Gemini API by key",
    key="GOOGLE_API_KEY",
    model="GEMINI_MODEL",
    base_url="GEMINI_BASE_URL",
)
