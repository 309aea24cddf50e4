"""One endpoint of the backend manager: what it is, what it can do, how it fared."""

from __future__ import annotations

import enum
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

from backends.base import Backend
from backends.llm_router.balancing import Load

__all__ = [
    "TEXT_GENERATION",
    "BackendCapabilities",
    "BackendInfo",
    "BackendMetrics",
    "BackendStatus",
    "BackendType",
    "Endpoint",
]

TEXT_GENERATION = "text-generation"
# A new measurement moves the average by this much: the last ten calls weigh about two thirds.
_NEWEST_WEIGHT = 0.1


class BackendType(enum.Enum):
    """What an endpoint is, for those who prefer one kind."""

    GPU = "gpu"
    API = "api"
    CLI = "cli"
    P2P = "p2p"
    WEBSOCKET = "websocket"
    MCP = "mcp"
    HYBRID = "hybrid"


class BackendStatus(enum.Enum):
    """How an endpoint is, by its last calls and health checks."""

    HEALTHY = "healthy"
    DEGRADED = "degraded"
    UNHEALTHY = "unhealthy"
    UNKNOWN = "unknown"
    INITIALIZING = "initializing"
    OFFLINE = "offline"


@dataclass(frozen=True, slots=True)
class BackendCapabilities:
    """What an endpoint can do; an empty set of tasks, models or protocols means "any"."""

    supported_tasks: frozenset[str] = frozenset({TEXT_GENERATION})
    supported_models: frozenset[str] = frozenset()
    protocols: frozenset[str] = frozenset()

    def can(self, task: str, model: str | None, protocols: Collection[str]) -> bool:
        return (
            (not self.supported_tasks or task in self.supported_tasks)
            and (model is None or not self.supported_models or model in self.supported_models)
            and (not self.protocols or self.protocols.issuperset(protocols))
        )


@dataclass(frozen=True, slots=True)
class BackendMetrics:
    """What was counted so far. Times are in milliseconds, as the reports of old had them."""

    total_requests: int = 0
    successful_requests: int = 0
    failed_requests: int = 0
    average_latency_ms: float | None = None
    active_connections: int = 0
    consecutive_failures: int = 0


@dataclass(frozen=True, slots=True)
class BackendInfo:
    """One endpoint as it stands."""

    backend_id: str
    backend_type: BackendType
    name: str
    endpoint: str | None
    status: BackendStatus
    detail: str
    capabilities: BackendCapabilities
    metrics: BackendMetrics
    instance: Backend
    metadata: Mapping[str, Any] = field(default_factory=dict)


@dataclass
class Endpoint:
    """The mutable side of BackendInfo; touched under the manager's lock only."""

    backend_id: str
    instance: Backend
    backend_type: BackendType
    name: str
    endpoint: str | None
    capabilities: BackendCapabilities
    metadata: dict[str, Any]
    status: BackendStatus = BackendStatus.UNKNOWN
    detail: str = "not called yet"
    total: int = 0
    good: int = 0
    active: int = 0
    failures_in_a_row: int = 0
    latency_ms: float | None = None
    last_chosen: int = 0
    rests_until: float = 0.0

    def succeeded(self, latency_ms: float | None) -> None:
        self.good += 1
        self.failures_in_a_row = 0
        self.rests_until = 0.0
        self.status, self.detail = BackendStatus.HEALTHY, "answers"
        if latency_ms is not None:
            known = self.latency_ms
            self.latency_ms = latency_ms if known is None else known + _NEWEST_WEIGHT * (latency_ms - known)

    def failed(self, detail: str, failures_to_rest: int, rests_until: float) -> None:
        self.failures_in_a_row += 1
        self.detail = detail or "failed"
        if self.failures_in_a_row >= failures_to_rest or self.status is BackendStatus.UNHEALTHY:
            self.status, self.rests_until = BackendStatus.UNHEALTHY, rests_until
        else:
            self.status = BackendStatus.DEGRADED

    def load(self) -> Load:
        latency = None if self.latency_ms is None else self.latency_ms / 1000
        return Load(self.backend_id, self.active, latency, self.last_chosen)

    def snapshot(self, now: float) -> BackendInfo:
        resting = f"; rests {self.rests_until - now:.0f} s more" if self.rests_until > now else ""
        return BackendInfo(
            backend_id=self.backend_id,
            backend_type=self.backend_type,
            name=self.name,
            endpoint=self.endpoint,
            status=self.status,
            detail=self.detail + resting,
            capabilities=self.capabilities,
            metrics=BackendMetrics(
                total_requests=self.total,
                successful_requests=self.good,
                failed_requests=self.total - self.good,
                average_latency_ms=self.latency_ms,
                active_connections=self.active,
                consecutive_failures=self.failures_in_a_row,
            ),
            instance=self.instance,
            metadata=self.metadata,
        )
