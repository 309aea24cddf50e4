"""One provider, one call: cache, single flight, breaker, rate limit, budget, retries; in this order around it."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import time
from collections.abc import AsyncGenerator, Callable, Mapping
from typing import Any

from backends.base import Backend, ThreadedBackend
from backends.exceptions import (
    BackendError,
    BackendTimeoutError,
    ConfigurationError,
    InvalidRequestError,
    RateLimitError,
)
from backends.llm_router.breaker import CircuitBreaker
from backends.llm_router.cache import mark_cached
from backends.llm_router.cache_key import KeyMaker, response_document
from backends.llm_router.chain import AttemptClock, EndOfChainError
from backends.llm_router.deps import RouterDeps
from backends.llm_router.instances import Instance
from backends.llm_router.resolution import Candidate
from backends.llm_router.route import ROUTE_KEYS, Route, is_own_key, is_repeatable
from backends.llm_router.third_party import AnyOption
from backends.llm_router.usage import UsageMeter
from backends.options import GENERATION_OPTIONS, SAMPLING_OPTIONS, near_miss
from backends.rate_limit import RateLimiter
from backends.retries import call_with_retries
from backends.types import Completion, Message, StreamItem

__all__ = ["Attempter", "Call"]

#: Options that say how to draw a token. A provider that has no such knob answers without it, and the call goes on;
#: all other options change what an answer is, so a provider that does not know them is not asked.
_MAY_BE_LEFT_OUT = frozenset(SAMPLING_OPTIONS)


#: Hears of each try that failed and of the wait before the next.
OnRetry = Callable[[BackendError, float], None]


@dataclasses.dataclass(frozen=True, slots=True)
class Call:
    """One checked call to the router."""

    messages: tuple[Message, ...]
    options: Mapping[str, Any]
    json_schema: Mapping[str, Any] | None
    deadline: float | None
    cache: bool
    provider_cache: bool
    local_only: bool
    key_maker: KeyMaker


class Attempter:
    """Asks one candidate, with everything that the route wants around it."""

    def __init__(self, route: Route, deps: RouterDeps, limiter: RateLimiter | None, usage: UsageMeter) -> None:
        self._route = route
        self._deps = deps
        self._limiter = limiter
        self._usage = usage
        #: The versions of the programs that were asked, by provider.
        self.versions: dict[str, str | None] = {}

    def key(self, candidate: Candidate, call: Call) -> str | None:
        """The name of the response, or None when this call is not to be cached or has none."""
        if not (call.cache and candidate.repeatable and is_repeatable(call.options)):
            return None
        document = response_document(candidate.identity, candidate.model, call.messages, call.options, call.json_schema)
        return None if document is None else call.key_maker(document)

    async def complete(
        self,
        candidate: Candidate,
        call: Call,
        clock: AttemptClock,
        on_retry: OnRetry,
        missed_key: str | None = None,
    ) -> Completion:
        """The completion, from the cache or from the provider. ``missed_key`` is known not to be in memory."""
        key = missed_key or self.key(candidate, call)
        if key is None:
            return await self._ask(candidate, call, clock, on_retry)
        responses = self._deps.responses
        if missed_key is None and (found := responses.get_now(key)) is not None:
            return found

        async def work() -> Completion:
            if responses.has_lower_layers and (lower := await responses.get_lower(key)) is not None:
                return lower
            completion = await self._ask(candidate, call, clock, on_retry)
            if completion.text or completion.tool_calls:
                await responses.put(key, completion)
            return completion

        return await self._deps.flights.run(key, work, joined=mark_cached)

    async def stream(
        self, candidate: Candidate, call: Call, clock: AttemptClock, on_retry: OnRetry
    ) -> AsyncGenerator[StreamItem, None]:
        """Pieces and then the completion; a cached answer is one piece."""
        key = self.key(candidate, call)
        if key is not None:
            responses = self._deps.responses
            found = responses.get_now(key)
            if found is None and responses.has_lower_layers:
                found = await responses.get_lower(key)
            if found is not None:
                yield found.text
                yield found
                return
        async with contextlib.aclosing(self._ask_stream(candidate, call, clock, on_retry)) as items:
            async for item in items:
                if isinstance(item, Completion) and key is not None and (item.text or item.tool_calls):
                    await self._deps.responses.put(key, item)
                yield item

    async def _ask(self, candidate: Candidate, call: Call, clock: AttemptClock, on_retry: OnRetry) -> Completion:
        async with self._instance(candidate, call) as backend:
            options = self._options_for(backend, candidate, call)
            breaker = self._breaker(candidate)

            async def once() -> Completion:
                await self._wait_for_turn(call.deadline, clock)
                timed = _with_timeout(options, clock.until, candidate)
                breaker.enter(candidate.name, candidate.model)
                try:
                    completion = await self._send(backend, call, timed)
                except BackendError as error:
                    breaker.failed(error)
                    raise
                except BaseException:
                    breaker.abandoned()
                    raise
                breaker.succeeded()
                return completion

            with self._usage.reserved(call.messages, call.options.get("max_tokens"), free=backend.local) as spent:
                completion = await call_with_retries(once, self._route.retry, deadline=clock.until, on_retry=on_retry)
                return spent(self._finished(completion, backend, candidate, call))

    async def _ask_stream(
        self, candidate: Candidate, call: Call, clock: AttemptClock, on_retry: OnRetry
    ) -> AsyncGenerator[StreamItem, None]:
        async with self._instance(candidate, call) as backend:
            options = self._options_for(backend, candidate, call)
            breaker = self._breaker(candidate)
            with self._usage.reserved(call.messages, call.options.get("max_tokens"), free=backend.local) as spent:
                # Retries end where the stream begins: what has been read cannot be taken back.
                first, items = await call_with_retries(
                    lambda: self._begin(backend, candidate, call, options, breaker, clock),
                    self._route.retry,
                    deadline=clock.until,
                    on_retry=on_retry,
                )
                async with contextlib.aclosing(items):
                    item: StreamItem | None = first
                    while item is not None:
                        if isinstance(item, Completion):
                            item = spent(self._finished(item, backend, candidate, call))
                        yield item
                        item = await anext(items, None)

    async def _begin(
        self,
        backend: Backend,
        candidate: Candidate,
        call: Call,
        options: Mapping[str, Any],
        breaker: CircuitBreaker,
        clock: AttemptClock,
    ) -> tuple[StreamItem | None, AsyncGenerator[StreamItem, None]]:
        """Open the stream and wait for its first item."""
        await self._wait_for_turn(call.deadline, clock)
        # The reader may take as long as the call; the chain sees to it that the first item comes in time.
        timed = _with_timeout(options, call.deadline, candidate)
        breaker.enter(candidate.name, candidate.model)
        items = _closable(backend.astream_items(call.messages, **timed))
        try:
            first = await anext(items, None)
        except BackendError as error:
            breaker.failed(error)
            raise
        except BaseException:
            breaker.abandoned()
            await items.aclose()
            raise
        breaker.succeeded()
        return first, items

    async def _send(self, backend: Backend, call: Call, options: Mapping[str, Any]) -> Completion:
        if isinstance(backend, ThreadedBackend):
            return await self._deps.run_blocking(_complete, backend, call.messages, options)
        return await backend.acomplete(call.messages, **options)

    async def _wait_for_turn(self, deadline: float | None, clock: AttemptClock) -> None:
        # Stopping the clock moves a timer twice; most calls need not wait.
        if self._limiter is not None and not self._limiter.acquire_now():
            try:
                with clock.stopped():
                    await self._limiter.aacquire(deadline)
            except RateLimitError as error:
                # The limit is this backend's, whoever is asked.
                raise EndOfChainError(error) from error

    def _finished(self, completion: Completion, backend: Backend, candidate: Candidate, call: Call) -> Completion:
        usage = self._usage.complete(completion, call.messages, free=backend.local)
        if usage is completion.usage and completion.provider == candidate.name:
            return completion
        return dataclasses.replace(completion, usage=usage, provider=candidate.name)

    def _breaker(self, candidate: Candidate) -> CircuitBreaker:
        route = self._route
        name = f"{candidate.identity}|{candidate.model}|{route.breaker_threshold}|{route.breaker_cooldown}"
        return self._deps.breaker(name, lambda: CircuitBreaker(route.breaker_threshold, route.breaker_cooldown))

    def _options_for(self, backend: Backend, candidate: Candidate, call: Call) -> dict[str, Any]:
        known = backend.known_options
        options = {}
        for name, value in candidate.call_settings.items():
            if isinstance(known, AnyOption) and not is_own_key(name):
                continue  # what speaks of a program, or of tracing, is not a stranger's business
            if name in known:
                options[name] = value
            elif is_own_key(name):
                settings = known | candidate.found.spec.settings | ROUTE_KEYS
                raise InvalidRequestError(
                    f'unknown option "{name}"{near_miss(name, settings)}', provider=candidate.name
                )
        for name, value in call.options.items():
            if name in known:
                options[name] = value
            elif name not in _MAY_BE_LEFT_OUT and name in GENERATION_OPTIONS:
                raise _unable(candidate, name)
        if candidate.model is not None and "model" in known:
            # A Backend that was not made for this model (a caller's own object) must hear of it.
            options["model"] = candidate.model
        if call.json_schema is not None:
            if "json_schema" not in known:
                raise _unable(candidate, "json_schema")
            options["json_schema"] = call.json_schema
        return options

    async def _enter(self, candidate: Candidate, call: Call) -> Instance:
        pool, found = self._deps.instances, candidate.found
        arguments = (found, candidate.settings_print, candidate.generation, candidate.context, call.provider_cache)
        if found.spec.kind != "custom" or pool.holds(*arguments[:3], candidate.model):
            return pool.enter(*arguments)
        # A stranger's factory may load a model: not on the event loop.
        entering = asyncio.ensure_future(self._deps.run_blocking(pool.enter, *arguments))
        try:
            return await asyncio.shield(entering)
        except asyncio.CancelledError:
            entering.add_done_callback(
                lambda done: None if done.cancelled() or done.exception() else pool.leave(done.result())
            )
            raise

    @contextlib.asynccontextmanager
    async def _instance(self, candidate: Candidate, call: Call) -> AsyncGenerator[Backend, None]:
        pool = self._deps.instances
        instance = await self._enter(candidate, call)
        try:
            if call.local_only and not (candidate.found.spec.local or instance.backend.local):
                raise ConfigurationError(
                    "it sends text off the machine and privacy is local_only; choose a local provider",
                    provider=candidate.name,
                )
            yield instance.backend
        finally:
            # Known to a program's provider when it has run.
            self.versions[candidate.name] = getattr(instance.backend, "program_version", None)
            pool.leave(instance)


def _unable(candidate: Candidate, option: str) -> BackendError:
    # Not InvalidRequestError: another provider of the chain may well be able to.
    return ConfigurationError(
        f'it does not know the option "{option}"; choose a provider that does',
        provider=candidate.name,
        model=candidate.model,
    )


def _complete(backend: Backend, messages: tuple[Message, ...], options: Mapping[str, Any]) -> Completion:
    return backend.complete(messages, **options)


def _with_timeout(options: Mapping[str, Any], deadline: float | None, candidate: Candidate) -> dict[str, Any]:
    if deadline is None:
        return {**options, "timeout": None}
    remaining = deadline - time.monotonic()
    if remaining <= 0:
        raise BackendTimeoutError(
            "no time was left to ask it", provider=candidate.name, model=candidate.model, retryable=False
        )
    return {**options, "timeout": remaining}


def _closable(items: Any) -> AsyncGenerator[StreamItem, None]:
    if hasattr(items, "aclose"):
        return items  # type: ignore[no-any-return]  # an async generator, though the contract promises only an iterator
    return _pass_on(items)


async def _pass_on(items: Any) -> AsyncGenerator[StreamItem, None]:
    async for item in items:
        yield item
