"""Retries are decided by type and status, honour Retry-After, and stay within the deadline."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backends.exceptions import (
    AuthenticationError,
    BackendError,
    BackendTimeoutError,
    ConfigurationError,
    InvalidRequestError,
    MalformedResponseError,
    ProviderUnavailableError,
    RateLimitError,
)
from backends.retries import RetryPolicy, call_with_retries


class Time:
    def __init__(self) -> None:
        self.now = 0.0
        self.sleeps: list[float] = []

    def __call__(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.sleeps.append(seconds)
        self.now += seconds


async def run(failures: list[BackendError], policy: RetryPolicy, time: Time, deadline: float | None = None) -> str:
    left = list(failures)

    async def call() -> str:
        if left:
            raise left.pop(0)
        return "answer"

    return await call_with_retries(call, policy, deadline=deadline, sleep=time.sleep, clock=time)


@pytest.mark.parametrize(
    "error", [ProviderUnavailableError("HTTP 503"), BackendTimeoutError("slow"), MalformedResponseError("half")]
)
async def test_what_may_pass_by_itself_is_retried(error: BackendError) -> None:
    time = Time()

    assert await run([error], RetryPolicy(), time) == "answer"
    assert len(time.sleeps) == 1


@pytest.mark.parametrize(
    "error", [InvalidRequestError("invalid timeout parameter"), AuthenticationError("rate limit of key exceeded? 503")]
)
async def test_a_message_that_sounds_transient_is_not_retried_when_the_type_is_final(error: BackendError) -> None:
    time = Time()

    with pytest.raises(type(error)):
        await run([error], RetryPolicy(), time)
    assert time.sleeps == []


async def test_the_error_is_raised_when_the_retries_are_used_up() -> None:
    time = Time()
    errors = [ProviderUnavailableError(str(i)) for i in range(3)]

    with pytest.raises(ProviderUnavailableError, match="2"):
        await run(list(errors), RetryPolicy(max_retries=2), time)
    assert len(time.sleeps) == 2


async def test_max_retries_zero_is_zero() -> None:
    with pytest.raises(ProviderUnavailableError):
        await run([ProviderUnavailableError("down")], RetryPolicy(max_retries=0), Time())


async def test_retry_after_is_honoured() -> None:
    time = Time()

    await run([RateLimitError("slow down", retry_after=7.0)], RetryPolicy(), time)

    assert 7.0 <= time.sleeps[0] <= 7.7


async def test_a_wait_that_passes_the_deadline_is_not_begun() -> None:
    time = Time()

    with pytest.raises(RateLimitError):
        await run([RateLimitError("slow down", retry_after=7.0)], RetryPolicy(), time, deadline=5.0)
    assert time.sleeps == []


@given(done=st.integers(0, 50), draw=st.floats(0, 1, exclude_max=True))
def test_the_backoff_never_passes_its_ceiling(done: int, draw: float) -> None:
    policy = RetryPolicy(max_retries=100, base_delay=0.5, max_delay=30.0)

    wait = policy.wait_before_retry(done, ProviderUnavailableError("x"), draw=lambda: draw)

    assert wait is not None
    assert 0 <= wait <= min(30.0, 0.5 * 2**done)


@pytest.mark.parametrize(
    "bad", [{"max_retries": -1}, {"max_retries": 1.5}, {"retry_base_delay": -1}, {"retry_max_delay": "3"}]
)
def test_settings_that_make_no_sense_are_refused(bad: dict[str, object]) -> None:
    with pytest.raises(ConfigurationError, match=next(iter(bad))):
        RetryPolicy.from_settings(**bad)  # type: ignore[arg-type]


def test_an_explicit_zero_is_kept() -> None:
    assert RetryPolicy.from_settings(max_retries=0, retry_base_delay=0, retry_max_delay=0) == RetryPolicy(0, 0.0, 0.0)
