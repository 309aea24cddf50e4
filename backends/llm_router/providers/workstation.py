"""``workstation``: GGUF models on this machine by llama.cpp; the model is a file, else the packaged one."""

from __future__ import annotations

import importlib.util

from backends.base import Backend
from backends.exceptions import BackendError
from backends.llm_router.providers.base import Availability, ProviderContext, ProviderSpec
from backends.llm_router.settings import read

__all__ = ["SPEC"]

_SETTINGS = frozenset(
    {
        "model_path",
        "n_ctx",
        "n_threads",
        "n_gpu_layers",
        "n_batch",
        "n_parallel",
        "chat_format",
        "idle_seconds",
        "prefix_store",
        "fast_weights",
    }
    | {"privacy"}
)


def _create(context: ProviderContext) -> Backend:
    from backends.workstation import WorkstationBackend

    settings = {name: context.settings[name] for name in _SETTINGS & context.settings.keys()}
    model = context.model or settings.get("model_path") or read(context.env, "WORKSTATION_MODEL")
    if model is not None:
        settings["model_path"] = model
    return WorkstationBackend("workstation", **settings)


def _available(context: ProviderContext) -> Availability:
    if importlib.util.find_spec("llama_cpp") is None:
        return Availability(False, "llama-cpp-python is not installed: pip install llama-cpp-python")
    try:
        backend = _create(context)
    except BackendError as error:
        return Availability(False, error.message)
    with backend:
        health = backend.health()
    return Availability(health.ok, health.detail)


SPEC = ProviderSpec(
    name="workstation",
    kind="local",
    summary="GGUF models on this machine, by llama.cpp",
    create=_create,
    available=_available,
    local=True,
    needs=("a GGUF file, or none for the packaged SmolLM2-135M",),
    settings=_SETTINGS,
)
