"""Who is asked, in which order. The one place that decides it.

1. the provider that the call or the configuration names, then its ``fallback_providers`` and nobody else;
2. the provider that ``LLM_PROVIDER`` names, then ``LLM_FALLBACK_PROVIDERS`` and nobody else;
3. else whoever is there, in the order of ``AUTO_ORDER``: peers when given, the backend manager and accelerate when
   enabled, API providers with a key, programs and SDKs that are installed, local models.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from backends.exceptions import BackendError, PrivacyError, ProviderUnavailableError
from backends.llm_router.deps import RouterDeps
from backends.llm_router.environment import EnvironmentSettings
from backends.llm_router.instances import cache_identity, fingerprint
from backends.llm_router.providers.base import Availability, ProviderContext
from backends.llm_router.registry import AUTO_ORDER, RegisteredProvider
from backends.llm_router.route import Route, Target, is_repeatable
from backends.llm_router.settings import MODEL_VARIABLES, read
from backends.llm_router.tracing import TRACE_KEYS

__all__ = ["Candidate", "availability", "is_local", "resolve"]

#: Settings that say which model it is.
_NAME_A_MODEL = frozenset({"model_path", "gguf_file"})


@dataclass(frozen=True, slots=True)
class Candidate:
    """One provider as it would be asked."""

    name: str
    model: str | None
    found: RegisteredProvider = field(repr=False)
    # Settings hold keys: nothing of them is shown.
    context: ProviderContext = field(repr=False)
    #: Settings that the provider may take with a call, if not when it is made.
    call_settings: Mapping[str, Any] = field(repr=False)
    settings_print: str = field(repr=False)
    #: Who answers, for the names of responses.
    identity: str = field(repr=False)
    generation: int
    #: Whether the same call has the same answer: not within a session, nor where the program may act.
    repeatable: bool = True

    def with_model(self, model: str) -> Candidate:
        """The same provider, asked for ``model``."""
        return replace(self, model=model, context=replace(self.context, model=model))


def resolve(route: Route, deps: RouterDeps, settings: EnvironmentSettings) -> tuple[Candidate, ...]:
    """The candidates in order, at least one; ConfigurationError or ProviderUnavailableError when there is none."""
    if route.target is not None:
        targets: Iterable[Target] = (route.target, *_with_family_settings(route))
    elif settings.provider is not None:
        fallbacks = route.fallbacks or tuple(Target(name) for name in settings.fallback_providers)
        targets = (Target(settings.provider, route.model, route.settings), *fallbacks)
    else:
        return _whoever_is_there(route, deps, settings)
    candidates = tuple(_candidate(_where_it_runs(target, deps, settings), deps, settings) for target in targets)
    if _local_only(route, settings):
        for candidate in candidates:
            _refuse_remote(candidate, route, deps)
    return candidates


def availability(name: str, deps: RouterDeps, settings: EnvironmentSettings) -> Availability:
    """Whether the provider's own program, key or library is there."""
    candidate = _candidate(Target(name), deps, settings)
    if name == "backend_manager" and not settings.backend_manager and deps.backend_manager is None:
        return Availability(False, "not enabled: set COMPLAINT_GENERATOR_ENABLE_BACKEND_MANAGER=1")
    if name == "accelerate" and not settings.accelerate and deps.accelerate_manager is None:
        return Availability(False, "not enabled: set COMPLAINT_GENERATOR_ENABLE_IPFS_ACCELERATE=1")
    return candidate.found.spec.available(candidate.context)


def _where_it_runs(target: Target, deps: RouterDeps, settings: EnvironmentSettings) -> Target:
    """``huggingface`` is the hosted API with a key and the library on this machine without, as documented."""
    if target.provider != "huggingface":
        return target
    candidate = _candidate(target, deps, settings)
    there = candidate.found.spec.available(candidate.context).ok
    return target if there else replace(target, provider="local_hf")


def _with_family_settings(route: Route) -> tuple[Target, ...]:
    return tuple(
        Target(target.provider, target.model, {**route.settings, **target.settings}) for target in route.fallbacks
    )


def _whoever_is_there(route: Route, deps: RouterDeps, settings: EnvironmentSettings) -> tuple[Candidate, ...]:
    candidates, reasons = [], []
    local_only = _local_only(route, settings)
    for name in _auto_order(route, deps):
        try:
            there = availability(name, deps, settings)
            candidate = _candidate(Target(name, route.model, route.settings), deps, settings)
        except BackendError as error:
            there, candidate = Availability(False, error.message), None
        if there.ok and candidate is not None and (not local_only or is_local(candidate, deps)):
            candidates.append(candidate)
        elif there.ok:
            reasons.append(f"{name}: privacy is local_only")
        else:
            reasons.append(f"{name}: {there.reason}")
    candidates += [_candidate(target, deps, settings) for target in _with_family_settings(route)]
    if local_only:
        for candidate in candidates:
            _refuse_remote(candidate, route, deps)
    if not candidates:
        raise ProviderUnavailableError(
            "no provider is there to answer; set a key, install a program, or name a provider. " + "; ".join(reasons),
            provider=route.owner,
            retryable=False,
        )
    return tuple(candidates)


def _auto_order(route: Route, deps: RouterDeps) -> tuple[str, ...]:
    """``local_hf`` before ``workstation`` when a model is named for it; llama.cpp runs the embedded one faster."""
    if route.model or read(deps.env, "LOCAL_HF_MODEL") or read(deps.env, "LLM_MODEL"):
        return AUTO_ORDER
    return (*(name for name in AUTO_ORDER if name != "local_hf"), "local_hf")


def _candidate(target: Target, deps: RouterDeps, settings: EnvironmentSettings) -> Candidate:
    found = deps.registry.find(target.provider)
    made_with: dict[str, Any] = {}
    with_calls: dict[str, Any] = {}
    given = {name: value for name, value in target.settings.items() if value is not None}
    for name, value in given.items():
        (made_with if name in found.spec.settings else with_calls)[name] = value
    shaping = {name: value for name, value in given.items() if name not in TRACE_KEYS}
    model = target.model or _default_model(found.spec.name, given, deps.env)
    return Candidate(
        name=found.spec.name,
        model=model,
        found=found,
        context=ProviderContext(deps.env, model, made_with, deps, deps.loop_thread),
        call_settings=with_calls,
        settings_print=fingerprint(made_with),
        identity=cache_identity(found.identity, shaping, settings.shaping),
        generation=settings.generation,
        repeatable=is_repeatable(given),
    )


def _default_model(name: str, settings: Mapping[str, Any], env: Mapping[str, str]) -> str | None:
    """The model that the environment names for this provider; None: the provider's own default."""
    if not _NAME_A_MODEL.isdisjoint(settings):
        return None
    own = MODEL_VARIABLES.get(name)
    found = None if own is None else read(env, own)
    if found is not None:
        return found
    general = read(env, "LLM_MODEL")
    # llama.cpp takes a file; a model's name means another provider.
    return None if general is not None and name == "workstation" and not general.endswith(".gguf") else general


def _local_only(route: Route, settings: EnvironmentSettings) -> bool:
    return route.local_only or settings.privacy == "local_only"


def is_local(candidate: Candidate, deps: RouterDeps) -> bool:
    """Whether text stays here. A provider may be local by its address: then its instance knows."""
    if candidate.found.spec.local:
        return True
    instance = deps.instances.enter(
        candidate.found, candidate.settings_print, candidate.generation, candidate.context, True
    )
    try:
        return instance.backend.local
    finally:
        deps.instances.leave(instance)


def _refuse_remote(candidate: Candidate, route: Route, deps: RouterDeps) -> None:
    try:
        local = is_local(candidate, deps)
    except BackendError:
        local = False  # it cannot even be made; what it cannot prove is not so
    if not local:
        raise PrivacyError(
            f'"{candidate.name}" sends text off the machine and privacy is local_only; choose a local provider',
            provider=route.owner,
        )
