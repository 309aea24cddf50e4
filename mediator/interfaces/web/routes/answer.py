"""One step of the interview at a time: a question, two things that do not fit, or a request for evidence."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated

from fastapi import APIRouter, Form
from starlette.requests import Request
from starlette.responses import Response

from mediator.exceptions import MediatorError, NotFoundError, StepChangedError
from mediator.interfaces.web.routes.visit import PageRoute, Said, Visit, go, refused, visit
from mediator.interfaces.web.views.interview import given_answers
from mediator.office.case import MAX_ANSWER

__all__ = ["router"]

router = APIRouter(route_class=PageRoute, include_in_schema=False)


@router.get("/cases/{case_id}/answer")
def ask(request: Request, case_id: str) -> Response:
    """The step that is next, or that the person went back to."""
    return _page(visit(request, case_id))


@router.post("/cases/{case_id}/answer")
def answer(
    request: Request,
    case_id: str,
    do: Annotated[str, Form()] = "save",
    key: Annotated[str, Form()] = "",
    claim: Annotated[str, Form()] = "",
    element: Annotated[str, Form()] = "",
    text: Annotated[str, Form()] = "",
    choice: Annotated[str, Form()] = "",
    once: Annotated[str, Form()] = "",
) -> Response:
    """What the person did with the step that the page showed, which may be older than the case."""
    here = visit(request, case_id)
    case = here.case
    acts: dict[str, Callable[[], object]] = {
        "save": lambda: case.answer(claim, element, text, once=once),
        "unknown": lambda: case.unknown(claim, element, once=once),
        "skip": lambda: case.skip(key),
        "choose": lambda: case.choose(key, choice),
        "none": lambda: case.no_evidence(claim, element),
        "later": lambda: case.evidence_later(claim, element),
        "back": case.back,
        "forward": case.forward,
    }
    if do not in acts:
        raise NotFoundError("there is no such button")
    try:
        acts[do]()
    except NotFoundError:
        raise
    except StepChangedError:
        return go(here.address("answer"), "moved")
    except MediatorError as error:
        return refused(request, error, lambda said: _page(here, unsent=text, said=said, status=422))
    return go(here.address("answer"))


@router.post("/cases/{case_id}/show")
def show(request: Request, case_id: str, key: Annotated[str, Form()] = "") -> Response:
    """Go back to an earlier step to change what was said."""
    here = visit(request, case_id)
    here.case.show(key)
    return go(here.address("answer"))


def _page(here: Visit, *, unsent: str = "", said: Said | None = None, status: int = 200) -> Response:
    view, step = here.view, here.view.step
    names = {claim.id: claim.name for claim in view.claims}
    return here.page(
        "answer.html",
        "answer",
        status=status,
        said=said,
        unsent=unsent,
        step=step,
        sides=next((found.sides for found in view.contradictions if found.key == step.key), ()),
        serves=[names[claim] for claim in step.serves if claim in names],
        label=next((c.label for c in view.matrix if (c.claim, c.element) == (step.claim, step.element)), ""),
        can_go_back="back" in step.commands,
        looking_back=here.case.looking_back,
        progress=view.progress,
        answers=given_answers(view),
        show_url=here.address("show"),
        answer_limit=MAX_ANSWER,
    )
