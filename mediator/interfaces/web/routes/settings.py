"""Who reads a person's words, and how pages look to their browser. Nothing has to be started again."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Form
from starlette.requests import Request
from starlette.responses import Response

from mediator.interfaces.serving import book_of
from mediator.interfaces.web.look import COLOURS, COOKIE, SIZES, Look
from mediator.interfaces.web.rendering import page
from mediator.interfaces.web.routes.visit import PageRoute, go, said_of
from mediator.interfaces.web.views.engines import reader_of, readers

__all__ = ["router"]

router = APIRouter(route_class=PageRoute, include_in_schema=False)

_YEAR = 365 * 24 * 3600


@router.get("/settings")
def settings(request: Request) -> Response:
    """Both choices, and how each reader is doing."""
    office, book = request.app.state.office, book_of(request)
    in_use = reader_of(office, book)
    return page(
        request,
        "settings.html",
        here="settings",
        said=said_of(request),
        engines=readers(office),
        chosen=None if in_use is None else in_use.id,
        sizes=SIZES,
        colours=COLOURS,
    )


@router.post("/settings/engine")
def choose(request: Request, engine: Annotated[str, Form()] = "") -> Response:
    """Another reader from now on."""
    book_of(request).choose_engine(engine)
    return go("/settings", "chosen")


@router.post("/settings/look")
def set_look(request: Request, size: Annotated[str, Form()] = "", colours: Annotated[str, Form()] = "") -> Response:
    """Another look, for this browser only."""
    answer = go("/settings", "saved")
    answer.set_cookie(
        COOKIE, Look(size, colours).cookie, max_age=_YEAR, path="/", httponly=True, samesite="strict",
        secure=request.url.scheme == "https",
    )  # fmt: skip
    return answer
