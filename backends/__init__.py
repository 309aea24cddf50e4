"""Backends: one prompt in, one completion out, whoever answers. Importing this loads no engine."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from backends.base import Backend
    from backends.exceptions import (
        AllProvidersFailedError,
        AuthenticationError,
        BackendError,
        BackendTimeoutError,
        BatchError,
        BudgetExceededError,
        ConfigurationError,
        ContentFilteredError,
        ContextLengthError,
        InvalidRequestError,
        MalformedResponseError,
        ModelNotFoundError,
        PermissionDeniedError,
        PrivacyError,
        ProviderUnavailableError,
        RateLimitError,
    )
    from backends.huggingface import HuggingFaceBackend
    from backends.llm_router_backend import LLMRouterBackend
    from backends.openai import OpenAIBackend
    from backends.types import Attempt, Completion, Health, Usage
    from backends.workstation import WorkstationBackend

__all__ = [
    "AllProvidersFailedError",
    "Attempt",
    "AuthenticationError",
    "Backend",
    "BackendError",
    "BackendTimeoutError",
    "BatchError",
    "BudgetExceededError",
    "Completion",
    "ConfigurationError",
    "ContentFilteredError",
    "ContextLengthError",
    "Health",
    "HuggingFaceBackend",
    "InvalidRequestError",
    "LLMRouterBackend",
    "MalformedResponseError",
    "ModelNotFoundError",
    "OpenAIBackend",
    "PermissionDeniedError",
    "PrivacyError",
    "ProviderUnavailableError",
    "RateLimitError",
    "Usage",
    "WorkstationBackend",
]

_MODULES = {
    "Backend": "backends.base",
    "HuggingFaceBackend": "backends.huggingface",
    "LLMRouterBackend": "backends.llm_router_backend",
    "OpenAIBackend": "backends.openai",
    "WorkstationBackend": "backends.workstation",
    **dict.fromkeys(("Attempt", "Completion", "Health", "Usage"), "backends.types"),
}


def __getattr__(name: str) -> Any:
    # A name is imported when it is asked for: an engine that nobody uses costs nothing.
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(_MODULES.get(name, "backends.exceptions")), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
