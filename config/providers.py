"""The names that ``provider`` may take: the router's table, and the providers that installed packages offer."""

from __future__ import annotations

from importlib.metadata import entry_points

__all__ = ["is_known_provider", "known_providers"]

_ENTRY_POINTS = "complaint_generator.llm_providers"
#: Canonical names that have no other name, and so do not stand in the router's table.
_WITHOUT_ALIAS = frozenset({"auto", "mock"})


def known_providers() -> frozenset[str]:
    """All names that would be accepted, as the router spells them."""
    return _built_in() | {point.name.lower() for point in entry_points(group=_ENTRY_POINTS)}


def is_known_provider(name: str) -> bool:
    """Whether somebody offers a provider of that name. Packages are asked last: that takes a while."""
    from backends.llm_router.aliases import canonical_name

    canonical = canonical_name(name)
    return canonical in _built_in() or canonical in known_providers()


def _built_in() -> frozenset[str]:
    from backends.llm_router.aliases import ALIASES

    return frozenset(ALIASES) | frozenset(ALIASES.values()) | _WITHOUT_ALIAS
