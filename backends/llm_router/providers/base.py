"""What a provider is: a name, how to tell whether it is there, and how to make its Backend.

A provider file declares one ``ProviderSpec`` named ``SPEC``. The Backend it creates keeps all the
promises of ``backends.base``; the router adds fallback, limits, caches and tracing around it.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from backends.base import Backend

if TYPE_CHECKING:
    from backends._loop import LoopThread
    from backends.llm_router.deps import RouterDeps

__all__ = ["Availability", "ProviderContext", "ProviderSpec"]


@dataclass(frozen=True, slots=True)
class Availability:
    """Whether a provider's own program, key or library is there, and why not."""

    ok: bool
    reason: str


@dataclass(frozen=True, slots=True)
class ProviderContext:
    """What a provider may know when it is made. Nothing reads ``os.environ`` by itself."""

    env: Mapping[str, str] = field(default_factory=lambda: os.environ)
    model: str | None = None
    #: Settings of the configuration entry that are the provider's own (api_key, base_url, model_path, ...).
    settings: Mapping[str, Any] = field(default_factory=dict)
    deps: RouterDeps | None = None
    loop_thread: LoopThread | None = None


@dataclass(frozen=True, slots=True)
class ProviderSpec:
    """One provider, declared."""

    name: str
    kind: Literal["http", "program", "sdk", "local", "distributed", "custom", "test"]
    #: What a person sees in ``providers``: one line.
    summary: str
    create: Callable[[ProviderContext], Backend]
    available: Callable[[ProviderContext], Availability]
    aliases: tuple[str, ...] = ()
    #: Whether text stays on this machine.
    local: bool = False
    #: What the provider needs, for people: a key's variable, a program, a package.
    needs: tuple[str, ...] = ()
    #: Constructor settings beyond the options of a call.
    settings: frozenset[str] = frozenset()
