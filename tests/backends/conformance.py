"""What every backend keeps, whoever answers. A backend passes by standing in the list of test_conformance.py.

A case opens a backend that answers the prompts here; ``generate_json`` must be able to give a ``Word``.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

import pytest
from pydantic import BaseModel

from backends.base import Backend
from backends.exceptions import BackendError, BackendTimeoutError, InvalidRequestError
from backends.types import Completion, Health

__all__ = ["PROMISES", "BackendCase", "Word"]

PROMPT = "Answer with one short word."


class Word(BaseModel):
    """The document that generate_json asks for."""

    word: str


@dataclass(frozen=True)
class BackendCase:
    """One backend to hold to the contract."""

    name: str
    open: Callable[[], AbstractContextManager[Backend]]
    marks: tuple[Any, ...] = ()


def generate_returns_text(backend: Backend) -> None:
    assert isinstance(backend.generate(PROMPT, max_tokens=8), str)


def calling_the_backend_is_generate(backend: Backend) -> None:
    assert isinstance(backend(PROMPT, max_tokens=8), str)


def a_completion_says_who_answered_and_what_it_took(backend: Backend) -> None:
    completion = backend.complete(PROMPT, max_tokens=8)

    assert completion.provider == backend.id
    assert completion.text
    assert completion.latency > 0
    assert completion.usage.prompt_tokens > 0
    assert completion.usage.completion_tokens > 0
    assert completion.finish_reason


def a_list_of_messages_is_a_prompt(backend: Backend) -> None:
    messages = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": PROMPT}]

    assert backend.complete(messages, max_tokens=8).text


def an_explicit_zero_is_accepted(backend: Backend) -> None:
    assert backend.complete(PROMPT, max_tokens=8, temperature=0).text


def an_unknown_option_is_refused_with_the_near_miss(backend: Backend) -> None:
    with pytest.raises(InvalidRequestError, match=r'max_tokenz.*did you mean "max_tokens"'):
        backend.generate(PROMPT, max_tokenz=8)


def an_option_out_of_range_is_refused_by_name(backend: Backend) -> None:
    with pytest.raises(InvalidRequestError, match="temperature"):
        backend.generate(PROMPT, temperature=-1)
    with pytest.raises(InvalidRequestError, match="max_tokens"):
        backend.generate(PROMPT, max_tokens=0)


def an_empty_list_of_messages_is_refused(backend: Backend) -> None:
    with pytest.raises(InvalidRequestError):
        backend.generate([])


def a_stream_adds_up_to_its_completion(backend: Backend) -> None:
    *pieces, last = backend.stream_items(PROMPT, max_tokens=8)

    assert isinstance(last, Completion)
    assert all(isinstance(piece, str) and piece for piece in pieces)
    assert "".join(map(str, pieces)) == last.text


def stream_yields_text_only(backend: Backend) -> None:
    assert all(isinstance(piece, str) for piece in backend.stream(PROMPT, max_tokens=8))


def a_reader_that_stops_early_leaves_the_backend_usable(backend: Backend) -> None:
    stream = backend.stream(PROMPT, max_tokens=8)
    next(stream)
    stream.close()  # type: ignore[attr-defined]  # it is a generator

    assert backend.generate(PROMPT, max_tokens=8)


def the_asynchronous_faces_answer_too(backend: Backend) -> None:
    async def both() -> tuple[Completion, list[Any]]:
        completion = await backend.acomplete(PROMPT, max_tokens=8)
        return completion, [item async for item in backend.astream_items(PROMPT, max_tokens=8)]

    completion, items = asyncio.run(both())

    assert completion.text
    assert isinstance(items[-1], Completion)
    assert "".join(items[:-1]) == items[-1].text


def one_event_loop_after_another_is_served(backend: Backend) -> None:
    texts = [asyncio.run(backend.agenerate(PROMPT, max_tokens=4)) for _ in range(2)]

    assert all(texts)


def a_cancelled_call_leaves_the_backend_usable(backend: Backend) -> None:
    async def cancel_then_call() -> str:
        task = asyncio.create_task(backend.agenerate(PROMPT, max_tokens=4))
        await asyncio.sleep(0)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)  # it may have been too quick to be cancelled
        return await backend.agenerate(PROMPT, max_tokens=4)

    assert asyncio.run(cancel_then_call())


def many_threads_use_one_backend(backend: Backend) -> None:
    with ThreadPoolExecutor(4) as pool:
        texts = list(pool.map(lambda _: backend.generate(PROMPT, max_tokens=4), range(8)))

    assert len(texts) == 8
    assert all(texts)


def a_batch_keeps_its_length_and_takes_nothing(backend: Backend) -> None:
    assert len(backend.batch_generate([PROMPT] * 3, max_workers=2, max_tokens=4)) == 3
    assert backend.batch_generate([]) == []


def structured_answers_fit_the_schema(backend: Backend) -> None:
    assert isinstance(backend.generate_json(PROMPT, Word, max_tokens=64), Word)


def a_deadline_that_is_over_is_a_timeout(backend: Backend) -> None:
    with pytest.raises(BackendTimeoutError) as caught:
        backend.generate(PROMPT, timeout=1e-6)

    assert caught.value.provider == backend.id


def a_stream_keeps_the_deadline_too(backend: Backend) -> None:
    with pytest.raises(BackendTimeoutError):
        list(backend.stream(PROMPT, timeout=1e-6))


def health_is_told_without_raising(backend: Backend) -> None:
    health = backend.health()

    assert isinstance(health, Health)
    assert health.provider == backend.id
    assert health.detail
    assert health.local == backend.local


def closing_twice_is_allowed(backend: Backend) -> None:
    backend.generate(PROMPT, max_tokens=4)

    backend.close()
    backend.close()


def errors_are_of_the_family(backend: Backend) -> None:
    with pytest.raises(BackendError):
        backend.generate([{"content": "no role"}])


#: Each is a test of every backend; its name is the promise.
PROMISES: tuple[Callable[[Backend], None], ...] = (
    generate_returns_text,
    calling_the_backend_is_generate,
    a_completion_says_who_answered_and_what_it_took,
    a_list_of_messages_is_a_prompt,
    an_explicit_zero_is_accepted,
    an_unknown_option_is_refused_with_the_near_miss,
    an_option_out_of_range_is_refused_by_name,
    an_empty_list_of_messages_is_refused,
    a_stream_adds_up_to_its_completion,
    stream_yields_text_only,
    a_reader_that_stops_early_leaves_the_backend_usable,
    the_asynchronous_faces_answer_too,
    one_event_loop_after_another_is_served,
    a_cancelled_call_leaves_the_backend_usable,
    many_threads_use_one_backend,
    a_batch_keeps_its_length_and_takes_nothing,
    structured_answers_fit_the_schema,
    a_deadline_that_is_over_is_a_timeout,
    a_stream_keeps_the_deadline_too,
    health_is_told_without_raising,
    closing_twice_is_allowed,
    errors_are_of_the_family,
)
