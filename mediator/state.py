"""What a session knows: a fold over its events, so that the same events always give the same state.

Undo and redo are events too. An act is one thing that the person did, with what the program found
because of it (``found``, ``reading``); undo takes back a whole act, and looking back at an
earlier question is no act.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal, cast

from mediator.claims.report import ClaimReport, Verdict
from mediator.events import Event

__all__ = [
    "Answer",
    "AnswerKind",
    "Exhibit",
    "Fold",
    "Key",
    "ProofAnswer",
    "Reading",
    "SessionState",
    "Smoothed",
    "evidence_key",
    "fold",
    "parse_key",
    "question_key",
]

AnswerKind = Literal["text", "unknown", "skipped"]
#: What the person said when evidence was asked for.
ProofAnswer = Literal["none", "later"]
#: An element of a claim: (claim id, element id).
Key = tuple[str, str]

_EVIDENCE = "evidence:"
#: Events that belong to the act before them.
_DERIVED = frozenset({"found", "reading"})
_NAVIGATION = frozenset({"back", "forward"})
_TELLING = frozenset({"story", "retold"})


def question_key(claim: str, element: str) -> str:
    """How the step that asks for an element is named."""
    return f"{claim}/{element}"


def evidence_key(claim: str, element: str) -> str:
    """How the step that asks for evidence of an element is named."""
    return f"{_EVIDENCE}{claim}/{element}"


def parse_key(key: str) -> Key | None:
    """The element that a question or a request for evidence is about; None for another kind of step."""
    claim, slash, element = key.removeprefix(_EVIDENCE).partition("/")
    return (claim, element) if slash and ":" not in claim else None


@dataclass(frozen=True, slots=True)
class Answer:
    """What the person said to one question, and when; ``seq`` is the event that holds it."""

    kind: AnswerKind
    text: str
    seq: int
    at: str = ""
    #: How many times the question was answered so far, this time included.
    times: int = 1
    #: The sending that brought it, where a page or a program named it.
    once: str | None = None


@dataclass(frozen=True, slots=True)
class Exhibit:
    """Evidence that the person handed in, and what it is for."""

    cid: str
    name: str
    claim: str | None
    element: str | None
    description: str


@dataclass(frozen=True, slots=True)
class Reading:
    """Whether a trusted backend takes an answer for an answer; ``seq`` is the event of that answer."""

    seq: int
    answers: bool
    backend: str
    prompt_cid: str
    response_cid: str


@dataclass(frozen=True, slots=True)
class Smoothed:
    """Prose for one paragraph of the draft that the person accepted, and the backend that wrote it."""

    text: str
    backend: str
    model: str | None


@dataclass(frozen=True, slots=True)
class SessionState:
    """Everything that was told, found, asked and answered."""

    stories: tuple[str, ...] = ()
    told_at: tuple[str, ...] = ()
    #: The sending that brought each piece, where a page or a program named it.
    told_once: tuple[str | None, ...] = ()
    report: ClaimReport | None = None
    #: The pieces of the story that ``report`` was made from.
    read: tuple[str, ...] = ()
    answers: Mapping[Key, Answer] = field(default_factory=dict)
    #: The steps that the person went through, by key, first one first.
    order: tuple[str, ...] = ()
    revisit: str | None = None
    exhibits: tuple[Exhibit, ...] = ()
    #: What was chosen for a contradiction: one of its values, "both", "unknown" or "skipped".
    settled: Mapping[str, str] = field(default_factory=dict)
    proofs: Mapping[Key, ProofAnswer] = field(default_factory=dict)
    readings: Mapping[Key, Reading] = field(default_factory=dict)
    #: Texts by CID that a backend was asked and answered, kept so that ``explain`` can show them.
    kept: Mapping[str, str] = field(default_factory=dict)
    #: What a trusted backend said last about each claim type, yes or no.
    verdicts: Mapping[str, Verdict] = field(default_factory=dict)
    imported: tuple[Mapping[str, Any], ...] = ()
    #: Accepted prose, by the paragraph of the draft that it stands for.
    smoothed: Mapping[str, Smoothed] = field(default_factory=dict)
    can_undo: bool = False
    can_redo: bool = False
    #: The events by which the acts begin that undo and redo are about; -1: there is none.
    undoes: int = -1
    redoes: int = -1
    #: What was worked out of ``report`` already, shared by the states that have it. It follows from the rest.
    worked_out: dict[str, Any] = field(default_factory=dict, compare=False, repr=False)

    @property
    def story(self) -> str:
        """All that was told, in order."""
        return "\n\n".join(self.stories)

    @property
    def unread(self) -> bool:
        """Whether something was told that no report covers yet: the program was killed while it read."""
        return self.stories != self.read


class Fold:
    """The state after the events so far. One at a time costs the same however many there were; undo reads all."""

    def __init__(self, events: Iterable[Event] = ()) -> None:
        self._acts: list[list[Event]] = []
        self._undone: list[list[Event]] = []
        self._reports: dict[str, ClaimReport] = {}
        self.state = SessionState()
        for event in events:
            self.add(event)

    def add(self, event: Event) -> SessionState:
        """Take one more event and return the state after it."""
        if event.kind == "undo":
            self._undo()
        elif event.kind == "redo":
            if self._undone:
                self._acts.append(self._undone.pop())
                self._again()
        else:
            self._place(event)
            self.state = self._applied(self.state, event)
        undoes = next((act[0].seq for act in reversed(self._acts) if _is_act(act)), -1)
        redoes = self._undone[-1][0].seq if self._undone else -1
        self.state = replace(self.state, can_undo=undoes >= 0, can_redo=redoes >= 0, undoes=undoes, redoes=redoes)
        return self.state

    def _place(self, event: Event) -> None:
        if event.kind in _DERIVED and self._acts:
            self._cause(event).append(event)
            return
        self._acts.append([event])
        if event.kind not in _NAVIGATION:
            self._undone.clear()

    def _cause(self, event: Event) -> list[Event]:
        """The act that a derived event belongs to: others may have come between while the program read."""
        seq = event.data.get("seq")
        if seq is not None:
            return next((act for act in self._acts if act[0].seq == seq), self._acts[-1])
        return next((act for act in reversed(self._acts) if act[0].kind in _TELLING), self._acts[-1])

    def _undo(self) -> None:
        if not any(map(_is_act, self._acts)):
            return
        while not _is_act(self._acts[-1]):
            self._acts.pop()
        self._undone.append(self._acts.pop())
        self._again()

    def _again(self) -> None:
        self.state = SessionState()
        for act in self._acts:
            for event in act:
                self.state = self._applied(self.state, event)

    def _applied(self, state: SessionState, event: Event) -> SessionState:
        if event.kind == "found":
            if event.hash not in self._reports:
                self._reports[event.hash] = ClaimReport.model_validate(event.data["report"])
            return _found(state, event, self._reports[event.hash])
        apply = _APPLY.get(event.kind)
        return state if apply is None else apply(state, event)


def fold(events: Iterable[Event]) -> SessionState:
    """The state after those events."""
    return Fold(events).state


def _is_act(events: list[Event]) -> bool:
    return events[0].kind not in _NAVIGATION and events[0].kind not in _DERIVED


def _found(state: SessionState, event: Event, report: ClaimReport) -> SessionState:
    said = {claim: Verdict.model_validate(verdict) for claim, verdict in event.data.get("verdicts", {}).items()}
    return replace(
        state,
        report=report,
        read=state.stories,
        worked_out={},
        kept={**state.kept, **event.data.get("texts", {})},
        verdicts={**state.verdicts, **said},
    )


def _story(state: SessionState, event: Event) -> SessionState:
    return replace(
        state,
        stories=(*state.stories, str(event.data["text"])),
        told_at=(*state.told_at, event.at),
        told_once=(*state.told_once, event.data.get("once")),
    )


def _retold(state: SessionState, event: Event) -> SessionState:
    """A piece of the story is told anew, in its place."""
    place = int(event.data["piece"])
    stories, times = list(state.stories), list(state.told_at)
    stories[place], times[place] = str(event.data["text"]), event.at
    return replace(state, stories=tuple(stories), told_at=tuple(times))


def _answer(state: SessionState, event: Event) -> SessionState:
    key = (str(event.data["claim"]), str(event.data["element"]))
    before = state.answers.get(key)
    times = 1 if before is None else before.times + 1
    data = event.data
    answer = Answer(data["answer"], str(data.get("text", "")), event.seq, event.at, times, data.get("once"))
    return replace(_passed(state, question_key(*key)), answers={**state.answers, key: answer})


def _settled(state: SessionState, event: Event) -> SessionState:
    key = str(event.data["contradiction"])
    return replace(_passed(state, key), settled={**state.settled, key: str(event.data["choice"])})


def _proof(state: SessionState, event: Event) -> SessionState:
    key = (str(event.data["claim"]), str(event.data["element"]))
    answer = cast(ProofAnswer, event.data["answer"])
    return replace(_passed(state, evidence_key(*key)), proofs={**state.proofs, key: answer})


def _exhibit(state: SessionState, event: Event) -> SessionState:
    exhibit = Exhibit(
        cid=event.data["cid"],
        name=event.data.get("name", ""),
        claim=event.data.get("claim"),
        element=event.data.get("element"),
        description=event.data.get("description", ""),
    )
    # Evidence that was for nothing in particular yet is linked by naming it again, for an element this time.
    place = next((n for n, earlier in enumerate(state.exhibits) if _same_place(earlier, exhibit)), len(state.exhibits))
    state = replace(state, exhibits=(*state.exhibits[:place], exhibit, *state.exhibits[place + 1 :]))
    if exhibit.claim is None or exhibit.element is None:
        return state
    key = evidence_key(exhibit.claim, exhibit.element)
    return _passed(state, key) if state.revisit in (None, key) else state


def _same_place(earlier: Exhibit, exhibit: Exhibit) -> bool:
    for_nothing_yet = earlier.claim is None
    for_the_same = (earlier.claim, earlier.element) == (exhibit.claim, exhibit.element)
    return earlier.cid == exhibit.cid and (for_nothing_yet or for_the_same)


def _unlinked(state: SessionState, event: Event) -> SessionState:
    """The evidence stays in the store; this case no longer names it."""
    left = tuple(e for e in state.exhibits if (e.cid, e.claim, e.element) != _unlinked_key(event))
    return replace(state, exhibits=left)


def _unlinked_key(event: Event) -> tuple[Any, Any, Any]:
    return (event.data["cid"], event.data.get("claim"), event.data.get("element"))


def _passed(state: SessionState, key: str) -> SessionState:
    order = state.order if key in state.order else (*state.order, key)
    return replace(state, order=order, revisit=None)


def _back(state: SessionState, event: Event) -> SessionState:
    return replace(state, revisit=str(event.data["step"]))


def _forward(state: SessionState, event: Event) -> SessionState:
    return replace(state, revisit=None)


def _reading(state: SessionState, event: Event) -> SessionState:
    data = event.data
    reading = Reading(data["seq"], data["answers"], data["backend"], data["prompt_cid"], data["response_cid"])
    readings = {**state.readings, (data["claim"], data["element"]): reading}
    return replace(state, readings=readings, kept={**state.kept, **data.get("texts", {})})


def _imported(state: SessionState, event: Event) -> SessionState:
    return replace(state, imported=(*state.imported, event.data))


def _smoothed(state: SessionState, event: Event) -> SessionState:
    """By the paragraph as it was drafted; the person's own words taken back as they were need no prose."""
    original, text = str(event.data["original"]), str(event.data["text"])
    kept = {words: prose for words, prose in state.smoothed.items() if words != original}
    if text != original:
        kept[original] = Smoothed(text, str(event.data["backend"]), event.data.get("model"))
    return replace(state, smoothed=kept)


_APPLY: Mapping[str, Callable[[SessionState, Event], SessionState]] = {
    "story": _story,
    "retold": _retold,
    "answer": _answer,
    "settled": _settled,
    "proof": _proof,
    "exhibit": _exhibit,
    "unlinked": _unlinked,
    "back": _back,
    "forward": _forward,
    "reading": _reading,
    "imported": _imported,
    "smoothed": _smoothed,
}
