"""Numbers for a monitor, as Prometheus text. Labels are names of providers and errors, never text of a caller."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST

from backends.types import Completion

__all__ = ["CONTENT_TYPE", "Metrics"]

CONTENT_TYPE = CONTENT_TYPE_LATEST
#: Seconds; language models answer in tenths of seconds to minutes.
_BUCKETS = (0.01, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600)


class Metrics:
    """The counters of one server."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self._requests = Counter(
            "llm_router_requests", "Calls by provider and outcome.", ("provider", "outcome"), registry=self._registry
        )
        self._tokens = Counter(
            "llm_router_tokens", "Tokens by provider and kind.", ("provider", "kind"), registry=self._registry
        )
        self._cost = Counter(
            "llm_router_cost_dollars", "Cost by provider, where known.", ("provider",), registry=self._registry
        )
        self._cached = Counter("llm_router_cached", "Answers from the cache.", ("provider",), registry=self._registry)
        self._seconds = Histogram(
            "llm_router_request_seconds",
            "How long calls took.",
            ("provider",),
            buckets=_BUCKETS,
            registry=self._registry,
        )
        self._under_way = Gauge("llm_router_requests_under_way", "Calls under way.", registry=self._registry)

    @contextlib.contextmanager
    def under_way(self) -> Iterator[None]:
        """Counts a call while it runs."""
        self._under_way.inc()
        try:
            yield
        finally:
            self._under_way.dec()

    def answered(self, completion: Completion, seconds: float) -> None:
        """A call that was answered."""
        name = completion.provider
        self._requests.labels(name, "ok").inc()
        self._seconds.labels(name).observe(seconds)
        if completion.cached:
            self._cached.labels(name).inc()
            return
        self._tokens.labels(name, "prompt").inc(completion.usage.prompt_tokens)
        self._tokens.labels(name, "completion").inc(completion.usage.completion_tokens)
        if completion.usage.cost_usd:
            self._cost.labels(name).inc(completion.usage.cost_usd)

    def failed(self, provider: str, error: str, seconds: float) -> None:
        """A call that was not."""
        self._requests.labels(provider, error).inc()
        self._seconds.labels(provider).observe(seconds)

    def text(self) -> bytes:
        """The exposition."""
        return generate_latest(self._registry)
