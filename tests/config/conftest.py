"""What the tests of the configuration share: writing a file and reading what is wrong with it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from config import Config, ConfigProblems, load_config

DATA = Path(__file__).parent / "data"
ROOT = Path(__file__).parents[2]
#: A value for every key that the examples name.
KEYS = {
    name: f"value-of-{name}"
    for name in (
        "OPENAI_API_KEY",
        "ANTHROPIC_API_KEY",
        "OPENROUTER_API_KEY",
        "HF_TOKEN",
        "HUGGINGFACE_API_KEY",
        "GOOGLE_API_KEY",
    )
}


@pytest.fixture
def data() -> Path:
    """The folder of configurations that the documents print."""
    return DATA


@pytest.fixture
def root() -> Path:
    """The folder of run.py."""
    return ROOT


@pytest.fixture
def keys() -> dict[str, str]:
    """An environment with a value for every key that the examples name."""
    return dict(KEYS)


@pytest.fixture
def written(tmp_path: Path) -> Callable[[Any], Path]:
    """Write text, bytes or data to ``config.json`` and return its path."""

    def write(content: Any) -> Path:
        file = tmp_path / "config.json"
        if isinstance(content, bytes):
            file.write_bytes(content)
        else:
            file.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
        return file

    return write


@pytest.fixture
def load(written: Callable[[Any], Path]) -> Callable[..., Config]:
    """Load a configuration from text or data; variables are keyword arguments."""

    def loaded(content: Any, **env: str) -> Config:
        return load_config(written(content), env=env)

    return loaded


@pytest.fixture
def lines(load: Callable[..., Config], tmp_path: Path) -> Callable[..., list[str]]:
    """The lines that a person sees, without the folder of the file."""

    def told(content: Any, **env: str) -> list[str]:
        with pytest.raises(ConfigProblems) as caught:
            load(content, **env)
        return str(caught.value).replace(f"{tmp_path}/", "").splitlines()

    return told
