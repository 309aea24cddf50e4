"""Signing in and out, for servers that others can reach."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Form
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from mediator.interfaces import serving
from mediator.interfaces.web.rendering import page
from mediator.interfaces.web.routes.visit import LEFT, Said, go, said_of

__all__ = ["router"]

router = APIRouter(include_in_schema=False)


@router.get("/login")
def login(request: Request, next: str = "/") -> Response:
    """The form; who is signed in already goes on."""
    if request.cookies.get(LEFT):
        return RedirectResponse("/calendar", 303)
    if request.state.person is not None:
        return go(_ours(next))
    return _page(request, next=next, said=said_of(request))


@router.post("/login")
def sign_in(
    request: Request,
    name: Annotated[str, Form()] = "",
    password: Annotated[str, Form()] = "",
    next: Annotated[str, Form()] = "/",
) -> Response:
    """Check name and password. The message never tells which of the two was wrong."""
    result = serving.sign_in(request, name, password)
    if not result.ok:
        said = Said(f"{result.message[:1].upper()}{result.message[1:]}.", "bad")
        answer = _page(request, next=next, name=name, said=said, status=401 if result.retry_after is None else 429)
        if result.retry_after is not None:
            answer.headers["Retry-After"] = str(result.retry_after)
        return answer
    answer = go(_ours(next))
    result.attach(answer)
    return answer


@router.post("/logout")
def sign_out(request: Request) -> Response:
    """End the session, here and on the server."""
    answer = go("/login", "signedout")
    serving.sign_out(request, answer)
    return answer


def _page(request: Request, *, next: str, name: str = "", said: Said | None = None, status: int = 200) -> Response:
    return page(request, "login.html", status=status, next=_ours(next), name=name, said=said)


def _ours(next: str) -> str:
    """A path on this server, whatever the address said: nobody is sent to another site after signing in."""
    plain = next.isascii() and next.isprintable() and "\\" not in next
    return next if plain and next.startswith("/") and not next.startswith("//") else "/"
