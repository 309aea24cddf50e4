"""A provider that keeps failing rests, and is tried once before it is trusted again."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from backends.exceptions import AuthenticationError, BackendTimeoutError, ProviderUnavailableError
from backends.llm_router import RouterDeps, complete_text
from backends.llm_router.breaker import CircuitBreaker

from .providers import ScriptedProvider

DOWN = ProviderUnavailableError("down")


class Time:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def fail(breaker: CircuitBreaker, times: int) -> None:
    for _ in range(times):
        breaker.enter("p")
        breaker.failed(DOWN)


def test_it_opens_after_so_many_failures_in_a_row() -> None:
    breaker = CircuitBreaker(3, 30.0, clock=Time())
    fail(breaker, 2)
    assert not breaker.resting

    fail(breaker, 1)

    with pytest.raises(ProviderUnavailableError, match="resting after 3 failures in a row") as caught:
        breaker.enter("p")
    assert caught.value.retry_after == 30.0


def test_an_answer_between_the_failures_starts_the_count_anew() -> None:
    breaker = CircuitBreaker(3, clock=Time())
    fail(breaker, 2)
    breaker.enter("p")
    breaker.succeeded()

    fail(breaker, 2)

    assert not breaker.resting


def test_after_the_rest_one_trial_goes_through_and_no_second() -> None:
    time = Time()
    breaker = CircuitBreaker(1, 30.0, clock=time)
    fail(breaker, 1)
    time.now += 30.0

    breaker.enter("p")

    with pytest.raises(ProviderUnavailableError):
        breaker.enter("p")


def test_a_trial_that_succeeds_ends_the_rest() -> None:
    time = Time()
    breaker = CircuitBreaker(1, 30.0, clock=time)
    fail(breaker, 1)
    time.now += 30.0
    breaker.enter("p")

    breaker.succeeded()

    breaker.enter("p")
    breaker.enter("p")


def test_a_trial_that_fails_begins_another_rest() -> None:
    time = Time()
    breaker = CircuitBreaker(3, 30.0, clock=time)
    fail(breaker, 3)
    time.now += 30.0

    fail(breaker, 1)

    assert breaker.resting


def test_a_trial_that_is_cancelled_leaves_the_trial_to_the_next() -> None:
    time = Time()
    breaker = CircuitBreaker(1, 30.0, clock=time)
    fail(breaker, 1)
    time.now += 30.0
    breaker.enter("p")

    breaker.abandoned()

    breaker.enter("p")


def test_a_refused_key_says_nothing_about_the_provider() -> None:
    breaker = CircuitBreaker(1, clock=Time())

    breaker.enter("p")
    breaker.failed(AuthenticationError("no key"))

    assert not breaker.resting


def test_a_timeout_counts() -> None:
    breaker = CircuitBreaker(1, clock=Time())

    breaker.enter("p")
    breaker.failed(BackendTimeoutError("slow"))

    assert breaker.resting


def test_zero_failures_means_never() -> None:
    breaker = CircuitBreaker(0, clock=Time())

    fail(breaker, 50)

    assert not breaker.resting


def test_a_resting_provider_is_passed_over_by_the_chain(
    deps: RouterDeps, provider: Callable[..., ScriptedProvider]
) -> None:
    broken = provider("broken", ProviderUnavailableError("down"))
    provider("sound", "answer")
    ask = {"provider": "broken", "fallback_providers": ["sound"], "max_retries": 0, "cache": False}

    for _ in range(8):
        last = complete_text("hi", deps=deps, **ask)  # type: ignore[arg-type]

    assert last.text == "answer"
    assert broken.calls == 5
    assert "resting" in str(last.attempts[0].detail)
