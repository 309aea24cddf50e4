"""The pages where people meet the product: ``web_routes`` for the server, ``error_page`` for what goes wrong."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fastapi import APIRouter
    from starlette.requests import Request
    from starlette.responses import Response

__all__ = ["error_page", "web_routes"]


def web_routes() -> APIRouter:
    """All pages and their assets."""
    from fastapi import APIRouter

    from mediator.interfaces.web.assets import asset_routes
    from mediator.interfaces.web.routes import (
        answer,
        cases,
        draft,
        evidence,
        leaving,
        overview,
        settings,
        sign_in,
        tell,
    )

    router = APIRouter()
    router.include_router(asset_routes())
    for module in (leaving, sign_in, cases, tell, answer, evidence, overview, draft, settings):
        router.include_router(module.router)
    return router


def error_page(request: Request, status: int, detail: str = "") -> Response:
    """The page for an HTTP status; ``detail`` is for programs and is not shown."""
    from mediator.interfaces.web import errors

    return errors.error_page(request, status)
