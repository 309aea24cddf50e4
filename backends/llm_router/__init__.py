"""The LLM router: one function in front of every provider, with fallback, limits, caches and tracing."""

from backends.llm_router.api import (
    ProviderInfo,
    acomplete_text,
    agenerate_text,
    astream_text,
    clear_llm_router_caches,
    complete_text,
    generate_text,
    get_llm_provider,
    list_llm_providers,
    register_llm_provider,
    stream_text,
    unregister_llm_provider,
)
from backends.llm_router.deps import RouterDeps, get_default_router_deps, set_default_router_deps
from backends.llm_router.providers.base import Availability, ProviderContext, ProviderSpec

__all__ = [
    "Availability",
    "ProviderContext",
    "ProviderInfo",
    "ProviderSpec",
    "RouterDeps",
    "acomplete_text",
    "agenerate_text",
    "astream_text",
    "clear_llm_router_caches",
    "complete_text",
    "generate_text",
    "get_default_router_deps",
    "get_llm_provider",
    "list_llm_providers",
    "register_llm_provider",
    "set_default_router_deps",
    "stream_text",
    "unregister_llm_provider",
]
