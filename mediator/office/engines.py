"""The engines that may read stories here: which there are, which one answers whom, and what they have done.

An engine is built when somebody first needs it and stays until the office closes. A person's choice holds for that
person alone: nobody can send another's text to a service.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from backends.base import Backend
from backends.exceptions import BackendError, ConfigurationError
from backends.llm_router.usage import ProviderUsage
from backends.llm_router_backend import LLMRouterBackend
from backends.types import Health
from mediator.exceptions import NotFoundError
from mediator.mediator import Mediator

__all__ = ["EngineInfo", "EngineSpec", "Engines"]

#: How long what was found out about an engine is shown without looking again.
_LOOK_AGAIN_SECONDS = 10.0


@dataclass(frozen=True)
class EngineSpec:
    """An engine of the configuration. ``preflight`` asks this machine alone; ``build`` makes the backend."""

    id: str
    type: str
    provider: str | None
    model: str | None
    preflight: Callable[[], Health]
    build: Callable[[], Backend]


@dataclass(frozen=True, slots=True)
class EngineInfo:
    """An engine as a person sees it. ``local`` is None when nobody can tell whether text stays here."""

    id: str
    type: str
    provider: str | None
    model: str | None
    ready: bool
    detail: str
    local: bool | None
    host: str | None
    #: Calls, tokens and cost of all people until now, where the backend counts them.
    usage: ProviderUsage | None = None


class Engines:
    """``default`` are the ids that answer when nobody chose; ``offered`` are those that a person may choose."""

    def __init__(
        self, specs: Sequence[EngineSpec], default: Sequence[str], offered: Sequence[str], state_dir: Path
    ) -> None:
        self._specs = {spec.id: spec for spec in specs}
        self.default = tuple(default)
        self._offered = tuple(offered)
        self._state_dir = state_dir
        self._lock = threading.Lock()
        self._mediators: dict[tuple[str, ...], Mediator] = {}
        self._seen: dict[str, tuple[float, Health]] = {}
        self._closed = False

    def infos(self) -> tuple[EngineInfo, ...]:
        """Those that may be chosen, in the order of the configuration."""
        return tuple(self._info(self._specs[name]) for name in self._offered)

    def check(self, id: str) -> None:
        """NotFoundError unless a person may choose that engine."""
        if id not in self._offered:
            raise NotFoundError(f'there is no engine "{id:.60}" to choose; there are {", ".join(self._offered)}')

    def mediator(self, choice: str | None) -> Mediator:
        """The mediator that reads for who chose ``choice``; without one, as the configuration says."""
        ids = self.default if choice is None or choice not in self._offered else (choice,)
        with self._lock:
            if self._closed:
                raise ConfigurationError("the program is stopping; try again when it runs")
            if ids not in self._mediators:
                self._mediators[ids] = self._built(ids)
            return self._mediators[ids]

    def close(self) -> None:
        """Give back what was built."""
        with self._lock:
            self._closed = True
            mediators, self._mediators = list(self._mediators.values()), {}
        for mediator in mediators:
            mediator.close()

    def _built(self, ids: tuple[str, ...]) -> Mediator:
        backends: list[Backend] = []
        try:
            backends.extend(self._specs[name].build() for name in ids)
            return Mediator(backends, state_dir=self._state_dir)
        except BaseException:
            for backend in backends:
                backend.close()
            raise

    def _info(self, spec: EngineSpec) -> EngineInfo:
        health = self._health(spec)
        return EngineInfo(
            spec.id, spec.type, spec.provider, health.model or spec.model, health.ok, health.detail,
            health.local if health.ok or health.local else None, health.host, self._usage(spec.id),
        )  # fmt: skip

    def _health(self, spec: EngineSpec) -> Health:
        now = time.monotonic()
        with self._lock:
            looked, health = self._seen.get(spec.id, (float("-inf"), None))
        if health is not None and now - looked < _LOOK_AGAIN_SECONDS:
            return health
        try:
            health = spec.preflight()
        except BackendError as error:
            health = Health(ok=False, detail=error.message, provider=spec.provider or spec.id)
        with self._lock:
            self._seen[spec.id] = (now, health)
        return health

    def _usage(self, id: str) -> ProviderUsage | None:
        with self._lock:
            built = [b for mediator in self._mediators.values() for b in mediator.backends if b.id == id]
        counted = [backend.usage().total for backend in built if isinstance(backend, LLMRouterBackend)]
        return sum(counted, ProviderUsage()) if counted else None
