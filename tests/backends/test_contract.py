"""The promises of backends.base, held on two minimal backends: one that waits, one that computes."""

from __future__ import annotations

import asyncio
import pickle
import threading
from collections.abc import AsyncIterator, Iterator

import pytest
from pydantic import BaseModel

from backends.base import AsyncBackend, Backend, ThreadedBackend
from backends.exceptions import (
    AllProvidersFailedError,
    BatchError,
    ConfigurationError,
    InvalidRequestError,
    MalformedResponseError,
    ProviderUnavailableError,
    RateLimitError,
    redact,
)
from backends.types import Completion, Health, Request, StreamItem


class _Answers:
    """Echoes the last message; answers from a script first when one is given."""

    def __init__(self) -> None:
        self.script: list[str] = []
        self.seen: list[Request] = []

    def __call__(self, request: Request) -> str:
        self.seen.append(request)
        text = request.messages[-1]["content"]
        if text == "fail":
            raise ProviderUnavailableError("the engine is down", provider="echo")
        return self.script.pop(0) if self.script else text


class Waiting(AsyncBackend):
    type = "waiting"

    def __init__(self, **options: object) -> None:
        super().__init__(**options)
        self.answers = _Answers()
        self.closed_streams = 0

    async def _acomplete(self, request: Request) -> Completion:
        await asyncio.sleep(0)
        return Completion(text=self.answers(request), provider="echo")

    async def _astream(self, request: Request) -> AsyncIterator[StreamItem]:
        text = self.answers(request)
        try:
            for character in text:
                yield character
            yield Completion(text=text, provider="echo")
        finally:
            self.closed_streams += 1

    def health(self) -> Health:
        return Health(True, "here", "echo")


class Computing(ThreadedBackend):
    type = "computing"
    local = True

    def __init__(self, **options: object) -> None:
        super().__init__(**options)
        self.answers = _Answers()
        self.closed_streams = 0

    def _complete(self, request: Request) -> Completion:
        return Completion(text=self.answers(request), provider="echo")

    def _stream(self, request: Request) -> Iterator[StreamItem]:
        text = self.answers(request)
        try:
            yield from text
            yield Completion(text=text, provider="echo")
        finally:
            self.closed_streams += 1

    def health(self) -> Health:
        return Health(True, "here", "echo", local=True)

    def close(self) -> None:
        pass


@pytest.fixture(params=[Waiting, Computing])
def backend(request: pytest.FixtureRequest) -> Iterator[Backend]:
    with request.param(id="b") as made:
        yield made


class Person(BaseModel):
    name: str


def test_generate_and_call_are_the_text_of_complete(backend):
    assert backend.generate("hello") == backend("hello") == backend.complete("hello").text == "hello"


def test_a_prompt_may_be_a_list_of_messages(backend):
    messages = [{"role": "system", "content": "be brief"}, {"role": "user", "content": "hi"}]
    assert backend.generate(messages) == "hi"


@pytest.mark.parametrize("prompt", [[], 7, None, [{"content": "no role"}], ["text"]])
def test_a_prompt_of_another_shape_is_refused(backend, prompt):
    with pytest.raises(InvalidRequestError):
        backend.generate(prompt)


def test_an_unknown_option_is_named_with_its_near_miss(backend):
    with pytest.raises(InvalidRequestError, match=r'"temprature" \(did you mean "temperature"\?\)'):
        backend.generate("x", temprature=1)


@pytest.mark.parametrize(
    ("option", "value"),
    [("temperature", 2.1), ("temperature", -1), ("max_tokens", 0), ("max_tokens", -5), ("max_tokens", 1.5),
     ("max_tokens", True), ("top_p", float("nan")), ("timeout", 0), ("stop", ""), ("stop", [1]), ("top_k", -1)],
)  # fmt: skip
def test_an_option_out_of_range_is_refused_by_name(backend, option, value):
    with pytest.raises(InvalidRequestError, match=f'option "{option}"'):
        backend.generate("x", **{option: value})


def test_an_explicit_zero_stays_zero(backend):
    backend.generate("x", temperature=0, top_k=0)
    assert backend.answers.seen[0].options == {"temperature": 0, "top_k": 0}


@pytest.mark.parametrize("kind", [Waiting, Computing])
def test_a_call_overrides_the_constructor_and_none_does_not(kind):
    with kind(id="b", temperature=0.5, max_tokens=9) as backend:
        backend.generate("x", temperature=0, max_tokens=None)
        assert backend.answers.seen[0].options == {"temperature": 0, "max_tokens": 9}


@pytest.mark.parametrize("kind", [Waiting, Computing])
def test_a_constructor_refuses_what_a_call_would_refuse(kind):
    with pytest.raises(ConfigurationError, match="max_tokens"):
        kind(id="b", max_tokens=0)


@pytest.mark.parametrize("kind", [Waiting, Computing])
def test_an_entry_of_another_type_is_refused(kind):
    with pytest.raises(ConfigurationError, match='not "openai"'):
        kind(id="b", type="openai")


def test_local_only_refuses_a_backend_that_leaves_the_machine():
    with (
        Waiting(id="b", privacy="local_only") as backend,
        pytest.raises(ConfigurationError, match="local_only"),
    ):
        backend.generate("secret")


def test_local_only_lets_a_local_backend_answer():
    with Computing(id="b", privacy="local_only") as backend:
        assert backend.generate("x") == "x"


def test_a_stream_yields_pieces_then_the_whole(backend):
    *pieces, last = backend.stream_items("héllo")
    assert "".join(pieces) == last.text == "héllo"
    assert list(backend.stream("ab")) == ["a", "b"]


async def test_the_asynchronous_faces_answer_the_same(backend):
    assert await backend.agenerate("hi") == "hi"
    assert [piece async for piece in backend.astream("hi")] == ["h", "i"]


def test_a_reader_that_stops_early_closes_the_stream(backend):
    stream = backend.stream("x" * 5000)
    next(stream)
    stream.close()
    backend.generate("the backend still answers")
    deadline = threading.Event()
    while not backend.closed_streams and not deadline.wait(0.01):
        pass
    assert backend.closed_streams == 1


def test_a_stream_hands_its_error_over(backend):
    with pytest.raises(ProviderUnavailableError):
        list(backend.stream("fail"))


def test_a_batch_keeps_order(backend):
    prompts = [str(n) for n in range(50)]
    assert backend.batch_generate(prompts, max_workers=8) == prompts


def test_a_batch_raises_failures_together_with_the_successes(backend):
    with pytest.raises(BatchError) as caught:
        backend.batch_generate(["a", "fail", "b"])
    assert [caught.value.results[0], caught.value.results[2]] == ["a", "b"]
    assert list(caught.value.errors) == [1]


def test_a_batch_returns_failures_in_place_when_asked(backend):
    results = backend.batch_generate(["a", "fail"], return_exceptions=True)
    assert results[0] == "a"
    assert isinstance(results[1], ProviderUnavailableError)


@pytest.mark.parametrize("workers", [0, -1, True, 2.5])
def test_a_batch_refuses_a_senseless_worker_count(backend, workers):
    with pytest.raises(InvalidRequestError, match="max_workers"):
        backend.batch_generate(["a"], max_workers=workers)


def test_a_batch_of_one_string_is_a_mistake_not_a_batch_of_letters(backend):
    with pytest.raises(InvalidRequestError, match="list of prompts"):
        backend.batch_generate("abc")


def test_json_is_found_in_prose_and_validated(backend):
    backend.answers.script = ['Sure! ```json\n{"name": "Ada"}\n``` Anything else?']
    assert backend.generate_json("who?", Person) == Person(name="Ada")


def test_json_is_repaired_once_at_most(backend):
    backend.answers.script = ['{"nom": "Ada"}', '{"name": "Ada"}']
    assert backend.generate_json("who?", Person).name == "Ada"
    backend.answers.script = ["no", "no", '{"name": "too late"}']
    with pytest.raises(MalformedResponseError, match="after one repair"):
        backend.generate_json("who?", Person)


def test_deeply_nested_json_is_an_error_not_a_crash(backend):
    backend.answers.script = ["[" * 100_000] * 2
    with pytest.raises(MalformedResponseError):
        backend.generate_json("who?", Person)


async def test_json_works_for_asynchronous_callers(backend):
    backend.answers.script = ['{"name": "Ada"}']
    assert (await backend.agenerate_json("who?", Person)).name == "Ada"


def test_close_may_be_called_twice_and_a_closed_backend_starts_again(backend):
    backend.close()
    backend.close()
    assert backend.generate("again") == "again"


def test_a_synchronous_call_inside_the_backends_own_loop_is_refused_not_a_deadlock():
    class Nested(Waiting):
        async def _acomplete(self, request: Request) -> Completion:
            return self.complete("inner")

    with Nested(id="n") as backend, pytest.raises(RuntimeError, match="wait for itself"):
        backend.generate("outer")


def test_sixty_four_threads_share_one_backend(backend):
    answers: list[str] = []
    threads = [threading.Thread(target=lambda n=n: answers.append(backend.generate(str(n)))) for n in range(64)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(answers, key=int) == [str(n) for n in range(64)]


def test_an_error_travels_between_processes_whole():
    error = RateLimitError("slow down", retry_after=2.5, provider="p", model="m", status=429)
    copy = pickle.loads(pickle.dumps(error))
    assert (str(copy), copy.retry_after, copy.status, copy.retryable) == (str(error), 2.5, 429, True)


def test_a_failed_chain_prints_one_row_a_provider():
    error = AllProvidersFailedError(
        "no provider answered",
        errors=[("openai", RateLimitError("slow\ndown")), ("mock", ProviderUnavailableError("gone"))],
    )
    assert str(error).splitlines() == [
        "no provider answered",
        "  openai  RateLimitError: slow down",
        "  mock    ProviderUnavailableError: gone",
    ]


@pytest.mark.parametrize(
    "secret",
    ["sk-proj-abcdefgh12345678", "hf_abcdefgh12345678", "ghp_abcdefgh12345678", "AIzaSyA1234567890abc"],
)
def test_redaction_knows_the_shapes_of_keys(secret):
    assert secret not in redact(f"bad key {secret}!")


def test_redaction_removes_what_it_is_told_and_what_headers_and_urls_carry():
    text = redact("hunter2 Authorization: Bearer abc.def https://me:pass@host/?key=xyz&a=1", "hunter2")
    assert not any(word in text for word in ("hunter2", "abc.def", "me:pass", "xyz"))
    assert "a=1" in text
