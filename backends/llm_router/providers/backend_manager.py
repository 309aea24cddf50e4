"""``backend_manager``: several OpenAI-compatible endpoints, or any Backends, behind one name.

The manager comes from ``RouterDeps.backend_manager``; otherwise one is made from the setting ``endpoints``,
a list of base URLs or of objects with ``url`` and, as needed, ``id``, ``api_key``, ``model`` and ``max_body_bytes``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from backends.base import Backend
from backends.exceptions import ConfigurationError
from backends.llm_router.backend_manager import InferenceBackendManager
from backends.llm_router.managed import ManagedBackend
from backends.llm_router.providers.base import Availability, ProviderContext, ProviderSpec
from backends.llm_router.settings import flag, read
from backends.options import near_miss

__all__ = ["SPEC", "make_manager"]

_ENDPOINT_KEYS = frozenset({"api_key", "id", "max_body_bytes", "model", "url"})


def make_manager(context: ProviderContext, endpoints: Sequence[Any]) -> InferenceBackendManager:
    """A manager of OpenAI-compatible endpoints, balanced as the settings or the environment say."""
    from backends.openai import OpenAICompatibleBackend

    manager = InferenceBackendManager(_balancing(context))
    for position, entry in enumerate(endpoints, start=1):
        settings = _endpoint(entry, position)
        name = settings.pop("id", None) or f"endpoint-{position}"
        url = settings.pop("url")
        backend = OpenAICompatibleBackend(
            name, base_url=url, max_retries=0, env={}, loop_thread=context.loop_thread, **settings
        )
        manager.register_backend(name, backend, endpoint=url)
    return manager


def _balancing(context: ProviderContext) -> str:
    chosen = context.settings.get("load_balancing") or read(context.env, "LLM_LOAD_BALANCING")
    return str(chosen) if chosen else "round_robin"


def _endpoint(entry: Any, position: int) -> dict[str, Any]:
    settings = {"url": entry} if isinstance(entry, str) else entry
    if not isinstance(settings, Mapping) or not isinstance(settings.get("url"), str):
        raise ConfigurationError(f"endpoint {position} must be a URL or an object with a url")
    for key in settings:
        if key not in _ENDPOINT_KEYS:
            raise ConfigurationError(f'endpoint {position}: unknown key "{key}"{near_miss(key, _ENDPOINT_KEYS)}')
    return dict(settings)


def _create(context: ProviderContext) -> Backend:
    given = getattr(context.deps, "backend_manager", None)
    if isinstance(given, InferenceBackendManager):
        manager, owned = given, False
    elif given is not None:
        raise ConfigurationError(
            "RouterDeps.backend_manager must be a backends.llm_router.backend_manager.InferenceBackendManager, "
            f"not a {type(given).__name__}"
        )
    else:
        manager, owned = make_manager(context, _endpoints(context)), True
    return ManagedBackend(
        manager, id="backend_manager", model=context.model, owns_manager=owned, loop_thread=context.loop_thread
    )


def _endpoints(context: ProviderContext) -> Sequence[Any]:
    endpoints = context.settings.get("endpoints")
    if isinstance(endpoints, str) or not isinstance(endpoints, Sequence) or not endpoints:
        raise ConfigurationError(
            'backend_manager needs "endpoints", a list of base URLs, or RouterDeps.backend_manager'
        )
    return endpoints


def _available(context: ProviderContext) -> Availability:
    given = getattr(context.deps, "backend_manager", None)
    if given is not None:
        return Availability(True, "RouterDeps.backend_manager is set")
    if context.settings.get("endpoints"):
        return Availability(True, f"{len(context.settings['endpoints'])} endpoints are configured")
    enabled = flag(context.env, "ENABLE_BACKEND_MANAGER")
    return Availability(
        False, ("enabled, but " if enabled else "") + 'no "endpoints" and no RouterDeps.backend_manager'
    )


SPEC = ProviderSpec(
    name="backend_manager",
    kind="distributed",
    summary="several endpoints behind one name, balanced and health-checked",
    create=_create,
    available=_available,
    needs=('"endpoints" in the configuration, or RouterDeps.backend_manager',),
    settings=frozenset({"endpoints", "load_balancing"}),
)
