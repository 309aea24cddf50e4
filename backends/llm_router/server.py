"""The router's REST API: ``/api/v0/ai/llm`` and the OpenAI-compatible ``/v1``.

``create_app`` makes the application, ``serve`` runs it. It binds to this machine's own address unless it is told
another one, and then asks for a token. Generation never blocks the event loop.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from backends.exceptions import BackendError, ConfigurationError
from backends.llm_router.deps import RouterDeps, get_default_router_deps
from backends.llm_router.rest import native, openai_face
from backends.llm_router.rest.caller import CallerGoneError
from backends.llm_router.rest.failures import headers_of, openai_error, problem, status_of
from backends.llm_router.rest.guard import Guard, is_loopback_host, usable_token
from backends.llm_router.rest.service import Service
from backends.llm_router.settings import read

__all__ = ["MAX_BODY_BYTES", "create_app", "serve"]

MAX_BODY_BYTES = 4 * 2**20
_PROBLEM = "application/problem+json"


def create_app(
    deps: RouterDeps | None = None,
    *,
    provider: str | None = None,
    model: str | None = None,
    privacy: str | None = None,
    token: str | None = None,
    hosts: frozenset[str] = frozenset({"localhost"}),
    max_body_bytes: int = MAX_BODY_BYTES,
    max_timeout: float = 600.0,
    guarded: bool = True,
) -> FastAPI:
    """The application. ``hosts`` are the names it answers under; ``localhost`` stands for all loopback ones.

    ``guarded=False`` is for a server that mounts it behind a guard of its own, which gives each request its id.
    """
    service = Service(
        deps or get_default_router_deps(), provider=provider, model=model, privacy=privacy, max_timeout=max_timeout
    )
    app = FastAPI(
        title="LLM router",
        summary="One call to any language model.",
        version="0.1.0",
        # The pages of the framework load their scripts from elsewhere; the description alone is served.
        docs_url=None,
        redoc_url=None,
    )
    app.state.service = service
    app.include_router(native.native_routes(service), prefix=native.PREFIX)
    app.include_router(openai_face.openai_routes(service), prefix=openai_face.PREFIX)
    app.add_exception_handler(BackendError, _backend_error)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _http_error)
    app.add_exception_handler(CallerGoneError, _nobody_reads)
    app.add_exception_handler(Exception, _unforeseen)
    if guarded:
        app.add_middleware(Guard, token=usable_token(token), max_body_bytes=max_body_bytes, hosts=hosts)
    return app


def serve(
    host: str = "127.0.0.1",
    port: int = 8000,
    *,
    token: str | None = None,
    deps: RouterDeps | None = None,
    log_level: str = "warning",
    announce: Callable[[], None] = lambda: None,
    **settings: Any,
) -> None:
    """Run the server until it is interrupted. An address that others can reach needs a token.

    ``announce`` is called when nothing stands against starting it.
    """
    import uvicorn

    deps = deps or get_default_router_deps()
    token = usable_token(token or read(deps.env, "LLM_SERVER_TOKEN"))
    if not is_loopback_host(host) and not token:
        raise ConfigurationError(
            f"{host} can be reached from elsewhere and no token is set; set COMPLAINT_GENERATOR_LLM_SERVER_TOKEN "
            "or serve on 127.0.0.1"
        )
    hosts = frozenset({"localhost"} if is_loopback_host(host) else {"localhost", host.strip("[]").lower()})
    app = create_app(deps, token=token, hosts=settings.pop("hosts", frozenset()) | hosts, **settings)
    announce()
    uvicorn.run(app, host=host, port=port, log_level=log_level, server_header=False, timeout_graceful_shutdown=10)


def _is_openai(request: Request) -> bool:
    return request.url.path.startswith(f"{openai_face.PREFIX}/")


def _request_id(request: Request) -> str:
    return str(getattr(request.state, "request_id", ""))


async def _backend_error(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, BackendError)
    headers = headers_of(error)
    if not _is_openai(request):
        return JSONResponse(problem(error, _request_id(request)), status_of(error), headers, _PROBLEM)
    # OpenAI tells a wrong request by 400, and its clients expect that.
    status = 400 if status_of(error) == 422 else status_of(error)
    return JSONResponse(openai_error(str(error), status, type(error).__name__), status, headers)


async def _invalid(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)
    problems = [{"field": _field(item), "message": str(item["msg"])} for item in error.errors()]
    detail = "; ".join(f"{item['field']}: {item['message']}" for item in problems)
    if _is_openai(request):
        return JSONResponse(openai_error(detail, 400, "invalid_value", problems[0]["field"]), 400)
    document = {
        "type": "about:blank",
        "title": "Invalid request",
        "status": 422,
        "detail": detail,
        "request_id": _request_id(request),
        "errors": problems,
    }
    return JSONResponse(document, 422, media_type=_PROBLEM)


def _field(item: Mapping[str, Any]) -> str:
    """Where in the body; positions of a union's members say nothing to the caller."""
    path = [str(part) for part in item["loc"] if part != "body" and "[" not in str(part)]
    return ".".join(path) or "body"


async def _http_error(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)
    detail = str(error.detail)
    if _is_openai(request):
        return JSONResponse(openai_error(detail, error.status_code), error.status_code, error.headers)
    document = {
        "type": "about:blank",
        "title": detail,
        "status": error.status_code,
        "detail": f"{request.method} {request.url.path}: {detail}",
        "request_id": _request_id(request),
    }
    return JSONResponse(document, error.status_code, error.headers, _PROBLEM)


async def _nobody_reads(request: Request, error: Exception) -> Response:
    return Response(status_code=499)


async def _unforeseen(request: Request, error: Exception) -> JSONResponse:
    detail = f"a fault of the server ({type(error).__name__}); its log says more"
    if _is_openai(request):
        return JSONResponse(openai_error(detail, 500), 500)
    document = {
        "type": "about:blank",
        "title": "Fault",
        "status": 500,
        "detail": detail,
        "request_id": _request_id(request),
    }
    return JSONResponse(document, 500, media_type=_PROBLEM)
