"""The page of the programs' keys says what the code knows."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from backends.base import Backend
from backends.llm_router.providers.copilot_sdk import CopilotSdkBackend
from backends.options import SAMPLING_OPTIONS
from tests.backends.llm_router.programs.conftest import BACKENDS

_PAGE = Path(__file__).parents[4] / "docs" / "reference" / "programs.md"
_KEY = re.compile(r"`((?:claude|codex|copilot|gemini|program|trace|resume|continue|working)_[a-z_]+|trace)`")
_ALL: list[type[Backend]] = [*BACKENDS.values(), CopilotSdkBackend]


@pytest.mark.parametrize("backend", _ALL, ids=lambda backend: backend.type)
def test_every_key_of_a_provider_is_explained(backend: type[Backend]) -> None:
    keys = backend.known_options - SAMPLING_OPTIONS.keys() - {"timeout", "json_schema", "model"}

    assert keys <= set(_KEY.findall(_PAGE.read_text()))


def test_every_explained_key_exists() -> None:
    known = frozenset().union(*(backend.known_options for backend in _ALL))
    providers = {backend.type for backend in _ALL}

    assert set(_KEY.findall(_PAGE.read_text())) - providers <= known
