"""Reading the body of a request whole, with a limit, and giving it on as if nobody had."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

__all__ = ["Message", "Receive", "Replayed", "whole_body"]

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]


async def whole_body(receive: Receive, most: int) -> bytes | None:
    """The body, or None when it is larger than it may be, whatever its headers said."""
    pieces: list[bytes] = []
    left = most
    while True:
        message = await receive()
        if message["type"] != "http.request":
            return b"".join(pieces)  # the caller went away
        piece = message.get("body", b"")
        left -= len(piece)
        if left < 0:
            return None
        pieces.append(piece)
        if not message.get("more_body", False):
            return b"".join(pieces)


class Replayed:
    """Gives the body that was read, then whatever else happens on the connection."""

    def __init__(self, body: bytes, receive: Receive) -> None:
        self._body: bytes | None = body
        self._receive = receive

    async def __call__(self) -> Message:
        if self._body is not None:
            body, self._body = self._body, None
            return {"type": "http.request", "body": body, "more_body": False}
        return await self._receive()
