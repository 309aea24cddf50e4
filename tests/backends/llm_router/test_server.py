"""The REST API on a real socket: status codes, fields, streaming, guards, and the real openai client."""

from __future__ import annotations

import asyncio
import json
import socket
import threading
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor

import httpx2 as httpx
import openai
import pytest

from backends.base import AsyncBackend
from backends.exceptions import (
    AuthenticationError,
    BackendTimeoutError,
    ConfigurationError,
    ContextLengthError,
    MalformedResponseError,
    ModelNotFoundError,
    PermissionDeniedError,
    ProviderUnavailableError,
    RateLimitError,
)
from backends.llm_router import RouterDeps
from backends.llm_router.registry import ProviderRegistry
from backends.llm_router.rest.guard import Guard
from backends.llm_router.server import create_app, serve
from backends.options import GENERATION_OPTIONS
from backends.types import Completion, Health, Request, StreamItem, ToolCall, Usage
from tests.support.uvicorn_server import running

FAILURES = {
    "auth": (AuthenticationError("the key sk-abcdefgh1234 is refused"), 401),
    "denied": (PermissionDeniedError("not yours"), 403),
    "model": (ModelNotFoundError("no such model"), 404),
    "long": (ContextLengthError("too long by 5 tokens"), 422),
    "limit": (RateLimitError("slow down", retry_after=1.2, retryable=False), 429),
    "garbled": (MalformedResponseError("garbled", retryable=False), 502),
    "down": (ProviderUnavailableError("down", retryable=False), 503),
    "late": (BackendTimeoutError("too late", retryable=False), 504),
}


class Scripted(AsyncBackend):
    """Answers with what it was asked; fails as the prompt says; breaks in the middle of a stream on "break"."""

    type = "scripted"
    known_options = frozenset(GENERATION_OPTIONS)
    local = True
    constrains_json = True
    gate = threading.Event()
    streaming = threading.Event()

    async def _acomplete(self, request: Request) -> Completion:
        failure = FAILURES.get(request.text)
        if failure is not None:
            raise failure[0]
        if request.text == "tool":
            return Completion("", self.id, tool_calls=(ToolCall("c1", "look", '{"a":1}'),))
        text = json.dumps({"text": request.text, "options": {**request.options}, "schema": request.json_schema})
        return Completion(text, self.id, model="scripted-1", usage=Usage(3, 4), finish_reason="stop")

    async def _astream(self, request: Request) -> AsyncIterator[StreamItem]:
        if request.text in FAILURES:
            raise FAILURES[request.text][0]
        yield "one "
        yield "two"
        if request.text == "break":
            raise MalformedResponseError("the line broke", partial="one two")
        yield Completion("one two", self.id, model="scripted-1", usage=Usage(3, 2), finish_reason="stop")

    def health(self) -> Health:
        return Health(True, "here", self.id, local=True)


def make_deps(env: dict[str, str] | None = None) -> RouterDeps:
    registry = ProviderRegistry()
    registry.register("scripted", lambda: Scripted("scripted"))
    return RouterDeps(env={"COMPLAINT_GENERATOR_ROUTER_RESPONSE_CACHE": "0", **(env or {})}, registry=registry)


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with running(create_app(make_deps(), max_body_bytes=100_000)) as address:
        yield address


@pytest.fixture(scope="module")
def native(url: str) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=f"{url}/api/v0/ai/llm", timeout=20) as client:
        yield client


@pytest.fixture(scope="module")
def client(url: str) -> openai.OpenAI:
    return openai.OpenAI(base_url=f"{url}/v1", api_key="none", max_retries=0)


def ask(native: httpx.Client, **body: object) -> httpx.Response:
    return native.post("/generate", json={"provider": "scripted", **body})


def test_generate_tells_the_text_and_how_it_came_about(native):
    answer = ask(native, prompt="hi", max_tokens=5, temperature=0)
    told = answer.json()
    assert answer.status_code == 200
    assert json.loads(told["text"])["options"] == {"max_tokens": 5, "temperature": 0}
    assert (told["provider"], told["model"], told["cached"]) == ("scripted", "scripted-1", False)
    assert told["usage"]["total_tokens"] == 7
    assert told["request_id"] == answer.headers["x-request-id"]


def test_a_null_option_is_left_to_the_provider(native):
    told = ask(native, prompt="hi", max_tokens=None, temperature=None, timeout=None).json()
    assert json.loads(told["text"])["options"] == {}


def test_a_request_id_of_the_caller_is_kept_when_it_is_one(native):
    ours = native.post("/generate", json={"prompt": "x", "provider": "scripted"}, headers={"x-request-id": "abc-1"})
    other = native.post("/generate", json={"prompt": "x", "provider": "scripted"}, headers={"x-request-id": "a b;c"})
    assert ours.headers["x-request-id"] == "abc-1"
    assert other.headers["x-request-id"] != "a b;c"


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"prompt": "x", "max_tokens": -5}, "max_tokens"),
        ({"prompt": "x", "max_tokens": 0}, "max_tokens"),
        ({"prompt": "x", "temperature": 9}, "temperature"),
        ({"prompt": "x", "timeout": 0}, "timeout"),
        ({"prompt": "x", "max_token": 5}, "max_token"),
        ({"prompt": 7}, "prompt"),
        ({}, "prompt"),
        ({"prompt": []}, "prompt"),
        ({"prompt": "x", "stream": "yes"}, "stream"),
        ({"prompt": "x", "model_name": ""}, "model"),
    ],
)
def test_bad_values_are_422_and_named(native, body, field):
    answer = ask(native, **body)
    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"
    assert field in answer.json()["detail"]


def test_broken_json_is_422(native):
    answer = native.post("/generate", content=b'{"prompt": ', headers={"content-type": "application/json"})
    assert answer.status_code == 422


def test_an_unknown_provider_is_404_with_the_near_miss(native):
    answer = native.post("/generate", json={"prompt": "x", "provider": "scriptd"})
    assert answer.status_code == 404
    assert "scripted" in answer.json()["detail"]


@pytest.mark.parametrize("name", FAILURES)
def test_each_failure_has_its_status(native, name):
    answer = ask(native, prompt=name)
    assert answer.status_code == FAILURES[name][1]
    assert "sk-abcdefgh" not in answer.text


def test_retry_after_is_passed_on(native):
    assert ask(native, prompt="limit").headers["retry-after"] == "2"


def test_a_stream_is_events_and_ends_with_the_whole(native):
    answer = ask(native, prompt="x", stream=True)
    events = [line.split(": ", 1) for line in answer.text.splitlines() if line]
    assert answer.headers["content-type"].startswith("text/event-stream")
    assert [json.loads(value) for key, value in events[:2]] == [{"text": "one "}, {"text": "two"}]
    assert events[2] == ["event", "done"]
    assert json.loads(events[3][1])["text"] == "one two"


def test_a_stream_that_breaks_says_so_with_what_came(native):
    answer = ask(native, prompt="break", stream=True)
    assert "event: error" in answer.text
    assert json.loads(answer.text.rsplit("data: ", 1)[1])["partial"] == "one two"


def test_providers_tell_who_is_there_and_why_not(native):
    told = native.get("/providers").json()
    assert "scripted" in told["providers"]
    assert "openai" not in told["providers"]
    reasons = {row["name"]: row["reason"] for row in told["details"]}
    assert "OPENAI_API_KEY" in reasons["openai"]


def test_health_is_503_when_nobody_could_answer():
    class Nobody(ProviderRegistry):
        def names(self):
            return ("mock", "openai")

    deps = RouterDeps(env={}, registry=Nobody())
    with running(create_app(deps)) as address:
        answer = httpx.get(f"{address}/api/v0/ai/llm/health")
    assert (answer.status_code, answer.json()["status"]) == (503, "unhealthy")


def test_health_is_200_when_somebody_could(native):
    answer = native.get("/health")
    assert (answer.status_code, answer.json()["provider_available"]) == (200, True)


def test_usage_and_metrics_count_answers_and_failures():
    with running(create_app(make_deps())) as address, httpx.Client(base_url=f"{address}/api/v0/ai/llm") as native:
        ask(native, prompt="x")
        ask(native, prompt="down")
        usage = native.get("/usage").json()
        metrics = native.get("/metrics").text
    assert (usage["total"]["calls"], usage["total"]["failures"], usage["total"]["prompt_tokens"]) == (1, 1, 3)
    assert 'llm_router_requests_total{outcome="ok",provider="scripted"} 1.0' in metrics
    assert 'llm_router_tokens_total{kind="completion",provider="scripted"} 4.0' in metrics
    assert "llm_router_requests_under_way 0.0" in metrics


def test_clearing_the_cache_clears_it():
    deps = make_deps({"COMPLAINT_GENERATOR_ROUTER_RESPONSE_CACHE": "1"})
    with running(create_app(deps)) as address, httpx.Client(base_url=f"{address}/api/v0/ai/llm") as native:
        cached = [ask(native, prompt="same").json()["cached"] for _ in range(2)]
        native.post("/cache/clear")
        cached.append(ask(native, prompt="same").json()["cached"])
    assert cached == [False, True, False]


def test_the_event_loop_is_never_blocked():
    """A provider that computes in its thread holds every call up only if the loop is blocked."""
    gate = threading.Event()
    waiting = threading.Semaphore(0)

    class Slow:
        def generate(self, prompt, *, model_name=None, **options):
            waiting.release()
            assert gate.wait(20)
            return "done"

    deps = make_deps()
    deps.registry.register("slow", Slow)
    with running(create_app(deps)) as address, ThreadPoolExecutor(4) as pool:
        post = f"{address}/api/v0/ai/llm/generate"
        calls = [pool.submit(httpx.post, post, json={"prompt": f"{n}", "provider": "slow"}) for n in range(4)]
        for _ in calls:
            assert waiting.acquire(timeout=10)
        meanwhile = httpx.get(f"{address}/api/v0/ai/llm/").status_code
        gate.set()
        answers = [call.result().json()["text"] for call in calls]
    assert meanwhile == 200
    assert answers == ["done"] * 4


class Endless(AsyncBackend):
    """Never answers; tells when it was asked and when it was let go."""

    type = "endless"
    known_options = frozenset(GENERATION_OPTIONS)

    def __init__(self, says: str = "") -> None:
        super().__init__("endless")
        self.says = says
        self.asked, self.let_go = threading.Event(), threading.Event()

    async def _acomplete(self, request: Request) -> Completion:
        await self._wait()
        raise AssertionError

    async def _astream(self, request: Request) -> AsyncIterator[StreamItem]:
        if self.says:
            yield self.says
        await self._wait()

    async def _wait(self) -> None:
        self.asked.set()
        try:
            await asyncio.Event().wait()
        finally:
            self.let_go.set()

    def health(self) -> Health:
        return Health(True, "here", self.id)


@pytest.mark.parametrize("says", ["", "some text"])
@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/api/v0/ai/llm/generate", {"prompt": "x", "provider": "endless"}),
        ("/v1/chat/completions", {"model": "endless", "messages": [{"role": "user", "content": "x"}]}),
    ],
    ids=["native", "openai"],
)
def test_a_caller_that_goes_away_ends_the_work(path, body, stream, says):
    """What nobody will read would go on costing money, and hold a place of the rate limit."""
    deps, backend = make_deps(), Endless(says)
    deps.registry.register("endless", lambda: backend)
    sent = json.dumps({**body, "stream": stream}).encode()
    head = f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
    with running(create_app(deps)) as address:
        with socket.create_connection(("127.0.0.1", int(address.rsplit(":", 1)[1]))) as caller:
            caller.sendall(f"{head}Content-Length: {len(sent)}\r\n\r\n".encode() + sent)
            assert backend.asked.wait(10)
            assert not backend.let_go.is_set()
        assert backend.let_go.wait(10)
        metrics = _metrics_with(address, "abandoned")
    assert 'llm_router_requests_total{outcome="abandoned",provider="endless"} 1.0' in metrics
    assert "llm_router_requests_under_way 0.0" in metrics


def _metrics_with(address: str, word: str) -> str:
    """The server counts a moment after the provider was let go."""
    tries = (httpx.get(f"{address}/api/v0/ai/llm/metrics").text for _ in range(200))
    return next(text for text in tries if word in text)


def test_a_stream_that_fails_at_once_has_its_own_status(native):
    assert ask(native, prompt="down", stream=True).status_code == 503
    assert native.post("/generate", json={"prompt": "x", "provider": "scriptd", "stream": True}).status_code == 404


@pytest.mark.parametrize("face", ["native", "openai"])
def test_a_stream_is_counted_like_any_answer(face):
    with running(create_app(make_deps())) as address:
        client = openai.OpenAI(base_url=f"{address}/v1", api_key="none", max_retries=0)
        with httpx.Client(base_url=f"{address}/api/v0/ai/llm") as native:
            faces = {
                "native": lambda: ask(native, prompt="x", stream=True),
                "openai": lambda: list(chat(client, "x", stream=True)),
            }
            faces[face]()
            total = native.get("/usage").json()["total"]
    assert (total["calls"], total["prompt_tokens"], total["failures"]) == (1, 3, 0)


def test_the_description_tells_every_failure(url):
    paths = httpx.get(f"{url}/openapi.json").json()["paths"]
    native = paths["/api/v0/ai/llm/generate"]["post"]["responses"]
    openais = paths["/v1/chat/completions"]["post"]["responses"]
    assert {"200", "401", "404", "422", "429", "502", "503", "504"} <= native.keys()
    assert {"200", "400", "401", "404", "429", "502", "503", "504"} <= openais.keys()
    assert list(native["422"]["content"]) == ["application/problem+json"]
    assert "text/event-stream" in native["200"]["content"]


# -- guards ---------------------------------------------------------------------------------------


def test_a_body_that_is_too_large_is_413_declared_or_not(native):
    declared = ask(native, prompt="x" * 200_000)
    chunked = native.post(
        "/generate", content=iter([b'{"prompt": "', b"x" * 200_000]), headers={"content-type": "application/json"}
    )
    assert (declared.status_code, chunked.status_code) == (413, 413)


@pytest.mark.timeout(20)
def test_a_body_that_does_not_come_is_not_waited_for():
    app = Guard(
        create_app(make_deps()), token=None, max_body_bytes=100, hosts=frozenset({"localhost"}), body_seconds=0.2
    )
    with running(app) as address, socket.create_connection(("127.0.0.1", int(address.rsplit(":", 1)[1]))) as caller:
        caller.sendall(b"POST /api/v0/ai/llm/generate HTTP/1.1\r\nHost: localhost\r\nContent-Length: 50\r\n\r\n{")
        answer = caller.recv(12)
    assert answer == b"HTTP/1.1 408"


@pytest.mark.timeout(20)
@pytest.mark.parametrize("stream", [False, True])
def test_nobody_gets_more_time_than_the_server_gives(stream):
    deps, backend = make_deps(), Endless()
    deps.registry.register("endless", lambda: backend)
    with running(create_app(deps, max_timeout=0.2)) as address:
        answer = httpx.post(
            f"{address}/api/v0/ai/llm/generate",
            json={"prompt": "x", "provider": "endless", "timeout": 500, "stream": stream},
        )
    assert answer.status_code == 504
    assert backend.let_go.wait(5)


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example", "", "[", "[::1"])
def test_a_foreign_host_name_is_refused(native, host):
    assert native.get("/", headers={"host": host}).status_code in (400, 421)


@pytest.mark.parametrize(
    "origin", ["https://evil.example", "http://127.0.0.1:1", "http://127.0.0.1", "http://localhost:1", "null", "", "["]
)
def test_a_web_page_of_another_site_is_refused(native, origin):
    body = json.dumps({"prompt": "x", "provider": "scripted"})
    answer = native.post("/generate", content=body, headers={"origin": origin, "content-type": "text/plain"})
    assert answer.status_code == 403


def test_a_web_page_of_this_server_is_answered(native):
    origin = str(native.base_url).partition("/api")[0]
    assert native.get("/", headers={"origin": origin}).status_code == 200


def test_a_token_is_asked_for_everywhere():
    with running(create_app(make_deps(), token="let-me-in")) as address:
        without = httpx.get(f"{address}/api/v0/ai/llm/providers")
        wrong = httpx.get(f"{address}/v1/models", headers={"authorization": "Bearer let-me-im"})
        right = httpx.get(f"{address}/v1/models", headers={"authorization": "bearer let-me-in"})
    assert (without.status_code, wrong.status_code, right.status_code) == (401, 401, 200)
    assert without.headers["www-authenticate"] == "Bearer"
    assert wrong.json()["error"]["type"] == "authentication_error"


def test_a_foreign_token_in_any_bytes_is_just_wrong():
    with running(create_app(make_deps(), token=" let-me-in\n")) as address:
        strange = httpx.get(f"{address}/v1/models", headers={"authorization": "Bearer l\u00e9t".encode()})
        right = httpx.get(f"{address}/v1/models", headers={"authorization": "Bearer let-me-in"})
    assert (strange.status_code, right.status_code) == (401, 200)


def test_a_token_that_no_client_can_send_makes_no_application():
    with pytest.raises(ConfigurationError, match="printable ASCII"):
        create_app(make_deps(), token="geheim-ß")


def test_an_address_that_others_reach_needs_a_token():
    with pytest.raises(ConfigurationError, match="no token is set"):
        serve("0.0.0.0", 0, deps=make_deps())


def test_an_unknown_path_is_told_as_a_problem(url):
    answer = httpx.get(f"{url}/nothing")
    assert (answer.status_code, answer.headers["content-type"]) == (404, "application/problem+json")


def test_privacy_holds_through_the_server():
    deps = make_deps({"OPENAI_API_KEY": "sk-none-of-this-leaves"})
    with running(create_app(deps, privacy="local_only")) as address:
        answer = httpx.post(f"{address}/api/v0/ai/llm/generate", json={"prompt": "x", "provider": "openai"})
    assert answer.status_code == 403
    assert "local_only" in answer.json()["detail"]


# -- the real openai client -----------------------------------------------------------------------


def chat(client: openai.OpenAI, text: str, **options: object):
    return client.chat.completions.create(model="scripted", messages=[{"role": "user", "content": text}], **options)


def test_the_openai_client_gets_a_completion(client):
    completion = chat(client, "hi", temperature=0, max_completion_tokens=7, stop=["x"], user="me")
    told = json.loads(completion.choices[0].message.content)
    assert told["options"] == {"temperature": 0, "max_tokens": 7, "stop": ["x"]}
    assert (completion.model, completion.usage.total_tokens) == ("scripted-1", 7)


def test_the_openai_client_streams_with_usage(client):
    chunks = list(chat(client, "x", stream=True, stream_options={"include_usage": True}))
    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices) == "one two"
    assert [chunk.choices[0].finish_reason for chunk in chunks if chunk.choices][-1] == "stop"
    assert chunks[-1].usage.total_tokens == 5


def test_the_openai_client_asks_for_a_schema(client):
    schema = {"type": "object", "properties": {"a": {"type": "string"}}}
    form = {"type": "json_schema", "json_schema": {"name": "x", "schema": schema}}
    completion = chat(client, "hi", response_format=form)
    assert json.loads(completion.choices[0].message.content)["schema"] == schema


def test_the_openai_client_gets_tool_calls(client):
    tools = [{"type": "function", "function": {"name": "look", "parameters": {}}}]
    completion = chat(client, "tool", tools=tools)
    assert completion.choices[0].finish_reason == "tool_calls"
    assert completion.choices[0].message.tool_calls[0].function.arguments == '{"a":1}'


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("auth", openai.AuthenticationError),
        ("denied", openai.PermissionDeniedError),
        ("model", openai.NotFoundError),
        ("long", openai.BadRequestError),
        ("limit", openai.RateLimitError),
        ("down", openai.InternalServerError),
    ],
)
@pytest.mark.parametrize("stream", [False, True])
def test_the_openai_client_raises_its_own_errors(client, text, kind, stream):
    with pytest.raises(kind):
        list(chat(client, text, stream=stream))


def test_the_openai_client_sees_a_stream_break(client):
    with pytest.raises(openai.APIError, match="the line broke"):
        list(chat(client, "break", stream=True))


@pytest.mark.parametrize("options", [{"max_tokens": -5}, {"temperature": 9}, {"n": 2}, {"extra_body": {"tempo": 1}}])
def test_the_openai_client_is_told_of_bad_values(client, options):
    with pytest.raises(openai.BadRequestError):
        chat(client, "x", **options)


def test_the_openai_client_lists_models(client):
    assert {"auto", "scripted"} <= {model.id for model in client.models.list()}


def test_every_model_that_is_listed_answers():
    class Two(ProviderRegistry):
        def names(self):
            return ("scripted", "mock")

    registry = Two()
    registry.register("scripted", lambda: Scripted("scripted"))
    with running(create_app(RouterDeps(env={}, registry=registry), provider="scripted")) as address:
        client = openai.OpenAI(base_url=f"{address}/v1", api_key="none", max_retries=0)
        ids = [model.id for model in client.models.list()]
        answers = [
            client.chat.completions.create(model=name, messages=[{"role": "user", "content": "hi"}]) for name in ids
        ]
    assert ids == ["auto", "scripted", "mock"]
    assert [answer.system_fingerprint for answer in answers] == ["scripted", "scripted", "mock"]


def test_a_model_may_name_provider_and_model(client):
    completion = client.chat.completions.create(model="scripted:special", messages=[{"role": "user", "content": "hi"}])
    assert json.loads(completion.choices[0].message.content)["options"]["model"] == "special"
