"""A provider that does what the test says."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

from backends.base import AsyncBackend
from backends.exceptions import BackendTimeoutError
from backends.options import GENERATION_OPTIONS
from backends.types import Completion, Health, Request, StreamItem, Usage


async def turns(count: int = 50) -> None:
    """Let all tasks of the loop run until they wait."""
    for _ in range(count):
        await asyncio.sleep(0)


class ScriptedProvider(AsyncBackend):
    """Answers with the script's items in turn, the last one for ever; ``deaf`` to deadlines when told so.
    It waits for ``gate`` first when there is one; ``started`` waits until so many calls have come.

    An item is the text, an error to raise, or a list of pieces to stream (an error among them breaks the stream).
    """

    type = "scripted"
    known_options = frozenset(GENERATION_OPTIONS)

    def __init__(
        self,
        name: str,
        *script: Any,
        local: bool = False,
        delay: float = 0.0,
        deaf: bool = False,
        gate: asyncio.Event | None = None,
        known: frozenset[str] | None = None,
        usage: Usage | None = None,
        version: str | None = None,
    ) -> None:
        super().__init__(name)
        self.script = list(script) or [f"answer of {name}"]
        self.local = local
        self.delay = delay
        self.deaf = deaf
        self.gate = gate
        self.usage = usage or Usage(3, 5)
        self.program_version = version
        self.requests: list[Request] = []
        self.closed = 0
        self.cancelled = 0
        if known is not None:
            self.known_options = known

    @property
    def calls(self) -> int:
        return len(self.requests)

    async def started(self, calls: int = 1) -> None:
        while self.calls < calls:  # noqa: ASYNC110 - an event belongs to one loop, calls come from any
            await asyncio.sleep(0)

    async def _next(self, request: Request) -> Any:
        self.requests.append(request)
        item = self.script.pop(0) if len(self.script) > 1 else self.script[0]
        remaining = request.remaining
        late = remaining is not None and remaining <= self.delay and not self.deaf
        try:
            if self.gate is not None:
                await self.gate.wait()
            await asyncio.sleep(remaining if late and remaining is not None else self.delay)
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        return BackendTimeoutError("no answer in time", provider=self.id) if late else item

    async def _acomplete(self, request: Request) -> Completion:
        item = await self._next(request)
        if isinstance(item, BaseException):
            raise item
        text = "".join(item)
        return Completion(text, self.id, request.options.get("model"), self.usage, "stop")

    async def _astream(self, request: Request) -> AsyncIterator[StreamItem]:
        item = await self._next(request)
        pieces = [item] if isinstance(item, str | BaseException) else item
        text = ""
        for piece in pieces:
            if isinstance(piece, BaseException):
                raise piece
            text += piece
            yield piece
        yield Completion(text, self.id, request.options.get("model"), self.usage, "stop")

    def health(self) -> Health:
        return Health(True, "scripted", self.id, local=self.local)

    def close(self) -> None:
        self.closed += 1
