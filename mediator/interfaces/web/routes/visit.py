"""What every page of a case needs: the case, as it is for this request, and the frame around the page."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from fastapi.routing import APIRoute
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response

from mediator.claims.taxonomy import Taxonomy
from mediator.interfaces.serving import book_of
from mediator.interfaces.web.rendering import page
from mediator.interfaces.web.views.frame import Address, step_links
from mediator.office import Case, CaseBook, Office
from mediator.view import CaseView

__all__ = ["LEFT", "SAYINGS", "PageRoute", "Said", "Visit", "go", "refused", "said_of", "visit", "wants_json"]

#: The cookie of somebody who left quickly: while it is there, every page is the calendar.
LEFT = "left"

#: What a page says after an action. The address holds the name only, so nobody can make a page say something else.
SAYINGS: Mapping[str, tuple[str, str]] = {
    "added": ("good", "It is added. The file is kept exactly as it came."),
    "linked": ("good", "It is linked."),
    "unlinked": ("good", "The link is taken away. The file is still here."),
    "renamed": ("good", "The new name is saved."),
    "saved": ("good", "Saved."),
    "chosen": ("good", "From now on this one reads your words."),
    "undone": ("", "The last thing you did is taken back."),
    "redone": ("", "What you had taken back is there again."),
    "retold": ("good", "Your story is changed. Your answers and files stay."),
    "moved": ("warn", "The case went on since that page was shown, so nothing was changed. This is the next step now."),
    "nofile": ("bad", "No file was chosen. Choose one, then add it."),
    "archived": ("", "The case is put away. Nothing of it is lost; it is at the end of this page."),
    "restored": ("good", "The case is here again."),
    "deleted": ("", "The case is deleted."),
    "signedout": ("", "You are signed out."),
}


@dataclass(frozen=True, slots=True)
class Said:
    """A message at the top of a page: "good", "bad", "warn" or nothing in particular."""

    text: str
    kind: str = ""


class PageRoute(APIRoute):
    """A page for people: only for who is signed in, and the calendar for who left quickly. A script gets it as JSON."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle = super().get_route_handler()

        async def guarded(request: Request) -> Response:
            if request.cookies.get(LEFT):
                return RedirectResponse("/calendar", 303)
            if request.state.person is None:
                wanted = request.url.path if request.method == "GET" else "/"
                return RedirectResponse(f"/login?next={quote(wanted, safe='/')}", 303)
            answer = await handle(request)
            if answer.status_code == 303 and wants_json(request):
                return JSONResponse({"go": answer.headers["location"]})
            return answer

        return guarded


def wants_json(request: Request) -> bool:
    """Whether a script of ours asks: it goes where it is told by itself, and reads a refusal where the person typed."""
    return "application/json" in request.headers.get("accept", "")


@dataclass(frozen=True, slots=True)
class Visit:
    """One request to one case."""

    request: Request
    book: CaseBook
    case: Case
    address: Address
    view: CaseView

    @property
    def taxonomy(self) -> Taxonomy:
        """The claim types."""
        return self.office.taxonomy

    @property
    def office(self) -> Office:
        """The installation."""
        office: Office = self.request.app.state.office
        return office

    def page(self, template: str, here: str, *, status: int = 200, said: Said | None = None, **values: Any) -> Response:
        """A page of the case in its frame."""
        state = self.case.state
        common: dict[str, Any] = {
            "case": self.case.info,
            "steps": step_links(self.address, here, self.view),
            "here_url": self.address(here),
            "said": said or said_of(self.request),
            "reading": self.view.story.unread,
            "told": bool(self.view.story.pieces),
            "tell_url": self.address("tell"),
            "answer_url": self.address("answer"),
            "evidence_url": self.address("evidence"),
            "draft_url": self.address("draft"),
            "undo_url": self.address("undo"),
            "redo_url": self.address("redo"),
            "undoes": state.undoes,
            "redoes": state.redoes,
            "reading_url": self.address("reading"),
        }
        return page(self.request, template, status=status, **(common | values))


def visit(request: Request, case_id: str) -> Visit:
    """The case as it is now; NotFoundError when this person has none of that id."""
    book = book_of(request)
    case = book.open(case_id)
    return Visit(request, book, case, Address(case.id), case.view())


def said_of(request: Request) -> Said | None:
    """The message that the address names, if any."""
    kind, text = SAYINGS.get(request.query_params.get("did", ""), ("", ""))
    return Said(text, kind) if text else None


def go(address: str, did: str | None = None) -> Response:
    """To another page after an action, so that loading it again does nothing twice."""
    return RedirectResponse(f"{address}?did={did}" if did else address, 303)


def refused(request: Request, error: Exception, again: Callable[[Said], Response]) -> Response:
    """What was sent cannot be taken: the same page with the reason, or the reason alone for a script of ours."""
    text = f"{error}".strip()
    text = f"{text[:1].upper()}{text[1:]}{'' if text.endswith(('.', '!', '?')) else '.'}"
    if wants_json(request):
        return JSONResponse({"says": text}, 422)
    return again(Said(text, "bad"))
