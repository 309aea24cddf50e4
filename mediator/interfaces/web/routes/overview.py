"""All of a case on one page: claims x parts x evidence, timeline, what does not fit together, deadlines."""

from __future__ import annotations

import datetime as dt

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from mediator.interfaces.web.routes.visit import PageRoute, visit
from mediator.interfaces.web.views import overview as shown
from mediator.interfaces.web.views.timeline import axis, moments

__all__ = ["router"]

router = APIRouter(route_class=PageRoute, include_in_schema=False)


@router.get("/cases/{case_id}/overview")
def overview(request: Request, case_id: str) -> Response:
    """What was told, what was shown, what is missing."""
    here = visit(request, case_id)
    listed = moments(here.view)
    return here.page(
        "overview.html",
        "overview",
        matrix=shown.matrix(here.view, here.address),
        timeline=listed,
        axis=axis(listed),
        contradictions=shown.conflicts(here.view),
        deadlines=shown.deadlines(here.view, dt.datetime.now(dt.UTC).date()),
    )
