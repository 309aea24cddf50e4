"""Identical calls in flight run once, and nobody suffers for another."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from backends.exceptions import BackendTimeoutError, ProviderUnavailableError
from backends.llm_router import RouterDeps, acomplete_text, agenerate_text, complete_text
from backends.llm_router.single_flight import SingleFlight

from .providers import ScriptedProvider, turns


async def test_identical_calls_of_many_tasks_run_once(
    deps: RouterDeps, provider: Callable[..., ScriptedProvider]
) -> None:
    scripted = provider("p", "first", "second", delay=0.02)

    completions = await asyncio.gather(*(acomplete_text("hi", provider="p", deps=deps) for _ in range(20)))

    assert {completion.text for completion in completions} == {"first"}
    assert sum(not completion.cached for completion in completions) == 1
    assert scripted.calls == 1


def test_identical_calls_of_many_threads_run_once(deps: RouterDeps, provider: Callable[..., ScriptedProvider]) -> None:
    scripted = provider("p", "first", "second", delay=0.05)
    start = threading.Barrier(16)

    def call(_: int) -> str:
        start.wait()
        return complete_text("hi", provider="p", deps=deps).text

    with ThreadPoolExecutor(16) as pool:
        texts = set(pool.map(call, range(16)))

    assert texts == {"first"}
    assert scripted.calls == 1


async def test_different_calls_do_not_wait_for_each_other(
    deps: RouterDeps, provider: Callable[..., ScriptedProvider]
) -> None:
    scripted = provider("p", "answer", delay=0.01)

    await asyncio.gather(*(agenerate_text(f"question {n}", provider="p", deps=deps) for n in range(5)))

    assert scripted.calls == 5


async def test_calls_that_want_fresh_answers_each_run(
    deps: RouterDeps, provider: Callable[..., ScriptedProvider]
) -> None:
    scripted = provider("p", "answer", delay=0.01)

    await asyncio.gather(*(agenerate_text("hi", provider="p", deps=deps, cache=False) for _ in range(5)))

    assert scripted.calls == 5


async def test_one_caller_that_gives_up_does_not_take_the_answer_from_the_others(
    deps: RouterDeps, provider: Callable[..., ScriptedProvider]
) -> None:
    gate = asyncio.Event()
    scripted = provider("p", "answer", gate=gate)
    first = asyncio.create_task(agenerate_text("hi", provider="p", deps=deps))
    await scripted.started()
    second = asyncio.create_task(agenerate_text("hi", provider="p", deps=deps))
    await turns()

    first.cancel()
    await asyncio.gather(first, return_exceptions=True)
    gate.set()

    assert await second == "answer"
    assert scripted.calls == 2, "the second ran the call that the first gave up"
    assert scripted.cancelled == 1


async def test_a_follower_that_gives_up_does_not_disturb_the_leader_or_the_others(
    deps: RouterDeps, provider: Callable[..., ScriptedProvider]
) -> None:
    gate = asyncio.Event()
    scripted = provider("p", "answer", gate=gate)
    leader, follower, other = (asyncio.create_task(agenerate_text("hi", provider="p", deps=deps)) for _ in range(3))
    await scripted.started()
    await turns()

    follower.cancel()
    await turns()
    gate.set()
    results = await asyncio.gather(leader, follower, other, return_exceptions=True)

    assert results[0] == results[2] == "answer"
    assert isinstance(results[1], asyncio.CancelledError)
    assert scripted.calls == 1


async def test_all_who_wait_get_the_error(deps: RouterDeps, provider: Callable[..., ScriptedProvider]) -> None:
    error = ProviderUnavailableError("down", provider="p", status=503, retryable=False)
    gate = asyncio.Event()
    scripted = provider("p", error, gate=gate)
    calls = [asyncio.create_task(agenerate_text("hi", provider="p", deps=deps)) for _ in range(4)]
    await turns()
    gate.set()

    results = await asyncio.gather(*calls, return_exceptions=True)

    assert [type(result) for result in results] == [ProviderUnavailableError] * 4
    assert {result.status for result in results} == {503}  # type: ignore[union-attr]
    assert len({id(result) for result in results}) == 4, "each caller raises an error of its own"
    assert scripted.calls == 1


async def test_a_follower_with_more_time_asks_itself_when_the_leader_ran_out_of_it(
    deps: RouterDeps, provider: Callable[..., ScriptedProvider]
) -> None:
    gate = asyncio.Event()
    scripted = provider("p", BackendTimeoutError("its time is over", retryable=False), "answer", gate=gate)
    hasty = asyncio.create_task(agenerate_text("hi", provider="p", deps=deps))
    await scripted.started()
    patient = asyncio.create_task(agenerate_text("hi", provider="p", deps=deps))
    await turns()
    gate.set()

    results = await asyncio.gather(hasty, patient, return_exceptions=True)

    assert isinstance(results[0], BackendTimeoutError)
    assert results[1] == "answer"
    assert scripted.calls == 2


async def test_nothing_is_left_of_a_flight() -> None:
    flights: SingleFlight[str] = SingleFlight()

    async def work() -> str:
        return "x"

    async def broken() -> str:
        raise ProviderUnavailableError("down")

    await flights.run("a", work, joined=str)
    with pytest.raises(ProviderUnavailableError):
        await flights.run("b", broken, joined=str)

    assert flights._flights == {}
