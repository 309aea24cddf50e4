"""What both faces of the REST API share: one call to the router, counted."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncGenerator, Mapping
from dataclasses import dataclass, field
from typing import Any

from backends.exceptions import BackendError, ConfigurationError, InvalidRequestError
from backends.llm_router.aliases import canonical_name
from backends.llm_router.api import ProviderInfo, acomplete_text, astream_items, list_llm_providers
from backends.llm_router.deps import RouterDeps
from backends.llm_router.rest.failures import unknown_provider
from backends.llm_router.rest.metrics import Metrics
from backends.llm_router.settings import read
from backends.llm_router.usage import UsageMeter
from backends.types import Completion, Prompt, StreamItem

__all__ = ["Service"]


@dataclass
class Service:
    """The router as the server uses it. ``provider`` and ``model`` answer when a request names none."""

    deps: RouterDeps
    provider: str | None = None
    model: str | None = None
    privacy: str | None = None
    max_timeout: float = 600.0
    usage: UsageMeter = field(default_factory=UsageMeter)
    metrics: Metrics = field(default_factory=Metrics)

    @property
    def default_provider(self) -> str | None:
        """Who answers when nobody is named; None: the best that is there."""
        return self.provider or read(self.deps.env, "LLM_PROVIDER")

    def providers(self) -> list[ProviderInfo]:
        """Every provider, and whether it is there."""
        return list_llm_providers(self.deps)

    def names_provider(self, name: str) -> bool:
        """Whether ``name`` is a provider's name or alias."""
        return canonical_name(name) in self.deps.registry.names()

    async def complete(
        self, prompt: Prompt, provider: str | None, model: str | None, options: Mapping[str, Any]
    ) -> Completion:
        """One answer, counted."""
        with self._watched(provider) as done:
            completion = await acomplete_text(
                prompt, deps=self.deps, **self._whom(provider, model), **self._with_limits(options)
            )
            done.append(completion)
            return completion

    async def stream(
        self, prompt: Prompt, provider: str | None, model: str | None, options: Mapping[str, Any]
    ) -> AsyncGenerator[StreamItem, None]:
        """One answer piece by piece, then the whole, counted."""
        with self._watched(provider) as done:
            items = astream_items(prompt, deps=self.deps, **self._whom(provider, model), **self._with_limits(options))
            async with contextlib.aclosing(items):
                async for item in items:
                    if isinstance(item, Completion):
                        done.append(item)
                    yield item

    def _whom(self, provider: str | None, model: str | None) -> dict[str, Any]:
        chosen = provider or self.provider
        if model is not None and not model.strip():
            raise InvalidRequestError("the model must be a name, or absent")
        if provider is not None and canonical_name(provider) != "auto":
            try:
                self.deps.registry.find(provider)
            except ConfigurationError as error:
                raise unknown_provider(error) from error
        if model is None and chosen == self.provider:
            model = self.model
        whom: dict[str, Any] = {"provider": chosen, "model_name": model}
        return whom if self.privacy is None else {**whom, "privacy": self.privacy}

    def _counted_as(self, provider: str | None) -> str:
        """The name in usage and metrics: what a caller calls a provider that does not exist is not kept."""
        if provider is None:
            return "auto"
        return canonical_name(provider) if self.names_provider(provider) else "unknown"

    def _with_limits(self, options: Mapping[str, Any]) -> dict[str, Any]:
        timeout = options.get("timeout")
        return {**options, "timeout": self.max_timeout if timeout is None else min(timeout, self.max_timeout)}

    @contextlib.contextmanager
    def _watched(self, provider: str | None) -> Any:
        started = time.perf_counter()
        done: list[Completion] = []
        with self.metrics.under_way():
            try:
                yield done
            except BackendError as error:
                name = error.provider or self._counted_as(provider)
                self.usage.count_failure(name)
                self.metrics.failed(name, type(error).__name__, time.perf_counter() - started)
                raise
            except (asyncio.CancelledError, GeneratorExit):
                # The caller went away; or, having read the end of a stream, asked for no more.
                if not done:
                    name = self._counted_as(provider)
                    self.metrics.failed(name, "abandoned", time.perf_counter() - started)
                raise
            finally:
                if done:
                    self.usage.count(done[-1])
                    self.metrics.answered(done[-1], time.perf_counter() - started)
