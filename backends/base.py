"""The contract: one prompt in, one completion out.

``Backend`` has the faces that callers use. An engine implements one of two bases, never both:
``AsyncBackend`` for what waits on the network or on a process (its synchronous face is a thin one
over the same coroutine), ``ThreadedBackend`` for engines that compute in the calling thread (its
asynchronous face runs in a worker thread).

Promises, held by one conformance suite for all backends:

- an unknown option, or one out of range, is an InvalidRequestError that names it; an explicit 0 is 0;
- every failure is one of ``backends.exceptions``, with its cause; no message holds a key;
- ``timeout`` is the whole call's deadline in seconds;
- a stream yields text pieces whose concatenation is the completion's text;
- one object may be used by many threads and tasks at once; ``close`` may be called twice.
"""

from __future__ import annotations

import abc
import asyncio
import contextlib
import threading
import time
from collections.abc import AsyncIterator, Generator, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, ClassVar, Self, TypeAlias, TypeVar, cast

from backends._loop import LoopThread
from backends.exceptions import BackendError, BatchError, ConfigurationError, InvalidRequestError, PrivacyError
from backends.options import SAMPLING_OPTIONS, check_options
from backends.types import Completion, Health, Message, Prompt, Request, StreamItem

if TYPE_CHECKING:
    from pydantic import BaseModel

__all__ = ["AsyncBackend", "Backend", "ThreadedBackend", "check_messages"]

M = TypeVar("M", bound="BaseModel")
# `type` is a class attribute below (the word of the configuration) and would shadow the builtin.
_ModelClass: TypeAlias = type[M]
_Steps: TypeAlias = Generator[tuple[Message, ...], Completion, M]


class Backend(abc.ABC):
    """One way to get a completion. See the module's promises."""

    #: The word in ``"type"`` of a configuration.
    type: ClassVar[str] = ""
    #: Whether text stays on this machine. Instances may set it from their settings.
    local: bool = False
    #: Whether the engine itself holds an answer to a ``json_schema``.
    constrains_json: bool = False
    #: The options that calls and constructors may set. Instances may narrow it.
    known_options: frozenset[str] = frozenset(SAMPLING_OPTIONS) | {"timeout", "json_schema"}
    #: Seconds that a call may take when nobody says otherwise.
    default_timeout: ClassVar[float] = 120.0

    def __init__(
        self, id: str | None = None, *, type: str | None = None, privacy: str | None = None, **options: Any
    ) -> None:
        """``type`` is accepted so that a configuration entry can be passed whole."""
        self.id = id or self.type
        if type is not None and type != self.type:
            raise ConfigurationError(f'{self.__class__.__name__} is of type "{self.type}", not "{type}"')
        if privacy not in (None, "local_only"):
            raise ConfigurationError(f'privacy must be "local_only" or absent, not {privacy!r}', provider=self.id)
        self.privacy = privacy
        try:
            self.options: Mapping[str, Any] = check_options(options, self.known_options, self.id)
        except InvalidRequestError as error:
            raise ConfigurationError(error.message, provider=self.id) from error

    # -- what callers use ---------------------------------------------------------------------

    def generate(self, prompt: Prompt, **options: Any) -> str:
        """Return the text of the completion."""
        return self.complete(prompt, **options).text

    __call__ = generate

    @abc.abstractmethod
    def complete(self, prompt: Prompt, **options: Any) -> Completion:
        """Return the completion and how it came about."""

    @abc.abstractmethod
    async def acomplete(self, prompt: Prompt, **options: Any) -> Completion:
        """``complete`` for asynchronous callers."""

    @abc.abstractmethod
    def stream_items(self, prompt: Prompt, **options: Any) -> Iterator[StreamItem]:
        """Yield text pieces as they come, then one Completion that holds the whole."""

    @abc.abstractmethod
    def astream_items(self, prompt: Prompt, **options: Any) -> AsyncIterator[StreamItem]:
        """``stream_items`` for asynchronous callers."""

    def stream(self, prompt: Prompt, **options: Any) -> Iterator[str]:
        """Yield text pieces as they come."""
        with contextlib.closing(_Closing(self.stream_items(prompt, **options))) as items:
            for item in items:
                if isinstance(item, str):
                    yield item

    async def astream(self, prompt: Prompt, **options: Any) -> AsyncIterator[str]:
        """``stream`` for asynchronous callers."""
        items = self.astream_items(prompt, **options)
        try:
            async for item in items:
                if isinstance(item, str):
                    yield item
        finally:
            close = getattr(items, "aclose", None)
            if close is not None:
                await close()

    async def agenerate(self, prompt: Prompt, **options: Any) -> str:
        """``generate`` for asynchronous callers."""
        return (await self.acomplete(prompt, **options)).text

    def generate_json(self, prompt: Prompt, schema: _ModelClass[M], **options: Any) -> M:
        """Return an instance of ``schema``, or raise MalformedResponseError after one repair."""
        steps = self._structured_steps(prompt, schema, options)
        call = self._json_options(schema, options)
        messages = next(steps)
        while True:
            completion = self.complete(messages, **call)
            try:
                messages = steps.send(completion)
            except StopIteration as done:
                return done.value  # type: ignore[no-any-return]  # typeshed: StopIteration.value is Any

    async def agenerate_json(self, prompt: Prompt, schema: _ModelClass[M], **options: Any) -> M:
        """``generate_json`` for asynchronous callers."""
        steps = self._structured_steps(prompt, schema, options)
        call = self._json_options(schema, options)
        messages = next(steps)
        while True:
            completion = await self.acomplete(messages, **call)
            try:
                messages = steps.send(completion)
            except StopIteration as done:
                return done.value  # type: ignore[no-any-return]  # as above

    def batch_generate(
        self,
        prompts: Sequence[Prompt],
        max_workers: int = 4,
        timeout: float | None = 30,
        return_exceptions: bool = False,
        **options: Any,
    ) -> list[str | BackendError]:
        """Answer all prompts, in order. ``timeout`` is each request's own.

        Failures are raised together at the end as BatchError, whose ``results`` holds the
        successes too; with ``return_exceptions`` they stand in the list instead.
        """
        self._check_batch(prompts, max_workers)

        def one(prompt: Prompt) -> str | BackendError:
            try:
                return self.generate(prompt, timeout=timeout, **options)
            except BackendError as error:
                return error

        if not prompts:
            return []
        with ThreadPoolExecutor(min(max_workers, len(prompts)), thread_name_prefix=f"{self.id}-batch") as pool:
            results = list(pool.map(one, prompts))
        return self._batch_results(results, return_exceptions)

    @abc.abstractmethod
    def health(self) -> Health:
        """Tell whether this backend could answer now. Never raises, never spends a generation."""

    def preflight(self) -> Health:
        """Tell from what is on this machine alone whether this backend could work; nobody is asked.

        A backend overrides this to say which key, file or program is missing, and where text would go.
        """
        return Health(True, "nothing is missing", self.id, local=self.local)

    @abc.abstractmethod
    def close(self) -> None:
        """Give back connections, threads and memory. May be called twice."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"{type(self).__name__}(id={self.id!r})"

    # -- what implementations share -----------------------------------------------------------

    def _request(self, prompt: Prompt, options: Mapping[str, Any]) -> Request:
        """Check the call, add the constructor's options, set the deadline."""
        if self.privacy == "local_only" and not self.local:
            raise PrivacyError(
                "this backend sends text off the machine and privacy is local_only; choose a local backend",
                provider=self.id,
            )
        merged = {**self.options, **check_options(options, self.known_options, self.id)}
        schema = merged.pop("json_schema", None)
        timeout = merged.pop("timeout", self.default_timeout)
        return Request(
            messages=check_messages(prompt, self.id),
            options=merged,
            json_schema=schema,
            deadline=time.monotonic() + timeout,
        )

    def _check_batch(self, prompts: Sequence[Prompt], max_workers: int) -> None:
        if isinstance(max_workers, bool) or not isinstance(max_workers, int) or max_workers < 1:
            raise InvalidRequestError(f"max_workers must be 1 or more, not {max_workers!r}", provider=self.id)
        if isinstance(prompts, str):
            raise InvalidRequestError("prompts must be a list of prompts, not one string", provider=self.id)

    def _batch_results(self, results: list[str | BackendError], return_exceptions: bool) -> list[str | BackendError]:
        failed = sum(isinstance(result, BackendError) for result in results)
        if failed and not return_exceptions:
            raise BatchError(f"{failed} of {len(results)} prompts failed", results=results, provider=self.id)
        return results

    def _structured_steps(self, prompt: Prompt, schema: _ModelClass[M], options: Mapping[str, Any]) -> _Steps[M]:
        from backends._structured import structured_steps  # pydantic is a third of what importing this would cost

        return structured_steps(self._request(prompt, options).messages, schema, self.constrains_json)

    def _json_options(self, schema: _ModelClass[BaseModel], options: Mapping[str, Any]) -> dict[str, Any]:
        if not self.constrains_json:
            return dict(options)
        return {**options, "json_schema": schema.model_json_schema()}


class AsyncBackend(Backend):
    """For what waits: implement ``_acomplete`` and ``_astream``."""

    def __init__(self, id: str | None = None, *, loop_thread: LoopThread | None = None, **options: Any) -> None:
        super().__init__(id, **options)
        self._owns_loop = loop_thread is None
        self._loop_thread = loop_thread or LoopThread(name=f"{self.id}-loop")

    @abc.abstractmethod
    async def _acomplete(self, request: Request) -> Completion:
        """Answer one checked request."""

    @abc.abstractmethod
    def _astream(self, request: Request) -> AsyncIterator[StreamItem]:
        """Yield text pieces, then the Completion."""

    async def acomplete(self, prompt: Prompt, **options: Any) -> Completion:
        return await self._acomplete(self._request(prompt, options))

    async def astream_items(self, prompt: Prompt, **options: Any) -> AsyncIterator[StreamItem]:
        source = self._astream(self._request(prompt, options))
        try:
            async for item in source:
                yield item
        finally:
            close = getattr(source, "aclose", None)
            if close is not None:
                await close()

    def complete(self, prompt: Prompt, **options: Any) -> Completion:
        return self._loop_thread.run(self.acomplete(prompt, **options))

    def stream_items(self, prompt: Prompt, **options: Any) -> Iterator[StreamItem]:
        return self._loop_thread.iterate(self.astream_items(prompt, **options))

    async def aclose(self) -> None:
        """Give back what belongs to the running event loop."""

    def close(self) -> None:
        if self._loop_thread.started:
            self._loop_thread.run(self.aclose())
        if self._owns_loop:
            self._loop_thread.close()


class ThreadedBackend(Backend):
    """For engines that compute in the calling thread: implement ``_complete`` and ``_stream``."""

    @abc.abstractmethod
    def _complete(self, request: Request) -> Completion:
        """Answer one checked request."""

    @abc.abstractmethod
    def _stream(self, request: Request) -> Iterator[StreamItem]:
        """Yield text pieces, then the Completion."""

    def complete(self, prompt: Prompt, **options: Any) -> Completion:
        return self._complete(self._request(prompt, options))

    def stream_items(self, prompt: Prompt, **options: Any) -> Iterator[StreamItem]:
        return self._stream(self._request(prompt, options))

    async def acomplete(self, prompt: Prompt, **options: Any) -> Completion:
        return await asyncio.to_thread(self.complete, prompt, **options)

    async def astream_items(self, prompt: Prompt, **options: Any) -> AsyncIterator[StreamItem]:
        items = _Closing(self.stream_items(prompt, **options))
        try:
            while (item := await asyncio.to_thread(next, items, None)) is not None:
                yield item
        finally:
            await asyncio.to_thread(items.close)


def check_messages(prompt: Prompt, owner: str) -> tuple[Message, ...]:
    """A prompt as chat messages; InvalidRequestError when it is neither text nor messages."""
    if isinstance(prompt, str):
        return ({"role": "user", "content": prompt},)
    if not isinstance(prompt, Sequence) or not prompt:
        raise InvalidRequestError(
            f"the prompt must be text or a non-empty list of messages, not {prompt!r:.60}", provider=owner
        )
    for position, message in enumerate(prompt):
        if not isinstance(message, Mapping) or "role" not in message:
            raise InvalidRequestError(
                f'message {position} must be an object with "role" and "content", not {message!r:.60}', provider=owner
            )
        role, content = message["role"], message.get("content")
        if not isinstance(role, str) or not role:
            raise InvalidRequestError(f"message {position}: role must be a name, not {role!r:.60}", provider=owner)
        if not (content is None or isinstance(content, str) or _are_parts(content)):
            raise InvalidRequestError(
                f"message {position}: content must be text or a list of parts (objects), not {content!r:.60}",
                provider=owner,
            )
    return tuple(cast(Sequence[Message], prompt))


def _are_parts(content: object) -> bool:
    return isinstance(content, list | tuple) and all(isinstance(part, Mapping) for part in content)


class _Closing(Iterator[StreamItem]):
    """Gives any iterator the ``close`` that generators have, safe while another thread is inside ``next``."""

    def __init__(self, source: Iterator[StreamItem]) -> None:
        self._source = source
        # A cancelled task leaves its thread inside next(); a running generator cannot be closed.
        self._turn = threading.Lock()

    def __next__(self) -> StreamItem:
        with self._turn:
            return next(self._source)

    def close(self) -> None:
        close = getattr(self._source, "close", None)
        if close is not None:
            with self._turn:
                close()
