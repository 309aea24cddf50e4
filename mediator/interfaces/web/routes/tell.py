"""The story: told, read, marked by claim; and the marks while a person still writes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated

from fastapi import APIRouter, Form
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from mediator.exceptions import MediatorError, NotFoundError, NothingToReadError, StepChangedError
from mediator.interfaces.serving import book_of
from mediator.interfaces.web.highlights import mark_claims
from mediator.interfaces.web.routes.visit import PageRoute, Said, Visit, go, refused, visit
from mediator.interfaces.web.views import story as shown
from mediator.interfaces.web.views.engines import reader_of
from mediator.office.case import MAX_GLANCE, MAX_STORY

__all__ = ["router"]

router = APIRouter(route_class=PageRoute, include_in_schema=False)

#: Seconds that a person waits for the reading before the page says that it goes on.
_PATIENCE = 8.0


@router.get("/cases/{case_id}/tell")
def read_story(request: Request, case_id: str) -> Response:
    """The story with its claims, or the empty page to begin with."""
    return _page(visit(request, case_id))


@router.post("/cases/{case_id}/tell")
def tell(
    request: Request, case_id: str, story: Annotated[str, Form()] = "", once: Annotated[str, Form()] = ""
) -> Response:
    """Add to the story; what is sent again because no answer came is not added twice."""
    here = visit(request, case_id)
    try:
        here.case.tell(story, once=once)
    except NotFoundError:
        raise
    except MediatorError as error:
        return refused(request, error, lambda said: _page(here, unsent=story, said=said, status=422))
    here.case.wait_read(_PATIENCE)
    return go(here.address("tell"))


@router.post("/cases/{case_id}/retell")
def retell(
    request: Request, case_id: str, piece: Annotated[int, Form()], story: Annotated[str, Form()] = ""
) -> Response:
    """Change one part of the story."""
    here = visit(request, case_id)
    try:
        here.case.retell(piece, story)
    except NotFoundError:
        raise
    except MediatorError as error:
        return refused(request, error, lambda said: _page(here, said=said, status=422))
    here.case.wait_read(_PATIENCE)
    return go(here.address("tell"), "retold")


@router.post("/cases/{case_id}/undo")
def undo(request: Request, case_id: str, act: Annotated[int | None, Form()] = None) -> Response:
    """Take back the last thing, and show where that leads."""
    here = visit(request, case_id)
    return _turned(here, lambda: here.case.undo(act), "undone")


@router.post("/cases/{case_id}/redo")
def redo(request: Request, case_id: str, act: Annotated[int | None, Form()] = None) -> Response:
    """Do again what was taken back last."""
    here = visit(request, case_id)
    return _turned(here, lambda: here.case.redo(act), "redone")


@router.post("/cases/{case_id}/read")
def read_again(request: Request, case_id: str) -> Response:
    """Read the story once more after it failed."""
    here = visit(request, case_id)
    here.case.read_again()
    here.case.wait_read(_PATIENCE)
    return go(here.address("tell"))


@router.get("/cases/{case_id}/reading")
def reading(request: Request, case_id: str) -> Response:
    """For the script: whether the story is read."""
    return JSONResponse({"read": not book_of(request).open(case_id).reading})


@router.post("/glance")
def glance(request: Request, text: Annotated[str, Form()] = "") -> Response:
    """For the script: what unsent words may point to. Nothing is kept, nothing leaves the machine."""
    try:
        report = book_of(request).glance(text[:MAX_GLANCE])
    except NothingToReadError:
        return JSONResponse({"claims": [], "quotes": []})
    return JSONResponse(shown.glance(report))


def _turned(here: Visit, turn: Callable[[], object], did: str) -> Response:
    try:
        turn()
    except StepChangedError:
        did = "moved"
    return go(here.address("answer" if here.case.view().answers else "tell"), did)


def _page(here: Visit, *, unsent: str = "", said: Said | None = None, status: int = 200) -> Response:
    view = here.view
    return here.page(
        "tell.html",
        "tell",
        status=status,
        said=said,
        unsent=unsent,
        pieces=mark_claims(view),
        parts=[(piece.number, view.story.text[piece.start : piece.end]) for piece in view.story.pieces],
        claims=shown.claim_cards(view.claims),
        people=shown.people(view.parties),
        dates=shown.dates(view.dates),
        amounts=shown.amounts(view.amounts),
        failures=view.failures,
        warnings=view.warnings,
        ignored=view.story.set_aside,
        end=view.step if view.step.end in ("no_claim", "refer") else None,
        reader=reader_of(here.office, here.book),
        trouble=here.case.reading_failure,
        next_url=here.address("answer"),
        glance_url="/glance",
        retell_url=here.address("retell"),
        again_url=here.address("read"),
        story_limit=MAX_STORY,
    )
