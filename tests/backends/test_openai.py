"""OpenAIBackend over the wire: what is sent, what is read, who gets the key."""

from __future__ import annotations

import asyncio
import gc
import logging
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from pydantic import BaseModel, SecretStr

from backends.exceptions import (
    AuthenticationError,
    ConfigurationError,
    ContentFilteredError,
    ContextLengthError,
    InvalidRequestError,
    MalformedResponseError,
    RateLimitError,
)
from backends.openai import OpenAIBackend, OpenAICompatibleBackend
from backends.types import Completion, ToolCall, Usage
from tests.support.http_server import Act, Reply, ScriptedServer, json_reply, sse_reply
from tests.support.wire import CHAT, KEY

pytestmark = pytest.mark.filterwarnings("error::ResourceWarning", "error::pytest.PytestUnraisableExceptionWarning")

PIXEL = "data:image/png;base64,iVBORw0KGgo="


@pytest.fixture
def server() -> Iterator[ScriptedServer]:
    with ScriptedServer(always=CHAT.answers("hello")) as scripted:
        yield scripted


def backend(server: ScriptedServer, **settings: Any) -> OpenAIBackend:
    given: dict[str, Any] = {"base_url": f"{server.url}/v1", "model": "m", "env": {}, "max_retries": 0, **settings}
    return OpenAIBackend(**given)


def sent(server: ScriptedServer) -> Any:
    return server.requests[-1].json


# -- what is sent ---------------------------------------------------------------------------------


def test_every_sampling_option_is_sent_and_zero_is_zero(server: ScriptedServer) -> None:
    options = {
        "max_tokens": 1,
        "temperature": 0,
        "top_p": 0,
        "top_k": 0,
        "min_p": 0,
        "frequency_penalty": 0,
        "presence_penalty": 0,
        "seed": 0,
        "stop": ["a", "b"],
    }

    with backend(server) as openai:
        openai.generate("hi", **options)

    assert sent(server) == {"model": "m", "messages": [{"role": "user", "content": "hi"}], **options}


def test_the_repeat_penalty_goes_under_both_names_that_servers_know(server: ScriptedServer) -> None:
    with backend(server) as openai:
        openai.generate("hi", repeat_penalty=1.1)

    assert (sent(server)["repeat_penalty"], sent(server)["repetition_penalty"]) == (1.1, 1.1)


def test_what_is_not_set_is_not_sent(server: ScriptedServer) -> None:
    with backend(server) as openai:
        openai.generate("hi", temperature=None)

    assert set(sent(server)) == {"model", "messages"}


def test_the_call_goes_before_the_constructor(server: ScriptedServer) -> None:
    with backend(server, temperature=0.7, max_tokens=500) as openai:
        openai.generate("hi", temperature=0, model="other")

    assert (sent(server)["temperature"], sent(server)["max_tokens"], sent(server)["model"]) == (0, 500, "other")


def test_extra_body_goes_last(server: ScriptedServer) -> None:
    with backend(server, extra_body={"guided_choice": ["a"]}) as openai:
        openai.generate("hi")

    assert sent(server)["guided_choice"] == ["a"]
    assert "extra_body" not in sent(server)


def test_messages_images_and_tools_pass_through(server: ScriptedServer) -> None:
    messages = [
        {"role": "system", "content": "Be brief."},
        {
            "role": "user",
            "content": [{"type": "text", "text": "What is it?"}, {"type": "image_url", "image_url": {"url": PIXEL}}],
        },
    ]
    tools = [{"type": "function", "function": {"name": "look", "parameters": {"type": "object"}}}]

    with backend(server) as openai:
        openai.generate(messages, tools=tools, tool_choice="auto", response_format={"type": "json_object"})

    assert (sent(server)["messages"], sent(server)["tools"]) == (messages, tools)
    assert (sent(server)["tool_choice"], sent(server)["response_format"]) == ("auto", {"type": "json_object"})


def test_a_stream_asks_for_its_usage(server: ScriptedServer) -> None:
    with backend(server) as openai:
        list(openai.stream("hi"))

    assert (sent(server)["stream"], sent(server)["stream_options"]) == (True, {"include_usage": True})


def test_a_model_class_becomes_a_strict_schema(server: ScriptedServer) -> None:
    class Claim(BaseModel):
        name: str
        amount: int | None = None

    server.always = CHAT.answers('{"name": "wages", "amount": 0}')

    with backend(server) as openai:
        claim = openai.generate_json("hi", Claim)

    asked = sent(server)["response_format"]["json_schema"]
    assert claim == Claim(name="wages", amount=0)
    assert asked["strict"] is True
    assert asked["schema"]["required"] == ["name", "amount"]
    assert asked["schema"]["additionalProperties"] is False


def test_text_that_json_cannot_carry_is_one_clear_error(server: ScriptedServer) -> None:
    with backend(server) as openai, pytest.raises(InvalidRequestError, match="cannot be sent as JSON"):
        openai.generate("hi", logit_bias={"1": float("nan")})

    with backend(server) as openai, pytest.raises(InvalidRequestError, match="cannot be sent as JSON"):
        openai.generate("\ud800")


# -- what is read ---------------------------------------------------------------------------------


def test_a_completion_says_all_that_the_server_said(server: ScriptedServer) -> None:
    server.reply(json_reply(CHAT.whole("hello"), x_request_id="req-7"))

    with backend(server, id="mine") as openai:
        completion = openai.complete("hi")

    assert (completion.text, completion.provider, completion.model) == ("hello", "mine", "m-1")
    assert (completion.finish_reason, completion.request_id, completion.usage) == ("stop", "req-7", Usage(7, 3))
    assert [attempt.error for attempt in completion.attempts] == [None]


def test_the_answers_own_id_stands_in_for_a_request_id(server: ScriptedServer) -> None:
    with backend(server) as openai:
        assert openai.complete("hi").request_id == "chatcmpl-1"


def test_a_streamed_completion_holds_the_same(server: ScriptedServer) -> None:
    with backend(server) as openai:
        *pieces, last = openai.stream_items("hi")

    assert isinstance(last, Completion)
    assert (pieces, last.text, last.usage) == (["hell", "o"], "hello", Usage(7, 3))
    assert (last.finish_reason, last.model) == ("stop", "m-1")


def test_usage_that_the_server_does_not_give_is_estimated_and_says_so(server: ScriptedServer) -> None:
    server.reply(json_reply({**CHAT.whole("12345678"), "usage": None}))

    with backend(server) as openai:
        assert openai.complete("1234").usage == Usage(1, 2, estimated=True)


def test_tool_calls_are_read(server: ScriptedServer) -> None:
    call = {"id": "call_1", "type": "function", "function": {"name": "look", "arguments": '{"at": 1}'}}
    message = {"role": "assistant", "content": None, "tool_calls": [call]}
    server.reply(json_reply({"choices": [{"message": message, "finish_reason": "tool_calls"}]}))

    with backend(server) as openai:
        completion = openai.complete("hi")

    assert completion.text == ""
    assert completion.tool_calls == (ToolCall("call_1", "look", '{"at": 1}'),)


def test_streamed_tool_calls_are_put_together(server: ScriptedServer) -> None:
    deltas = [
        {"index": 0, "id": "a", "type": "function", "function": {"name": "look", "arguments": ""}},
        {"index": 1, "id": "b", "type": "function", "function": {"name": "hear", "arguments": "{}"}},
        {"index": 0, "function": {"arguments": '{"at"'}},
        {"index": 0, "function": {"arguments": ": 1}"}},
    ]
    chunks = [{"choices": [{"index": 0, "delta": {"tool_calls": [delta]}, "finish_reason": None}]} for delta in deltas]
    end = {"choices": [{"index": 0, "delta": {}, "finish_reason": "tool_calls"}]}
    server.reply(sse_reply(*chunks, end))

    with backend(server) as openai:
        (completion,) = openai.stream_items("hi")

    assert isinstance(completion, Completion)
    assert completion.tool_calls == (ToolCall("a", "look", '{"at": 1}'), ToolCall("b", "hear", "{}"))


def test_content_in_parts_is_their_text(server: ScriptedServer) -> None:
    message = {"content": [{"type": "thinking", "thinking": []}, {"type": "text", "text": "hello"}]}
    server.reply(json_reply({"choices": [{"message": message, "finish_reason": "stop"}]}))

    with backend(server) as openai:
        assert openai.generate("hi") == "hello"


@pytest.mark.parametrize(
    "choice",
    [
        {"message": {"content": "part"}, "finish_reason": "content_filter"},
        {"message": {"content": None, "refusal": "I cannot help with that."}, "finish_reason": "stop"},
    ],
    ids=["filter", "refusal"],
)
def test_an_answer_that_is_declined_is_an_error(server: ScriptedServer, choice: Any) -> None:
    server.reply(json_reply({"choices": [choice]}))

    with backend(server) as openai, pytest.raises(ContentFilteredError) as caught:
        openai.generate("hi")

    assert not caught.value.retryable


def test_a_streamed_refusal_is_an_error(server: ScriptedServer) -> None:
    chunks = [{"choices": [{"delta": {"refusal": part}, "finish_reason": None}]} for part in ("I ", "cannot.")]
    server.reply(sse_reply(*chunks, {"choices": [{"delta": {}, "finish_reason": "stop"}]}))

    with backend(server) as openai, pytest.raises(ContentFilteredError, match=r"I cannot\."):
        list(openai.stream("hi"))


def test_a_prompt_that_does_not_fit_is_told_apart(server: ScriptedServer) -> None:
    server.reply(json_reply(CHAT.error(400, "context_length_exceeded"), 400, x_request_id="req-9"))

    with backend(server) as openai, pytest.raises(ContextLengthError) as caught:
        openai.generate("hi")

    assert (caught.value.status, caught.value.request_id) == (400, "req-9")


# -- streams of all kinds -------------------------------------------------------------------------


def chunk(text: str, finish: str | None = None) -> dict[str, Any]:
    return {"choices": [{"index": 0, "delta": {"content": text}, "finish_reason": finish}]}


@pytest.mark.parametrize(
    "reply",
    [
        sse_reply(chunk("hel"), chunk("lo", "stop"), done=False),
        sse_reply(chunk("hel"), chunk("lo", "stop"), done=False, then=Act.CLOSE),
        sse_reply(chunk("hel"), chunk("lo", "stop"), done=False, then=Act.RESET),
        sse_reply(": OPENROUTER PROCESSING\r\n\r\n", chunk("hel"), ": ping\n\n", chunk("lo", "stop")),
        sse_reply("data:\n\n", chunk("hel"), "data: \n\n", chunk("lo", "stop")),
        sse_reply(chunk("hel"), chunk("lo"), done=True),
        Reply(200, {}, [b'data: {"choices":[{"delta":{"content":"hello"},"finish_reason":"stop"}]}']),
    ],
    ids=["no-done", "closed-after-finish", "reset-after-finish", "comments", "empty", "no-finish", "no-last-line-end"],
)
def test_a_stream_is_whole_when_its_end_was_seen(server: ScriptedServer, reply: Reply) -> None:
    server.reply(reply)

    with backend(server) as openai:
        assert "".join(openai.stream("hi")) == "hello"


def test_characters_and_events_may_be_split_anywhere(server: ScriptedServer) -> None:
    body = (
        b'data: {"choices":[{"delta":{"content":"\xc3\xa9t\xc3\xa9 \xf0\x9f\x8c\x9e"},"finish_reason":"stop"}]}\r\n\r\n'
    )
    pieces = [body[i : i + 1] for i in range(len(body))]
    server.reply(Reply(200, {"Content-Type": "text/event-stream"}, [*pieces, b"data: [DONE]\n\n"], length=None))

    with backend(server) as openai:
        assert "".join(openai.stream("hi")) == "été 🌞"


def test_a_server_that_does_not_stream_is_read_as_a_whole(server: ScriptedServer) -> None:
    server.reply(json_reply(CHAT.whole("hello")))

    with backend(server) as openai:
        *pieces, last = openai.stream_items("hi")

    assert isinstance(last, Completion)
    assert (pieces, last.text) == (["hello"], "hello")


def test_nothing_after_done_is_waited_for(server: ScriptedServer) -> None:
    server.reply(sse_reply(chunk("hello", "stop"), "data: [DONE]\n\n", done=False, then=Act.HANG))

    with backend(server) as openai:
        assert list(openai.stream("hi")) == ["hello"]


def test_streams_one_after_another_share_a_connection(server: ScriptedServer) -> None:
    with backend(server) as openai:
        for _ in range(5):
            list(openai.stream("hi"))

    assert server.connections == 1


def test_a_server_that_hangs_after_the_end_has_answered(server: ScriptedServer) -> None:
    server.reply(sse_reply(chunk("hello", "stop"), done=False, then=Act.HANG))

    with backend(server) as openai:
        assert list(openai.stream("hi", timeout=0.5)) == ["hello"]


# -- retries and limits ---------------------------------------------------------------------------


def test_what_may_work_again_is_tried_again_and_told(server: ScriptedServer) -> None:
    server.reply(json_reply({}, 503), json_reply({}, 429, Retry_After="0"), json_reply(CHAT.whole("hello")))

    with backend(server, max_retries=2, retry_base_delay=0) as openai:
        completion = openai.complete("hi")

    assert [attempt.error for attempt in completion.attempts] == ["ProviderUnavailableError", "RateLimitError", None]


def test_what_cannot_work_again_is_not_tried_again(server: ScriptedServer) -> None:
    server.always = json_reply(CHAT.error(429, "insufficient_quota"), 429)

    with backend(server, max_retries=5, retry_base_delay=0) as openai, pytest.raises(RateLimitError):
        openai.generate("hi")

    assert len(server.requests) == 1


def test_a_stream_is_tried_again_before_its_first_piece_only(server: ScriptedServer) -> None:
    server.reply(json_reply({}, 503), sse_reply(chunk("hel"), done=False), CHAT.stream("hello"))

    with (
        backend(server, max_retries=2, retry_base_delay=0) as openai,
        pytest.raises(MalformedResponseError) as caught,
    ):
        list(openai.stream("hi"))

    assert (caught.value.partial, len(server.requests)) == ("hel", 2)


def test_a_retry_after_beyond_the_deadline_is_not_waited_for(server: ScriptedServer) -> None:
    server.always = json_reply({}, 429, Retry_After="3600")

    with backend(server, max_retries=5) as openai, pytest.raises(RateLimitError) as caught:
        openai.generate("hi", timeout=20)

    assert (caught.value.retry_after, len(server.requests)) == (3600.0, 1)


def test_a_rate_limit_without_room_before_the_deadline_sends_nothing(server: ScriptedServer) -> None:
    with backend(server, rate_limit=1, rate_limit_window=3600) as openai:
        openai.generate("hi")
        with pytest.raises(RateLimitError):
            openai.generate("hi", timeout=5)

    assert len(server.requests) == 1


@pytest.mark.parametrize(
    "setting",
    [
        {"max_retries": -1},
        {"rate_limit": 0},
        {"api": "completions"},
        {"temperature": 3},
        {"max_body_bytes": 0},
        {"colour": "red"},
    ],
    ids=str,
)
def test_a_setting_that_cannot_work_is_a_configuration_error(setting: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError, match=next(iter(setting))):
        OpenAIBackend(base_url="http://127.0.0.1:1/v1", model="m", env={}, **setting)


# -- the key --------------------------------------------------------------------------------------


@pytest.mark.parametrize("key", [KEY, f"  {KEY}\n", SecretStr(KEY)], ids=["text", "copied", "secret"])
def test_a_given_key_is_sent(server: ScriptedServer, key: Any) -> None:
    with backend(server, api_key=key) as openai:
        openai.generate("hi")

    assert server.requests[0].headers["authorization"] == f"Bearer {KEY}"


def test_a_key_and_a_base_url_of_the_same_environment_go_together(server: ScriptedServer) -> None:
    env = {"OPENAI_API_KEY": KEY, "OPENAI_BASE_URL": f"{server.url}/v1"}

    with OpenAIBackend(model="m", env=env) as openai:
        openai.generate("hi")

    assert server.requests[0].headers["authorization"] == f"Bearer {KEY}"


def test_a_key_of_the_environment_never_goes_to_a_host_that_it_does_not_name(server: ScriptedServer) -> None:
    with backend(server, env={"OPENAI_API_KEY": KEY}) as openai:
        openai.generate("hi")

    assert "authorization" not in server.requests[0].headers


def test_openai_itself_needs_a_key_before_anything_is_sent() -> None:
    with OpenAIBackend(model="m", env={}) as openai, pytest.raises(AuthenticationError, match="set OPENAI_API_KEY"):
        openai.generate("hi")


def test_a_key_exported_after_the_start_is_found() -> None:
    env: dict[str, str] = {}
    openai = OpenAIBackend(model="m", env=env)

    env["OPENAI_API_KEY"] = KEY

    assert openai._headers()["Authorization"] == f"Bearer {KEY}"


@pytest.mark.parametrize("key", ["two words", "sk-žluťoučký", "line\nbreak"])
def test_a_key_that_no_header_can_carry_is_refused_without_showing_it(key: str) -> None:
    with pytest.raises(ConfigurationError, match="API key") as caught:
        OpenAIBackend(api_key=key, env={})

    assert key not in str(caught.value)


def test_no_key_shows_anywhere(server: ScriptedServer, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    server.reply(json_reply({"error": {"message": f"Incorrect API key provided: {KEY}", "code": None}}, 401))

    with (
        backend(server, api_key=KEY, verbose=True) as openai,
        pytest.raises(AuthenticationError, match=r"OPENAI_API_KEY.*\[redacted\]") as caught,
    ):
        openai.generate("hi")

    shown = f"{openai!r} {vars(openai)} {caught.value!r} {vars(caught.value)} {caplog.text}"
    assert KEY not in shown


# -- places ---------------------------------------------------------------------------------------


def test_a_loopback_server_is_local_and_passes_local_only(server: ScriptedServer) -> None:
    with backend(server, privacy="local_only") as openai:
        assert openai.local
        assert openai.generate("hi") == "hello"


def test_any_other_server_is_not_local_and_local_only_refuses_it() -> None:
    with (
        OpenAIBackend(api_key=KEY, privacy="local_only", env={}) as openai,
        pytest.raises(ConfigurationError, match="local_only"),
    ):
        openai.generate("hi")


def test_openai_itself_is_asked_in_its_own_words() -> None:
    openai = OpenAIBackend(env={}, max_tokens=5)

    payload = openai._wire.payload(openai._request("hi", {}), openai.model, False)

    assert payload["max_completion_tokens"] == 5
    assert payload["model"]
    assert "top_k" not in openai.known_options


def test_an_option_that_openai_refuses_is_a_configuration_error_there() -> None:
    with pytest.raises(ConfigurationError, match="top_k"):
        OpenAIBackend(env={}, top_k=5)


def test_azure_knows_the_new_name_of_max_tokens() -> None:
    openai = OpenAIBackend(base_url="https://mine.openai.azure.com/openai/v1/", api_key=KEY, model="d", env={})

    assert "max_completion_tokens" in openai._wire.payload(openai._request("hi", {"max_tokens": 5}), "d", False)


def test_a_server_of_one_model_needs_no_name(server: ScriptedServer) -> None:
    with backend(server, model=None) as openai:
        openai.generate("hi")

    assert "model" not in sent(server)


# -- health, names -------------------------------------------------------------------------------


def test_health_asks_for_the_models_and_spends_nothing(server: ScriptedServer) -> None:
    with backend(server) as openai:
        health = openai.health()

    assert (health.ok, health.local, server.requests[0].method, server.requests[0].path) == (
        True,
        True,
        "GET",
        "/v1/models",
    )


def test_health_tells_what_is_wrong() -> None:
    with OpenAIBackend(env={}) as openai:
        health = openai.health()

    assert not health.ok
    assert "OPENAI_API_KEY" in health.detail


def test_the_old_import_name_is_the_same_class() -> None:
    from backends.openaibackend import OpenAIBackend as Old

    assert Old is OpenAIBackend


def test_a_provider_is_a_few_lines_over_the_base(server: ScriptedServer) -> None:
    class Mine(OpenAICompatibleBackend):
        provider = "mine"
        base_url = f"{server.url}/v1"
        api_key_env = ("MY_KEY",)
        default_headers = {"X-Mine": "1"}  # noqa: RUF012  # as people write it

    with Mine(model="m", env={"MY_KEY": KEY}) as mine:
        completion = mine.complete("hi")

    assert completion.provider == "mine"
    assert server.requests[0].headers["x-mine"] == "1"
    assert server.requests[0].headers["authorization"] == f"Bearer {KEY}"


def test_a_backend_that_is_forgotten_leaves_nothing_behind(server: ScriptedServer) -> None:
    before = set(threading.enumerate())
    openai = backend(server, id="forgotten")
    openai.generate("hi")
    (thread,) = set(threading.enumerate()) - before

    del openai
    gc.collect()

    thread.join(10)
    assert not thread.is_alive()
    assert server.wait_until_open(0)


def test_calls_at_once_share_the_backend(server: ScriptedServer) -> None:
    async def many() -> list[str]:
        try:
            return await asyncio.gather(*(openai.agenerate("hi") for _ in range(50)))
        finally:
            await openai.aclose()

    openai = backend(server)

    assert asyncio.run(many()) == ["hello"] * 50
    assert server.connections <= 50
