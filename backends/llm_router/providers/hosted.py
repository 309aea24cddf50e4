"""What the providers with an HTTP API and a key share: their declaration, and who is there."""

from __future__ import annotations

from backends.base import Backend
from backends.http_backend import HTTP_SETTINGS, HttpBackend
from backends.llm_router.providers.base import Availability, ProviderContext, ProviderSpec
from backends.llm_router.settings import VARIABLES, read

__all__ = ["hosted_spec"]


def hosted_spec(
    backend: type[HttpBackend],
    *,
    summary: str,
    key: str,
    model: str,
    base_url: str,
    settings: frozenset[str] = frozenset(),
) -> ProviderSpec:
    """Declare a provider; ``key``, ``model`` and ``base_url`` are names of the settings table."""
    name = backend.provider

    def create(context: ProviderContext) -> Backend:
        given = dict(context.settings)
        # The router retries around the whole provider; a second layer would multiply the tries.
        given.setdefault("max_retries", 0)
        named = given.pop("model", None)
        chosen = context.model or named or read(context.env, model) or read(context.env, "LLM_MODEL")
        return backend(name, model=chosen, env=context.env, loop_thread=context.loop_thread, **given)

    def available(context: ProviderContext) -> Availability:
        if context.settings.get("api_key") or read(context.env, key):
            return Availability(True, "there is a key")
        if context.settings.get("base_url") or read(context.env, base_url):
            return Availability(True, "there is a base URL, which may need no key")
        return Availability(False, f"no key: set {VARIABLES[key].plain[0]}")

    return ProviderSpec(
        name=name,
        kind="http",
        summary=summary,
        create=create,
        available=available,
        needs=(VARIABLES[key].plain[0],),
        settings=HTTP_SETTINGS | settings,
    )
