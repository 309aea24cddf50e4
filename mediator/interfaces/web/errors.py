"""What a person sees when something goes wrong: what it means and what to do, and nothing about the inside."""

from __future__ import annotations

from collections.abc import Mapping

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from mediator.interfaces.web.rendering import page
from mediator.interfaces.web.routes.visit import LEFT

__all__ = ["error_page"]

#: Heading, what it means, what to do.
_SAYS: Mapping[int, tuple[str, str, str]] = {
    400: ("That did not work", "What was sent cannot be used.", "Go back, look at it once more, and send it again."),
    403: (
        "That was not accepted",
        "For your safety, things can only be sent from a page that this program made a short time ago.",
        "Go back, load the page again, and send it once more.",
    ),
    404: ("This page is not here", "It may have been moved, or it belongs to somebody else.", ""),
    409: ("This case is open somewhere else", "Another program writes to it now.", "Close that one, then try again."),
    413: ("That is too large", "A file or a text is larger than this program takes.", "Send it in smaller parts."),
    415: ("This kind of file is not taken", "Files of this kind are not kept here.", "Add it as a PDF or a picture."),
    421: ("Wrong address", "This program does not answer under that name.", "Use the address it was started with."),
    429: (
        "One moment, please",
        "A lot was sent in a short time.",
        "Wait a minute, then go back and try again. What was saved is still there.",
    ),
    500: (
        "Something went wrong here",
        "It is not your fault. What was saved before is still there.",
        "Go back and try again. If it happens again, tell the person who runs this program the number below.",
    ),
    503: ("One moment, please", "The program is starting, stopping or very busy.", "Try again in a minute."),
}  # fmt: skip


def error_page(request: Request, status: int) -> Response:
    """The page for an HTTP status."""
    if request.cookies.get(LEFT):
        return RedirectResponse("/calendar", 303)
    heading, says, do = _SAYS.get(status) or _SAYS[500 if status >= 500 else 400]
    return page(
        request,
        "error.html",
        status=status,
        heading=heading,
        says=says,
        do=do,
        code=status,
        request_id=str(getattr(request.state, "request_id", "")),
    )
