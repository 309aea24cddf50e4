"""The functions of the router: what the documents show, over the container of shared resources."""

from __future__ import annotations

import contextlib
import inspect
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, ParamSpec, TypeVar

from backends.base import Backend
from backends.exceptions import BackendError
from backends.llm_router.aliases import ALIASES
from backends.llm_router.deps import REGISTRY, RouterDeps, every_deps, get_default_router_deps
from backends.llm_router.instances import fingerprint
from backends.llm_router.providers.base import ProviderContext, ProviderSpec
from backends.llm_router.registry import RegisteredProvider
from backends.llm_router.resolution import Candidate, availability
from backends.llm_router.route import ROUTE_KEYS, Route
from backends.llm_router.router import Router
from backends.llm_router.third_party import as_backend, spec_of
from backends.options import GENERATION_OPTIONS
from backends.types import Completion, Prompt, StreamItem

__all__ = [
    "ProviderInfo",
    "acomplete_text",
    "agenerate_text",
    "astream_items",
    "astream_text",
    "clear_llm_router_caches",
    "complete_text",
    "generate_text",
    "get_llm_provider",
    "list_llm_providers",
    "register_llm_provider",
    "stream_text",
    "unregister_llm_provider",
]

P = ParamSpec("P")
R = TypeVar("R")

#: What errors, logs and traces call a call that no configured backend made.
_OWNER = "llm_router"
#: Routers kept for callers of the functions; each is small.
_MAX_ROUTERS = 256


@dataclass(frozen=True, slots=True)
class ProviderInfo:
    """A provider as a person sees it."""

    name: str
    kind: str
    summary: str
    available: bool
    reason: str
    local: bool
    aliases: tuple[str, ...]
    needs: tuple[str, ...]


def _takes_what(example: Callable[P, Any]) -> Callable[[Callable[..., R]], Callable[P, R]]:
    """The decorated function takes what ``example`` takes: for type checkers, and for ``help``."""

    def of(function: Callable[..., R]) -> Callable[P, R]:
        returns = inspect.signature(function).return_annotation
        shown = inspect.signature(example).replace(return_annotation=returns)
        function.__signature__ = shown  # type: ignore[attr-defined]  # where inspect.signature looks first
        return function

    return of


def generate_text(
    prompt: Prompt,
    *,
    provider: str | None = None,
    model_name: str | None = None,
    provider_instance: Any = None,
    deps: RouterDeps | None = None,
    **options: Any,
) -> str:
    """The text of the answer. Without ``provider``, the best one that is there answers."""
    return complete_text(
        prompt, provider=provider, model_name=model_name, provider_instance=provider_instance, deps=deps, **options
    ).text


@_takes_what(generate_text)
def complete_text(prompt: Prompt, **how: Any) -> Completion:
    """The answer and how it came about: who answered, what was tried, tokens, time."""
    router, call = _router(**how)
    return router.complete(prompt, call)


@_takes_what(generate_text)
def stream_text(prompt: Prompt, **how: Any) -> Iterator[str]:
    """The answer piece by piece, as it comes."""
    router, call = _router(**how)
    return _texts(router.stream_items(prompt, call))


@_takes_what(generate_text)
async def agenerate_text(prompt: Prompt, **how: Any) -> str:
    """``generate_text`` for asynchronous callers."""
    return (await acomplete_text(prompt, **how)).text


@_takes_what(generate_text)
async def acomplete_text(prompt: Prompt, **how: Any) -> Completion:
    """``complete_text`` for asynchronous callers."""
    router, call = _router(**how)
    return await router.acomplete(prompt, call)


@_takes_what(generate_text)
async def astream_text(prompt: Prompt, **how: Any) -> AsyncIterator[str]:
    """``stream_text`` for asynchronous callers."""
    async with contextlib.aclosing(astream_items(prompt, **how)) as items:
        async for item in items:
            if isinstance(item, str):
                yield item


@_takes_what(generate_text)
def astream_items(prompt: Prompt, **how: Any) -> AsyncGenerator[StreamItem, None]:
    """The answer piece by piece, then the Completion that tells how it came about."""
    router, call = _router(**how)
    return router.astream_items(prompt, call)


def register_llm_provider(name: str, factory: Callable[..., Any] | ProviderSpec) -> None:
    """Add a provider to this process. ``factory()`` returns a Backend or any object with
    ``generate(prompt, *, model_name=None, **kwargs)``; a factory with a parameter ``context`` gets the ProviderContext.
    """
    REGISTRY.register(name, factory)


def unregister_llm_provider(name: str) -> None:
    """Take back ``register_llm_provider``."""
    REGISTRY.unregister(name)


def get_llm_provider(
    provider: str | None = None, *, model_name: str | None = None, deps: RouterDeps | None = None, **options: Any
) -> Backend:
    """The provider's Backend, to be kept and passed as ``provider_instance``; the best that is there without a name."""
    deps = deps or get_default_router_deps()
    router, _ = _router(provider=provider, model_name=model_name, deps=deps, **options)
    candidate = router.candidates()[0]
    pool = deps.instances
    instance = pool.enter(candidate.found, candidate.settings_print, candidate.generation, candidate.context, True)
    try:
        return pool.lend(instance)
    finally:
        pool.leave(instance)


def list_llm_providers(deps: RouterDeps | None = None) -> list[ProviderInfo]:
    """Every provider, whether it is there, and why not."""
    deps = deps or get_default_router_deps()
    settings = deps.environment.settings()
    found = []
    for name in deps.registry.names():
        try:
            spec = deps.registry.find(name).spec
            there = availability(name, deps, settings)
        except BackendError as error:
            found.append(ProviderInfo(name, "unknown", "cannot be loaded", False, error.message, False, (), ()))
            continue
        aliases = tuple(dict.fromkeys((*(a for a, n in ALIASES.items() if n == name), *spec.aliases)))
        found.append(
            ProviderInfo(name, spec.kind, spec.summary, there.ok, there.reason, spec.local, aliases, spec.needs)
        )
    return found


def clear_llm_router_caches(deps: RouterDeps | None = None, *, remote: bool = False) -> None:
    """Forget provider instances and responses, in memory and on disk, of ``deps`` or of the whole process.

    A remote cache belongs to others: its ``clear`` is called only with ``remote``.
    """
    for each in every_deps() if deps is None else [deps]:
        each.clear_caches(remote=remote)


def _texts(items: Iterator[StreamItem]) -> Iterator[str]:
    with contextlib.ExitStack() as stack:
        stack.callback(getattr(items, "close", lambda: None))
        for item in items:
            if isinstance(item, str):
                yield item


def _router(
    *,
    provider: str | None = None,
    model_name: str | None = None,
    provider_instance: Any = None,
    deps: RouterDeps | None = None,
    **options: Any,
) -> tuple[Router, Mapping[str, Any]]:
    """The router of these arguments, and the options that go with the call."""
    deps = deps or get_default_router_deps()
    if provider_instance is None and options.keys() <= _CALL_OPTIONS:
        name: tuple[str | None, ...] = (provider, model_name)
        return deps.routers.get(name) or _new_router(
            deps, name, {"provider": provider, "model": model_name}, {}
        ), options
    keys = {name: options[name] for name in ROUTE_KEYS & options.keys()}
    call = {name: options[name] for name in _CALL_OPTIONS & options.keys()}
    settings = {name: value for name, value in options.items() if name not in keys and name not in call}
    if provider_instance is not None:
        return _router_of(provider_instance, model_name, keys, settings, deps), call
    name = (provider, model_name, fingerprint({**keys, **settings}))
    return deps.routers.get(name) or _new_router(
        deps, name, {**keys, "provider": provider, "model": model_name}, settings
    ), call


def _new_router(
    deps: RouterDeps, name: tuple[str | None, ...], keys: Mapping[str, Any], settings: Mapping[str, Any]
) -> Router:
    router = Router(Route.from_keys(keys, settings, _OWNER), deps)
    if len(deps.routers) >= _MAX_ROUTERS:
        deps.forget_routers()
    deps.routers[name] = router
    return router


def _router_of(
    instance: Any, model: str | None, keys: Mapping[str, Any], settings: Mapping[str, Any], deps: RouterDeps
) -> Router:
    name = str(getattr(instance, "id", None) or type(instance).__name__)
    identity = deps.instances.identity_of(instance)
    spec = spec_of(name, lambda: as_backend(name, instance, model=model))
    context = ProviderContext(deps.env, model, {}, deps, deps.loop_thread)
    candidate = Candidate(
        name, model, RegisteredProvider(spec, identity, borrowed=True), context, settings, "", identity, 0
    )
    route = Route.from_keys({**keys, "provider": name}, {}, _OWNER)
    return Router(route, deps, provider_instance=(candidate,))


_CALL_OPTIONS = GENERATION_OPTIONS.keys() | {"cache"}
