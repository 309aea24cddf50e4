"""The body of an upload as it comes: as many bytes as are allowed, and never a long pause."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator

from backends.llm_router.rest.bodies import Receive
from mediator.interfaces.serving.problems import TooLargeError

__all__ = ["Pieces"]

_SLOWEST_BYTES_PER_SECOND = 4096


class Pieces:
    """The pieces of an upload: as many bytes as are allowed, and never a long pause."""

    def __init__(self, receive: Receive, most: int, stall_seconds: float) -> None:
        self._receive = receive
        self._left = most
        self._most = most
        self._stall = stall_seconds
        self._began = time.monotonic()
        self._read = 0
        self._ended = False

    async def __aiter__(self) -> AsyncIterator[bytes]:
        while not self._ended:
            try:
                message = await asyncio.wait_for(self._receive(), self._stall)
            except TimeoutError as error:
                raise ConnectionError("the upload stood still for too long") from error
            if message["type"] != "http.request":
                raise ConnectionError("the upload ended before its end")
            piece: bytes = message.get("body", b"")
            self._read += len(piece)
            if self._read > self._most:
                raise TooLargeError(f"the upload is larger than {self._most} bytes")
            lasted = time.monotonic() - self._began
            if lasted > self._stall and self._read < lasted * _SLOWEST_BYTES_PER_SECOND:
                raise ConnectionError("the upload is too slow")
            self._ended = not message.get("more_body", False)
            if piece:
                yield piece
