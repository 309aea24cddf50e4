"""Waits for a local engine's answer without holding a thread."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncGenerator, Callable
from typing import TypeVar

from backends.exceptions import BackendTimeoutError
from backends.local.jobs import Outcome, Ticket

__all__ = ["aticket_items"]

R = TypeVar("R")


async def aticket_items(
    begin: Callable[[Callable[[], None]], tuple[R, Ticket, contextlib.ExitStack]],
) -> AsyncGenerator[tuple[R, str | Outcome]]:
    """Yield (runtime, item) for what the ticket yields.

    ``begin`` gets a function to call when something has come. It runs in a worker thread, since it
    may load a model, and returns what must be closed at the end; closing it cancels the ticket.
    """
    loop = asyncio.get_running_loop()
    ready = asyncio.Event()

    def notify() -> None:
        # The loop may be gone when the answer to a caller that went away arrives.
        with contextlib.suppress(RuntimeError):
            loop.call_soon_threadsafe(ready.set)

    beginning = asyncio.ensure_future(asyncio.to_thread(begin, notify))
    try:
        runtime, ticket, stack = await asyncio.shield(beginning)
    except asyncio.CancelledError:
        beginning.add_done_callback(_close_late)
        raise
    try:
        while True:
            ready.clear()
            item = ticket.poll()
            if item is None:
                await _wait(ready, ticket.job.deadline)
                continue
            yield runtime, item
            if isinstance(item, Outcome):
                return
    finally:
        # This cancels the job. The last user of a closed backend frees the model here, which takes a moment.
        await asyncio.shield(asyncio.to_thread(stack.close))


async def _wait(ready: asyncio.Event, deadline: float | None) -> None:
    try:
        async with asyncio.timeout(None if deadline is None else max(0.0, deadline - time.monotonic())):
            await ready.wait()
    except TimeoutError as error:
        raise BackendTimeoutError("the local model gave no answer before the deadline") from error


def _close_late(begun: asyncio.Future[tuple[R, Ticket, contextlib.ExitStack]]) -> None:
    """The caller was cancelled while the model was being loaded for it."""
    if not begun.cancelled() and begun.exception() is None:
        begun.result()[2].close()
