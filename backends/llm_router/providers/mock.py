"""Answers without a model, the same every time: for people's own tests.

``mock_response`` is the answer; ``mock_responses`` are the answers in turn; without either, the answer repeats the
prompt. ``mock_error`` names an error of the family to raise instead; ``mock_delay`` is waited first.
"""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import AsyncIterator
from typing import Any

from backends import exceptions
from backends.base import AsyncBackend
from backends.exceptions import BackendError, ConfigurationError
from backends.llm_router.providers.base import Availability, ProviderContext, ProviderSpec
from backends.options import GENERATION_OPTIONS, near_miss
from backends.types import Completion, Health, Request, StreamItem, Usage

__all__ = ["SPEC", "MockBackend"]

_ERRORS = tuple(name for name in exceptions.__all__ if name.endswith("Error"))


class MockBackend(AsyncBackend):
    """A backend that computes nothing. Keeps the requests it got in ``requests``."""

    type = "mock"
    local = True
    known_options = frozenset(GENERATION_OPTIONS)

    def __init__(
        self,
        id: str | None = None,
        *,
        mock_response: str | None = None,
        mock_responses: list[str] | tuple[str, ...] | None = None,
        mock_error: str | None = None,
        mock_delay: float = 0.0,
        **options: Any,
    ) -> None:
        super().__init__(id, **options)
        if mock_error is not None and mock_error not in _ERRORS:
            raise ConfigurationError(
                f'there is no error "{mock_error}"{near_miss(mock_error, _ERRORS)}', provider=self.id
            )
        self._response = mock_response
        self._responses = None if not mock_responses else itertools.cycle(mock_responses)
        self._error: type[BackendError] | None = None if mock_error is None else getattr(exceptions, mock_error)
        self._delay = mock_delay
        self.requests: list[Request] = []

    async def _acomplete(self, request: Request) -> Completion:
        began = time.monotonic()
        self.requests.append(request)
        await self._wait(request)
        model = request.options.get("model") or "mock"
        if self._error is not None:
            raise self._error("the mock was told to fail", provider=self.id, model=model)
        text = self._answer(request)
        usage = Usage(len(request.text.split()), len(text.split()), cost_usd=0.0)
        return Completion(text, self.id, model, usage, "stop", latency=time.monotonic() - began)

    async def _astream(self, request: Request) -> AsyncIterator[StreamItem]:
        completion = await self._acomplete(request)
        for piece in completion.text.splitlines(keepends=True):
            words = piece.split(" ")
            for position, word in enumerate(words):
                yield word if position == len(words) - 1 else word + " "
        yield completion

    async def _wait(self, request: Request) -> None:
        remaining = request.remaining
        if remaining is not None and remaining <= self._delay:
            await asyncio.sleep(remaining)
            raise exceptions.BackendTimeoutError("the deadline came before the mock's answer", provider=self.id)
        if self._delay:
            await asyncio.sleep(self._delay)

    def _answer(self, request: Request) -> str:
        if self._response is not None:
            return self._response
        if self._responses is not None:
            return next(self._responses)
        return f"Mock answer to: {request.text}"

    def health(self) -> Health:
        return Health(True, "answers without a model", self.id, "mock", local=True)


def _create(context: ProviderContext) -> MockBackend:
    options: dict[str, Any] = {} if context.model is None else {"model": context.model}
    return MockBackend("mock", loop_thread=context.loop_thread, **options, **context.settings)


SPEC = ProviderSpec(
    name="mock",
    kind="test",
    summary="answers without a model, for tests",
    create=_create,
    available=lambda _context: Availability(True, "always there"),
    local=True,
    settings=frozenset({"mock_response", "mock_responses", "mock_error", "mock_delay"}),
)
