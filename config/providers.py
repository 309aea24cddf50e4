"""The names that ``provider`` may take: the router's, those of installed packages, those a program registered."""

from __future__ import annotations

__all__ = ["built_in_providers", "is_known_provider", "known_providers"]


def built_in_providers() -> frozenset[str]:
    """The names in the router's own tables; the same on every machine."""
    from backends.llm_router.aliases import ALIASES
    from backends.llm_router.registry import BUILTIN_PROVIDERS

    return frozenset(ALIASES) | frozenset(BUILTIN_PROVIDERS)


def known_providers() -> frozenset[str]:
    """All names that would be accepted, as the router spells them."""
    from backends.llm_router.deps import REGISTRY

    return built_in_providers() | frozenset(REGISTRY.names())


def is_known_provider(name: str) -> bool:
    """Whether somebody offers a provider of that name. Packages are asked last: that takes a while."""
    from backends.llm_router.aliases import canonical_name

    canonical = canonical_name(name)
    return canonical in built_in_providers() or canonical in known_providers()
