"""A container of its own for each test: no variable of the machine, no provider of another test."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from backends.llm_router import RouterDeps
from backends.llm_router.registry import ProviderRegistry

from .providers import ScriptedProvider


@pytest.fixture
def deps() -> Iterator[RouterDeps]:
    container = RouterDeps(env={}, registry=ProviderRegistry())
    yield container
    container.close()


@pytest.fixture
def provider(deps: RouterDeps) -> Callable[..., ScriptedProvider]:
    """Registers a scripted provider under a name."""

    def register(name: str, *script: Any, **settings: Any) -> ScriptedProvider:
        scripted = ScriptedProvider(name, *script, **settings)
        deps.registry.register(name, lambda: scripted)
        return scripted

    return register
