"""aiohttp's sessions, one an event loop: opened at the first call, closed with the loop or by its client."""

from __future__ import annotations

import asyncio
import contextlib
import weakref
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import aiohttp

__all__ = ["SessionPool"]

#: Idle connections are kept this long. Many servers drop theirs after 60 s, some after 5; a drop is noticed at once.
_KEEPALIVE_SECONDS = 30


class SessionPool:
    """The sessions of one client, which serves many threads and tasks, each on its own event loop."""

    def __init__(self) -> None:
        self._held: dict[asyncio.AbstractEventLoop, _Held] = {}
        # A client that is forgotten closes too. Until then this holds its sessions, which must not be collected open.
        weakref.finalize(self, _close_all, self._held).atexit = False

    def at_hand(self) -> aiohttp.ClientSession | None:
        """The running event loop's session, when it has one."""
        held = self._held.get(asyncio.get_running_loop())
        return None if held is None else held.session

    async def opened(self) -> aiohttp.ClientSession:
        """A session for the running event loop."""
        for old in [known for known in list(self._held) if known.is_closed()]:
            self._held.pop(old, None)
        lifetime = _session_lifetime()
        held = self._held[asyncio.get_running_loop()] = _Held(await anext(lifetime), lifetime)
        return held.session

    async def aclose(self) -> None:
        """Close the session of the running event loop."""
        held = self._held.pop(asyncio.get_running_loop(), None)
        if held is not None:
            await held.lifetime.aclose()

    def close(self) -> None:
        """Ask every other event loop that still runs to close its session."""
        _close_all(self._held)


@dataclass(frozen=True, slots=True)
class _Held:
    session: aiohttp.ClientSession
    lifetime: AsyncGenerator[aiohttp.ClientSession, None]


async def _session_lifetime() -> AsyncGenerator[aiohttp.ClientSession, None]:
    """Hold one session open. The event loop closes its generators when it ends, and so the session."""
    import aiohttp

    from backends.http_eager import EagerRequest

    connector = aiohttp.TCPConnector(limit=1024, keepalive_timeout=_KEEPALIVE_SECONDS)
    session = aiohttp.ClientSession(
        connector=connector,
        request_class=EagerRequest,
        cookie_jar=aiohttp.DummyCookieJar(),
        auto_decompress=False,
    )
    try:
        yield session
    finally:
        await session.close()
        await asyncio.sleep(0)  # the transports close in the loop's next turn


def _close_all(held: dict[asyncio.AbstractEventLoop, _Held]) -> None:
    while held:
        loop, one = held.popitem()
        # A loop that is closed, or closes just now, has closed its session at its own end.
        with contextlib.suppress(RuntimeError):
            loop.call_soon_threadsafe(_close_in_loop, loop, one.lifetime)


def _close_in_loop(loop: asyncio.AbstractEventLoop, lifetime: AsyncGenerator[Any, None]) -> None:
    task = loop.create_task(lifetime.aclose())
    _closing.add(task)
    task.add_done_callback(_closing.discard)


#: A loop holds its tasks weakly; these are held until they are done.
_closing: set[asyncio.Task[Any]] = set()
