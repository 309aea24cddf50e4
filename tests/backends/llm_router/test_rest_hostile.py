"""The REST API on a real socket against text that no encoding can carry, names that nobody has, and wrong shapes."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterator

import httpx2 as httpx
import pytest

from backends.base import AsyncBackend
from backends.exceptions import MalformedResponseError
from backends.llm_router import RouterDeps
from backends.llm_router.registry import ProviderRegistry
from backends.llm_router.server import create_app
from backends.types import Completion, Health, Request, StreamItem, ToolCall
from tests.support.uvicorn_server import running

#: Half of a surrogate pair: JSON can say it, UTF-8 cannot.
HALF = "\ud83d"
NATIVE = "/api/v0/ai/llm"


class Torn(AsyncBackend):
    """Answers with half a pair in each place that a provider fills, and fails with one when asked for "fail"."""

    type = "torn"
    local = True

    async def _acomplete(self, request: Request) -> Completion:
        if request.text == "fail":
            raise MalformedResponseError(f"garbled {HALF}", retryable=False)
        return Completion(request.text + HALF, self.id, model=HALF, tool_calls=(ToolCall("1", "look", HALF),))

    async def _astream(self, request: Request) -> AsyncIterator[StreamItem]:
        yield HALF
        if request.text == "fail":
            raise MalformedResponseError(f"garbled {HALF}", partial=HALF, retryable=False)
        yield Completion(HALF, self.id)

    def health(self) -> Health:
        return Health(True, "here", self.id, local=True)


@pytest.fixture(scope="module")
def client() -> Iterator[httpx.Client]:
    registry = ProviderRegistry()
    registry.register("torn", lambda: Torn("torn"))
    deps = RouterDeps(env={"COMPLAINT_GENERATOR_ROUTER_RESPONSE_CACHE": "0"}, registry=registry)
    with running(create_app(deps)) as address, httpx.Client(base_url=address, timeout=20) as client:
        yield client


def post(client: httpx.Client, path: str, **body: object) -> httpx.Response:
    # ASCII: the halves travel as \ud83d.
    return client.post(path, content=json.dumps(body).encode(), headers={"content-type": "application/json"})


def generate(client: httpx.Client, **body: object) -> httpx.Response:
    return post(client, f"{NATIVE}/generate", **{"provider": "torn", **body})


def chat(client: httpx.Client, text: object, **body: object) -> httpx.Response:
    return post(client, "/v1/chat/completions", model="torn", messages=[{"role": "user", "content": text}], **body)


def test_half_a_pair_in_a_request_is_replaced(client):
    answer = generate(client, provider="mock", prompt=f"a {HALF} b", stop=f"{HALF}!")
    assert answer.status_code == 200
    assert answer.json()["text"] == "Mock answer to: a \N{REPLACEMENT CHARACTER} b"


@pytest.mark.parametrize("text", ["hi", "fail"])
@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("face", [chat, lambda client, text, **body: generate(client, prompt=text, **body)])
def test_half_a_pair_in_an_answer_is_replaced(client, face, text, stream):
    answer = face(client, text, stream=stream)
    assert answer.status_code == (502 if text == "fail" and not stream else 200)
    assert "\N{REPLACEMENT CHARACTER}" in answer.text
    assert answer.text.rstrip().endswith(("}", "[DONE]"))


@pytest.mark.parametrize("name", [HALF, "nobody-has-this-name", "x" * 300])
def test_a_name_that_nobody_has_is_404_and_leaves_nothing_behind(client, name):
    assert generate(client, provider=name, prompt="x").status_code == 404
    assert post(client, "/v1/chat/completions", model=f"{name}:m", messages=[]).status_code == 400
    usage, metrics = client.get(f"{NATIVE}/usage"), client.get(f"{NATIVE}/metrics")
    assert (usage.status_code, metrics.status_code) == (200, 200)
    assert name.encode("utf-8", "replace") not in usage.content + metrics.content
    assert 'provider="unknown"' in metrics.text


@pytest.mark.parametrize(
    "message",
    [
        {"role": 5, "content": "x"},
        {"role": "", "content": "x"},
        {"role": "user", "content": 7},
        {"role": "user", "content": {"text": "x"}},
        {"role": "user", "content": ["text without a part"]},
    ],
)
def test_a_message_of_another_shape_is_a_wrong_value(client, message):
    native = generate(client, prompt=[message])
    openais = post(client, "/v1/chat/completions", model="torn", messages=[message])
    assert (native.status_code, openais.status_code) == (422, 400)
    assert "message 0" in native.json()["detail"]


def test_a_response_format_of_another_shape_is_a_wrong_value(client):
    answer = chat(client, "x", response_format={"type": "json_schema", "json_schema": 5})
    assert answer.status_code == 400
    assert "response_format" in answer.json()["error"]["message"]
