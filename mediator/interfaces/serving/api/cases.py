"""Cases, stories, claims, answers and drafts over the API. Handlers that wait for a disk run in threads."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Header, Query, Response
from starlette.requests import Request

from mediator.draft import Details
from mediator.draft.model import Draft
from mediator.exceptions import MediatorError
from mediator.interfaces.serving.api.shapes import (
    Action,
    AnswerIn,
    CaseChange,
    CaseId,
    CaseIn,
    CaseList,
    CaseOut,
    ClaimsOut,
    DifferencesOut,
    LogEntry,
    LogOut,
    ReadingOut,
    StoryIn,
)
from mediator.interfaces.serving.books import book_of
from mediator.interfaces.serving.downloads import file_response
from mediator.office import Case, CaseBook
from mediator.view import CaseView, StepView, StoryView

__all__ = ["Book", "OpenCase", "case_routes"]


async def _book(request: Request) -> CaseBook:
    return book_of(request)


def _case(case_id: CaseId, book: Annotated[CaseBook, Depends(_book)]) -> Case:
    return book.open(case_id)


#: The casebook of who asks, and the case of the path when it is in it.
Book = Annotated[CaseBook, Depends(_book)]
OpenCase = Annotated[Case, Depends(_case)]

#: A program that got no answer sends the same request again, and nothing is there twice.
Once = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
        max_length=100,
        pattern="^[!-~]+$",
        description="A name for this sending, new for each: sent again with the same name, it adds nothing more.",
    ),
]

_FILE: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "The draft as a file.",
        "content": {
            "text/html": {"schema": {"type": "string"}},
            "application/json": {"schema": {"type": "object"}},
            "application/pdf": {"schema": {"type": "string", "format": "binary"}},
            "application/vnd.openxmlformats-officedocument.wordprocessingml.document": {
                "schema": {"type": "string", "format": "binary"}
            },
        },
    }
}


def case_routes() -> APIRouter:
    """The routes, without the prefix."""
    routes = APIRouter()

    @routes.get("/cases", tags=["cases"])
    def list_cases(
        book: Book, archived: Annotated[bool, Query(description="Those that were put away.")] = False
    ) -> CaseList:
        """List your cases, the one that was changed last first."""
        return CaseList(cases=[CaseOut.of(info) for info in book.cases(archived=archived)])

    @routes.post("/cases", status_code=201, tags=["cases"])
    def create_case(book: Book, body: CaseIn, response: Response, once: Once = None) -> CaseOut:
        """Begin a case."""
        info = book.create(body.title, once=once).info
        response.headers["Location"] = f"/api/v1/cases/{info.id}"
        return CaseOut.of(info)

    @routes.get("/cases/{case_id}", tags=["cases"])
    def get_case(case: OpenCase) -> CaseOut:
        """One case."""
        return CaseOut.of(case.info)

    @routes.patch("/cases/{case_id}", tags=["cases"])
    def change_case(case: OpenCase, body: CaseChange) -> CaseOut:
        """Rename a case, put it away, or take it out again."""
        if body.title is not None:
            case.rename(body.title)
        if body.archived is not None:
            (case.archive if body.archived else case.restore)()
        return CaseOut.of(case.info)

    @routes.delete("/cases/{case_id}", status_code=204, tags=["cases"])
    def delete_case(case: OpenCase) -> None:
        """Remove a case with its evidence. 409 while a legal hold covers any of it; then nothing is removed."""
        case.delete()

    @routes.get("/cases/{case_id}/view", tags=["cases"])
    def get_view(case: OpenCase) -> CaseView:
        """The whole case as a person sees it: story, claims, next step, matrix, timeline, deadlines and the rest."""
        return case.view()

    @routes.get("/cases/{case_id}/log", tags=["cases"])
    def get_log(case: OpenCase, after: Annotated[int, Query(ge=-1, le=10**9)] = -1) -> LogOut:
        """Everything that happened, in order; with ``after`` what happened after the event of that number."""
        return LogOut(events=[LogEntry(seq=e.seq, at=e.at, kind=e.kind, data=dict(e.data)) for e in case.events(after)])

    @routes.get("/cases/{case_id}/story", tags=["story"])
    def get_story(case: OpenCase) -> StoryView:
        """All that was told, with what was found in it."""
        return case.view().story

    @routes.post("/cases/{case_id}/story", status_code=202, tags=["story"])
    def tell(case: OpenCase, body: StoryIn, once: Once = None) -> ReadingOut:
        """Add to the story. It is on the disk when this answers, and read after that; the events tell when."""
        case.tell(body.text, once=once)
        return ReadingOut(reading=True)

    @routes.put("/cases/{case_id}/story/{piece}", status_code=202, tags=["story"])
    def retell(case: OpenCase, piece: int, body: StoryIn) -> ReadingOut:
        """Tell one piece of the story anew; answers and evidence stay."""
        case.retell(piece, body.text)
        return ReadingOut(reading=True)

    @routes.get("/cases/{case_id}/reading", tags=["story"])
    def get_reading(case: OpenCase) -> ReadingOut:
        """Whether the story is being read."""
        return ReadingOut(reading=case.reading, failure=case.reading_failure)

    @routes.get("/cases/{case_id}/claims", tags=["claims"])
    def get_claims(case: OpenCase) -> ClaimsOut:
        """What was found in the story: claims with the person's own words, what failed, and the whole report."""
        view, report = case.view(), case.state.report
        return ClaimsOut(
            claims=list(view.claims),
            unread=view.story.unread,
            failures=list(view.failures),
            warnings=list(view.warnings),
            report=report,
            notice=view.notice,
        )

    @routes.get("/cases/{case_id}/step", tags=["interview"])
    def get_step(case: OpenCase) -> StepView:
        """What to ask the person now."""
        return case.view().step

    @routes.post("/cases/{case_id}/answers", tags=["interview"])
    def answer(case: OpenCase, body: AnswerIn, once: Once = None) -> StepView:
        """Answer a question, whichever is shown now; returns the next step."""
        if body.text is None:
            case.unknown(body.claim, body.element, once=once)
        else:
            case.answer(body.claim, body.element, body.text, once=once)
        return case.view().step

    @routes.post("/cases/{case_id}/actions", tags=["interview"])
    def act(case: OpenCase, body: Action) -> StepView:
        """Do one thing in the interview; returns the next step. 409 when it is about a step that is not shown now."""
        _act(case, body)
        return case.view().step

    @routes.get("/cases/{case_id}/details", tags=["draft"])
    def get_details(case: OpenCase) -> Details:
        """What the draft's caption needs beside the interview."""
        return case.details

    @routes.put("/cases/{case_id}/details", tags=["draft"])
    def set_details(case: OpenCase, body: Details) -> Details:
        """Keep what the draft's caption needs."""
        case.set_details(body)
        return case.details

    @routes.get("/cases/{case_id}/draft", tags=["draft"])
    def get_draft(case: OpenCase) -> Draft:
        """The complaint as far as the case tells it: never signed, and what nobody told reads MISSING."""
        return case.draft()

    @routes.get("/cases/{case_id}/differences", tags=["draft"])
    def get_differences(case: OpenCase, since: Annotated[int, Query(ge=0, le=10**9)]) -> DifferencesOut:
        """What changed in the draft since the event of that number, section by section."""
        return DifferencesOut.of(case.differences(since))

    @routes.get("/cases/{case_id}/draft/{format}", tags=["draft"], response_class=Response, responses=_FILE)
    def download_draft(case: OpenCase, format: str) -> Response:
        """The draft as a file to download: html, docx, pdf or json."""
        return file_response(case.render(format))

    return routes


def _act(case: Case, action: Action) -> None:
    plain: dict[str, Callable[[], object]] = {
        "back": case.back,
        "forward": case.forward,
        "undo": case.undo,
        "redo": case.redo,
        "read_again": case.read_again,
    }
    if action.do in plain:
        plain[action.do]()
    elif action.do in ("no_evidence", "evidence_later"):
        claim, element = _needed(action, "claim"), _needed(action, "element")
        (case.no_evidence if action.do == "no_evidence" else case.evidence_later)(claim, element)
    elif action.do == "choose":
        case.choose(_needed(action, "key"), _needed(action, "choice"))
    else:
        (case.skip if action.do == "skip" else case.show)(_needed(action, "key"))


def _needed(action: Action, name: str) -> str:
    value = getattr(action, name)
    if value is None:
        raise MediatorError(f'"{action.do}" needs "{name}"')
    return str(value)
