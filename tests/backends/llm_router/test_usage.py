"""Usage adds up, and a budget stops before it is passed."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable
from typing import Any

import pytest

from backends.exceptions import (
    BudgetExceededError,
    ConfigurationError,
    MalformedResponseError,
    ProviderUnavailableError,
)
from backends.llm_router import RouterDeps
from backends.llm_router_backend import LLMRouterBackend
from backends.types import Usage

from .providers import ScriptedProvider

Register = Callable[..., ScriptedProvider]
PRICE = {"prompt": 1.0, "completion": 2.0}


def test_the_providers_own_numbers_are_taken(deps: RouterDeps, provider: Register) -> None:
    provider("p", usage=Usage(10, 20, cost_usd=0.5))
    backend = LLMRouterBackend(deps=deps, provider="p")

    backend.generate("one")
    backend.generate("two")

    total = backend.usage().total
    assert (total.calls, total.prompt_tokens, total.completion_tokens) == (2, 20, 40)
    assert total.cost_usd == pytest.approx(1.0)
    assert not total.estimated


def test_what_the_provider_leaves_out_is_estimated_and_marked(deps: RouterDeps, provider: Register) -> None:
    provider("p", "12345678", usage=Usage())
    backend = LLMRouterBackend(deps=deps, provider="p", price=PRICE)

    completion = backend.complete("1234")

    assert completion.usage == Usage(1, 2, cost_usd=pytest.approx(5e-6), estimated=True)
    assert backend.usage().total.estimated


def test_a_cost_that_nobody_knows_is_not_zero(deps: RouterDeps, provider: Register) -> None:
    provider("p", usage=Usage(10, 20))
    backend = LLMRouterBackend(deps=deps, provider="p")

    assert backend.complete("hi").usage.cost_usd is None
    assert backend.usage().total.calls_of_unknown_cost == 1


def test_a_local_provider_costs_nothing(deps: RouterDeps, provider: Register) -> None:
    provider("p", local=True)
    backend = LLMRouterBackend(deps=deps, provider="p", price=PRICE)

    assert backend.complete("hi").usage.cost_usd == 0.0


def test_hits_and_failures_are_counted_apart(deps: RouterDeps, provider: Register) -> None:
    provider("first", ProviderUnavailableError("down"))
    provider("second", usage=Usage(1, 1, cost_usd=0.1))
    backend = LLMRouterBackend(deps=deps, provider="first", fallback_providers=["second"], max_retries=0)

    for _ in range(2):
        backend.generate("hi")

    usage = backend.usage()
    assert (usage.providers["second"].calls, usage.providers["second"].cached) == (2, 1)
    assert usage.providers["second"].cost_usd == pytest.approx(0.1), "a hit costs nothing"
    assert usage.providers["first"].failures == 2
    assert usage.total.failures == 2


def test_a_budget_of_tokens_stops_before_it_is_passed(deps: RouterDeps, provider: Register) -> None:
    scripted = provider("p", usage=Usage(10, 30))
    backend = LLMRouterBackend(deps=deps, provider="p", budget={"tokens": 100}, max_tokens=30, cache=False)
    backend.generate("hi")
    backend.generate("hi")

    with pytest.raises(BudgetExceededError, match="of the budget of 100, 20 are left"):
        backend.generate("hi")

    assert scripted.calls == 2
    assert backend.usage().total.total_tokens == 80


def test_a_budget_of_dollars_stops_before_it_is_passed(deps: RouterDeps, provider: Register) -> None:
    scripted = provider("p", usage=Usage(0, 500_000))
    backend = LLMRouterBackend(
        deps=deps, provider="p", budget={"usd": 2.5}, price=PRICE, max_tokens=500_000, cache=False
    )
    backend.generate("hi")
    backend.generate("hi")

    with pytest.raises(BudgetExceededError, match=r"of the budget of \$2\.5"):
        backend.generate("hi")

    assert scripted.calls == 2


def test_calls_at_the_same_time_cannot_pass_the_budget_together(deps: RouterDeps, provider: Register) -> None:
    scripted = provider("p", usage=Usage(1, 10), delay=0.05)
    backend = LLMRouterBackend(deps=deps, provider="p", budget={"tokens": 35}, max_tokens=10, cache=False)
    refused: list[BudgetExceededError] = []

    def call() -> None:
        try:
            backend.generate("hi")
        except BudgetExceededError as error:
            refused.append(error)

    threads = [threading.Thread(target=call) for _ in range(10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert (scripted.calls, len(refused)) == (3, 7)


def test_a_failed_call_gives_its_share_of_the_budget_back(deps: RouterDeps, provider: Register) -> None:
    provider("p", ProviderUnavailableError("down", retryable=False), "answer", usage=Usage(1, 1))
    backend = LLMRouterBackend(deps=deps, provider="p", budget={"tokens": 15}, max_tokens=10, cache=False)
    with pytest.raises(ProviderUnavailableError):
        backend.generate("hi")

    assert backend.generate("hi") == "answer"


@pytest.mark.parametrize("third", ["and more", MalformedResponseError("the line broke", retryable=False)])
async def test_a_stream_that_does_not_reach_its_end_has_used_what_came(
    deps: RouterDeps, provider: Register, third: Any
) -> None:
    provider("p", ["12345678", "1234", third])
    price = {"prompt": 1_000_000, "completion": 2_000_000}
    backend = LLMRouterBackend(deps=deps, provider="p", budget={"usd": 30}, price=price, max_tokens=10, cache=False)
    with contextlib.suppress(MalformedResponseError):
        async with contextlib.aclosing(backend.astream("four")) as pieces:  # type: ignore[type-var]  # a generator
            assert [await anext(pieces), await anext(pieces)] == ["12345678", "1234"]
            if isinstance(third, Exception):
                await anext(pieces)

    total = backend.usage().total
    assert (total.prompt_tokens, total.completion_tokens, total.cost_usd, total.estimated) == (1, 3, 7.0, True)
    with pytest.raises(BudgetExceededError, match=r"\$23\.000000 is left"):
        await backend.agenerate("four", max_tokens=13)


def test_the_budget_is_not_asked_of_another_provider(deps: RouterDeps, provider: Register) -> None:
    provider("first")
    second = provider("second")
    backend = LLMRouterBackend(deps=deps, provider="first", fallback_providers=["second"], budget={"tokens": 1})

    with pytest.raises(BudgetExceededError):
        backend.generate("hi")
    assert second.calls == 0


@pytest.mark.parametrize(
    ("keys", "match"),
    [
        ({"budget": {"usd": 1}}, "needs the price"),
        ({"budget": {"dollars": 1}}, 'no "dollars"'),
        ({"budget": {"tokens": -1}}, r"budget\.tokens"),
        ({"budget": 5}, "budget must be"),
        ({"price": {"prompt": 1}}, "price must be"),
        ({"price": {"prompt": "1", "completion": 2}}, r"price\.prompt"),
    ],
)
def test_a_budget_that_makes_no_sense_is_refused(keys: dict[str, Any], match: str) -> None:
    with pytest.raises(ConfigurationError, match=match):
        LLMRouterBackend(provider="mock", **keys)
