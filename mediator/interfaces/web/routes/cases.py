"""The first page, the list of a person's cases, and the address of a case without a page."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Form
from starlette.requests import Request
from starlette.responses import Response

from mediator.evidence import LegalHoldError
from mediator.exceptions import MediatorError, NotFoundError
from mediator.interfaces.serving import book_of
from mediator.interfaces.web.rendering import page
from mediator.interfaces.web.routes.visit import PageRoute, Said, Visit, go, refused, said_of, visit
from mediator.interfaces.web.views.engines import reader_of
from mediator.interfaces.web.views.frame import Address
from mediator.office import CaseInfo

__all__ = ["router"]

router = APIRouter(route_class=PageRoute, include_in_schema=False)


@router.get("/")
def home(request: Request) -> Response:
    """The first page; who has cases already sees them."""
    book = book_of(request)
    if book.cases() or book.cases(archived=True):
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


@router.post("/cases/{case_id}/archive")
def archive(request: Request, case_id: str) -> Response:
    """Put the case away; nothing of it is lost."""
    book_of(request).open(case_id).archive()
    return go("/cases", "archived")


@router.post("/cases/{case_id}/restore")
def restore(request: Request, case_id: str) -> Response:
    """Take the case out again."""
    book_of(request).open(case_id).restore()
    return go("/cases", "restored")


@router.get("/cases/{case_id}/delete")
def ask_before_deleting(request: Request, case_id: str) -> Response:
    """What would be lost, and what a legal hold keeps."""
    return _deleting(visit(request, case_id))


@router.post("/cases/{case_id}/delete")
def delete(request: Request, case_id: str, sure: Annotated[str, Form()] = "") -> Response:
    """Delete the case, when the person said that they are sure."""
    here = visit(request, case_id)
    if sure != "yes":
        said = Said("Nothing was deleted. Mark the box first, if you are sure.", "bad")
        return _deleting(here, said=said, status=422)
    try:
        here.case.delete()
    except LegalHoldError:
        return _deleting(here, status=409)  # the page says which
    return go("/cases", "deleted")


def _deleting(here: Visit, *, said: Said | None = None, status: int = 200) -> Response:
    view = here.view
    return here.page(
        "delete.html",
        "",
        status=status,
        said=said,
        holds=here.case.holds,
        words=len(view.story.text.split()),
        given=len(view.answers),
        files=len({record.cid for record in here.case.evidence()}),
        delete_url=here.address("delete"),
        archive_url=here.address("archive"),
        archived=here.case.info.archived,
    )


def _list(request: Request, *, said: Said | None = None, status: int = 200) -> Response:
    book = book_of(request)
    return page(
        request,
        "cases.html",
        status=status,
        items=[_item(info) for info in book.cases()],
        away=[_item(info) for info in book.cases(archived=True)],
        here="cases",
        said=said or said_of(request),
    )


def _item(info: CaseInfo) -> dict[str, Any]:
    address = Address(info.id)
    return {
        "id": info.id,
        "title": info.title,
        "created_at": info.created_at,
        "changed_at": info.changed_at,
        "href": address(),
        "rename_url": address("rename"),
        "archive_url": address("archive"),
        "restore_url": address("restore"),
        "delete_url": address("delete"),
    }
