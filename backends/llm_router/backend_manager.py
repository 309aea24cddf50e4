"""Several endpoints behind one name: who is there, who is well, who is next.

An endpoint is any ``Backend``. A call leases one (``lease``), so what is under way is counted, how it
ended is recorded, and an endpoint that fails again and again rests before it is tried once more.
All methods may be called from any thread; what they return are snapshots.
"""

from __future__ import annotations

import itertools
import random
import threading
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

from backends.base import Backend
from backends.exceptions import BackendError, ConfigurationError, InvalidRequestError
from backends.llm_router.balancing import make_strategy
from backends.llm_router.endpoints import (
    TEXT_GENERATION,
    BackendCapabilities,
    BackendInfo,
    BackendMetrics,
    BackendStatus,
    BackendType,
    Endpoint,
)
from backends.options import near_miss

__all__ = [
    "BackendCapabilities",
    "BackendInfo",
    "BackendMetrics",
    "BackendStatus",
    "BackendType",
    "InferenceBackendManager",
]


class InferenceBackendManager:
    """Registers endpoints, watches them and picks the next one by a load-balancing strategy."""

    def __init__(
        self,
        load_balancing: str = "round_robin",
        *,
        failures_to_rest: int = 3,
        rest_seconds: float = 30.0,
        clock: Callable[[], float] = time.monotonic,
        draw: random.Random | None = None,
    ) -> None:
        self.load_balancing = load_balancing
        # Not for secrets: it spreads load.
        self._strategy = make_strategy(load_balancing, draw or random.Random())  # noqa: S311
        self._failures_to_rest = failures_to_rest
        self._rest_seconds = rest_seconds
        self._clock = clock
        self._turns = itertools.count(1)
        self._lock = threading.Lock()
        self._endpoints: dict[str, Endpoint] = {}
        self._watcher: _Watcher | None = None

    # -- who is there -------------------------------------------------------------------------

    def register_backend(
        self,
        backend_id: str,
        instance: Backend,
        *,
        backend_type: BackendType = BackendType.API,
        name: str | None = None,
        endpoint: str | None = None,
        capabilities: BackendCapabilities | None = None,
        metadata: Mapping[str, Any] | None = None,
    ) -> None:
        """Add an endpoint; one that is there under this id already is an error."""
        with self._lock:
            if backend_id in self._endpoints:
                raise ConfigurationError(f'an endpoint with the id "{backend_id}" is registered already')
            self._endpoints[backend_id] = Endpoint(
                backend_id=backend_id,
                instance=instance,
                backend_type=backend_type,
                name=name or backend_id,
                endpoint=endpoint,
                capabilities=capabilities or BackendCapabilities(),
                metadata=dict(metadata or {}),
            )

    def unregister_backend(self, backend_id: str) -> Backend:
        """Remove an endpoint and return its Backend, which the caller may close. Calls under way end by themselves."""
        with self._lock:
            self._known(backend_id)
            return self._endpoints.pop(backend_id).instance

    def get_backend(self, backend_id: str) -> BackendInfo:
        """The endpoint of that id."""
        with self._lock:
            return self._known(backend_id).snapshot(self._clock())

    def list_backends(
        self, backend_type: BackendType | None = None, status: BackendStatus | None = None
    ) -> list[BackendInfo]:
        """All endpoints in the order of their registration, or those of one type or status."""
        now = self._clock()
        with self._lock:
            everyone = [endpoint.snapshot(now) for endpoint in self._endpoints.values()]
        return [
            info
            for info in everyone
            if (backend_type is None or info.backend_type is backend_type) and (status is None or info.status is status)
        ]

    def get_backend_status_report(self) -> dict[str, Any]:
        """What a person or a monitor wants to know, ready for JSON."""
        infos = self.list_backends()
        return {
            "load_balancing": self.load_balancing,
            "total_backends": len(infos),
            "by_status": {s.value: n for s in BackendStatus if (n := sum(info.status is s for info in infos))},
            "backends": [
                {
                    "id": info.backend_id,
                    "name": info.name,
                    "type": info.backend_type.value,
                    "endpoint": info.endpoint,
                    "status": info.status.value,
                    "detail": info.detail,
                    "total_requests": info.metrics.total_requests,
                    "failed_requests": info.metrics.failed_requests,
                    "average_latency_ms": info.metrics.average_latency_ms,
                    "active_connections": info.metrics.active_connections,
                }
                for info in infos
            ],
        }

    # -- who is next --------------------------------------------------------------------------

    def select_backend_for_task(
        self,
        task: str = TEXT_GENERATION,
        model: str | None = None,
        *,
        preferred_types: Collection[BackendType] = (),
        required_protocols: Collection[str] = (),
        exclude: Collection[str] = (),
    ) -> BackendInfo | None:
        """The endpoint whose turn it is, or None when none can serve now."""
        with self._lock:
            chosen = self._choose(task, model, preferred_types, required_protocols, exclude)
            return None if chosen is None else chosen.snapshot(self._clock())

    @contextmanager
    def lease(
        self, task: str = TEXT_GENERATION, model: str | None = None, *, exclude: Collection[str] = ()
    ) -> Iterator[BackendInfo | None]:
        """Choose an endpoint and count the call while the block runs; its end is recorded by how it ends.

        A request that is wrong in itself says nothing about the endpoint and does not count against it.
        """
        with self._lock:
            chosen = self._choose(task, model, (), (), exclude)
            if chosen is not None:
                chosen.active += 1
            info = None if chosen is None else chosen.snapshot(self._clock())
        if chosen is None or info is None:
            yield None
            return
        started = self._clock()
        try:
            yield info
        except BackendError as error:
            with self._lock:
                chosen.active -= 1
            if not isinstance(error, InvalidRequestError):
                self.record_request(info.backend_id, success=False, detail=type(error).__name__)
            raise
        except BaseException:
            with self._lock:
                chosen.active -= 1
            raise
        else:
            with self._lock:
                chosen.active -= 1
            self.record_request(info.backend_id, success=True, latency_ms=(self._clock() - started) * 1000)

    def record_request(
        self, backend_id: str, *, success: bool, latency_ms: float | None = None, detail: str = ""
    ) -> None:
        """Count a call that ended. One for an endpoint that is gone meanwhile is dropped."""
        with self._lock:
            endpoint = self._endpoints.get(backend_id)
            if endpoint is None:
                return
            endpoint.total += 1
            if success:
                endpoint.succeeded(latency_ms)
            else:
                endpoint.failed(detail, self._failures_to_rest, self._clock() + self._rest_seconds)

    # -- who is well --------------------------------------------------------------------------

    def check_health(self) -> list[BackendInfo]:
        """Ask every endpoint how it is, side by side, and return all."""
        infos = self.list_backends()
        if infos:
            with ThreadPoolExecutor(min(8, len(infos)), thread_name_prefix="health") as pool:
                list(pool.map(self._check_one, infos))
        return self.list_backends()

    def start_health_checks(self, interval: float = 60.0) -> None:
        """Check all endpoints every ``interval`` seconds in a daemon thread, until ``close``."""
        with self._lock:
            if self._watcher is None:
                self._watcher = _Watcher(self, interval)
                self._watcher.start()

    def close(self) -> None:
        """Stop watching and close every endpoint."""
        with self._lock:
            watcher, self._watcher = self._watcher, None
            endpoints = list(self._endpoints.values())
            self._endpoints.clear()
        if watcher is not None:
            watcher.end()
        for endpoint in endpoints:
            endpoint.instance.close()

    def _check_one(self, info: BackendInfo) -> None:
        health = info.instance.health()
        with self._lock:
            endpoint = self._endpoints.get(info.backend_id)
            if endpoint is not None:
                endpoint.status = BackendStatus.HEALTHY if health.ok else BackendStatus.UNHEALTHY
                endpoint.detail = health.detail
                endpoint.rests_until = 0.0 if health.ok else self._clock() + self._rest_seconds

    def _known(self, backend_id: str) -> Endpoint:
        try:
            return self._endpoints[backend_id]
        except KeyError:
            raise ConfigurationError(
                f'there is no endpoint "{backend_id}"{near_miss(backend_id, self._endpoints)}'
            ) from None

    def _choose(
        self,
        task: str,
        model: str | None,
        preferred_types: Collection[BackendType],
        required_protocols: Collection[str],
        exclude: Collection[str],
    ) -> Endpoint | None:
        now = self._clock()
        able = [
            endpoint
            for endpoint in self._endpoints.values()
            if endpoint.backend_id not in exclude
            and endpoint.rests_until <= now
            and endpoint.status is not BackendStatus.OFFLINE
            and endpoint.capabilities.can(task, model, required_protocols)
        ]
        preferred = [endpoint for endpoint in able if endpoint.backend_type in preferred_types]
        candidates = preferred or able
        if not candidates:
            return None
        chosen = self._endpoints[self._strategy.choose([endpoint.load() for endpoint in candidates])]
        chosen.last_chosen = next(self._turns)
        if chosen.status is BackendStatus.UNHEALTHY:
            # Its rest is over: this call is the trial, and nobody else is sent before it has ended.
            chosen.rests_until = now + self._rest_seconds
        return chosen


class _Watcher(threading.Thread):
    """Checks health until it is told to end."""

    def __init__(self, manager: InferenceBackendManager, interval: float) -> None:
        super().__init__(name="backend-health", daemon=True)
        self._manager = manager
        self._interval = interval
        self._ended = threading.Event()

    def run(self) -> None:
        while not self._ended.wait(self._interval):
            self._manager.check_health()

    def end(self) -> None:
        self._ended.set()
        if self is not threading.current_thread():
            self.join(timeout=5)
