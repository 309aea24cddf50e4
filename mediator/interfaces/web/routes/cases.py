"""The first page, the list of a person's cases, and the address of a case without a page."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Form
from starlette.requests import Request
from starlette.responses import Response

from mediator.exceptions import MediatorError, NotFoundError
from mediator.interfaces.serving import book_of
from mediator.interfaces.web.rendering import page
from mediator.interfaces.web.routes.visit import PageRoute, Said, go, refused, said_of
from mediator.interfaces.web.views.engines import reader_of
from mediator.interfaces.web.views.frame import Address
from mediator.office import CaseInfo

__all__ = ["router"]

router = APIRouter(route_class=PageRoute, include_in_schema=False)


@router.get("/")
def home(request: Request) -> Response:
    """The first page; who has cases already sees them."""
    book = book_of(request)
    if book.cases():
        return go("/cases")
    return page(request, "home.html", engine=reader_of(request.app.state.office, book))


@router.get("/cases")
def cases(request: Request) -> Response:
    """All cases of this person, the one that was changed last first."""
    return _list(request)


@router.post("/cases")
def create(request: Request, title: Annotated[str, Form()] = "", once: Annotated[str, Form()] = "") -> Response:
    """Begin a case; one, however often the form is sent."""
    return go(Address(book_of(request).create(title, once=once).id)("tell"))


@router.get("/cases/{case_id}")
def case(request: Request, case_id: str) -> Response:
    """Where the case is: at the questions when the story is told."""
    opened = book_of(request).open(case_id)
    return go(Address(opened.id)("answer" if opened.view().story.pieces else "tell"))


@router.post("/cases/{case_id}/rename")
def rename(request: Request, case_id: str, title: Annotated[str, Form()] = "") -> Response:
    """Give the case another name."""
    opened = book_of(request).open(case_id)
    try:
        opened.rename(title)
    except NotFoundError:
        raise
    except MediatorError as error:
        return refused(request, error, lambda said: _list(request, said=said, status=422))
    return go("/cases", "renamed")


def _list(request: Request, *, said: Said | None = None, status: int = 200) -> Response:
    items = [_item(info) for info in book_of(request).cases()]
    return page(request, "cases.html", status=status, items=items, here="cases", said=said or said_of(request))


def _item(info: CaseInfo) -> dict[str, Any]:
    address = Address(info.id)
    return {
        "id": info.id,
        "title": info.title,
        "created_at": info.created_at,
        "changed_at": info.changed_at,
        "href": address(),
        "rename_url": address("rename"),
    }
