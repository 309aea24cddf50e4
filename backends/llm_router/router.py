"""The router: takes calls, finds out whom to ask, and tells what happened (usage, trace, log, telemetry).

The asynchronous path is one chain of coroutines; the synchronous face runs it on the container's one event loop,
where HTTP providers live too. An answer that is in memory is given without leaving the caller's thread.
"""

from __future__ import annotations

import contextlib
import logging
import time
from collections.abc import AsyncGenerator, Coroutine, Iterator, Mapping, Sequence
from typing import Any

from backends.base import check_messages
from backends.exceptions import BackendError, InvalidRequestError
from backends.llm_router.attempt import Attempter
from backends.llm_router.call import Call
from backends.llm_router.chain import AttemptClock, ChainReport, first_answer, first_stream
from backends.llm_router.deps import RouterDeps
from backends.llm_router.environment import EnvironmentSettings
from backends.llm_router.resolution import Candidate, resolve
from backends.llm_router.route import Route
from backends.llm_router.telemetry import operation, remembered
from backends.llm_router.tracing import Tracer
from backends.llm_router.usage import UsageMeter
from backends.options import GENERATION_OPTIONS, check_options, near_miss
from backends.rate_limit import RateLimiter
from backends.types import Completion, Prompt, StreamItem

__all__ = ["DEFAULT_TIMEOUT", "Router"]

log = logging.getLogger("backends.llm_router")

#: Seconds for a whole call when nobody says otherwise.
DEFAULT_TIMEOUT = 120.0

#: How long the automatic choice believes that a program or a key is there.
_RESOLUTION_SECONDS = 10.0


class Router:
    """One route over one container of shared resources. Used by any number of threads and tasks."""

    def __init__(
        self,
        route: Route,
        deps: RouterDeps,
        *,
        options: Mapping[str, Any] | None = None,
        limiter: RateLimiter | None = None,
        usage: UsageMeter | None = None,
        provider_instance: tuple[Candidate, ...] | None = None,
    ) -> None:
        self.route = route
        self.deps = deps
        self.options: Mapping[str, Any] = options or {}
        self.usage = usage or UsageMeter(owner=route.owner)
        self._attempter = Attempter(route, deps, limiter, self.usage)
        self._tracer = None if route.trace is None else Tracer(route.trace)
        self._given = provider_instance
        self._resolved: tuple[Candidate, ...] = ()
        self._resolved_for: tuple[int, ...] = ()
        self._resolved_until = 0.0

    # -- calls ----------------------------------------------------------------------------------

    def complete(self, prompt: Prompt, options: Mapping[str, Any]) -> Completion:
        call, candidates = self._prepare(prompt, options)
        key, found = self._remembered(call, candidates)
        if found is not None:
            return found
        return self.deps.loop_thread.run(self._complete(call, candidates, key))

    async def acomplete(self, prompt: Prompt, options: Mapping[str, Any]) -> Completion:
        call, candidates = self._prepare(prompt, options)
        key, found = self._remembered(call, candidates)
        return found if found is not None else await self._complete(call, candidates, key)

    def stream_items(self, prompt: Prompt, options: Mapping[str, Any]) -> Iterator[StreamItem]:
        call, candidates = self._prepare(prompt, options)
        return self.deps.loop_thread.iterate(self._stream(call, candidates))

    def astream_items(self, prompt: Prompt, options: Mapping[str, Any]) -> AsyncGenerator[StreamItem, None]:
        call, candidates = self._prepare(prompt, options)
        return self._stream(call, candidates)

    def close(self) -> None:
        """Give back the trace's file. The container belongs to whoever made it."""
        if self._tracer is not None:
            self._tracer.close()

    def candidates(self, settings: EnvironmentSettings | None = None) -> tuple[Candidate, ...]:
        """Whom a call would ask now, in order."""
        if self._given is not None:
            return self._given
        settings = settings or self.deps.environment.settings()
        now = time.monotonic()
        world = (settings.generation, *self.deps.world)
        if world != self._resolved_for or now >= self._resolved_until:
            self._resolved = resolve(self.route, self.deps, settings)
            self._resolved_for = world
            self._resolved_until = now + _RESOLUTION_SECONDS
        return self._resolved

    # -- before the call ------------------------------------------------------------------------

    def _prepare(self, prompt: Prompt, options: Mapping[str, Any]) -> tuple[Call, tuple[Candidate, ...]]:
        settings = self.deps.environment.settings()
        candidates = self.candidates(settings)
        merged = {**self.options, **options} if options else dict(self.options)
        cache = merged.pop("cache", self.route.cache)
        if cache is not None and not isinstance(cache, bool):
            raise InvalidRequestError(f"cache must be true or false, not {cache!r}", provider=self.route.owner)
        if not merged.keys() <= GENERATION_OPTIONS.keys():
            self._refuse_unknown(merged, candidates)
        checked = check_options(merged, merged, self.route.owner)
        timeout = checked.pop("timeout", settings.timeout or DEFAULT_TIMEOUT)
        schema = checked.pop("json_schema", None)
        model = checked.pop("model", None)
        if model is not None:
            candidates = self._with_model(model, candidates)
        return (
            Call(
                messages=check_messages(prompt, self.route.owner),
                options=checked,
                json_schema=schema,
                deadline=time.monotonic() + timeout,
                cache=settings.response_cache if cache is None else cache,
                provider_cache=settings.provider_cache,
                local_only=self.route.local_only or settings.privacy == "local_only",
                key_maker=settings.key_maker,
            ),
            candidates,
        )

    def _refuse_unknown(self, options: Mapping[str, Any], candidates: Sequence[Candidate]) -> None:
        """An option outside the common ones must be known to a provider that may be asked."""
        for name in options.keys() - GENERATION_OPTIONS.keys():
            known: set[str] = set(GENERATION_OPTIONS)
            for candidate in candidates:
                names = self._known_to(candidate)
                if name in names:
                    break
                known |= names
            else:
                raise InvalidRequestError(f'unknown option "{name}"{near_miss(name, known)}', provider=self.route.owner)

    def _known_to(self, candidate: Candidate) -> frozenset[str]:
        pool = self.deps.instances
        instance = pool.enter(
            candidate.found, candidate.settings_print, candidate.generation, candidate.context, keep=True
        )
        try:
            return instance.backend.known_options
        finally:
            pool.leave(instance)

    def _with_model(self, model: str, candidates: tuple[Candidate, ...]) -> tuple[Candidate, ...]:
        """A model named with the call is for the named provider, or for whoever is chosen automatically."""
        if self.route.target is None:
            return tuple(candidate.with_model(model) for candidate in candidates)
        return (candidates[0].with_model(model), *candidates[1:])

    # -- the call -------------------------------------------------------------------------------

    def _remembered(self, call: Call, candidates: Sequence[Candidate]) -> tuple[str | None, Completion | None]:
        """The key of the first candidate's answer, and the answer when it is in memory."""
        key = self._attempter.key(candidates[0], call)
        if key is None or (found := self.deps.responses.get_now(key)) is None:
            return key, None
        remembered(candidates[0].name, candidates[0].model, found)
        self._tell(call, ChainReport(self.route.owner, None), found)
        return key, found

    async def _complete(self, call: Call, candidates: Sequence[Candidate], first_key: str | None) -> Completion:
        report = ChainReport(self.route.owner, self.route.attempt_timeout)
        first = candidates[0]

        def attempt(candidate: Candidate, clock: AttemptClock) -> Coroutine[Any, Any, Completion]:
            missed = first_key if candidate is first else None
            return self._attempter.complete(candidate, call, clock, report.retried(candidate), missed)

        try:
            with operation(first.name, first.model) as span:
                completion = await first_answer(candidates, attempt, call.deadline, report)
                span.answered(completion)
        except BaseException as error:
            self._tell(call, report, error)
            raise
        self._tell(call, report, completion)
        return completion

    async def _stream(self, call: Call, candidates: Sequence[Candidate]) -> AsyncGenerator[StreamItem, None]:
        report = ChainReport(self.route.owner, self.route.attempt_timeout)
        first = candidates[0]

        def attempt(candidate: Candidate, clock: AttemptClock) -> AsyncGenerator[StreamItem, None]:
            return self._attempter.stream(candidate, call, clock, report.retried(candidate))

        completion: Completion | None = None
        try:
            with operation(first.name, first.model, streamed=True) as span:
                async with contextlib.aclosing(first_stream(candidates, attempt, call.deadline, report)) as items:
                    async for item in items:
                        if isinstance(item, Completion):
                            completion = item
                            span.answered(item)
                        yield item
        except BaseException as error:
            # A reader that stops after the end has had the whole answer.
            self._tell(call, report, completion or error)
            raise
        if completion is not None:
            self._tell(call, report, completion)

    # -- after the call -------------------------------------------------------------------------

    def _tell(self, call: Call, report: ChainReport, outcome: Completion | BaseException) -> None:
        """Count, log and trace one call. Never fails the call."""
        for attempt in report.attempts:
            if attempt.error is not None:
                self.usage.count_failure(attempt.provider)
        if isinstance(outcome, Completion):
            self.usage.count(outcome)
        self._log(report, outcome)
        if self._tracer is not None:
            name = outcome.provider if isinstance(outcome, Completion | BackendError) else None
            try:
                self._tracer.record(
                    backend=self.route.owner,
                    messages=call.messages,
                    options=call.options,
                    attempts=tuple(report.attempts),
                    seconds=time.monotonic() - report.began,
                    outcome=outcome,
                    program_version=self._attempter.versions.get(name or ""),
                )
            except BackendError as error:
                # The answer is worth more than its record.
                log.error("%s", error.message)

    def _log(self, report: ChainReport, outcome: Completion | BaseException) -> None:
        level = logging.INFO if self.route.verbose else logging.DEBUG
        if isinstance(outcome, Completion):
            if any(attempt.error for attempt in report.attempts):
                failed = ", ".join(f"{a.provider} ({a.error})" for a in report.attempts if a.error)
                log.warning("%s: %s failed; %s answered", self.route.owner, failed, outcome.provider)
            if log.isEnabledFor(level):
                usage = outcome.usage
                log.log(
                    level,
                    "%s: %s/%s answered in %.3f s with %d prompt and %d completion tokens%s",
                    self.route.owner,
                    outcome.provider,
                    outcome.model,
                    outcome.latency,
                    usage.prompt_tokens,
                    usage.completion_tokens,
                    " from the cache" if outcome.cached else "",
                )
        elif isinstance(outcome, Exception):
            log.log(level, "%s: failed after %.3f s: %s", self.route.owner, time.monotonic() - report.began, outcome)
