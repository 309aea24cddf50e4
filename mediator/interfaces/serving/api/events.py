"""What happens in a case, as server-sent events: a page that is open, or a program, hears of it at once.

An event that a case's log holds has its number as id, so that ``Last-Event-ID`` goes on where a connection broke.
``reading`` and ``failed`` are of the moment and have none.
"""

from __future__ import annotations

import asyncio
import json
import threading
from collections import Counter
from collections.abc import AsyncIterator, Callable
from typing import Annotated, Any

from anyio import to_thread
from fastapi import APIRouter, Header, Query
from fastapi.responses import StreamingResponse
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from mediator.exceptions import MediatorError, NotFoundError
from mediator.interfaces.serving.api.cases import OpenCase
from mediator.interfaces.serving.books import person_of
from mediator.interfaces.serving.people import still_here
from mediator.interfaces.serving.problems import problem
from mediator.office import Case
from mediator.office.bells import News

__all__ = ["event_routes"]

#: So often a stream says that it is there, and looks whether its reader may still read.
_HEARTBEAT_SECONDS = 5.0
_STREAMS_A_PERSON = 20
_STREAM: dict[int | str, dict[str, Any]] = {
    200: {"description": "Events without end.", "content": {"text/event-stream": {"schema": {"type": "string"}}}}
}


def event_routes() -> APIRouter:
    """The routes, without the prefix."""
    routes = APIRouter(tags=["events"])
    open_streams = _OpenStreams()

    @routes.get("/cases/{case_id}/events", response_class=StreamingResponse, responses=_STREAM)
    async def events(
        case: OpenCase,
        request: Request,
        after: Annotated[int, Query(ge=-1, le=10**9, description="The number of the last event that you know.")] = -1,
        last_event_id: Annotated[str | None, Header(max_length=20)] = None,
    ) -> Response:
        """Follow a case. ``id`` and ``data.seq`` are numbers of the log; ask the log or the view for what changed."""
        if last_event_id is not None and last_event_id.isascii() and last_event_id.isdigit():
            after = int(last_event_id)
        person = person_of(request).id
        if not open_streams.take(person):
            return problem(429, f"at most {_STREAMS_A_PERSON} event streams at a time", request.state.request_id)
        return _Stream(_follow(case, after, request), lambda: open_streams.give_back(person))

    return routes


async def _follow(case: Case, after: int, request: Request) -> AsyncIterator[str]:
    loop = asyncio.get_running_loop()
    bell: asyncio.Queue[News] = asyncio.Queue(maxsize=1000)

    def heard(news: News) -> None:
        loop.call_soon_threadsafe(_put, bell, news)

    with case.listen(heard):
        news: News | None = News("changed")
        yield ": following\n\n"
        while await to_thread.run_sync(still_here, request):
            if news is None:
                yield ": still here\n\n"
            elif news.kind != "changed":
                yield _event(news.kind, {"detail": news.detail})
            else:
                try:
                    for event in await to_thread.run_sync(case.events, after):
                        after = event.seq
                        yield _event(event.kind, {"seq": event.seq, "at": event.at, "kind": event.kind}, event.seq)
                except NotFoundError:
                    yield _event("gone", {"detail": "the case was deleted"})
                    return
                except MediatorError as error:
                    yield _event("failed", {"detail": str(error)})
            try:
                news = await asyncio.wait_for(bell.get(), _HEARTBEAT_SECONDS)
            except TimeoutError:
                news = None


def _put(bell: asyncio.Queue[News], news: News) -> None:
    if not bell.full():  # who reads so slowly hears of the next change
        bell.put_nowait(news)


def _event(kind: str, data: dict[str, Any], number: int | None = None) -> str:
    head = "" if number is None else f"id: {number}\n"
    return f"{head}event: {kind}\ndata: {json.dumps(data)}\n\n"


class _OpenStreams:
    """How many streams each person has open."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._open: Counter[str] = Counter()

    def take(self, person: str) -> bool:
        """One more, counted at once; False when that person has as many as they may."""
        with self._lock:
            room = self._open[person] < _STREAMS_A_PERSON
            self._open[person] += room
            return room

    def give_back(self, person: str) -> None:
        """One less."""
        with self._lock:
            self._open[person] -= 1
            if not self._open[person]:
                del self._open[person]


class _Stream(StreamingResponse):
    """Tells when it ends, also when whoever asked was gone before it began."""

    def __init__(self, content: AsyncIterator[str], at_end: Callable[[], None]) -> None:
        super().__init__(content, media_type="text/event-stream")
        self._at_end = at_end

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._at_end()
