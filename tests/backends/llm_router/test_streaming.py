"""Streams: fallback before the first piece only, a break carries what had come, and nothing stays open."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from backends.exceptions import (
    AllProvidersFailedError,
    BackendTimeoutError,
    InvalidRequestError,
    MalformedResponseError,
    ProviderUnavailableError,
)
from backends.llm_router import RouterDeps, astream_text, complete_text, stream_text
from backends.llm_router_backend import LLMRouterBackend
from backends.types import Completion

from .providers import ScriptedProvider

Register = Callable[..., ScriptedProvider]
DOWN = ProviderUnavailableError("down")


def test_pieces_come_as_they_are(deps: RouterDeps, provider: Register) -> None:
    provider("p", ["one ", "two ", "three"])

    assert list(stream_text("hi", provider="p", deps=deps)) == ["one ", "two ", "three"]


async def test_pieces_come_to_asynchronous_callers(deps: RouterDeps, provider: Register) -> None:
    provider("p", ["one ", "two"])

    assert [piece async for piece in astream_text("hi", provider="p", deps=deps)] == ["one ", "two"]


def test_before_the_first_piece_the_next_provider_takes_over(deps: RouterDeps, provider: Register) -> None:
    provider("first", DOWN)
    provider("second", ["an", "swer"])
    backend = LLMRouterBackend(deps=deps, provider="first", fallback_providers=["second"], max_retries=0)

    *pieces, last = backend.stream_items("hi")

    assert pieces == ["an", "swer"]
    assert isinstance(last, Completion)
    assert [(a.provider, a.error) for a in last.attempts] == [
        ("first", "ProviderUnavailableError"),
        ("second", None),
    ]


def test_before_the_first_piece_the_same_provider_is_tried_again(deps: RouterDeps, provider: Register) -> None:
    scripted = provider("p", DOWN, ["an", "swer"])

    assert list(stream_text("hi", provider="p", deps=deps, retry_base_delay=0)) == ["an", "swer"]
    assert scripted.calls == 2


def test_after_the_first_piece_a_break_is_an_error_with_the_text_so_far(deps: RouterDeps, provider: Register) -> None:
    provider("first", ["half an ", ProviderUnavailableError("down")])
    second = provider("second")
    pieces = stream_text("hi", provider="first", fallback_providers=["second"], deps=deps)

    assert next(pieces) == "half an "
    with pytest.raises(ProviderUnavailableError, match="down") as caught:
        next(pieces)

    assert caught.value.partial == "half an "
    assert not caught.value.retryable
    assert second.calls == 0


def test_a_stream_without_its_end_is_broken(deps: RouterDeps, provider: Register) -> None:
    class Endless(ScriptedProvider):
        async def _astream(self, request):  # type: ignore[no-untyped-def, override]
            yield "half"

    deps.registry.register("p", lambda: Endless("p"))

    with pytest.raises(MalformedResponseError) as caught:
        list(stream_text("hi", provider="p", deps=deps))
    assert caught.value.partial == "half"


def test_a_provider_that_hangs_before_the_first_piece_is_left_for_the_next(
    deps: RouterDeps, provider: Register
) -> None:
    hangs = provider("hangs", "never", delay=60.0, deaf=True)
    provider("second", "answer")

    pieces = stream_text("hi", provider="hangs", fallback_providers=["second"], deps=deps, attempt_timeout=0.2)

    assert list(pieces) == ["answer"]
    assert hangs.cancelled == 1


def test_when_all_fail_the_stream_says_how(deps: RouterDeps, provider: Register) -> None:
    provider("first", DOWN)
    provider("second", BackendTimeoutError("slow"))

    with pytest.raises(AllProvidersFailedError, match="BackendTimeoutError: slow"):
        list(stream_text("hi", provider="first", fallback_providers=["second"], deps=deps, max_retries=0))


def test_a_wrong_request_ends_the_stream_at_once(deps: RouterDeps, provider: Register) -> None:
    provider("first", InvalidRequestError("wrong"))
    second = provider("second")

    with pytest.raises(InvalidRequestError):
        list(stream_text("hi", provider="first", fallback_providers=["second"], deps=deps))
    assert second.calls == 0


def test_a_wrong_option_is_told_when_the_stream_is_asked_for(deps: RouterDeps) -> None:
    with pytest.raises(InvalidRequestError, match="max_tokens"):
        stream_text("hi", provider="mock", deps=deps, max_tokens=-5)


def test_a_whole_stream_is_remembered_and_streams_again_from_memory(deps: RouterDeps, provider: Register) -> None:
    scripted = provider("p", ["one ", "two"])
    list(stream_text("hi", provider="p", deps=deps))

    again = list(stream_text("hi", provider="p", deps=deps))

    assert again == ["one two"]
    assert complete_text("hi", provider="p", deps=deps).cached
    assert scripted.calls == 1


def test_a_broken_stream_is_not_remembered(deps: RouterDeps, provider: Register) -> None:
    provider("p", ["half", ProviderUnavailableError("down")], "whole")
    with pytest.raises(ProviderUnavailableError):
        list(stream_text("hi", provider="p", deps=deps, max_retries=0))

    assert complete_text("hi", provider="p", deps=deps).text == "whole"


def test_a_stream_that_nobody_reads_to_its_end_is_not_remembered(deps: RouterDeps, provider: Register) -> None:
    provider("p", ["one ", "two"], "whole")
    pieces = stream_text("hi", provider="p", deps=deps)
    next(pieces)
    pieces.close()  # type: ignore[attr-defined]  # a generator

    assert "one two" not in complete_text("hi", provider="p", deps=deps, cache=False).text


async def test_a_reader_that_stops_early_closes_the_providers_stream(deps: RouterDeps) -> None:
    ended = asyncio.Event()

    class Watched(ScriptedProvider):
        async def _astream(self, request):  # type: ignore[no-untyped-def, override]
            try:
                for number in range(1000):
                    yield f"{number} "
            finally:
                ended.set()

    deps.registry.register("p", lambda: Watched("p"))
    pieces = astream_text("hi", provider="p", deps=deps)

    await anext(pieces)
    await pieces.aclose()  # type: ignore[attr-defined]  # a generator

    assert ended.is_set()
