"""From a request to the casebook of who sent it: the one way by which pages and API reach anything."""

from __future__ import annotations

from starlette.requests import Request

from mediator.interfaces.serving.people import Person
from mediator.office import CaseBook

__all__ = ["NobodyError", "book_of", "person_of"]


class NobodyError(Exception):
    """Nobody is signed in, and the route is for people who are."""


def person_of(request: Request) -> Person:
    """Who sent this request; NobodyError when the gate knows nobody."""
    person = getattr(request.state, "person", None)
    if not isinstance(person, Person):
        raise NobodyError
    return person


def book_of(request: Request) -> CaseBook:
    """The casebook of who sent this request. It reaches nothing of anybody else."""
    book: CaseBook = request.app.state.office.person(person_of(request).id)
    return book
