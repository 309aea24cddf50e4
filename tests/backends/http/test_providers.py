"""The hosted providers: what each sends and reads in its own documented format."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from importlib import import_module
from typing import Any

import pytest
from pydantic import BaseModel

from backends.base import Backend
from backends.exceptions import (
    AuthenticationError,
    ContentFilteredError,
    InvalidRequestError,
    ProviderUnavailableError,
)
from backends.llm_router.providers.base import ProviderContext, ProviderSpec
from backends.types import Completion, ToolCall, Usage
from tests.support import wire
from tests.support.http_server import ScriptedServer, json_reply, sse_reply
from tests.support.wire import CHAT, CLAUDE, GEMINI, HOSTED, KEY

PIXEL = "data:image/png;base64,iVBORw0KGgo="
TOOLS = [
    {
        "type": "function",
        "function": {"name": "look", "description": "Look at it", "parameters": {"type": "object", "properties": {}}},
    }
]
CALL = {"id": "c1", "type": "function", "function": {"name": "look", "arguments": '{"at": 1}'}}
TALK = [
    {"role": "system", "content": "Be brief."},
    {
        "role": "user",
        "content": [
            {"type": "text", "text": "What?"},
            {"type": "image_url", "image_url": {"url": PIXEL}},
            {"type": "image_url", "image_url": "https://a.example/x.png"},
        ],
    },
    {"role": "assistant", "content": "Looking.", "tool_calls": [CALL]},
    {"role": "tool", "tool_call_id": "c1", "content": "a cat"},
]


class Word(BaseModel):
    word: str


def spec(name: str) -> ProviderSpec:
    found: ProviderSpec = import_module(f"backends.llm_router.providers.{name}").SPEC
    return found


def open_provider(name: str, server: ScriptedServer, **settings: Any) -> Backend:
    server.always = HOSTED[name].answers('{"word": "hello"}')
    return wire.provider(name, server.url, **settings)


# -- all of them ----------------------------------------------------------------------------------

hosted = pytest.mark.parametrize("name", HOSTED)


@hosted
def test_a_declaration_says_its_name_kind_and_needs(name: str) -> None:
    declared = spec(name)

    assert (declared.name, declared.kind, declared.local) == (name, "http", False)
    assert declared.summary
    assert {"api_key", "base_url", "model", "max_retries"} <= declared.settings


@hosted
def test_a_provider_is_there_when_its_key_is(name: str) -> None:
    declared = spec(name)

    without = declared.available(ProviderContext(env={}))
    with_key = declared.available(ProviderContext(env={declared.needs[0]: KEY}))
    with_setting = declared.available(ProviderContext(env={}, settings={"api_key": KEY}))

    assert (without.ok, with_key.ok, with_setting.ok) == (False, True, True)
    assert declared.needs[0] in without.reason


@hosted
def test_without_a_key_a_call_says_which_one_before_anything_is_sent(name: str) -> None:
    declared = spec(name)

    with (
        declared.create(ProviderContext(env={})) as provider,
        pytest.raises(AuthenticationError, match=f"set {declared.needs[0]}"),
    ):
        provider.generate("hi")


@pytest.mark.parametrize(
    "prefix", ["COMPLAINT_GENERATOR_", "IPFS_KIT_", "IPFS_ACCELERATE_PY_", "IPFS_DATASETS_PY_", ""]
)
@hosted
def test_key_and_base_url_of_the_environment_are_used(server: ScriptedServer, name: str, prefix: str) -> None:
    base_url = {"gemini_py": "GEMINI", "claude_py": "ANTHROPIC"}.get(name, name.upper()) + "_BASE_URL"
    key = spec(name).needs[0]
    server.always = HOSTED[name].answers("hello")
    env = {prefix + key: KEY, f"COMPLAINT_GENERATOR_{base_url}": server.url}

    with spec(name).create(ProviderContext(env=env, model="m")) as provider:
        assert provider.generate("hi") == "hello"

    assert any(KEY in value for value in server.requests[0].headers.values())


@hosted
def test_the_model_comes_from_the_call_the_setting_then_the_environment(server: ScriptedServer, name: str) -> None:
    variable = {"gemini_py": "GEMINI_MODEL", "claude_py": "CLAUDE_MODEL"}.get(name, f"{name.upper()}_MODEL")
    env = {f"IPFS_ACCELERATE_PY_{variable}": "own", "IPFS_KIT_LLM_MODEL": "general"}
    create = spec(name).create

    contexts = [
        ProviderContext(env=env, model="named", settings={"model": "set"}),
        ProviderContext(env=env, settings={"model": "set"}),
        ProviderContext(env=env),
        ProviderContext(env={"IPFS_KIT_LLM_MODEL": "general"}),
    ]

    assert [create(context).model for context in contexts] == ["named", "set", "own", "general"]  # type: ignore[attr-defined]  # HttpBackend


@hosted
def test_there_is_always_a_model(name: str) -> None:
    assert spec(name).create(ProviderContext(env={})).model  # type: ignore[attr-defined]  # HttpBackend


@hosted
def test_the_key_is_in_a_header_and_never_in_the_address(server: ScriptedServer, name: str) -> None:
    with open_provider(name, server) as provider:
        provider.generate("hi")
        list(provider.stream("hi"))
        provider.health()

    assert all(KEY not in received.path for received in server.requests)
    assert all(any(KEY in value for value in received.headers.values()) for received in server.requests)


@hosted
def test_a_key_of_the_environment_stays_away_from_a_base_url_of_the_configuration(
    server: ScriptedServer, name: str
) -> None:
    server.always = HOSTED[name].answers("hello")
    context = ProviderContext(env={spec(name).needs[0]: KEY}, model="m", settings={"base_url": server.url})

    with spec(name).create(context) as provider:
        provider.generate("hi")

    assert KEY not in str(server.requests[0])


@hosted
def test_the_router_retries_so_a_provider_does_not(server: ScriptedServer, name: str) -> None:
    provider = open_provider(name, server)
    server.reply(json_reply({}, 503))

    with provider, pytest.raises(ProviderUnavailableError):
        provider.generate("hi")

    assert len(server.requests) == 1


@hosted
def test_whole_and_streamed_answers_say_the_same(server: ScriptedServer, name: str) -> None:
    with open_provider(name, server) as provider:
        whole = provider.complete("hi")
        *pieces, streamed = provider.stream_items("hi")

    assert isinstance(streamed, Completion)
    assert "".join(map(str, pieces)) == whole.text == streamed.text == '{"word": "hello"}'
    for completion in (whole, streamed):
        assert (completion.provider, completion.model) == (name, "m-1")
        assert (completion.usage, completion.finish_reason) == (Usage(7, 3), "stop")
        assert completion.request_id


# -- OpenRouter -----------------------------------------------------------------------------------


def test_openrouter_learns_who_asks(server: ScriptedServer) -> None:
    env = {"OPENROUTER_HTTP_REFERER": "https://app.example", "OPENROUTER_APP_TITLE": "My App"}

    with open_provider("openrouter", server, env=env) as provider:
        provider.generate("hi")

    headers = server.requests[0].headers
    assert (headers["http-referer"], headers["x-title"]) == ("https://app.example", "My App")


def test_openrouters_settings_go_before_the_environment(server: ScriptedServer) -> None:
    settings = {"http_referer": "https://b.example", "app_title": "B"}

    with open_provider("openrouter", server, env={"OPENROUTER_APP_TITLE": "A"}, **settings) as provider:
        provider.generate("hi")

    headers = server.requests[0].headers
    assert (headers["http-referer"], headers["x-title"]) == ("https://b.example", "B")


def test_openrouter_tells_the_price(server: ScriptedServer) -> None:
    usage = {"prompt_tokens": 7, "completion_tokens": 3, "cost": 0.00014}
    server.reply(json_reply({**CHAT.whole("hello"), "usage": usage}))

    with open_provider("openrouter", server) as provider:
        assert provider.complete("hi").usage == Usage(7, 3, cost_usd=0.00014)


def test_openrouters_error_inside_a_good_answer_is_an_error(server: ScriptedServer) -> None:
    flagged = {"code": 403, "message": "flagged", "metadata": {"reasons": ["violence"], "flagged_input": "..."}}
    server.reply(json_reply({"error": flagged}))

    with open_provider("openrouter", server) as provider, pytest.raises(ContentFilteredError):
        provider.generate("hi")


# -- Claude ---------------------------------------------------------------------------------------


@pytest.fixture
def claude(server: ScriptedServer) -> Iterator[Backend]:
    with open_provider("claude_py", server) as provider:
        yield provider


@pytest.mark.parametrize("path", ["", "/", "/v1", "/v1/"])
def test_claudes_address_may_hold_the_version_or_not(server: ScriptedServer, path: str) -> None:
    server.always = CLAUDE.answers("hello")

    with wire.provider("claude_py", server.url + path) as provider:
        provider.generate("hi")

    assert server.requests[0].path == "/v1/messages"


def test_claude_is_asked_in_its_own_words(claude: Backend, server: ScriptedServer) -> None:
    claude.generate(
        TALK, temperature=0, top_p=0.5, top_k=0, stop="END", max_tokens=9, tools=TOOLS, tool_choice="required"
    )

    assert server.requests[0].headers["anthropic-version"] == "2023-06-01"
    assert server.requests[0].headers["x-api-key"] == KEY
    assert server.requests[0].json == {
        "model": "m",
        "max_tokens": 9,
        "system": "Be brief.",
        "temperature": 0,
        "top_p": 0.5,
        "top_k": 0,
        "stop_sequences": ["END"],
        "tools": [{"name": "look", "description": "Look at it", "input_schema": {"type": "object", "properties": {}}}],
        "tool_choice": {"type": "any"},
        "messages": [
            {
                "role": "user",
                "content": [
                    {"type": "text", "text": "What?"},
                    {
                        "type": "image",
                        "source": {"type": "base64", "media_type": "image/png", "data": "iVBORw0KGgo="},
                    },
                    {"type": "image", "source": {"type": "url", "url": "https://a.example/x.png"}},
                ],
            },
            {
                "role": "assistant",
                "content": [
                    {"type": "text", "text": "Looking."},
                    {"type": "tool_use", "id": "c1", "name": "look", "input": {"at": 1}},
                ],
            },
            {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "c1", "content": "a cat"}]},
        ],
    }


def test_claude_gets_a_number_of_tokens_when_nobody_says_one(claude: Backend, server: ScriptedServer) -> None:
    claude.generate("hi")

    assert server.requests[0].json["max_tokens"] == 4096


def test_claude_is_held_to_a_schema(claude: Backend, server: ScriptedServer) -> None:
    assert claude.generate_json("hi", Word) == Word(word="hello")

    asked = server.requests[0].json["output_config"]["format"]
    assert (asked["type"], asked["schema"]["additionalProperties"]) == ("json_schema", False)


def test_claude_takes_the_chat_formats_schema_too(claude: Backend, server: ScriptedServer) -> None:
    claude.generate("hi", response_format={"type": "json_schema", "json_schema": {"schema": Word.model_json_schema()}})

    assert server.requests[0].json["output_config"]["format"]["schema"]["required"] == ["word"]


@pytest.mark.parametrize(
    "option",
    [{"seed": 1}, {"presence_penalty": 0}, {"response_format": {"type": "json_object"}}, {"tool_choice": "maybe"}],
    ids=str,
)
def test_what_claude_does_not_know_is_refused_by_name(claude: Backend, option: dict[str, Any]) -> None:
    with pytest.raises(InvalidRequestError, match=next(iter(option))):
        claude.generate("hi", **option)


@pytest.mark.parametrize(
    ("reason", "expected"),
    [
        ("end_turn", "stop"),
        ("stop_sequence", "stop"),
        ("max_tokens", "length"),
        ("tool_use", "tool_calls"),
        ("pause_turn", "pause_turn"),
    ],
)
def test_claudes_reasons_are_told_in_the_common_words(
    claude: Backend, server: ScriptedServer, reason: str, expected: str
) -> None:
    server.reply(json_reply({**CLAUDE.whole("hello"), "stop_reason": reason}))

    assert claude.complete("hi").finish_reason == expected


def test_claudes_refusal_is_an_error(claude: Backend, server: ScriptedServer) -> None:
    server.reply(json_reply({**CLAUDE.whole(""), "stop_reason": "refusal"}))

    with pytest.raises(ContentFilteredError):
        claude.generate("hi")


def test_claudes_cached_tokens_count_as_prompt(claude: Backend, server: ScriptedServer) -> None:
    usage = {"input_tokens": 1, "cache_read_input_tokens": 20, "cache_creation_input_tokens": 300, "output_tokens": 4}
    server.reply(json_reply({**CLAUDE.whole("hello"), "usage": usage}))

    assert claude.complete("hi").usage == Usage(321, 4)


def test_claudes_tool_calls_are_read_whole_and_streamed(claude: Backend, server: ScriptedServer) -> None:
    block = {"type": "tool_use", "id": "t1", "name": "look", "input": {"at": 1}}
    thought = {"type": "thinking", "thinking": "hm", "signature": "x"}
    server.reply(
        json_reply({**CLAUDE.whole(""), "content": [thought, block], "stop_reason": "tool_use"}),
        sse_reply(
            *CLAUDE.opening,
            {"type": "content_block_start", "index": 1, "content_block": {**block, "input": {}}},
            {"type": "content_block_delta", "index": 1, "delta": {"type": "input_json_delta", "partial_json": '{"at"'}},
            {"type": "content_block_delta", "index": 1, "delta": {"type": "input_json_delta", "partial_json": ": 1}"}},
            {"type": "content_block_delta", "index": 0, "delta": {"type": "thinking_delta", "thinking": "hm"}},
            {"type": "message_delta", "delta": {"stop_reason": "tool_use"}, "usage": {"output_tokens": 3}},
            {"type": "message_stop"},
            done=False,
        ),
    )

    whole = claude.complete("hi")
    (streamed,) = claude.stream_items("hi")

    assert isinstance(streamed, Completion)
    assert whole.tool_calls == streamed.tool_calls == (ToolCall("t1", "look", '{"at": 1}'),)
    assert whole.finish_reason == streamed.finish_reason == "tool_calls"


# -- Gemini ---------------------------------------------------------------------------------------


@pytest.fixture
def gemini(server: ScriptedServer) -> Iterator[Backend]:
    with open_provider("gemini_py", server) as provider:
        yield provider


@pytest.mark.parametrize("path", ["", "/", "/v1beta", "/v1beta/"])
def test_geminis_address_may_hold_the_version_or_not(server: ScriptedServer, path: str) -> None:
    server.always = GEMINI.answers("hello")

    with wire.provider("gemini_py", server.url + path) as provider:
        provider.generate("hi")
        list(provider.stream("hi"))

    assert [received.path for received in server.requests] == [
        "/v1beta/models/m:generateContent",
        "/v1beta/models/m:streamGenerateContent?alt=sse",
    ]


@pytest.mark.parametrize(
    ("model", "place"),
    [
        ("models/m", "models/m"),
        ("tunedModels/mine", "tunedModels/mine"),
        ("../../v1/x?key=1#", "models/..%2F..%2Fv1%2Fx%3Fkey%3D1%23"),
        ("a b:c", "models/a%20b%3Ac"),
    ],
)
def test_a_models_name_never_leaves_its_place_in_the_path(gemini: Backend, model: str, place: str) -> None:
    assert gemini._wire.path(model, False) == f"v1beta/{place}:generateContent"  # type: ignore[attr-defined]  # HttpBackend


def test_gemini_is_asked_in_its_own_words(gemini: Backend, server: ScriptedServer) -> None:
    gemini.generate(
        TALK,
        temperature=0,
        top_p=0.5,
        top_k=0,
        seed=0,
        stop="END",
        max_tokens=9,
        frequency_penalty=0,
        presence_penalty=0,
        tools=TOOLS,
        tool_choice={"type": "function", "function": {"name": "look"}},
    )

    assert server.requests[0].headers["x-goog-api-key"] == KEY
    assert server.requests[0].json == {
        "systemInstruction": {"parts": [{"text": "Be brief."}]},
        "generationConfig": {
            "maxOutputTokens": 9,
            "temperature": 0,
            "topP": 0.5,
            "topK": 0,
            "frequencyPenalty": 0,
            "presencePenalty": 0,
            "seed": 0,
            "stopSequences": ["END"],
        },
        "tools": [
            {
                "functionDeclarations": [
                    {
                        "name": "look",
                        "description": "Look at it",
                        "parametersJsonSchema": {"type": "object", "properties": {}},
                    }
                ]
            }
        ],
        "toolConfig": {"functionCallingConfig": {"mode": "ANY", "allowedFunctionNames": ["look"]}},
        "contents": [
            {
                "role": "user",
                "parts": [
                    {"text": "What?"},
                    {"inlineData": {"mimeType": "image/png", "data": "iVBORw0KGgo="}},
                    {"fileData": {"fileUri": "https://a.example/x.png"}},
                ],
            },
            {
                "role": "model",
                "parts": [{"text": "Looking."}, {"functionCall": {"name": "look", "args": {"at": 1}}}],
            },
            {
                "role": "user",
                "parts": [{"functionResponse": {"name": "look", "response": {"result": "a cat"}}}],
            },
        ],
    }


def test_gemini_is_held_to_a_schema(gemini: Backend, server: ScriptedServer) -> None:
    assert gemini.generate_json("hi", Word) == Word(word="hello")

    config = server.requests[0].json["generationConfig"]
    assert (config["responseMimeType"], config["responseJsonSchema"]) == ("application/json", Word.model_json_schema())


@pytest.mark.parametrize(
    ("response_format", "config"),
    [
        ({"type": "json_object"}, {"responseMimeType": "application/json"}),
        (
            {"type": "json_schema", "json_schema": {"schema": {"type": "object"}}},
            {"responseMimeType": "application/json", "responseJsonSchema": {"type": "object"}},
        ),
    ],
    ids=["object", "schema"],
)
def test_gemini_takes_the_chat_formats_response_format(
    gemini: Backend, server: ScriptedServer, response_format: Mapping[str, Any], config: Mapping[str, Any]
) -> None:
    gemini.generate("hi", response_format=response_format)

    assert server.requests[0].json["generationConfig"] == config


def test_geminis_thoughts_are_no_text_but_cost_tokens(gemini: Backend, server: ScriptedServer) -> None:
    document = dict(GEMINI.whole("hello"))
    parts = [{"text": "hm", "thought": True}, {"text": "hello"}]
    document["candidates"] = [{"content": {"parts": parts}, "finishReason": "STOP"}]
    document["usageMetadata"] = {"promptTokenCount": 7, "candidatesTokenCount": 3, "thoughtsTokenCount": 40}
    server.reply(json_reply(document))

    completion = gemini.complete("hi")

    assert (completion.text, completion.usage) == ("hello", Usage(7, 43))


def test_geminis_function_calls_are_read(gemini: Backend, server: ScriptedServer) -> None:
    parts = [{"functionCall": {"name": "look", "args": {"at": 1}}}, {"functionCall": {"name": "hear", "id": "x"}}]
    server.reply(json_reply({"candidates": [{"content": {"parts": parts}, "finishReason": "STOP"}]}))

    completion = gemini.complete("hi")

    assert completion.tool_calls == (ToolCall("call_0", "look", '{"at": 1}'), ToolCall("x", "hear", "{}"))
    assert completion.finish_reason == "tool_calls"


@pytest.mark.parametrize(
    "document",
    [
        {"promptFeedback": {"blockReason": "PROHIBITED_CONTENT"}},
        {"candidates": [{"finishReason": "SAFETY"}]},
        {"candidates": [{"content": {"parts": [{"text": "half"}]}, "finishReason": "RECITATION"}]},
    ],
    ids=["prompt", "answer", "half"],
)
def test_what_gemini_blocks_is_an_error_whole_and_streamed(
    gemini: Backend, server: ScriptedServer, document: dict[str, Any]
) -> None:
    server.reply(json_reply(document), sse_reply(document, done=False))

    with pytest.raises(ContentFilteredError):
        gemini.generate("hi")
    with pytest.raises(ContentFilteredError):
        list(gemini.stream("hi"))


def test_geminis_bad_key_is_told_by_its_reason_not_its_status(gemini: Backend, server: ScriptedServer) -> None:
    details = [{"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": "API_KEY_INVALID"}]
    error = {"code": 400, "message": "API key not valid.", "status": "INVALID_ARGUMENT", "details": details}
    server.reply(json_reply({"error": error}, 400))

    with pytest.raises(AuthenticationError, match="GOOGLE_API_KEY"):
        gemini.generate("hi")


# -- messages that cannot be translated -----------------------------------------------------------


@pytest.mark.parametrize(
    "message",
    [
        {"role": "user", "content": [{"type": "image_url", "image_url": {}}]},
        {"role": "user", "content": [{"type": "image_url", "image_url": "data:image/png,plain"}]},
        {"role": "assistant", "tool_calls": [{"id": "a", "function": {"name": "f", "arguments": "{oops"}}]},
    ],
    ids=["no-url", "no-base64", "no-json"],
)
@pytest.mark.parametrize("name", ["claude_py", "gemini_py"])
def test_a_message_that_cannot_be_translated_is_an_invalid_request(
    server: ScriptedServer, name: str, message: dict[str, Any]
) -> None:
    with open_provider(name, server) as provider, pytest.raises(InvalidRequestError):
        provider.generate([message])

    assert server.requests == []


@pytest.mark.parametrize("name", ["claude_py", "gemini_py"])
def test_a_tool_that_is_no_function_is_an_invalid_request(server: ScriptedServer, name: str) -> None:
    with open_provider(name, server) as provider, pytest.raises(InvalidRequestError, match="a tool must be"):
        provider.generate("hi", tools=[{"type": "web_search"}])
