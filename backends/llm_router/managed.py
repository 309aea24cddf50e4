"""A Backend that spreads calls over the endpoints of a manager, and moves on when one fails."""

from __future__ import annotations

import contextlib
import time
from collections.abc import AsyncGenerator, AsyncIterator
from dataclasses import replace
from typing import Any

from backends.base import AsyncBackend
from backends.exceptions import (
    AllProvidersFailedError,
    BackendError,
    BackendTimeoutError,
    ConfigurationError,
    InvalidRequestError,
    MalformedResponseError,
    ProviderUnavailableError,
    redact,
)
from backends.llm_router.backend_manager import InferenceBackendManager
from backends.llm_router.endpoints import TEXT_GENERATION, BackendInfo
from backends.options import GENERATION_OPTIONS
from backends.types import Attempt, Completion, Health, Request, StreamItem

__all__ = ["ManagedBackend"]


class ManagedBackend(AsyncBackend):
    """Each call goes to the endpoint whose turn it is; one that fails is passed over for this call.

    A request that is wrong in itself is not sent anywhere else. A stream moves on only before its first piece.
    """

    type = "managed"
    known_options = frozenset(GENERATION_OPTIONS)

    def __init__(
        self,
        manager: InferenceBackendManager,
        *,
        id: str,
        model: str | None = None,
        owns_manager: bool = True,
        **options: Any,
    ) -> None:
        super().__init__(id, **options)
        self.manager = manager
        self.model = model
        self._owns_manager = owns_manager

    @property
    def local(self) -> bool:  # type: ignore[override]  # told by the endpoints, which come and go
        """Whether every endpoint is on this machine."""
        return all(info.instance.local for info in self.manager.list_backends())

    async def _acomplete(self, request: Request) -> Completion:
        async with contextlib.aclosing(self._tried(request, streaming=False)) as items:
            async for item in items:
                if isinstance(item, Completion):
                    return item
        raise AssertionError("the last item is a Completion")  # pragma: no cover

    async def _astream(self, request: Request) -> AsyncIterator[StreamItem]:
        async with contextlib.aclosing(self._tried(request, streaming=True)) as items:
            async for item in items:
                yield item

    def health(self) -> Health:
        infos = self.manager.check_health()
        well = [info for info in infos if info.status.value == "healthy"]
        return Health(
            ok=bool(well),
            detail=f"{len(well)} of {len(infos)} endpoints answer",
            provider=self.id,
            model=self.model,
            local=self.local,
        )

    def preflight(self) -> Health:
        """Which endpoints there are; nobody is asked."""
        places = [info.endpoint or info.name for info in self.manager.list_backends()]
        detail = f"endpoints: {', '.join(places)}" if places else "there are no endpoints"
        return Health(bool(places), redact(detail), self.id, self.model, self.local)

    async def aclose(self) -> None:
        for info in self.manager.list_backends():
            if self._owns_manager and isinstance(info.instance, AsyncBackend):
                await info.instance.aclose()

    def close(self) -> None:
        super().close()
        if self._owns_manager:
            self.manager.close()

    async def _tried(self, request: Request, streaming: bool) -> AsyncGenerator[StreamItem, None]:
        """Go from endpoint to endpoint until one answers."""
        model = request.options.get("model", self.model)
        attempts: list[Attempt] = []
        errors: list[tuple[str, BackendError]] = []
        while True:
            started = time.monotonic()
            begun = False
            whole: Completion | None = None
            try:
                tried = {name for name, _ in errors}
                with self.manager.lease(TEXT_GENERATION, model, exclude=tried) as info:
                    if info is None:
                        raise self._nobody_left(errors, model)
                    async with contextlib.aclosing(self._from_one(info, request, streaming)) as items:
                        async for item in items:
                            if isinstance(item, Completion):
                                whole = self._told(item, info, attempts, started)
                            else:
                                begun = True
                                yield item
            except (InvalidRequestError, ConfigurationError, AllProvidersFailedError):
                raise
            except BackendError as error:
                if info is None or begun or request.remaining == 0.0:
                    raise
                errors.append((info.backend_id, error))
                attempts.append(
                    Attempt(info.backend_id, model, type(error).__name__, time.monotonic() - started, error.message)
                )
            # Outside the lease: a caller that takes this and leaves must not look like one that broke off.
            if whole is not None:
                yield whole
                return

    async def _from_one(self, info: BackendInfo, request: Request, streaming: bool) -> AsyncGenerator[StreamItem, None]:
        options: dict[str, Any] = dict(request.options)
        if self.model is not None and "model" in info.instance.known_options:
            options.setdefault("model", self.model)
        if request.json_schema is not None:
            options["json_schema"] = request.json_schema
        if request.remaining is not None:
            if request.remaining == 0.0:
                raise BackendTimeoutError("no time was left for another endpoint", provider=self.id)
            options["timeout"] = request.remaining
        if not streaming:
            yield await info.instance.acomplete(request.messages, **options)
            return
        complete = False
        async for item in info.instance.astream_items(request.messages, **options):
            complete = complete or isinstance(item, Completion)
            yield item
        if not complete:
            raise MalformedResponseError("the stream ended without its end", provider=info.backend_id)

    def _told(self, completion: Completion, info: BackendInfo, before: list[Attempt], started: float) -> Completion:
        last = Attempt(info.backend_id, completion.model, None, time.monotonic() - started)
        return replace(completion, provider=f"{self.id}/{info.backend_id}", attempts=(*before, last))

    def _nobody_left(self, errors: list[tuple[str, BackendError]], model: str | None) -> BackendError:
        if errors:
            return AllProvidersFailedError("no endpoint answered", errors=errors, provider=self.id, model=model)
        infos = self.manager.list_backends()
        reasons = "; ".join(f"{info.backend_id}: {info.detail}" for info in infos[:5])
        what = f"none of {len(infos)} endpoints can serve now ({reasons})" if infos else "no endpoint is registered"
        return ProviderUnavailableError(what, provider=self.id, model=model)
