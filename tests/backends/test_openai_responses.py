"""The Responses API: the chat format's messages and options in its own words."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from pydantic import BaseModel

from backends.exceptions import ContentFilteredError, InvalidRequestError, ProviderUnavailableError
from backends.openai import OpenAIBackend
from backends.types import Completion, ToolCall, Usage
from tests.support.http_server import ScriptedServer, json_reply, sse_reply
from tests.support.wire import RESPONSES


@pytest.fixture
def server() -> Iterator[ScriptedServer]:
    with ScriptedServer(always=RESPONSES.answers("hello")) as scripted:
        yield scripted


@pytest.fixture
def openai(server: ScriptedServer) -> Iterator[OpenAIBackend]:
    settings: dict[str, Any] = {"base_url": f"{server.url}/v1", "model": "m", "env": {}, "max_retries": 0}
    with OpenAIBackend(api="responses", **settings) as backend:
        yield backend


def test_the_request_is_in_this_apis_words(openai: OpenAIBackend, server: ScriptedServer) -> None:
    openai.generate("hi", max_tokens=9, temperature=0, reasoning_effort="low")

    assert server.requests[0].path == "/v1/responses"
    assert server.requests[0].json == {
        "model": "m",
        "input": [{"role": "user", "content": "hi"}],
        "store": False,
        "max_output_tokens": 9,
        "temperature": 0,
        "reasoning": {"effort": "low"},
    }


def test_messages_images_and_tool_results_are_translated(openai: OpenAIBackend, server: ScriptedServer) -> None:
    call = {"id": "c1", "type": "function", "function": {"name": "look", "arguments": "{}"}}
    openai.generate(
        [
            {"role": "system", "content": "Be brief."},
            {
                "role": "user",
                "content": [
                    {"type": "text", "text": "What?"},
                    {"type": "image_url", "image_url": {"url": "https://a.example/x.png", "detail": "low"}},
                ],
            },
            {"role": "assistant", "content": None, "tool_calls": [call]},
            {"role": "tool", "tool_call_id": "c1", "content": "a cat"},
        ]
    )

    assert server.requests[0].json["input"] == [
        {"role": "system", "content": "Be brief."},
        {
            "role": "user",
            "content": [
                {"type": "input_text", "text": "What?"},
                {"type": "input_image", "image_url": "https://a.example/x.png", "detail": "low"},
            ],
        },
        {"type": "function_call", "call_id": "c1", "name": "look", "arguments": "{}"},
        {"type": "function_call_output", "call_id": "c1", "output": "a cat"},
    ]


def test_tools_are_flat_here(openai: OpenAIBackend, server: ScriptedServer) -> None:
    openai.generate("hi", tools=[{"type": "function", "function": {"name": "look", "parameters": {}}}])

    assert server.requests[0].json["tools"] == [{"type": "function", "name": "look", "parameters": {}}]


def test_a_schema_goes_into_the_text_format(openai: OpenAIBackend, server: ScriptedServer) -> None:
    class Word(BaseModel):
        word: str

    server.always = RESPONSES.answers('{"word": "hello"}')

    assert openai.generate_json("hi", Word) == Word(word="hello")
    asked = server.requests[0].json["text"]["format"]
    assert (asked["type"], asked["name"], asked["strict"]) == ("json_schema", "Word", True)


@pytest.mark.parametrize("option", [{"stop": "x"}, {"seed": 1}, {"presence_penalty": 0}], ids=str)
def test_an_option_that_this_api_lacks_is_refused_by_name(
    openai: OpenAIBackend, server: ScriptedServer, option: dict[str, Any]
) -> None:
    with pytest.raises(InvalidRequestError, match=next(iter(option))):
        openai.generate("hi", **option)

    assert server.requests == []


def test_a_completion_holds_all(openai: OpenAIBackend) -> None:
    completion = openai.complete("hi")

    assert (completion.text, completion.model, completion.usage) == ("hello", "m-1", Usage(7, 3))
    assert (completion.finish_reason, completion.request_id) == ("stop", "resp_1")


def test_function_calls_are_read(openai: OpenAIBackend, server: ScriptedServer) -> None:
    item = {"type": "function_call", "call_id": "c1", "name": "look", "arguments": "{}", "status": "completed"}
    server.reply(json_reply({**RESPONSES.whole(""), "output": [item]}))

    completion = openai.complete("hi")

    assert completion.tool_calls == (ToolCall("c1", "look", "{}"),)
    assert completion.finish_reason == "tool_calls"


def test_an_answer_cut_by_its_limit_says_length(openai: OpenAIBackend, server: ScriptedServer) -> None:
    cut = {**RESPONSES.whole("hel"), "status": "incomplete", "incomplete_details": {"reason": "max_output_tokens"}}
    server.reply(json_reply(cut), sse_reply(RESPONSES.piece("hel"), {"type": "response.incomplete", "response": cut}))

    whole = openai.complete("hi")
    *_, streamed = openai.stream_items("hi")

    assert isinstance(streamed, Completion)
    assert (whole.text, whole.finish_reason) == ("hel", "length")
    assert (streamed.text, streamed.finish_reason) == ("hel", "length")


@pytest.mark.parametrize(
    "change",
    [
        {"status": "incomplete", "incomplete_details": {"reason": "content_filter"}},
        {"output": [{"type": "message", "content": [{"type": "refusal", "refusal": "I cannot."}]}]},
    ],
    ids=["filter", "refusal"],
)
def test_an_answer_that_is_declined_is_an_error(
    openai: OpenAIBackend, server: ScriptedServer, change: dict[str, Any]
) -> None:
    server.reply(json_reply({**RESPONSES.whole("x"), **change}))

    with pytest.raises(ContentFilteredError):
        openai.generate("hi")


FAILED = {"status": "failed", "error": {"code": "server_error", "message": "it broke"}, "output": []}


@pytest.mark.parametrize(
    "event",
    [
        {"type": "response.failed", "response": {**RESPONSES.whole(""), **FAILED}},
        {"type": "error", "code": "server_error", "message": "it broke", "param": None},
    ],
    ids=["failed", "error"],
)
def test_a_failure_in_the_stream_is_an_error_with_what_had_arrived(
    openai: OpenAIBackend, server: ScriptedServer, event: dict[str, Any]
) -> None:
    server.reply(sse_reply(RESPONSES.piece("hel"), event, done=False))

    with pytest.raises(ProviderUnavailableError, match="it broke") as caught:
        list(openai.stream("hi"))

    assert caught.value.partial == "hel"
