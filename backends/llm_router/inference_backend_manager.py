"""The old import name of the backend manager, with the one manager of the process."""

from __future__ import annotations

from backends.llm_router.backend_manager import InferenceBackendManager
from backends.llm_router.deps import get_default_router_deps

__all__ = ["InferenceBackendManager", "get_backend_manager"]


def get_backend_manager() -> InferenceBackendManager:
    """The manager of the default container; an empty one is made at the first call."""
    deps = get_default_router_deps()
    manager: InferenceBackendManager = deps.get_or_create("inference_backend_manager", InferenceBackendManager)
    if deps.backend_manager is None:
        deps.backend_manager = manager
    return manager
