"""Which engine answers for HuggingFaceBackend, and which model the settings and the environment name."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from backends.exceptions import ConfigurationError

if TYPE_CHECKING:
    from backends.local.transformers_find import Wanted

__all__ = ["is_local", "refuse", "wanted_model", "why_not_fetched"]


def is_local(
    model: str | None,
    gguf_file: str | None,
    base_url: str | None,
    key: str | None,
    privacy: str | None,
    env: Mapping[str, str],
) -> bool:
    """Whether text stays on this machine when nobody says; the order is HuggingFaceBackend's."""
    from backends.llm_router.settings import read
    from backends.local.transformers_find import is_here

    if base_url is not None:
        return False
    if gguf_file is not None or is_here(model):
        return True
    if key is not None:
        return False
    hosted = read(env, "HUGGINGFACE_API_KEY") or read(env, "HUGGINGFACE_BASE_URL")
    return privacy == "local_only" or hosted is None


def refuse(settings: Mapping[str, Any], engine: str, owner: str) -> None:
    """Refuse the settings that mean nothing for ``engine`` ("local" or "hosted")."""
    given = [name for name, value in settings.items() if value is not None]
    if given:
        other = "false" if engine == "local" else "true"
        raise ConfigurationError(
            f'"{given[0]}" has no meaning for {engine} inference; leave it out or set local to {other}', provider=owner
        )


def wanted_model(
    model: str | None,
    gguf_file: str | None,
    revision: str | None,
    why_not: str,
    key: str | None,
    env: Mapping[str, str],
    owner: str,
) -> Wanted:
    """The model that the settings name; ``why_not`` says why it may not be fetched, or nothing."""
    from backends.llm_router.settings import read
    from backends.local.packaged_models import packaged_gguf
    from backends.local.transformers_find import Wanted

    if gguf_file is not None and Path(gguf_file).expanduser().is_absolute():
        if model is not None:
            raise ConfigurationError(
                "gguf_file is a full path, so model says nothing more; leave model out", provider=owner
            )
        model, gguf_file = gguf_file, None
    if model is None and gguf_file is not None:
        model = "."
    return Wanted(
        model=model if model is not None else str(packaged_gguf()),
        gguf_file=gguf_file,
        revision=revision,
        may_download=not why_not,
        why_not=why_not,
        env=env,
        token=key or read(env, "HUGGINGFACE_API_KEY"),
    )


def why_not_fetched(privacy: str | None, offline: bool | None, env: Mapping[str, str]) -> str:
    """Why a model may not be fetched from the hub; empty when it may."""
    from backends.local.transformers_find import hub_offline

    if privacy == "local_only":
        return "privacy is local_only"
    if offline:
        return "offline is set"
    variable = hub_offline(env) if offline is None else None
    return f"{variable} is set" if variable else ""
