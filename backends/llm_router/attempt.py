"""One provider, one call: cache, single flight, breaker, rate limit, budget, retries; in this order around it."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Callable, Mapping
from typing import Any

from backends.base import Backend, ThreadedBackend
from backends.exceptions import BackendError, PrivacyError, RateLimitError
from backends.llm_router.breaker import CircuitBreaker
from backends.llm_router.cache import mark_cached
from backends.llm_router.cache_key import response_document
from backends.llm_router.call import Call, options_for, with_timeout
from backends.llm_router.chain import AttemptClock, EndOfChainError
from backends.llm_router.deps import RouterDeps
from backends.llm_router.instances import Instance
from backends.llm_router.resolution import Candidate
from backends.llm_router.route import Route, is_repeatable
from backends.llm_router.usage import Reservation, UsageMeter
from backends.rate_limit import RateLimiter
from backends.retries import call_with_retries
from backends.types import Completion, Message, StreamItem

__all__ = ["Attempter"]

#: Hears of each try that failed and of the wait before the next.
OnRetry = Callable[[BackendError, float], None]


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
            await self._keep(key, completion)
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
                if isinstance(item, Completion) and key is not None:
                    await self._keep(key, item)
                yield item

    async def _keep(self, key: str, completion: Completion) -> None:
        """An answer that says nothing is not kept."""
        if completion.text or completion.tool_calls:
            responses = self._deps.responses
            responses.put_now(key, completion)
            if responses.has_lower_layers:
                await responses.put_lower(key, completion)

    async def _ask(self, candidate: Candidate, call: Call, clock: AttemptClock, on_retry: OnRetry) -> Completion:
        instance = self._at_hand(candidate, call) or await self._made_aside(candidate, call)
        try:
            backend = self._allowed(instance, candidate, call)
            options = options_for(backend, candidate, call)
            breaker = self._breaker(candidate)

            async def once() -> Completion:
                if self._limiter is not None and not self._limiter.acquire_now():
                    await self._wait_for_turn(self._limiter, call.deadline, clock)
                timed = with_timeout(options, clock.until, candidate)
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

            with self._reserved(candidate, call, backend) as reserved:
                completion = await call_with_retries(once, self._route.retry, deadline=clock.until, on_retry=on_retry)
                completion = self._finished(completion, backend, candidate, call)
                reserved.spent(completion.usage)
                return completion
        finally:
            self._leave(instance, candidate)

    async def _ask_stream(
        self, candidate: Candidate, call: Call, clock: AttemptClock, on_retry: OnRetry
    ) -> AsyncGenerator[StreamItem, None]:
        instance = self._at_hand(candidate, call) or await self._made_aside(candidate, call)
        try:
            backend = self._allowed(instance, candidate, call)
            options = options_for(backend, candidate, call)
            breaker = self._breaker(candidate)
            with self._reserved(candidate, call, backend) as reserved:
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
                            item = self._finished(item, backend, candidate, call)
                            reserved.spent(item.usage)
                        else:
                            reserved.came(item)
                        yield item
                        item = await anext(items, None)
        finally:
            self._leave(instance, candidate)

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
        if self._limiter is not None and not self._limiter.acquire_now():
            await self._wait_for_turn(self._limiter, call.deadline, clock)
        # The reader may take as long as the call; the chain sees to it that the first item comes in time.
        timed = with_timeout(options, call.deadline, candidate)
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

    async def _wait_for_turn(self, limiter: RateLimiter, deadline: float | None, clock: AttemptClock) -> None:
        try:
            with clock.stopped():
                await limiter.aacquire(deadline)
        except RateLimitError as error:
            # The limit is this backend's, whoever is asked.
            raise EndOfChainError(error) from error

    def _finished(self, completion: Completion, backend: Backend, candidate: Candidate, call: Call) -> Completion:
        usage = self._usage.complete(completion, call.messages, free=backend.local)
        if usage is completion.usage and completion.provider == candidate.name:
            return completion
        return completion.but(usage=usage, provider=candidate.name)

    def _reserved(self, candidate: Candidate, call: Call, backend: Backend) -> Reservation:
        return self._usage.reserved(candidate.name, call.messages, call.options.get("max_tokens"), free=backend.local)

    def _breaker(self, candidate: Candidate) -> CircuitBreaker:
        route = self._route
        name = (candidate.identity, candidate.model, route.breaker_threshold, route.breaker_cooldown)
        return self._deps.breaker(name, lambda: CircuitBreaker(route.breaker_threshold, route.breaker_cooldown))

    # -- the instance that is asked ---------------------------------------------------------------

    def _at_hand(self, candidate: Candidate, call: Call) -> Instance | None:
        """The provider's instance, made now if need be; None when a stranger's factory would have to make it."""
        pool, found = self._deps.instances, candidate.found
        settings_print, generation = candidate.settings_print, candidate.generation
        is_strange = found.spec.kind == "custom" and not found.borrowed
        if is_strange and not pool.holds(found, settings_print, generation, candidate.model):
            return None
        return pool.enter(found, settings_print, generation, candidate.context, call.provider_cache)

    async def _made_aside(self, candidate: Candidate, call: Call) -> Instance:
        """A stranger's factory may load a model: not on the event loop."""
        pool = self._deps.instances
        arguments = (candidate.found, candidate.settings_print, candidate.generation, candidate.context)
        entering = asyncio.ensure_future(self._deps.run_blocking(pool.enter, *arguments, call.provider_cache))
        try:
            return await asyncio.shield(entering)
        except asyncio.CancelledError:
            entering.add_done_callback(
                lambda done: None if done.cancelled() or done.exception() else pool.leave(done.result())
            )
            raise

    def _allowed(self, instance: Instance, candidate: Candidate, call: Call) -> Backend:
        """The instance's backend, unless it would send text away that has to stay."""
        if call.local_only and not (candidate.found.spec.local or instance.backend.local):
            raise PrivacyError(
                "it sends text off the machine and privacy is local_only; choose a local provider",
                provider=candidate.name,
            )
        return instance.backend

    def _leave(self, instance: Instance, candidate: Candidate) -> None:
        # Known to a program's provider when it has run.
        self.versions[candidate.name] = getattr(instance.backend, "program_version", None)
        self._deps.instances.leave(instance)


def _complete(backend: Backend, messages: tuple[Message, ...], options: Mapping[str, Any]) -> Completion:
    return backend.complete(messages, **options)


def _closable(items: Any) -> AsyncGenerator[StreamItem, None]:
    if hasattr(items, "aclose"):
        return items  # type: ignore[no-any-return]  # an async generator, though the contract promises only an iterator
    return _pass_on(items)


async def _pass_on(items: Any) -> AsyncGenerator[StreamItem, None]:
    async for item in items:
        yield item
