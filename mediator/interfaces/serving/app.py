"""Puts the server together: the gate before everything, pages, the API, and the router's API beside it."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import traceback
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass
from typing import Any

from anyio import to_thread
from fastapi import APIRouter, FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from backends.exceptions import BackendError
from backends.llm_router.rest.bodies import Receive
from mediator.evidence import EvidenceError
from mediator.exceptions import MediatorError
from mediator.interfaces.serving.accounts import Accounts
from mediator.interfaces.serving.api.cases import case_routes
from mediator.interfaces.serving.api.events import event_routes
from mediator.interfaces.serving.api.evidence import evidence_routes
from mediator.interfaces.serving.api.settings import setting_routes
from mediator.interfaces.serving.books import NobodyError
from mediator.interfaces.serving.exchange import Scope, Send
from mediator.interfaces.serving.gate import App, Gate
from mediator.interfaces.serving.people import Doorkeeper
from mediator.interfaces.serving.problems import MEDIA_TYPE, PROBLEM_SCHEMA, problem, problem_of, status_for
from mediator.interfaces.serving.settings import ServerSettings, checked
from mediator.interfaces.serving.uploads import ForeignFormError
from mediator.office import Office

__all__ = ["Pages", "create_app"]

log = logging.getLogger(__name__)

API = "/api/v1"
_TIDY_SECONDS = 5.0
_MEANING = {
    400: "The body is no JSON, or a header makes no sense.",
    401: "Nobody is signed in, or the token lets nobody in.",
    403: "Not allowed.",
    404: "There is no such thing, or it is not yours; the answer is the same.",
    405: "Not with this method.",
    408: "The body did not arrive in time.",
    409: "It is in use, on hold, or went on in the meantime.",
    413: "Too large.",
    415: "A kind of content that is not taken.",
    421: "Not under this host name.",
    422: "A value is wrong; the detail names it.",
    429: "Too many requests; see Retry-After.",
    500: "A fault of the server; its log says more.",
    501: "Not installed here.",
    503: "Nobody could answer now.",
    507: "The disk is full.",
}
_PROBLEMS: dict[int | str, dict[str, Any]] = {
    status: {"description": text, "content": {MEDIA_TYPE: {"schema": PROBLEM_SCHEMA}}}
    for status, text in _MEANING.items()
}


@dataclass(frozen=True)
class Pages:
    """The server-rendered pages: their routes, and how they show a failure to a person."""

    routes: APIRouter
    error_page: Callable[[Request, int, str], Response]


def create_app(
    office: Office,
    accounts: Accounts,
    settings: ServerSettings | None = None,
    *,
    pages: Pages | None = None,
    models: App | None = None,
    gate: Mapping[str, Any] | None = None,
) -> Gate:
    """The whole server as one ASGI application. ``models`` answers ``/api/v0`` and ``/v1``. It closes the office."""
    settings = checked(settings or ServerSettings())
    keeper = Doorkeeper(settings, accounts, office.local_owner)

    @contextlib.asynccontextmanager
    async def life(_app: FastAPI) -> AsyncIterator[None]:
        tidying = asyncio.create_task(_tidy(office))
        try:
            yield
        finally:
            tidying.cancel()
            await asyncio.gather(tidying, return_exceptions=True)
            await to_thread.run_sync(office.close)
            await to_thread.run_sync(accounts.close)

    app = FastAPI(
        title="Complaint generator",
        summary="Your cases: what happened, what it may be in law, what shows it, and a draft.",
        description="Every answer is about the person who asks. Failures are problem details (RFC 9457).",
        version="1",
        openapi_url=f"{API}/openapi.json",
        # The framework's pages load scripts from elsewhere.
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        lifespan=life,
    )
    app.state.office = office
    app.state.keeper = keeper
    app.state.uploads = office.state_dir / "uploads"
    for routes in (case_routes(), evidence_routes(), event_routes(), setting_routes()):
        app.include_router(routes, prefix=API, responses=_PROBLEMS)
    app.include_router(_health_routes())
    if pages is not None:
        app.include_router(pages.routes, include_in_schema=False)
    _tell_failures(app, pages)
    inner: App = app if models is None else _Beside(app, models)
    page = None if pages is None else pages.error_page
    return Gate(_Caught(inner), settings=settings, keeper=keeper, error_page=page, **(gate or {}))


async def _tidy(office: Office) -> None:
    while True:
        await asyncio.sleep(_TIDY_SECONDS)
        try:
            await to_thread.run_sync(office.tidy)
        except (MediatorError, EvidenceError, OSError) as error:
            log.warning("tidying up failed and is tried again: %s", error)


def _health_routes() -> APIRouter:
    routes = APIRouter()

    @routes.get("/health", include_in_schema=False)
    async def health() -> dict[str, str]:
        """For a program that watches the server."""
        return {"status": "ok"}

    return routes


def _tell_failures(app: FastAPI, pages: Pages | None) -> None:
    """Failures as problem details for programs, as a page for people."""

    def answer(request: Request, status: int, detail: str, **more: Any) -> Response:
        headers = more.get("headers") or {}
        if pages is not None and not request.url.path.startswith(("/api/", "/v1/")):
            shown = pages.error_page(request, status, detail)
            shown.headers.update(headers)
            return shown
        return problem(status, detail, request.state.request_id, **more)

    async def ours(request: Request, error: Exception) -> Response:
        status = status_for(error) or 500
        if status == 500:
            log.error("%s %s: %s", request.state.request_id, type(error).__name__, error)
        if request.url.path.startswith("/api/") or pages is None:
            return problem_of(error, status, request.state.request_id)
        return answer(request, status, str(error))

    async def invalid(request: Request, error: Exception) -> Response:
        assert isinstance(error, RequestValidationError)
        errors = [{"field": _field(item["loc"]), "message": str(item["msg"])} for item in error.errors()]
        detail = "; ".join(f"{item['field']}: {item['message']}" for item in errors)
        return answer(request, 422, detail, errors=errors)

    async def http(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        return answer(request, error.status_code, str(error.detail), headers=dict(error.headers or {}))

    async def nobody(request: Request, _error: Exception) -> Response:
        return answer(request, 401, "sign in first")

    async def foreign(request: Request, error: Exception) -> Response:
        return answer(request, 403, str(error))

    async def gone(request: Request, error: Exception) -> Response:
        return answer(request, 408, str(error))

    async def unforeseen(request: Request, error: Exception) -> Response:
        _note_fault(request.scope["state"]["request_id"], error)
        return answer(request, 500, _fault(error))

    for kind in (MediatorError, EvidenceError, BackendError):
        app.add_exception_handler(kind, ours)
    app.add_exception_handler(RequestValidationError, invalid)
    app.add_exception_handler(HTTPException, http)
    app.add_exception_handler(NobodyError, nobody)
    app.add_exception_handler(ForeignFormError, foreign)
    app.add_exception_handler(ConnectionError, gone)
    app.add_exception_handler(Exception, unforeseen)


def _field(place: Any) -> str:
    path = [str(part) for part in place if part not in ("body", "path", "query", "header")]
    return ".".join(path) or str(place[0])


class _Beside:
    """Sends the paths of the language models to their own application."""

    def __init__(self, app: App, models: App) -> None:
        self._app = app
        self._models = models

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        is_model = scope["type"] == "http" and scope["path"].startswith(("/api/v0/", "/v1/"))
        await (self._models if is_model else self._app)(scope, receive, send)


class _Caught:
    """Ends a fault of the program as 500. What it says may quote a story, so where it was is logged, not what."""

    def __init__(self, app: App) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        begun, ended = False, False

        async def noting(message: Any) -> None:
            nonlocal begun, ended
            begun = begun or message["type"] == "http.response.start"
            ended = message["type"] == "http.response.body" and not message.get("more_body", False)
            await send(message)

        try:
            await self._app(scope, receive, noting)
        except Exception as error:  # the last place that sees it
            if ended:
                return  # the handler has noted and told it, and the framework raises it once more for its own log
            request_id = scope["state"]["request_id"]
            _note_fault(request_id, error)
            if begun:
                raise ConnectionAbortedError("an answer could not be finished") from None
            await problem(500, _fault(error), request_id)(scope, receive, send)


def _note_fault(request_id: str, error: Exception) -> None:
    frames = traceback.extract_tb(error.__traceback__)[-4:]
    where = " < ".join(f"{frame.filename}:{frame.lineno}" for frame in reversed(frames))
    log.error("%s unforeseen %s at %s", request_id, type(error).__name__, where)


def _fault(error: Exception) -> str:
    return f"a fault of the server ({type(error).__name__}); its log says more"
