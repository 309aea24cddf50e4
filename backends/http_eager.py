"""Sends a request's body in the turn of the event loop that made it, as aiohttp itself does on Python 3.12 and later.

On 3.11 aiohttp gives the body to a task of its own, which runs after all else that is ready. When many answers come
together, every one is worked on before any next request leaves; so the next answers come together too, and all
callers wait for each other for ever. With the body sent at once a burst of 64 calls spreads out by itself.
"""

from __future__ import annotations

import asyncio
import types
from collections.abc import Coroutine, Generator
from typing import TYPE_CHECKING, Any

import aiohttp

if TYPE_CHECKING:
    from aiohttp.abc import AbstractStreamWriter

__all__ = ["EagerRequest"]


class EagerRequest(aiohttp.ClientRequest):
    """A request whose body leaves at once."""

    def write_bytes(
        self, writer: AbstractStreamWriter, conn: Any, content_length: int | None = None
    ) -> Coroutine[Any, Any, None]:
        return _begun(_whole_or_none(super().write_bytes(writer, conn, content_length), conn.transport))


async def _whole_or_none(work: Coroutine[Any, Any, None], transport: asyncio.Transport | None) -> None:
    """A body that is given up half sent ends its connection at once.

    Closed in the plain way it would stay open, with all that is unsent, until the server reads it: perhaps for ever.
    """
    try:
        await work
    except asyncio.CancelledError:
        if transport is not None:
            transport.abort()
        raise


def _begun(work: Coroutine[Any, Any, None]) -> Coroutine[Any, Any, None]:
    """Run ``work`` to its first wait; what comes back does the rest."""
    try:
        waits_for = work.send(None)
    except StopIteration:
        return _nothing()
    return _rest(work, waits_for)


async def _nothing() -> None:
    """The rest of what is done."""


@types.coroutine
def _rest(work: Coroutine[Any, Any, None], waits_for: Any) -> Generator[Any, Any, None]:
    # `await work` would refuse: it has begun. So each thing that it waits for is passed on by hand.
    while True:
        try:
            try:
                value = yield waits_for
            except BaseException as error:
                waits_for = work.throw(error)
            else:
                waits_for = work.send(value)
        except StopIteration:
            return
