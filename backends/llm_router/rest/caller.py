"""Work that ends when its caller goes away: a generation that nobody will read costs money and holds a place."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

from starlette.requests import Request

__all__ = ["CallerGoneError", "while_there"]

T = TypeVar("T")


class CallerGoneError(Exception):
    """The caller closed the connection before the answer."""


async def while_there(request: Request, work: Coroutine[Any, Any, T]) -> T:
    """``work``'s result. When the caller goes away first, ``work`` is cancelled and CallerGoneError raised."""
    task = asyncio.ensure_future(work)
    gone = asyncio.ensure_future(_gone(request))
    try:
        await asyncio.wait((task, gone), return_when=asyncio.FIRST_COMPLETED)
        if not task.done():
            raise CallerGoneError
        return task.result()
    finally:
        # Also when this request itself is cancelled. Whatever the work still raises was for nobody.
        task.cancel()
        gone.cancel()
        await asyncio.gather(task, gone, return_exceptions=True)


async def _gone(request: Request) -> None:
    # The body has been read, so what comes next on the connection is its end.
    while (await request.receive())["type"] != "http.disconnect":
        pass
