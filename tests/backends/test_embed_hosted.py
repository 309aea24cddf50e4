"""Vectors from servers: OpenAI-compatible ones, endpoints of Hugging Face, and its router."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any, ClassVar

import numpy as np
import pytest

from backends.exceptions import (
    AuthenticationError,
    BackendError,
    ConfigurationError,
    InvalidRequestError,
    MalformedResponseError,
    ModelNotFoundError,
)
from backends.huggingface import HuggingFaceBackend
from backends.llm_router.providers import huggingface as hosted
from backends.openai import OpenAIBackend
from tests.support.http_server import Received, ScriptedServer, json_reply

KEY = "hf_test0123456789"

pytestmark = pytest.mark.filterwarnings("error::ResourceWarning", "error::pytest.PytestUnraisableExceptionWarning")


@pytest.fixture
def server() -> Iterator[ScriptedServer]:
    with ScriptedServer(always=json_reply({"data": []})) as scripted:
        yield scripted


def backend(server: ScriptedServer, **settings: Any) -> OpenAIBackend:
    given: dict[str, Any] = {"base_url": f"{server.url}/v1", "env": {}, "max_retries": 0, **settings}
    return OpenAIBackend(**given)


def sent(server: ScriptedServer) -> Any:
    return server.requests[-1].json


def test_embeddings_come_back_in_order(server: ScriptedServer) -> None:
    rows = [{"index": 1, "embedding": [2, 3]}, {"index": 0, "embedding": [0.5, 1]}]
    server.reply(json_reply({"data": rows}))

    with backend(server, embedding_model="e") as openai:
        vectors = openai.embed(["a", "b"])

    assert vectors.dtype == np.float32
    assert vectors.tolist() == [[0.5, 1.0], [2.0, 3.0]]
    assert (server.requests[0].path, sent(server)["model"], sent(server)["input"]) == (
        "/v1/embeddings",
        "e",
        ["a", "b"],
    )


@pytest.mark.parametrize(
    "document",
    [
        {"data": []},
        {"data": [{"index": 0}]},
        {},
        {"data": [{"index": 0, "embedding": []}]},
        {"data": [{"index": 0, "embedding": ["x"]}]},
        {"data": [{"index": 0, "embedding": [[1.0], [2.0]]}]},
        {"data": [{"index": 0, "embedding": [1e39]}]},
        {"data": [{"index": 0, "embedding": [1.0]}, {"index": 1, "embedding": [1.0]}]},
    ],
    ids=str,
)
def test_embeddings_of_the_wrong_shape_are_malformed(server: ScriptedServer, document: Any) -> None:
    server.always = json_reply(document)

    with backend(server) as openai, pytest.raises(MalformedResponseError):
        openai.embed(["a"])


def test_vectors_of_different_lengths_are_malformed(server: ScriptedServer) -> None:
    server.always = json_reply({"data": [{"index": 0, "embedding": [1]}, {"index": 1, "embedding": [1, 2]}]})

    with backend(server) as openai, pytest.raises(MalformedResponseError, match="different lengths"):
        openai.embed(["a", "b"])


def test_more_texts_than_a_request_may_hold_are_several_requests(server: ScriptedServer) -> None:
    def vectors(received: Received) -> Any:
        texts = enumerate(received.json["input"])
        return json_reply({"data": [{"index": place, "embedding": [len(text)]} for place, text in texts]})

    server.always = vectors
    with backend(server) as openai:
        openai.texts_at_once = 2  # type: ignore[misc]  # a class variable, for this object alone
        found = openai.embed(["a", "bb", "ccc", "dddd", "eeeee"])

    assert found.tolist() == [[1], [2], [3], [4], [5]]
    assert [len(request.json["input"]) for request in server.requests] == [2, 2, 1]


@pytest.mark.parametrize("texts", ["one", [""], ["a", 3], 7, [None], ["half \ud800"]], ids=repr)
def test_what_is_no_list_of_texts_is_refused_before_it_is_sent(server: ScriptedServer, texts: Any) -> None:
    with backend(server) as openai, pytest.raises(InvalidRequestError):
        openai.embed(texts)

    assert server.requests == []


def test_no_texts_are_no_request(server: ScriptedServer) -> None:
    with backend(server) as openai:
        assert openai.embed([]).shape == (0, 0)

    assert server.requests == []


def test_a_hosted_openai_without_a_model_for_vectors_says_so() -> None:
    with (
        OpenAIBackend(api_key="sk-test0123456789", env={}) as openai,
        pytest.raises(ConfigurationError, match="embedding_model"),
    ):
        openai.embed(["a"])


# -- Hugging Face ---------------------------------------------------------------------------------


def test_vectors_come_from_an_endpoint_of_ones_own(server: ScriptedServer) -> None:
    server.always = json_reply({"data": [{"index": 1, "embedding": [3, 4]}, {"index": 0, "embedding": [1, 2]}]})

    with HuggingFaceBackend(base_url=f"{server.url}/v1", model="m", env={}) as own:
        assert own.embed(["a", "b"]).tolist() == [[1, 2], [3, 4]]
        assert asyncio.run(own.aembed(["a", "b"], model="e")).tolist() == [[1, 2], [3, 4]]

    assert server.requests[0].path == "/v1/embeddings"
    assert sent(server)["model"] == "e"


@pytest.fixture
def router(server: ScriptedServer, monkeypatch: pytest.MonkeyPatch) -> ScriptedServer:
    """The router's address cannot be reached from here; this server stands in its place."""

    class Router(hosted.HostedHuggingFaceBackend):
        base_url: ClassVar[str] = f"{server.url}/v1"  # type: ignore[misc]  # a class attribute, as in the original

    monkeypatch.setattr(hosted, "HostedHuggingFaceBackend", Router)
    return server


def test_the_router_gives_vectors_by_feature_extraction(router: ScriptedServer) -> None:
    router.always = json_reply([[0.5, 1.0], [2.0, 3.0]])

    with HuggingFaceBackend(api_key=KEY, env={}) as huggingface:
        found = huggingface.embed(["a", "b"])

    assert found.dtype == np.float32
    assert found.tolist() == [[0.5, 1.0], [2.0, 3.0]]
    (request,) = router.requests
    assert request.path == "/hf-inference/models/sentence-transformers/all-MiniLM-L6-v2/pipeline/feature-extraction"
    assert request.json == {"inputs": ["a", "b"], "normalize": True, "truncate": True}
    assert request.headers["authorization"] == f"Bearer {KEY}"


def test_the_model_for_vectors_may_be_named_in_settings_and_in_a_call(router: ScriptedServer) -> None:
    router.always = json_reply([[1.0]])

    with HuggingFaceBackend(api_key=KEY, embedding_model="org/one", env={}) as huggingface:
        huggingface.embed(["a"])
        huggingface.embed(["a"], model="org/other é")

    paths = [request.path.removeprefix("/hf-inference/models/") for request in router.requests]
    assert paths == [
        "org/one/pipeline/feature-extraction",
        "org/other%20%C3%A9/pipeline/feature-extraction",
    ]


@pytest.mark.parametrize("model", ["../../v1/secret", "a/../b", "a\nb", "a\0"])
def test_a_model_is_a_name_and_never_a_path(router: ScriptedServer, model: str) -> None:
    with HuggingFaceBackend(api_key=KEY, env={}) as huggingface, pytest.raises(InvalidRequestError, match="no name"):
        huggingface.embed(["a"], model=model)

    assert router.requests == []


@pytest.mark.parametrize("answer", [{"error": "x"}, [], [[1.0], [2.0]], [[[1.0], [2.0]]], ["x"], [1.0], None], ids=repr)
def test_what_the_router_should_not_send_is_malformed(router: ScriptedServer, answer: Any) -> None:
    router.always = json_reply(answer)

    with (
        HuggingFaceBackend(api_key=KEY, max_retries=0, env={}) as huggingface,
        pytest.raises(MalformedResponseError),
    ):
        huggingface.embed(["a"])


@pytest.mark.parametrize(("status", "kind"), [(401, AuthenticationError), (404, ModelNotFoundError)])
def test_a_refusal_of_the_router_is_an_error_of_the_family(
    router: ScriptedServer, status: int, kind: type[BackendError]
) -> None:
    router.always = json_reply({"error": f"no {KEY}"}, status)

    with HuggingFaceBackend(api_key=KEY, max_retries=0, env={}) as huggingface, pytest.raises(kind) as raised:
        huggingface.embed(["a"])

    assert KEY not in str(raised.value)


def test_hosted_models_say_who_gives_likelihoods() -> None:
    with HuggingFaceBackend(api_key=KEY, env={}) as huggingface, pytest.raises(ConfigurationError, match="workstation"):
        huggingface.score("a", ["b"])
