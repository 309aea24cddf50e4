"""The old import name of the router's container of shared resources."""

from __future__ import annotations

from backends.llm_router.deps import RouterDeps, get_default_router_deps, set_default_router_deps

__all__ = ["RouterDeps", "get_default_router_deps", "set_default_router_deps"]
