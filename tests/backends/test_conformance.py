"""Every backend keeps every promise. A new backend is added to CASES; see conformance.py."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from backends.base import Backend
from tests.backends.conformance import PROMISES, BackendCase
from tests.support import wire
from tests.support.http_server import ScriptedServer


@contextmanager
def _over_http(make: Callable[[str], Backend], dialect: wire.Dialect) -> Iterator[Backend]:
    with ScriptedServer(always=dialect.answers('{"word": "hello"}')) as server, make(server.url) as backend:
        yield backend


def _http(name: str, make: Callable[[str], Backend], dialect: wire.Dialect) -> BackendCase:
    return BackendCase(name, lambda: _over_http(make, dialect))


def _openai(url: str, **settings: Any) -> Backend:
    from backends.openai import OpenAIBackend

    return OpenAIBackend(base_url=f"{url}/v1", model="m", max_retries=0, env={}, **settings)


def _mock() -> Backend:
    from backends.llm_router.providers.mock import MockBackend

    return MockBackend(mock_response='{"word": "hello"}')


def _router(**keys: Any) -> Backend:
    from backends.llm_router_backend import LLMRouterBackend

    return LLMRouterBackend(**keys)


def _transformers() -> Backend:
    from backends.huggingface import HuggingFaceBackend
    from tests.support.tiny_transformers import conforming_model

    return HuggingFaceBackend(model=str(conforming_model()), local=True, env={})


def _huggingface(url: str) -> Backend:
    from backends.huggingface import HuggingFaceBackend

    return HuggingFaceBackend(base_url=f"{url}/v1", model="m", max_retries=0, env={})


def _workstation() -> Backend:
    from backends.workstation import WorkstationBackend

    return WorkstationBackend(n_ctx=512, n_threads=1, max_tokens=24)


CASES = [
    BackendCase("workstation", _workstation, marks=(pytest.mark.slow,)),
    BackendCase("huggingface-local", _transformers, marks=(pytest.mark.slow,)),
    _http("huggingface-hosted", _huggingface, wire.CHAT),
    BackendCase("mock", _mock),
    BackendCase("llm_router", lambda: _router(id="mock", provider="mock", mock_response='{"word": "hello"}')),
    _http(
        "llm_router-openai",
        lambda url: _router(id="openai", provider="openai", model="m", api_key="k-123456", base_url=f"{url}/v1"),
        wire.CHAT,
    ),
    _http("openai-chat", _openai, wire.CHAT),
    _http("openai-responses", lambda url: _openai(url, api="responses"), wire.RESPONSES),
    *(
        _http(name, lambda url, name=name: wire.provider(name, url), dialect)  # type: ignore[misc]  # default argument
        for name, dialect in wire.HOSTED.items()
    ),
]


@pytest.mark.parametrize("promise", PROMISES, ids=lambda promise: promise.__name__)
@pytest.mark.parametrize("case", [pytest.param(case, id=case.name, marks=case.marks) for case in CASES])
def test_every_backend_keeps(case: BackendCase, promise: Callable[[Backend], None]) -> None:
    with case.open() as backend:
        promise(backend)
