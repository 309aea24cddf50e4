"""``local_hf``: transformers on this machine: a folder, a GGUF file, a hub name; without a model, the embedded one."""

from __future__ import annotations

from backends.base import Backend
from backends.exceptions import BackendError
from backends.llm_router.providers.base import Availability, ProviderContext, ProviderSpec
from backends.llm_router.settings import read

__all__ = ["SPEC"]

_SETTINGS = frozenset({"api_key", "device", "dtype", "gguf_file", "offline", "privacy", "revision"})


def _model(context: ProviderContext) -> str | None:
    return context.model or context.settings.get("model") or read(context.env, "LOCAL_HF_MODEL")


def _create(context: ProviderContext) -> Backend:
    from backends.huggingface import HuggingFaceBackend

    settings = {name: context.settings[name] for name in _SETTINGS & context.settings.keys()}
    return HuggingFaceBackend("local_hf", local=True, model=_model(context), env=context.env, **settings)


def _available(context: ProviderContext) -> Availability:
    from backends.local.transformers_model import require_packages

    model = _model(context)
    gguf = model is None or "gguf_file" in context.settings or model.lower().endswith(".gguf")
    try:
        require_packages(model or "the embedded model", gguf=gguf)
    except BackendError as error:
        return Availability(False, error.message)
    return Availability(True, f"transformers is installed; the model is {model or 'the embedded one'}")


SPEC = ProviderSpec(
    name="local_hf",
    kind="local",
    summary="Hugging Face transformers on this machine",
    create=_create,
    available=_available,
    local=True,
    needs=('pip install -e ".[huggingface]"',),
    settings=_SETTINGS,
)
