"""backend_manager and ipfs_peer against real servers on loopback: turns, fallback, streams, the seam."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from backends.exceptions import (
    AllProvidersFailedError,
    ConfigurationError,
    InvalidRequestError,
    MalformedResponseError,
    ProviderUnavailableError,
)
from backends.llm_router.backend_manager import InferenceBackendManager
from backends.llm_router.providers.backend_manager import SPEC as MANAGER
from backends.llm_router.providers.base import ProviderContext
from backends.llm_router.providers.ipfs_peer import SPEC as PEER
from tests.support.http_server import Act, Reply, ScriptedServer, closed_port, json_reply, sse_reply


def answer(text: str) -> Reply:
    message = {"role": "assistant", "content": text}
    return json_reply({"model": "m", "choices": [{"index": 0, "message": message, "finish_reason": "stop"}]})


def piece(text: str, finish: str | None = None) -> dict:
    return {"model": "m", "choices": [{"index": 0, "delta": {"content": text}, "finish_reason": finish}]}


def context(deps: object = None, **settings: object) -> ProviderContext:
    return ProviderContext(env={}, settings=settings, deps=deps)


@pytest.fixture
def one():
    with ScriptedServer(always=answer("one")) as server:
        yield server


@pytest.fixture
def two():
    with ScriptedServer(always=answer("two")) as server:
        yield server


def multiaddr(server: ScriptedServer) -> str:
    return f"/ip4/127.0.0.1/tcp/{server.port}/http"


def test_calls_go_round(one, two):
    with MANAGER.create(context(endpoints=[one.url, two.url])) as backend:
        assert [backend.generate("x") for _ in range(4)] == ["one", "two", "one", "two"]


def test_the_balancing_setting_is_heeded_and_an_unknown_one_refused(one):
    with pytest.raises(ConfigurationError, match="unknown load balancing"):
        MANAGER.create(context(endpoints=[one.url], load_balancing="fastest"))
    with pytest.raises(ConfigurationError, match="unknown load balancing"):
        MANAGER.create(
            ProviderContext(env={"IPFS_ACCELERATE_PY_LLM_LOAD_BALANCING": "x"}, settings={"endpoints": ["http://a"]})
        )


def test_an_endpoint_that_is_gone_is_passed_over_and_told(two):
    dead = f"http://127.0.0.1:{closed_port()}"
    with MANAGER.create(context(endpoints=[{"id": "dead", "url": dead}, {"id": "alive", "url": two.url}])) as backend:
        completion = backend.complete("x")
    assert (completion.text, completion.provider) == ("two", "backend_manager/alive")
    assert [(attempt.provider, attempt.error) for attempt in completion.attempts] == [
        ("dead", "ProviderUnavailableError"),
        ("alive", None),
    ]


def test_when_all_fail_each_reason_is_told():
    urls = [f"http://127.0.0.1:{closed_port()}" for _ in range(2)]
    with MANAGER.create(context(endpoints=urls)) as backend, pytest.raises(AllProvidersFailedError) as caught:
        backend.generate("x")
    assert [name for name, _ in caught.value.errors] == ["endpoint-1", "endpoint-2"]


def test_a_wrong_request_is_not_sent_to_the_next_endpoint(one, two):
    one.reply(json_reply({"error": {"message": "bad", "type": "invalid_request_error"}}, 400))
    with MANAGER.create(context(endpoints=[one.url, two.url])) as backend, pytest.raises(InvalidRequestError):
        backend.generate("x")
    assert two.requests == []


def test_a_stream_moves_on_before_its_first_piece_only(one, two):
    one.reply(json_reply({"error": {"message": "down"}}, 503))
    two.reply(sse_reply(piece("a"), piece("b", "stop")))
    with MANAGER.create(context(endpoints=[one.url, two.url])) as backend:
        *pieces, whole = backend.stream_items("x")
    assert (pieces, whole.text, len(whole.attempts)) == (["a", "b"], "ab", 2)


def test_a_stream_that_breaks_later_carries_what_came(one, two):
    one.reply(sse_reply(piece("half"), done=False, then=Act.CLOSE))
    with MANAGER.create(context(endpoints=[one.url, two.url])) as backend:
        stream = backend.stream("x")
        assert next(stream) == "half"
        with pytest.raises(MalformedResponseError) as caught:
            next(stream)
    assert caught.value.partial == "half"
    assert two.requests == []


def test_a_reader_that_leaves_does_not_count_against_the_endpoint(one):
    one.reply(sse_reply(piece("a"), done=False, then=Act.HANG))
    with MANAGER.create(context(endpoints=[one.url])) as backend:
        stream = backend.stream("x")
        next(stream)
        stream.close()
        assert one.wait_until_open(0)
        metrics = backend.manager.list_backends()[0].metrics
    assert (metrics.failed_requests, metrics.active_connections) == (0, 0)


def test_a_manager_of_the_deps_is_used_and_left_open(one):
    from backends.openai import OpenAICompatibleBackend

    manager = InferenceBackendManager()
    manager.register_backend("mine", OpenAICompatibleBackend("mine", base_url=one.url, env={}))
    with MANAGER.create(context(SimpleNamespace(backend_manager=manager))) as backend:
        assert backend.complete("x").provider == "backend_manager/mine"
    assert [info.backend_id for info in manager.list_backends()] == ["mine"]
    manager.close()


@pytest.mark.parametrize(
    ("endpoints", "message"),
    [
        (None, "needs"),
        ([], "needs"),
        ("http://a", "needs"),
        ([7], "endpoint 1 must be"),
        ([{"urll": "x", "url": "x"}], 'mean "url"'),
    ],
)
def test_wrong_endpoints_are_refused(endpoints, message):
    with pytest.raises(ConfigurationError, match=message):
        MANAGER.create(context(endpoints=endpoints))


def test_availability_says_why():
    assert MANAGER.available(context()).ok is False
    enabled = ProviderContext(env={"IPFS_ACCELERATE_PY_ENABLE_BACKEND_MANAGER": "1"})
    assert MANAGER.available(enabled).reason.startswith("enabled, but no")
    assert PEER.available(context()).reason == "no peers are configured and RouterDeps.ipfs_backend is not set"
    assert "too few parts" in PEER.available(context(peers=["nonsense"])).reason


def test_peers_are_reached_at_their_rest_api(one, two):
    with PEER.create(context(peers=[multiaddr(one), multiaddr(two)], peer_token="peer-secret-token")) as backend:
        assert {backend.generate("x") for _ in range(2)} == {"one", "two"}
        assert backend.local
    assert one.requests[0].path == "/v1/chat/completions"
    assert one.requests[0].headers["authorization"] == "Bearer peer-secret-token"


def test_peers_come_from_the_environment_of_any_of_the_systems(one):
    env = {"IPFS_KIT_LLM_PEERS": multiaddr(one)}
    with PEER.create(ProviderContext(env=env)) as backend:
        assert backend.generate("x") == "one"


def test_a_peer_elsewhere_is_not_local():
    with PEER.create(context(peers=["/dns4/peer.example/tcp/80/http"])) as backend:
        assert backend.local is False


def seam(route: object) -> SimpleNamespace:
    return SimpleNamespace(ipfs_backend=SimpleNamespace(peer_manager=SimpleNamespace(route_llm_request=route)))


async def _routed_later(*, prompt, model, **options):
    return {"text": f"later {prompt}"}


@pytest.mark.parametrize(
    ("route", "text"),
    [
        (lambda *, prompt, model, **options: f"{prompt}/{model}/{options}", "hi/None/{'temperature': 0}"),
        (lambda *, prompt, model, **options: {"text": prompt.upper()}, "HI"),
        (_routed_later, "later hi"),
    ],
)
def test_the_seam_of_old_is_kept(route, text):
    with PEER.create(context(seam(route))) as backend:
        assert backend.generate("hi", temperature=0) == text


@pytest.mark.parametrize("wrong", [None, 7, {"txt": "x"}, {"text": 7}])
def test_an_answer_of_another_shape_is_malformed(wrong):
    with PEER.create(context(seam(lambda **call: wrong))) as backend, pytest.raises(MalformedResponseError):
        backend.generate("hi")


def test_what_the_peer_manager_raises_is_named_without_a_key():
    def fail(**call):
        raise RuntimeError("no route, key sk-abcdefgh1234")

    with PEER.create(context(seam(fail))) as backend, pytest.raises(ProviderUnavailableError) as caught:
        backend.generate("hi")
    assert "no route" in str(caught.value)
    assert "sk-abcdefgh1234" not in str(caught.value)
