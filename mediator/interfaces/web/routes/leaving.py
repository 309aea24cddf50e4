"""Leaving quickly: to a plain calendar of our own, and back only for who knows the way.

No outside page is asked for. The cookie makes every other page the calendar too, so the browser's Back key shows
nothing; a signed-in person is signed out. It cannot clean the browser's history, and the help page says so.
"""

from __future__ import annotations

import calendar as months
import datetime as dt

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from mediator.interfaces.serving import sign_out
from mediator.interfaces.web.rendering import page, render
from mediator.interfaces.web.routes.visit import LEFT

__all__ = ["router"]

router = APIRouter(include_in_schema=False)


@router.get("/leave")
def leave(request: Request) -> Response:
    """A plain link, so that it works whatever else does not."""
    answer = RedirectResponse("/calendar", 303)
    sign_out(request, answer)
    answer.set_cookie(LEFT, "1", path="/", httponly=True, samesite="lax", secure=request.url.scheme == "https")
    return answer


@router.get("/back")
def back(request: Request) -> Response:
    """The way back."""
    answer = RedirectResponse("/", 303)
    answer.delete_cookie(LEFT, path="/")
    return answer


@router.get("/calendar")
def calendar() -> Response:
    """This month."""
    today = dt.datetime.now(dt.UTC).date()
    weeks = months.Calendar(firstweekday=6).monthdayscalendar(today.year, today.month)
    days = [months.day_name[(number + 6) % 7] for number in range(7)]
    values = {"month": f"{today:%B}", "year": today.year, "weeks": weeks, "days": days, "today": today.day}
    return HTMLResponse(render("calendar.html", values))


@router.get("/help/leaving")
def help_leaving(request: Request) -> Response:
    """What leaving quickly does, and what it cannot do."""
    if request.cookies.get(LEFT):
        return RedirectResponse("/calendar", 303)
    return page(request, "leaving.html", address=str(request.base_url).rstrip("/"))
