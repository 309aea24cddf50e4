"""Peers that run our own REST API, end to end on loopback: text, streams, tokens, a peer that goes away."""

from __future__ import annotations

import pytest

from backends.exceptions import AuthenticationError, BackendError
from backends.llm_router import RouterDeps, complete_text, stream_text
from backends.llm_router.server import create_app
from tests.support.http_server import closed_port
from tests.support.uvicorn_server import running


def multiaddr(url: str) -> str:
    return f"/ip4/127.0.0.1/tcp/{url.rpartition(':')[2]}/http"


@pytest.fixture
def peer():
    deps = RouterDeps(env={})
    with running(create_app(deps, provider="mock", token="peer-token")) as url:
        yield multiaddr(url)
    deps.close()


@pytest.fixture
def deps():
    made = RouterDeps(env={"IPFS_KIT_LLM_PEER_TOKEN": "peer-token"})
    yield made
    made.close()


def test_a_peer_answers_and_is_named(peer, deps):
    completion = complete_text("hello", provider="ipfs_peer", peers=[peer], deps=deps)
    assert "hello" in completion.text
    assert completion.provider.startswith("ipfs_peer")


def test_a_peer_streams(peer, deps):
    assert "hello" in "".join(stream_text("hello", provider="ipfs_peers", peers=[peer], deps=deps))


def test_a_peer_that_is_gone_is_passed_over(peer, deps):
    gone = f"/ip4/127.0.0.1/tcp/{closed_port()}/http"
    texts = [complete_text(f"{n}", provider="ipfs_peer", peers=[gone, peer], deps=deps).text for n in range(4)]
    assert len(texts) == 4


def test_a_wrong_token_is_told_as_such(peer):
    deps = RouterDeps(env={"IPFS_KIT_LLM_PEER_TOKEN": "another-token"})
    with pytest.raises(BackendError) as caught:
        complete_text("hello", provider="ipfs_peer", peers=[peer], deps=deps)
    deps.close()
    assert "AuthenticationError" in str(caught.value) or isinstance(caught.value, AuthenticationError)
    assert "another-token" not in str(caught.value)


def test_privacy_lets_loopback_peers_answer_and_no_others(peer, deps):
    assert complete_text("x", provider="ipfs_peer", peers=[peer], privacy="local_only", deps=deps).text
    elsewhere = ["/dns4/peer.example/tcp/80/http"]
    with pytest.raises(BackendError, match="local_only"):
        complete_text("x", provider="ipfs_peer", peers=elsewhere, privacy="local_only", deps=deps)
