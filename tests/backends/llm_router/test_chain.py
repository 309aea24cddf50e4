"""Fallback: whom a chain asks, what it reports, and the one deadline over it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from backends.exceptions import (
    AllProvidersFailedError,
    AuthenticationError,
    BackendTimeoutError,
    ConfigurationError,
    ContentFilteredError,
    ContextLengthError,
    InvalidRequestError,
    MalformedResponseError,
    ModelNotFoundError,
    PermissionDeniedError,
    ProviderUnavailableError,
    RateLimitError,
)
from backends.llm_router import RouterDeps, complete_text, generate_text

from .providers import ScriptedProvider

Register = Callable[..., ScriptedProvider]
ONCE: dict[str, Any] = {"max_retries": 0}


def test_a_named_provider_never_changes_the_model(deps: RouterDeps, provider: Register) -> None:
    """The historical router retried with another model, silently, on any failure."""
    scripted = provider("p", ModelNotFoundError("no such model", provider="p", model="asked-for"))

    with pytest.raises(ModelNotFoundError):
        generate_text("hi", provider="p", model_name="asked-for", deps=deps)

    assert [request.options.get("model") for request in scripted.requests] == ["asked-for"]


def test_a_named_provider_falls_back_to_nobody_by_itself(deps: RouterDeps, provider: Register) -> None:
    provider("p", ProviderUnavailableError("down"))
    other = provider("other")

    with pytest.raises(ProviderUnavailableError):
        generate_text("hi", provider="p", deps=deps, **ONCE)

    assert other.calls == 0


@pytest.mark.parametrize(
    "error",
    [
        AuthenticationError("no key"),
        PermissionDeniedError("not you"),
        RateLimitError("slow down", retryable=False),
        ModelNotFoundError("no such model"),
        ContextLengthError("too long"),
        ContentFilteredError("no"),
        BackendTimeoutError("slow"),
        ProviderUnavailableError("down"),
        MalformedResponseError("half"),
        ConfigurationError("cannot"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_what_another_may_manage_is_asked_of_the_next(deps: RouterDeps, provider: Register, error: Exception) -> None:
    provider("first", error)
    provider("second", "answer")

    completion = complete_text("hi", provider="first", fallback_providers=["second"], deps=deps, **ONCE)

    assert (completion.text, completion.provider) == ("answer", "second")
    assert [(a.provider, a.error) for a in completion.attempts] == [("first", type(error).__name__), ("second", None)]


def test_a_request_that_is_wrong_in_itself_ends_the_chain(deps: RouterDeps, provider: Register) -> None:
    provider("first", InvalidRequestError("wrong"))
    second = provider("second", "answer")

    with pytest.raises(InvalidRequestError, match="wrong"):
        generate_text("hi", provider="first", fallback_providers=["second"], deps=deps)

    assert second.calls == 0


def test_the_chain_goes_in_the_order_that_was_written(deps: RouterDeps, provider: Register) -> None:
    for name in "abc":
        provider(name, ProviderUnavailableError("down"))
    provider("d", "answer")

    completion = complete_text("hi", provider="a", fallback_providers=["b", "c", "d"], deps=deps, **ONCE)

    assert [attempt.provider for attempt in completion.attempts] == ["a", "b", "c", "d"]


def test_when_all_fail_the_error_is_a_table_of_who_failed_how(deps: RouterDeps, provider: Register) -> None:
    provider("first", AuthenticationError("no key"))
    provider("second", ProviderUnavailableError("HTTP 503", status=503))

    with pytest.raises(AllProvidersFailedError) as caught:
        generate_text("hi", provider="first", fallback_providers=["second"], deps=deps, **ONCE)

    assert [name for name, _ in caught.value.errors] == ["first", "second"]
    assert str(caught.value).splitlines()[1:] == [
        "  first   AuthenticationError: no key",
        "  second  ProviderUnavailableError: HTTP 503",
    ]


def test_one_provider_alone_raises_its_own_error(deps: RouterDeps, provider: Register) -> None:
    error = RateLimitError("slow down", retry_after=3600.0, status=429)
    provider("p", error)

    with pytest.raises(RateLimitError) as caught:
        generate_text("hi", provider="p", deps=deps)

    assert caught.value is error


def test_a_fallback_with_a_model_of_its_own_is_asked_for_that(deps: RouterDeps) -> None:
    completion = complete_text(
        "hi",
        provider="mock",
        model_name="first-model",
        mock_error="ProviderUnavailableError",
        fallback_providers=[{"provider": "MOCK", "model": "second-model", "mock_error": None, "mock_response": "x"}],
        deps=deps,
        **ONCE,
    )

    assert [attempt.model for attempt in completion.attempts] == ["first-model", "second-model"]


def test_a_fallback_without_a_model_answers_with_its_own_and_says_so(deps: RouterDeps, provider: Register) -> None:
    provider("first", ProviderUnavailableError("down"))
    second = provider("second")

    completion = complete_text("hi", provider="first", model_name="m", fallback_providers=["second"], deps=deps, **ONCE)

    assert second.requests[0].options.get("model") is None
    assert (completion.attempts[0].model, completion.model) == ("m", None)


def test_retries_come_before_the_fallback(deps: RouterDeps, provider: Register) -> None:
    first = provider("first", ProviderUnavailableError("down"), "answer at the second try")
    second = provider("second")

    completion = complete_text(
        "hi", provider="first", fallback_providers=["second"], deps=deps, max_retries=1, retry_base_delay=0
    )

    assert completion.text == "answer at the second try"
    assert [(a.provider, a.error) for a in completion.attempts] == [
        ("first", "ProviderUnavailableError"),
        ("first", None),
    ]
    assert (first.calls, second.calls) == (2, 0)


def test_a_retry_after_beyond_the_deadline_goes_to_the_fallback_at_once(deps: RouterDeps, provider: Register) -> None:
    first = provider("first", RateLimitError("slow down", retry_after=600.0))
    provider("second", "answer")

    assert generate_text("hi", provider="first", fallback_providers=["second"], deps=deps, timeout=30) == "answer"
    assert first.calls == 1


@pytest.mark.timeout(60)
def test_one_deadline_covers_the_whole_chain(deps: RouterDeps, provider: Register) -> None:
    for name in "abc":
        provider(name, "late", delay=600.0)

    with pytest.raises(AllProvidersFailedError) as caught:
        generate_text("hi", provider="a", fallback_providers=["b", "c"], deps=deps, timeout=0.2)

    assert {type(error) for _, error in caught.value.errors} == {BackendTimeoutError}


def test_a_provider_that_hangs_leaves_time_for_the_next(deps: RouterDeps, provider: Register) -> None:
    provider("hangs", "never", delay=60.0)
    provider("second", "answer")

    assert generate_text("hi", provider="hangs", fallback_providers=["second"], deps=deps, timeout=1.0) == "answer"


def test_a_provider_that_does_not_hear_the_deadline_is_left_behind(deps: RouterDeps, provider: Register) -> None:
    deaf = provider("deaf", "never", delay=60.0, deaf=True)
    provider("second", "answer")

    text = generate_text("hi", provider="deaf", fallback_providers=["second"], deps=deps, attempt_timeout=0.2)

    assert text == "answer"
    assert deaf.cancelled == 1


def test_an_option_that_only_draws_tokens_is_left_out_where_there_is_no_such_knob(
    deps: RouterDeps, provider: Register
) -> None:
    scripted = provider("p", known=frozenset({"max_tokens", "timeout"}))

    generate_text("hi", provider="p", deps=deps, temperature=0.3, max_tokens=9)

    assert scripted.requests[0].options == {"max_tokens": 9}


def test_an_option_that_changes_what_an_answer_is_is_asked_of_who_knows_it(
    deps: RouterDeps, provider: Register
) -> None:
    first = provider("first", known=frozenset({"max_tokens", "timeout"}))
    second = provider("second", "answer")

    text = generate_text("hi", provider="first", fallback_providers=["second"], deps=deps, tools=[{"type": "function"}])

    assert (text, first.calls, second.calls) == ("answer", 0, 1)


def test_an_explicit_zero_stays_zero(deps: RouterDeps, provider: Register) -> None:
    """The historical `x or default` turned it into the default."""
    scripted = provider("p")

    generate_text("hi", provider="p", deps=deps, temperature=0, top_k=0, seed=0, presence_penalty=0.0)

    assert scripted.requests[0].options == {"temperature": 0, "top_k": 0, "seed": 0, "presence_penalty": 0.0}


def test_an_unknown_option_is_refused_with_the_near_miss_and_nobody_is_asked(
    deps: RouterDeps, provider: Register
) -> None:
    scripted = provider("p")

    with pytest.raises(InvalidRequestError, match=r'unknown option "temprature".*"temperature"'):
        generate_text("hi", provider="p", deps=deps, temprature=1)

    assert scripted.calls == 0


@pytest.mark.parametrize(
    ("bad", "match"),
    [
        ({"fallback_providers": "openai"}, "must be a list"),
        ({"fallback_providers": [{"model": "m"}]}, r"fallback_providers\[0\]"),
        ({"fallback_providers": ["opnai"]}, 'did you mean "openai"'),
        ({"max_retries": -1}, "max_retries"),
        ({"privacy": "yes"}, "local_only"),
        ({"attempt_timeout": 0}, "attempt_timeout"),
        ({"breaker_threshold": -1}, "breaker_threshold"),
        ({"verbose": "yes"}, "verbose"),
        ({"trace": "yes"}, "trace"),
        ({"trace_dir": 3}, "trace_dir"),
    ],
)
def test_a_route_that_makes_no_sense_is_refused(deps: RouterDeps, bad: dict[str, Any], match: str) -> None:
    with pytest.raises(ConfigurationError, match=match):
        generate_text("hi", provider="mock", deps=deps, **bad)


def test_a_key_is_never_sent_to_a_fallback(deps: RouterDeps) -> None:
    from backends.llm_router.resolution import resolve
    from backends.llm_router.route import Route

    route = Route.from_keys(
        {"provider": "openai", "fallback_providers": ["openrouter", {"provider": "claude_py", "api_key": "own"}]},
        {"api_key": "sk-of-openai", "base_url": "https://example.org/v1"},
        "test",
    )

    given = [candidate.context.settings for candidate in resolve(route, deps, deps.environment.settings())]

    assert given == [{"api_key": "sk-of-openai", "base_url": "https://example.org/v1"}, {}, {"api_key": "own"}]


def test_no_key_shows_in_what_a_debugger_prints(deps: RouterDeps) -> None:
    from backends.llm_router.resolution import resolve
    from backends.llm_router.route import Route

    settings = {"api_key": "k-0123456789", "program_env": {"TOKEN": "t-0123456789"}}
    route = Route.from_keys({"provider": "openai"}, settings, "test")

    shown = repr((route, resolve(route, deps, deps.environment.settings())))

    assert "0123456789" not in shown


def test_a_key_without_a_provider_is_refused(deps: RouterDeps) -> None:
    with pytest.raises(InvalidRequestError, match='"api_key" belongs to one provider'):
        generate_text("hi", deps=deps, api_key="sk-abcdefgh")
