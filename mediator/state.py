"""What a session knows: a fold over its events, so that the same events always give the same state."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from mediator.claims.report import ClaimReport
from mediator.events import Event

__all__ = ["Answer", "AnswerKind", "Exhibit", "SessionState", "fold"]

AnswerKind = Literal["text", "unknown", "skipped"]
#: An element of a claim: (claim id, element id).
Key = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Answer:
    """What the person said to one question; ``seq`` is the event that holds it."""

    kind: AnswerKind
    text: str
    seq: int


@dataclass(frozen=True, slots=True)
class Exhibit:
    """Evidence that the person handed in, and what it is for."""

    cid: str
    name: str
    claim: str | None
    element: str | None
    description: str


@dataclass(frozen=True, slots=True)
class SessionState:
    """Everything that was told, found, asked and answered."""

    stories: tuple[str, ...] = ()
    report: ClaimReport | None = None
    answers: Mapping[Key, Answer] = field(default_factory=dict)
    order: tuple[Key, ...] = ()
    revisit: Key | None = None
    exhibits: tuple[Exhibit, ...] = ()
    closed: bool = False

    @property
    def story(self) -> str:
        """All that was told, in order."""
        return "\n\n".join(self.stories)


def fold(events: Iterable[Event]) -> SessionState:
    """The state after those events. ``undo`` takes back the last event that still stands."""
    standing: list[Event] = []
    for event in events:
        if event.kind == "undo":
            _drop_last(standing)
        else:
            standing.append(event)
    state = SessionState()
    for event in standing:
        apply = _APPLY.get(event.kind)
        state = state if apply is None else apply(state, event)
    return state


def _drop_last(standing: list[Event]) -> None:
    """A story and what was found in it go together."""
    while standing:
        if standing.pop().kind != "found":
            return


def _story(state: SessionState, event: Event) -> SessionState:
    return replace(state, stories=(*state.stories, str(event.data["text"])))


def _found(state: SessionState, event: Event) -> SessionState:
    return replace(state, report=ClaimReport.model_validate(event.data["report"]))


def _answer(state: SessionState, event: Event) -> SessionState:
    key = (str(event.data["claim"]), str(event.data["element"]))
    answer = Answer(event.data["answer"], str(event.data.get("text", "")), event.seq)
    order = state.order if key in state.order else (*state.order, key)
    return replace(state, answers={**state.answers, key: answer}, order=order, revisit=None)


def _back(state: SessionState, event: Event) -> SessionState:
    key: Any = (event.data["claim"], event.data["element"])
    return replace(state, revisit=key)


def _exhibit(state: SessionState, event: Event) -> SessionState:
    exhibit = Exhibit(
        cid=event.data["cid"],
        name=event.data.get("name", ""),
        claim=event.data.get("claim"),
        element=event.data.get("element"),
        description=event.data.get("description", ""),
    )
    return replace(state, exhibits=(*state.exhibits, exhibit))


_APPLY: Mapping[str, Callable[[SessionState, Event], SessionState]] = {
    "story": _story,
    "found": _found,
    "answer": _answer,
    "back": _back,
    "exhibit": _exhibit,
}
