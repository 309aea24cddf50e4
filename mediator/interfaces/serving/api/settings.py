"""Who is asking, which engine reads for them, and reading a text without keeping it."""

from __future__ import annotations

from fastapi import APIRouter
from starlette.requests import Request

from mediator.claims.report import ClaimReport
from mediator.interfaces.serving.api.cases import Book
from mediator.interfaces.serving.api.shapes import EngineChoice, EngineOut, EnginesOut, GlanceIn, PersonOut, TextIn
from mediator.interfaces.serving.books import person_of
from mediator.office import CaseBook

__all__ = ["setting_routes"]


def setting_routes() -> APIRouter:
    """The routes, without the prefix."""
    routes = APIRouter(tags=["settings"])

    @routes.get("/me")
    async def me(request: Request) -> PersonOut:
        """Who you are here."""
        person = person_of(request)
        return PersonOut(name=person.name, local=person.local, how=person.how, scopes=list(person.scopes))

    @routes.get("/engines")
    def engines(book: Book, request: Request) -> EnginesOut:
        """The engines that may read your stories, whether each is ready, and whether text would leave this machine."""
        return _engines(book, request)

    @routes.put("/engine")
    def choose_engine(book: Book, body: EngineChoice, request: Request) -> EnginesOut:
        """Let another engine read your stories from now on. It holds for you alone, and at once."""
        book.choose_engine(body.engine)
        return _engines(book, request)

    @routes.post("/claims")
    def extract_claims(book: Book, body: TextIn) -> ClaimReport:
        """Read one text: claims with quotes, parties, dates, amounts, what is missing. Nothing is kept."""
        return book.extract(body.text)

    @routes.post("/glance")
    def glance(book: Book, body: GlanceIn) -> ClaimReport:
        """Read one text without asking any engine: quick, for text that is being written. Nothing is kept."""
        return book.glance(body.text)

    return routes


def _engines(book: CaseBook, request: Request) -> EnginesOut:
    office = request.app.state.office
    # What all people together used is for who runs the machine.
    with_usage = person_of(request).local
    return EnginesOut(
        engines=[EngineOut.of(info, with_usage=with_usage) for info in office.engines()],
        chosen=book.engine,
        default=list(office.default_engines),
    )
