"""The response cache: bounded memory, layers that may fail, hits that cost nothing."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backends.exceptions import InvalidRequestError
from backends.llm_router import RouterDeps, acomplete_text, complete_text
from backends.llm_router.cache import MemoryCache, decode_completion, encode_completion
from backends.types import Completion, ToolCall, Usage

from .providers import ScriptedProvider


def completion(text: str = "answer") -> Completion:
    return Completion(text, "p", "m", Usage(3, 5, cost_usd=0.25), "stop", request_id="r1")


def test_a_hit_is_marked_and_costs_nothing() -> None:
    cache = MemoryCache()
    cache.put("k", completion())

    hit = cache.get("k")

    assert hit is not None
    assert (hit.text, hit.cached, hit.usage.cost_usd, hit.usage.prompt_tokens) == ("answer", True, 0.0, 3)
    assert hit.attempts[0].detail == "from the cache"


def test_hits_and_misses_are_counted() -> None:
    cache = MemoryCache()
    cache.put("k", completion())

    for key in ("k", "k", "other"):
        cache.get(key)

    assert (cache.stats.hits, cache.stats.misses, cache.stats.entries) == (2, 1, 1)


def test_the_entry_that_was_not_used_longest_goes_first() -> None:
    cache = MemoryCache(max_entries=2)
    for key in "ab":
        cache.put(key, completion())
    cache.get("a")

    cache.put("c", completion())

    assert set(cache) == {"a", "c"}


def test_memory_is_bounded_by_bytes() -> None:
    cache = MemoryCache(max_bytes=50_000)

    for number in range(100):
        cache.put(str(number), completion("x" * 1000))

    assert 0 < len(cache) <= 10
    assert cache.stats.bytes <= 50_000


def test_an_answer_bigger_than_the_cache_is_not_kept() -> None:
    cache = MemoryCache(max_bytes=10_000)
    cache.put("small", completion())

    cache.put("big", completion("x" * 10_000))

    assert set(cache) == {"small"}


def test_no_entries_means_none() -> None:
    cache = MemoryCache(max_entries=0)

    cache.put("k", completion())

    assert len(cache) == 0


def test_replacing_an_entry_counts_its_bytes_once() -> None:
    cache = MemoryCache()
    cache.put("k", completion())
    once = cache.stats.bytes

    cache.put("k", completion())

    assert cache.stats.bytes == once


def test_many_threads_share_one_cache() -> None:
    cache = MemoryCache(max_entries=50)

    def work(start: int) -> None:
        for number in range(start, start + 500):
            cache.put(str(number % 80), completion())
            cache.get(str(number % 80))

    threads = [threading.Thread(target=work, args=(start,)) for start in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(cache) == 50
    assert cache.stats.entries == 50


@given(
    st.builds(
        Completion,
        text=st.text(),
        provider=st.text(),
        model=st.none() | st.text(),
        usage=st.builds(
            Usage, st.integers(0, 10**9), st.integers(0, 10**9), st.none() | st.floats(0, 1e6), st.booleans()
        ),
        finish_reason=st.none() | st.text(),
        request_id=st.none() | st.text(),
        tool_calls=st.lists(st.builds(ToolCall, st.text(), st.text(), st.text())).map(tuple),
    )
)
def test_a_completion_survives_being_written_down(whole: Completion) -> None:
    assert decode_completion(encode_completion(whole)) == whole


@given(st.text())
def test_anything_else_is_no_completion(text: str) -> None:
    assert decode_completion(text) is None


def test_an_entry_of_another_version_is_no_completion() -> None:
    assert decode_completion('{"v": 2, "text": "x"}') is None


def test_the_second_identical_call_is_answered_from_memory(
    deps: RouterDeps, provider: Callable[..., ScriptedProvider]
) -> None:
    scripted = provider("p", "first", "second")

    first = complete_text("hi", provider="p", deps=deps)
    second = complete_text("hi", provider="p", deps=deps)

    assert (first.text, first.cached) == ("first", False)
    assert (second.text, second.cached) == ("first", True)
    assert scripted.calls == 1
    assert len(deps.router_cache) == 1


def test_a_caller_may_want_a_fresh_answer(deps: RouterDeps, provider: Callable[..., ScriptedProvider]) -> None:
    provider("p", "first", "second")
    complete_text("hi", provider="p", deps=deps)

    fresh = complete_text("hi", provider="p", deps=deps, cache=False)

    assert (fresh.text, fresh.cached) == ("second", False)


def test_the_environment_turns_the_response_cache_off(
    provider: Callable[..., ScriptedProvider], deps: RouterDeps
) -> None:
    provider("p", "first", "second")
    off = RouterDeps(env={"IPFS_ACCELERATE_PY_ROUTER_RESPONSE_CACHE": "0"}, registry=deps.registry)

    texts = [complete_text("hi", provider="p", deps=off).text for _ in range(2)]
    off.close()

    assert texts == ["first", "second"]


def test_an_empty_answer_is_not_kept(deps: RouterDeps, provider: Callable[..., ScriptedProvider]) -> None:
    provider("p", "", "something")
    complete_text("hi", provider="p", deps=deps)

    assert complete_text("hi", provider="p", deps=deps).text == "something"


class MappingCache(dict[str, str]):
    """The simplest remote cache: a dictionary."""


class SetCache:
    """A remote cache with get and set."""

    def __init__(self) -> None:
        self.entries: dict[str, str] = {}
        self.cleared = False

    def get(self, key: str) -> str | None:
        return self.entries.get(key)

    def set(self, key: str, value: str) -> None:
        self.entries[key] = value

    def clear(self) -> None:
        self.cleared = True


class AsyncCache(SetCache):
    """A remote cache that is asynchronous and stores bytes."""

    async def get(self, key: str) -> Any:  # type: ignore[override]
        value = self.entries.get(key)
        return None if value is None else value.encode()

    async def set(self, key: str, value: str) -> None:  # type: ignore[override]
        self.entries[key] = value


class BrokenCache:
    """A remote cache that always fails."""

    def get(self, key: str) -> str:
        raise ConnectionError("gone")

    def set(self, key: str, value: str) -> None:
        raise ConnectionError("gone")


@pytest.mark.parametrize("kind", [MappingCache, SetCache, AsyncCache])
def test_the_remote_cache_is_read_through_and_written(
    kind: type[Any], deps: RouterDeps, provider: Callable[..., ScriptedProvider]
) -> None:
    scripted = provider("p", "first", "second")
    deps.remote_cache = kind()
    complete_text("hi", provider="p", deps=deps)
    elsewhere = RouterDeps(env={}, registry=deps.registry, remote_cache=deps.remote_cache)

    found = complete_text("hi", provider="p", deps=elsewhere)
    elsewhere.close()

    assert (found.text, found.cached) == ("first", True)
    assert scripted.calls == 1


def test_a_remote_cache_that_fails_does_not_fail_the_call(
    deps: RouterDeps, provider: Callable[..., ScriptedProvider], caplog: pytest.LogCaptureFixture
) -> None:
    provider("p", "first")
    deps.remote_cache = BrokenCache()

    assert complete_text("hi", provider="p", deps=deps).text == "first"
    assert "the remote cache failed" in caplog.text


def test_what_others_put_into_the_remote_cache_is_not_believed(
    deps: RouterDeps, provider: Callable[..., ScriptedProvider]
) -> None:
    provider("p", "first")
    deps.remote_cache = type("Odd", (), {"get": lambda self, key: {"text": 1}, "set": lambda self, k, v: None})()

    assert complete_text("hi", provider="p", deps=deps).text == "first"


async def test_an_asynchronous_caller_has_the_same_cache(
    deps: RouterDeps, provider: Callable[..., ScriptedProvider]
) -> None:
    scripted = provider("p", "first", "second")
    await acomplete_text("hi", provider="p", deps=deps)

    assert (await acomplete_text("hi", provider="p", deps=deps)).cached
    assert scripted.calls == 1


@pytest.mark.parametrize(
    "key", [{"continue_session": True}, {"resume_session_id": "s1"}, {"claude_tools": "default"}, {"codex_tools": True}]
)
def test_a_call_within_a_session_or_to_a_program_that_may_act_is_never_answered_from_the_cache(
    key: dict[str, Any], deps: RouterDeps, provider: Callable[..., ScriptedProvider]
) -> None:
    scripted = provider("p", known=frozenset({"timeout", *key}))

    for _ in range(2):
        complete_text("go on", provider="p", deps=deps, **key)

    assert scripted.calls == 2


def test_whether_to_use_the_cache_is_yes_or_no(deps: RouterDeps) -> None:
    with pytest.raises(InvalidRequestError, match="cache must be true or false"):
        complete_text("hi", provider="mock", deps=deps, cache="no")
