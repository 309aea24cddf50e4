"""LLMRouterBackend: every key of the documents, limits, batches, privacy, and what it shares with nobody."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

from backends import LLMRouterBackend
from backends.exceptions import (
    AuthenticationError,
    BackendError,
    BatchError,
    ConfigurationError,
    InvalidRequestError,
    ModelNotFoundError,
    ProviderUnavailableError,
    RateLimitError,
)
from backends.llm_router import RouterDeps
from backends.llm_router.registry import ProviderRegistry
from tests.backends.llm_router.providers import ScriptedProvider, turns
from tests.support import wire
from tests.support.http_server import ScriptedServer, json_reply


@pytest.fixture
def deps() -> Iterator[RouterDeps]:
    container = RouterDeps(env={}, registry=ProviderRegistry())
    yield container
    container.close()


@pytest.fixture
def provider(deps: RouterDeps) -> Callable[..., ScriptedProvider]:
    def register(name: str, *script: Any, **settings: Any) -> ScriptedProvider:
        scripted = ScriptedProvider(name, *script, **settings)
        deps.registry.register(name, lambda: scripted)
        return scripted

    return register


Register = Callable[..., ScriptedProvider]


def test_the_configuration_entry_of_the_documents_is_taken_whole(deps: RouterDeps, provider: Register) -> None:
    scripted = provider("copilot_cli", "answer")
    entry = json.loads(
        """{"id": "llm-router", "type": "llm_router", "provider": "copilot_cli", "model": "gpt-5-mini",
            "max_tokens": 128, "temperature": 0.7, "top_p": 0.9, "frequency_penalty": 0.1, "presence_penalty": 0}"""
    )

    backend = LLMRouterBackend(**entry, deps=deps)

    assert (backend.id, backend.generate("hi")) == ("llm-router", "answer")
    assert scripted.requests[0].options == {
        "model": "gpt-5-mini",
        "max_tokens": 128,
        "temperature": 0.7,
        "top_p": 0.9,
        "frequency_penalty": 0.1,
        "presence_penalty": 0,
    }


def test_the_call_goes_before_the_configuration(deps: RouterDeps, provider: Register) -> None:
    scripted = provider("p")
    backend = LLMRouterBackend(deps=deps, provider="p", model="m", max_tokens=256, temperature=0.7)

    backend.generate(prompt="Extract legal claims from: ...", max_tokens=500, temperature=0, model="other")

    assert scripted.requests[0].options == {"max_tokens": 500, "temperature": 0, "model": "other"}


def test_options_may_stand_in_an_object_of_their_own(deps: RouterDeps, provider: Register) -> None:
    scripted = provider("p")

    LLMRouterBackend(deps=deps, provider="p", options={"seed": 0, "stop": "END"}).generate("hi")

    assert scripted.requests[0].options == {"seed": 0, "stop": ("END",)}


def test_the_fallback_chain_of_the_documents(deps: RouterDeps, provider: Register) -> None:
    provider("copilot_cli", ProviderUnavailableError("not installed", retryable=False))
    provider("openai", AuthenticationError("no key"))
    provider("huggingface", "answer")
    backend = LLMRouterBackend(
        id="llm-router",
        provider="copilot_cli",
        fallback_providers=["openai", "huggingface"],
        model="gpt-5-mini",
        deps=deps,
    )

    completion = backend.complete("hi")

    assert completion.text == "answer"
    assert [(a.provider, a.error) for a in completion.attempts] == [
        ("copilot_cli", "ProviderUnavailableError"),
        ("openai", "AuthenticationError"),
        ("huggingface", None),
    ]


def test_errors_can_be_told_apart_as_the_documents_show(deps: RouterDeps, provider: Register) -> None:
    errors = [RateLimitError("x"), AuthenticationError("x"), ModelNotFoundError("x"), ProviderUnavailableError("x")]
    provider("openai", *errors)
    backend = LLMRouterBackend(id="llm", provider="openai", model="gpt-4", max_retries=0, deps=deps)
    caught = []

    for _ in errors:
        try:
            backend.generate("hi")
        except RateLimitError:
            caught.append("rate limit")
        except AuthenticationError:
            caught.append("authentication")
        except ModelNotFoundError:
            caught.append("model")
        except BackendError:
            caught.append("other")

    assert caught == ["rate limit", "authentication", "model", "other"]


@pytest.mark.parametrize(
    ("keys", "near"),
    [
        ({"rate_limt": 3}, "rate_limit"),
        ({"fallback_provider": []}, "fallback_providers"),
        ({"modle": "x"}, "model"),
        ({"temprature": 1}, "temperature"),
        ({"trace_dri": "x"}, "trace_dir"),
        ({"mock_respons": "x"}, "mock_response"),
        ({"verbos": True}, "verbose"),
    ],
)
def test_an_unknown_key_is_an_error_with_the_near_miss_when_the_backend_is_made(
    keys: dict[str, Any], near: str
) -> None:
    with pytest.raises(ConfigurationError, match=rf'unknown key.*did you mean "{near}"'):
        LLMRouterBackend(provider="mock", **keys)


def test_an_unknown_provider_is_an_error_when_the_backend_is_made() -> None:
    with pytest.raises(ConfigurationError, match='did you mean "mock"'):
        LLMRouterBackend(provider="mokc")
    with pytest.raises(ConfigurationError, match='no provider "nobody"'):
        LLMRouterBackend(provider="mock", fallback_providers=["nobody"])


@pytest.mark.parametrize(
    "keys",
    [
        {"max_tokens": 0},
        {"temperature": 3},
        {"rate_limit": 0},
        {"rate_limit": 5, "rate_limit_window": 0},
        {"rate_limit_window": 60},
        {"max_retries": -1},
        {"privacy": "please"},
        {"type": "openai"},
        {"timeout": 0},
        {"options": 3},
    ],
    ids=str,
)
def test_a_value_that_makes_no_sense_is_an_error_when_the_backend_is_made(keys: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError):
        LLMRouterBackend(provider="mock", **keys)


def test_an_unknown_option_of_a_call_is_refused_with_the_near_miss() -> None:
    with LLMRouterBackend(provider="mock") as backend, pytest.raises(InvalidRequestError, match='"max_tokens"'):
        backend.generate("hi", max_token=5)


def test_keys_of_a_provider_may_come_with_the_call(deps: RouterDeps, provider: Register) -> None:
    scripted = provider("p", known=frozenset({"resume_session_id", "timeout"}))
    backend = LLMRouterBackend(deps=deps, provider="p")

    backend.generate("hi", resume_session_id="s1")

    assert scripted.requests[0].options == {"resume_session_id": "s1"}


@pytest.mark.parametrize(
    "keys",
    [{"provider": "openai"}, {"provider": "mock", "fallback_providers": ["claude_py"]}, {"provider": "claude_code"}],
    ids=str,
)
def test_local_only_is_refused_at_start(keys: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError, match="sends text off the machine"):
        LLMRouterBackend(privacy="local_only", env={}, **keys)


def test_local_only_with_local_providers_answers() -> None:
    with LLMRouterBackend(privacy="local_only", provider="mock", fallback_providers=["workstation"]) as backend:
        assert backend.generate("hi") == "Mock answer to: hi"
        assert backend.local


def test_a_backend_says_whether_text_stays_here() -> None:
    with LLMRouterBackend(provider="mock", fallback_providers=["openrouter"]) as backend:
        assert not backend.local
    with LLMRouterBackend(provider="openai", model="m", base_url="http://127.0.0.1:9/v1") as backend:
        assert backend.local


def test_the_rate_limit_holds_for_all_threads_and_tasks_of_the_backend(deps: RouterDeps, provider: Register) -> None:
    times: list[float] = []
    scripted = provider("p")
    backend = LLMRouterBackend(deps=deps, provider="p", rate_limit=8, rate_limit_window=0.1, cache=False)
    grant = backend._router._attempter._limiter
    assert grant is not None
    acquire = grant.aacquire

    async def watched(deadline: float | None = None) -> float:
        times.append(await acquire(deadline))
        return times[-1]

    grant.aacquire = watched  # type: ignore[method-assign]

    async def tasks() -> None:
        await asyncio.gather(*(backend.agenerate(f"t{n}") for n in range(12)))

    with ThreadPoolExecutor(13) as pool:
        calls = [pool.submit(backend.generate, f"{n}") for n in range(12)]
        asyncio.run(tasks())
        for call in calls:
            call.result()

    assert scripted.calls == 24
    ordered = sorted(times)
    assert all(later - earlier >= 0.1 for earlier, later in zip(ordered, ordered[8:], strict=False))


def test_hits_take_nothing_from_the_rate_limit(deps: RouterDeps, provider: Register) -> None:
    provider("p")
    backend = LLMRouterBackend(deps=deps, provider="p", rate_limit=1, rate_limit_window=3600)

    assert {backend.generate("hi", timeout=5) for _ in range(10)} == {"answer of p"}


def test_a_limit_without_room_before_the_deadline_is_told_at_once(deps: RouterDeps, provider: Register) -> None:
    provider("p")
    other = provider("other")
    backend = LLMRouterBackend(
        id="mine", deps=deps, provider="p", fallback_providers=["other"], rate_limit=1, rate_limit_window=3600
    )
    backend.generate("one")

    with pytest.raises(RateLimitError, match="leaves no room before the deadline") as caught:
        backend.generate("two", timeout=30)

    assert caught.value.provider == "mine"
    assert other.calls == 0


@pytest.mark.parametrize("streamed", [False, True], ids=["whole", "stream"])
def test_waiting_for_the_limit_is_not_the_providers_time(deps: RouterDeps, provider: Register, streamed: bool) -> None:
    provider("p")
    other = provider("other")
    backend = LLMRouterBackend(
        deps=deps,
        provider="p",
        fallback_providers=["other"],
        rate_limit=1,
        rate_limit_window=0.6,
        attempt_timeout=0.1,
        cache=False,
    )
    faces = {False: backend.generate, True: lambda prompt: "".join(backend.stream(prompt))}

    answers = [faces[streamed](f"{n}") for n in range(2)]

    assert answers == ["answer of p"] * 2
    assert other.calls == 0


def test_a_caller_who_waits_for_the_limit_can_be_cancelled(deps: RouterDeps, provider: Register) -> None:
    scripted = provider("p")
    backend = LLMRouterBackend(deps=deps, provider="p", rate_limit=1, rate_limit_window=60)

    async def scenario() -> None:
        await backend.agenerate("one")
        waiting = asyncio.create_task(backend.agenerate("two", timeout=600))
        await turns()
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)
        assert waiting.cancelled()

    asyncio.run(scenario())
    assert scripted.calls == 1


def test_a_batch_keeps_its_order_and_its_successes(deps: RouterDeps, provider: Register) -> None:
    provider("p", "a", ProviderUnavailableError("down"), "c")
    backend = LLMRouterBackend(deps=deps, provider="p", max_retries=0)

    with pytest.raises(BatchError, match="1 of 3 prompts failed") as caught:
        backend.batch_generate(prompts=["1", "2", "3"], max_workers=1, timeout=30)

    assert caught.value.results[0] == "a"
    assert isinstance(caught.value.results[1], ProviderUnavailableError)
    assert caught.value.results[2] == "c"


def test_the_batch_of_the_documents(deps: RouterDeps) -> None:
    backend = LLMRouterBackend(deps=deps, provider="mock")
    prompts = ["Analyze complaint 1...", "Analyze complaint 2...", "Analyze complaint 3..."]

    responses = backend.batch_generate(prompts=prompts, max_workers=4, timeout=30)

    assert responses == [f"Mock answer to: {prompt}" for prompt in prompts]


class Word(BaseModel):
    word: str


def test_a_structured_answer_is_repaired_once(deps: RouterDeps, provider: Register) -> None:
    scripted = provider("p", "no JSON", '{"word": "hello"}', known=frozenset({"timeout"}))
    backend = LLMRouterBackend(deps=deps, provider="p")

    assert backend.generate_json("Say a word", Word).word == "hello"
    assert scripted.calls == 2


def test_two_backends_share_neither_answers_nor_usage() -> None:
    with (
        LLMRouterBackend(provider="mock", mock_response="one") as one,
        LLMRouterBackend(provider="mock", mock_response="two") as other,
    ):
        assert (one.generate("hi"), other.generate("hi")) == ("one", "two")
        assert other.usage().total.calls == 1


def test_a_container_can_be_shared(deps: RouterDeps, provider: Register) -> None:
    scripted = provider("p")
    one = LLMRouterBackend(deps=deps, provider="p")
    other = LLMRouterBackend(deps=deps, provider="p")

    one.generate("hi")

    assert other.complete("hi").cached
    assert scripted.calls == 1
    one.close()
    assert other.generate("again")


def test_closing_ends_what_the_backend_made_and_it_may_be_used_again() -> None:
    before = set(threading.enumerate())
    backend = LLMRouterBackend(provider="mock")
    backend.generate("hi")

    backend.close()

    assert set(threading.enumerate()) <= before
    assert backend.generate("hi") == "Mock answer to: hi"
    backend.close()


def test_health_tells_who_would_answer_and_why_the_others_would_not() -> None:
    with LLMRouterBackend(provider="openrouter", fallback_providers=["mock"], env={}) as backend:
        health = backend.health()

    assert (health.ok, health.provider, health.local) == (True, "mock", True)
    assert "OPENROUTER_API_KEY" in health.detail


def test_health_without_anybody_is_told_without_raising() -> None:
    with LLMRouterBackend(provider="openrouter", env={}) as backend:
        health = backend.health()

    assert not health.ok
    assert "OPENROUTER_API_KEY" in health.detail


def test_no_key_is_in_its_repr_or_errors_or_traces(tmp_path: Path) -> None:
    key = "k-very-secret-key-0123456789"
    with (
        ScriptedServer(always=lambda _: json_reply({"error": {"message": f"bad key {key}"}}, 401)) as server,
        LLMRouterBackend(
            provider="openai",
            model="m",
            api_key=key,
            base_url=f"{server.url}/v1",
            trace_dir=tmp_path,
            trace_content=True,
        ) as backend,
    ):
        with pytest.raises(AuthenticationError) as caught:
            backend.generate("hi")
        shown = repr(backend) + repr(caught.value) + str(caught.value)

    traces = "".join(path.read_text() for path in tmp_path.iterdir())
    assert key not in shown
    assert key not in traces
    assert '"ok": false' in traces


def test_over_a_real_server_with_a_real_failure_the_fallback_answers() -> None:
    with (
        ScriptedServer(always=lambda _: json_reply({"error": {"message": "overloaded"}}, 503)) as broken,
        ScriptedServer(always=wire.CHAT.answers("hello")) as sound,
        LLMRouterBackend(
            provider="openai",
            model="m",
            api_key="k-123456",
            base_url=f"{broken.url}/v1",
            fallback_providers=[{"provider": "openai", "model": "m", "api_key": "k-1", "base_url": f"{sound.url}/v1"}],
            max_retries=1,
            retry_base_delay=0,
        ) as backend,
    ):
        completion = backend.complete("hi")

    assert completion.text == "hello"
    assert [attempt.error for attempt in completion.attempts] == ["ProviderUnavailableError"] * 2 + [None]
    assert len(broken.requests) == 2
