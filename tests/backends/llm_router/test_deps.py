"""The container of shared resources: made once, shared, given back; nothing is closed under a running call."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from backends.llm_router import (
    RouterDeps,
    acomplete_text,
    agenerate_text,
    clear_llm_router_caches,
    complete_text,
    generate_text,
    get_default_router_deps,
    get_llm_provider,
    set_default_router_deps,
)
from backends.llm_router.instances import MAX_INSTANCES
from backends.llm_router.providers.base import Availability, ProviderContext, ProviderSpec
from backends.llm_router.registry import ProviderRegistry

from .providers import ScriptedProvider, turns


@pytest.fixture
def made(deps: RouterDeps) -> list[ScriptedProvider]:
    """Every instance of the provider ``p``, which is made anew for each model."""
    instances: list[ScriptedProvider] = []

    def create(context: Any) -> ScriptedProvider:
        instances.append(ScriptedProvider("p", f"{context.model}", known=frozenset({"timeout"})))
        return instances[-1]

    deps.registry.register("p", ProviderSpec("p", "test", "x", create, lambda _context: Availability(True, "")))
    return instances


def test_an_instance_is_made_once_for_each_model(deps: RouterDeps, made: list[ScriptedProvider]) -> None:
    for model in ("a", "a", "b"):
        generate_text("hi", provider="p", model_name=model, deps=deps, cache=False)

    assert len(made) == 2


def test_many_threads_make_one_instance(deps: RouterDeps, made: list[ScriptedProvider]) -> None:
    with ThreadPoolExecutor(16) as pool:
        list(pool.map(lambda n: generate_text(f"{n}", provider="p", deps=deps), range(16)))

    assert len(made) == 1


def test_without_the_provider_cache_each_call_makes_and_closes_its_own(
    made: list[ScriptedProvider], deps: RouterDeps
) -> None:
    fresh = RouterDeps(env={"IPFS_KIT_ROUTER_CACHE": "0"}, registry=deps.registry)

    for number in range(2):
        generate_text(f"{number}", provider="p", deps=fresh)
    fresh.close()

    assert [instance.closed for instance in made] == [1, 1]


async def test_clearing_closes_an_instance_when_its_last_call_has_ended(
    deps: RouterDeps, made: list[ScriptedProvider]
) -> None:
    gate = asyncio.Event()
    await agenerate_text("warm", provider="p", model_name="m", deps=deps)
    made[0].gate = gate
    running = asyncio.create_task(agenerate_text("hi", provider="p", model_name="m", deps=deps))
    await made[0].started(2)

    clear_llm_router_caches(deps)
    closed_while_running = made[0].closed
    gate.set()
    answer = await running
    await asyncio.to_thread(deps.close)

    assert (closed_while_running, answer, made[0].closed) == (0, "m", 1)


async def test_the_first_of_two_calls_to_end_closes_nothing(deps: RouterDeps, made: list[ScriptedProvider]) -> None:
    await agenerate_text("warm", provider="p", model_name="m", deps=deps)
    one, two = asyncio.Event(), asyncio.Event()
    made[0].gate = one
    first = asyncio.create_task(agenerate_text("one", provider="p", model_name="m", deps=deps))
    await made[0].started(2)
    made[0].gate = two
    second = asyncio.create_task(agenerate_text("two", provider="p", model_name="m", deps=deps))
    await made[0].started(3)
    await turns()
    clear_llm_router_caches(deps)

    one.set()
    await first
    await asyncio.to_thread(deps._workers().submit(int).result)
    closed_after_the_first = made[0].closed
    two.set()
    await second
    await asyncio.to_thread(deps.close)

    assert (closed_after_the_first, made[0].closed) == (0, 1)


def test_an_instance_that_was_handed_out_stays_open_until_the_container_closes(
    deps: RouterDeps, made: list[ScriptedProvider]
) -> None:
    provider = get_llm_provider("p", deps=deps)

    clear_llm_router_caches(deps)
    assert made[0].closed == 0
    assert generate_text("hi", provider_instance=provider, deps=deps)

    deps.close()
    assert made[0].closed == 1


def test_the_pool_is_bounded(deps: RouterDeps, made: list[ScriptedProvider]) -> None:
    for number in range(MAX_INSTANCES + 5):
        context = ProviderContext(env={}, model=f"model-{number}", deps=deps)
        deps.instances.leave(deps.instances.enter(deps.registry.find("p"), "", 0, context, keep=True))
    kept = len(deps.instances)
    deps.close()

    assert kept == MAX_INSTANCES
    assert len(made) == MAX_INSTANCES + 5
    assert [instance.closed for instance in made] == [1] * len(made)


def test_two_provider_instances_never_share_an_answer(deps: RouterDeps) -> None:
    """They did: the historical cache ignored who answers."""
    one, other = ScriptedProvider("same", "one"), ScriptedProvider("same", "other")

    texts = [generate_text("hi", provider_instance=instance, deps=deps) for instance in (one, other, one)]

    assert texts == ["one", "other", "one"]
    assert one.calls == 1


def test_settings_of_a_provider_separate_its_answers(deps: RouterDeps) -> None:
    texts = [generate_text("hi", provider="mock", mock_response=text, deps=deps) for text in ("a", "b", "a")]

    assert texts == ["a", "b", "a"]


def test_a_new_address_in_the_environment_is_a_new_provider_for_the_cache() -> None:
    variables = {"OPENAI_BASE_URL": "http://127.0.0.1:1/v1"}
    deps = RouterDeps(env=variables, registry=ProviderRegistry())
    first = get_llm_provider("openai", model_name="m", deps=deps)

    variables["OPENAI_BASE_URL"] = "http://127.0.0.1:2/v1"

    assert get_llm_provider("openai", model_name="m", deps=deps) is not first
    deps.close()


def test_clearing_the_process_clears_every_container(deps: RouterDeps) -> None:
    complete_text("hi", provider="mock", deps=deps)

    clear_llm_router_caches()

    assert not complete_text("hi", provider="mock", deps=deps).cached


def test_the_default_container_can_be_set_and_taken_back() -> None:
    before = get_default_router_deps()
    own = RouterDeps(env={})
    set_default_router_deps(own)
    try:
        generate_text("hi", provider="mock")
        assert get_default_router_deps() is own
        assert len(own.router_cache) == 1
    finally:
        set_default_router_deps(before)
        own.close()


def test_a_shared_resource_is_made_once_and_closed_with_the_container(deps: RouterDeps) -> None:
    class Resource:
        closed = False

        def close(self) -> None:
            self.closed = True

    first = deps.get_or_create("thing", Resource)
    assert deps.get_or_create("thing", Resource) is first

    deps.close()

    assert first.closed


def test_closing_leaves_no_thread_and_may_be_done_twice(deps: RouterDeps) -> None:
    before = set(threading.enumerate())
    own = RouterDeps(env={}, registry=deps.registry)
    own.registry.register("sync", lambda: lambda prompt, **_: "answer")
    generate_text("hi", provider="sync", deps=own)

    own.close()
    own.close()

    assert {t for t in set(threading.enumerate()) - before if not t.name.startswith("llm-router_")} == set()
    assert generate_text("again", provider="sync", deps=own) == "answer"
    own.close()


async def test_calls_of_one_loop_run_at_the_same_time(
    deps: RouterDeps, provider: Callable[..., ScriptedProvider]
) -> None:
    together = asyncio.Barrier(8)

    class Meeting(ScriptedProvider):
        async def _next(self, request: Any) -> str:
            await together.wait()
            return "met"

    deps.registry.register("meeting", lambda: Meeting("meeting"))

    answers = await asyncio.gather(*(agenerate_text(f"{n}", provider="meeting", deps=deps) for n in range(8)))

    assert answers == ["met"] * 8


async def test_computing_engines_do_not_block_the_callers_loop(deps: RouterDeps) -> None:
    release = threading.Event()
    deps.registry.register("computes", lambda: lambda prompt, **_: str(release.wait(10)))
    running = asyncio.create_task(acomplete_text("hi", provider="computes", deps=deps))
    await turns()

    release.set()

    assert (await running).text == "True"


async def test_a_factory_that_takes_its_time_holds_up_nobody_else(deps: RouterDeps) -> None:
    release = threading.Event()

    def factory() -> Any:
        release.wait(60)
        return lambda prompt, **_: "at last"

    deps.registry.register("slow", factory)
    slow = [asyncio.create_task(agenerate_text(f"{n}", provider="slow", deps=deps)) for n in range(2)]
    await turns()

    assert await agenerate_text("hi", provider="mock", deps=deps) == "Mock answer to: hi"
    release.set()
    assert await asyncio.gather(*slow) == ["at last"] * 2


async def test_a_caller_that_gives_up_while_an_instance_is_made_leaves_nothing_in_use(deps: RouterDeps) -> None:
    release = threading.Event()
    closed: list[bool] = []

    class Slow:
        def generate(self, prompt: str, **_: Any) -> str:
            return "never"

        def close(self) -> None:
            closed.append(True)

    def factory() -> Slow:
        release.wait(60)
        return Slow()

    deps.registry.register("slow", factory)
    call = asyncio.create_task(agenerate_text("hi", provider="slow", deps=deps))
    await turns()

    call.cancel()
    await asyncio.gather(call, return_exceptions=True)
    release.set()
    while not len(deps.instances):  # noqa: ASYNC110 - it is made in another thread
        await asyncio.sleep(0)
    await turns()
    await asyncio.to_thread(deps.close)

    assert closed == [True]


def test_a_program_that_never_closes_anything_ends_quietly() -> None:
    code = "from backends.llm_router import generate_text; print(generate_text('hi', provider='mock'))"

    run = subprocess.run(
        [sys.executable, "-X", "dev", "-c", code], capture_output=True, text=True, timeout=60, check=True
    )

    assert run.stdout == "Mock answer to: hi\n"
    assert run.stderr == ""
