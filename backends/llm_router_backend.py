"""The router as a backend: one configuration entry in front of any provider, its fallbacks and its limits."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from backends.base import Backend, check_messages
from backends.exceptions import BackendError, ConfigurationError, InvalidRequestError
from backends.llm_router.deps import RouterDeps
from backends.llm_router.resolution import Candidate, is_local
from backends.llm_router.route import ROUTE_KEYS, Route
from backends.llm_router.router import Router
from backends.llm_router.third_party import AnyOption
from backends.llm_router.usage import Budget, Price, UsageMeter, UsageTotals
from backends.options import GENERATION_OPTIONS, check_options, near_miss
from backends.rate_limit import RateLimiter
from backends.types import Completion, Health, Prompt, Request, StreamItem

__all__ = ["BACKEND_KEYS", "LLMRouterBackend"]

#: What the constructor takes beside the keys of the route, of the call and of the providers.
BACKEND_KEYS = frozenset(
    {"rate_limit", "rate_limit_window", "budget", "price", "options", "cache_path", "env", "deps", "id", "type"}
)


class LLMRouterBackend(Backend):
    """Routes to ``provider``, or to the best one that is there, then to ``fallback_providers``.

    Every key of the documents is a keyword argument; keys of the provider pass through to it. Resources belong to
    this backend unless ``deps`` shares those of others.
    """

    type = "llm_router"

    def __init__(
        self,
        id: str | None = None,
        *,
        type: str | None = None,
        deps: RouterDeps | None = None,
        rate_limit: int | None = None,
        rate_limit_window: float | None = None,
        budget: Mapping[str, Any] | None = None,
        price: Mapping[str, Any] | None = None,
        options: Mapping[str, Any] | None = None,
        cache_path: str | Path | None = None,
        env: Mapping[str, str] | None = None,
        **keys: Any,
    ) -> None:
        """``env`` stands in for the environment when the backend makes its own ``deps``."""
        super().__init__(id, type=type, privacy=keys.get("privacy"))
        keys, calls, settings = _sorted_out(keys, options, self.id)
        route = _route(keys, settings, self.id)
        if deps is not None and (cache_path is not None or env is not None):
            raise ConfigurationError("cache_path and env belong to deps when deps is given", provider=self.id)
        self._owns_deps = deps is None
        self.deps = deps if deps is not None else RouterDeps(cache_path=cache_path, env=env)
        self.options = _checked(calls, self.id)
        self._router = Router(
            route,
            self.deps,
            options=self.options,
            limiter=_limiter(rate_limit, rate_limit_window, self.id),
            usage=UsageMeter(
                None if budget is None else Budget.from_key(budget, self.id),
                None if price is None else Price.from_key(price, self.id),
                self.id,
            ),
        )
        self.known_options = frozenset(GENERATION_OPTIONS) | {"cache"}
        for target in (*filter(None, (route.target,)), *route.fallbacks):
            self.deps.registry.find(target.provider)
        self._check_settings(settings)
        if route.local_only:
            # Refused at start, not first when text is about to leave.
            self._router.candidates()

    @property
    def constrains_json(self) -> bool:  # type: ignore[override]  # what the providers can is known when they are made
        """Whether every provider that may be asked holds an answer to a schema."""
        try:
            return all(self._asks(candidate, "constrains_json") for candidate in self._router.candidates())
        except BackendError:
            return False  # the call itself will tell what is wrong

    @property
    def local(self) -> bool:  # type: ignore[override]  # as above
        """Whether text stays on this machine whoever answers."""
        try:
            return all(is_local(candidate, self.deps) for candidate in self._router.candidates())
        except BackendError:
            return False  # what cannot be told is not so

    def complete(self, prompt: Prompt, **options: Any) -> Completion:
        return self._router.complete(prompt, options)

    async def acomplete(self, prompt: Prompt, **options: Any) -> Completion:
        return await self._router.acomplete(prompt, options)

    def stream_items(self, prompt: Prompt, **options: Any) -> Iterator[StreamItem]:
        return self._router.stream_items(prompt, options)

    def astream_items(self, prompt: Prompt, **options: Any) -> AsyncIterator[StreamItem]:
        return self._router.astream_items(prompt, options)

    def usage(self) -> UsageTotals:
        """What all calls of this backend used until now."""
        return self._router.usage.totals()

    def health(self) -> Health:
        """Whether the provider that would be asked first could answer; else the first fallback that could."""
        return self._first_able("health")

    def preflight(self) -> Health:
        """``health`` without asking anybody."""
        return self._first_able("preflight")

    def _first_able(self, question: str) -> Health:
        told: list[str] = []
        first: Health | None = None
        try:
            for candidate in self._router.candidates():
                health = self._health_of(candidate, question)
                first = first or health
                if health.ok:
                    detail = "; ".join([*told, f"{candidate.name}: {health.detail}"])
                    return replace(health, detail=detail, provider=candidate.name)
                told.append(f"{candidate.name}: {health.detail}")
        except BackendError as error:
            told.append(error.message)
        detail = "; ".join(told)
        if first is None:
            return Health(False, detail, self.id)
        return Health(False, detail, self.id, first.model, self.local, host=first.host)

    def close(self) -> None:
        self._router.close()
        if self._owns_deps:
            self.deps.close()

    def _request(self, prompt: Prompt, options: Mapping[str, Any]) -> Request:
        # Only the shape of the prompt is looked at here; the router checks the rest once for the whole chain.
        return Request(check_messages(prompt, self.id), options)

    def _health_of(self, candidate: Candidate, question: str) -> Health:
        spec = candidate.found.spec
        there = spec.available(candidate.context)
        missing = Health(False, there.reason, candidate.name, candidate.model, spec.local)
        try:
            if there.ok:
                health: Health = self._asks(candidate, question)()
                return health
            # An API without a key can still tell where it is.
            return missing if spec.kind != "http" else replace(missing, host=self._asks(candidate, "preflight")().host)
        except BackendError as error:
            return missing if not there.ok else replace(missing, detail=error.message)

    def _asks(self, candidate: Candidate, attribute: str) -> Any:
        pool = self.deps.instances
        instance = pool.enter(
            candidate.found, candidate.settings_print, candidate.generation, candidate.context, keep=True
        )
        try:
            return getattr(instance.backend, attribute)
        finally:
            pool.leave(instance)

    def _check_settings(self, settings: Mapping[str, Any]) -> None:
        """A provider key that nobody knows is an error now, not at the first call."""
        candidates: tuple[Candidate, ...] | None = None
        for name in settings:
            try:
                candidates = candidates if candidates is not None else self._router.candidates()
                known = frozenset[str]().union(*(self._takes(candidate) for candidate in candidates))
            except BackendError:
                # Whether the provider can be made is the first call's to tell: a key may come later.
                return
            if name not in known and not any(self._takes_any(candidate) for candidate in candidates):
                close = near_miss(name, known | ROUTE_KEYS | BACKEND_KEYS | GENERATION_OPTIONS.keys())
                raise ConfigurationError(f'unknown key "{name}"{close}', provider=self.id)

    def _takes(self, candidate: Candidate) -> frozenset[str]:
        return candidate.found.spec.settings | frozenset(self._asks(candidate, "known_options"))

    def _takes_any(self, candidate: Candidate) -> bool:
        return isinstance(self._asks(candidate, "known_options"), AnyOption)


def _sorted_out(
    keys: Mapping[str, Any], options: Mapping[str, Any] | None, owner: str
) -> tuple[dict[str, Any], dict[str, Any], dict[str, Any]]:
    """The keys of the route, of the call, of the provider."""
    if options is not None and not isinstance(options, Mapping):
        raise ConfigurationError(f"options must be an object, not {options!r}", provider=owner)
    route = {name: value for name, value in keys.items() if name in ROUTE_KEYS}
    calls = {name: value for name, value in keys.items() if name in GENERATION_OPTIONS and name not in ROUTE_KEYS}
    settings = {name: value for name, value in keys.items() if name not in route and name not in calls}
    return route, {**calls, **(options or {})}, settings


def _route(keys: Mapping[str, Any], settings: Mapping[str, Any], owner: str) -> Route:
    try:
        return Route.from_keys(keys, settings, owner)
    except InvalidRequestError as error:
        raise ConfigurationError(error.message, provider=owner) from error


def _checked(calls: Mapping[str, Any], owner: str) -> dict[str, Any]:
    try:
        return check_options(calls, GENERATION_OPTIONS, owner)
    except InvalidRequestError as error:
        raise ConfigurationError(error.message, provider=owner) from error


def _limiter(limit: int | None, window: float | None, owner: str) -> RateLimiter | None:
    if limit is None:
        if window is not None:
            raise ConfigurationError("rate_limit_window needs rate_limit", provider=owner)
        return None
    return RateLimiter(limit, 60.0 if window is None else window, owner=owner)
