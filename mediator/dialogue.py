"""One turn of the interview as plain text, and the historical state format in and out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mediator.claims.taxonomy import NOTICE
from mediator.interview import End, Question, Step, Tell
from mediator.session import Session

__all__ = ["COMMANDS", "from_historical", "means_unknown", "show", "to_historical", "turn"]

#: What a person may type instead of an answer.
COMMANDS: Mapping[str, str] = {
    "why": "why do you ask",
    "don't know": "I don't know",
    "skip": "not now",
    "back": "the question before",
    "undo": "take back the last step",
}
_UNKNOWN = frozenset({"don't know", "dont know", "i don't know", "i dont know", "idk", "no sé", "no se", "?"})


def turn(session: Session, text: str) -> str:
    """Take one line from the person and return what to show next."""
    word = text.strip().lower().rstrip(".!")
    step = session.step
    if word == "why" or word == "why do you ask":
        return step.why if isinstance(step, Question) else render(step)
    if word == "undo":
        return render(session.undo())
    if word == "back":
        return render(session.back())
    if not word:
        return render(step)
    if isinstance(step, Question):
        if word == "skip":
            return render(session.skip())
        if means_unknown(word):
            return render(session.unknown())
        return render(session.answer(text.strip()))
    session.tell(text)
    return show(session)


def means_unknown(word: str) -> bool:
    """Whether the line says that the person does not know."""
    return word.strip().lower().replace("’", "'").rstrip(".!") in _UNKNOWN


def show(session: Session) -> str:
    """Where the session stands: what was found, then what to answer next."""
    report = session.state.report
    lines: list[str] = []
    if report is not None and report.claims:
        lines.append("What your story tells:")
        for claim in report.claims:
            lines.append(f"- {claim.name}")
            lines.extend(f'    "{quote.text}"' for quote in claim.quotes)
    if report is not None:
        lines.extend(f"Passed over: {f.backend}: {f.error}: {f.message}; {f.advice}." for f in report.failures)
    return "\n".join([*lines, "", render(session.step)]).strip()


def render(step: Step) -> str:
    """A step as text, with the notice where something ends."""
    match step:
        case Tell():
            return step.text
        case Question():
            return step.text if step.previous is None else f"{step.text}\n(You said: {step.previous})"
        case End():
            return f"{step.text}\n\n{NOTICE}"


def to_historical(session: Session) -> dict[str, Any]:
    """``inquiries`` (questions with answers), ``complaint`` (the story) and ``log`` (what happened)."""
    state = session.state
    asks = {} if state.report is None else {(m.claim, m.element): m.question for m in state.report.missing}
    inquiries = [
        {"question": asks.get(key, f"{key[0]}/{key[1]}"), "answer": a.text or None, "status": a.kind,
         "claim_type": key[0], "element": key[1]}
        for key, a in state.answers.items()
    ]  # fmt: skip
    return {
        "session": session.id,
        "complaint": state.story,
        "inquiries": inquiries,
        "log": [{"at": e.at, "kind": e.kind} for e in session.events],
        "claims": [] if state.report is None else [c.id for c in state.report.claims],
        "notice": NOTICE,
    }


def from_historical(session: Session, state: Mapping[str, Any]) -> None:
    """Take over ``complaint`` and the answered ``inquiries`` of a historical state."""
    complaint = state.get("complaint")
    if isinstance(complaint, Mapping):
        complaint = "\n".join(str(value) for value in complaint.values() if value)
    inquiries = [item for item in state.get("inquiries") or () if isinstance(item, Mapping)]
    placed = [item for item in inquiries if item.get("claim_type") and item.get("element")]
    loose = [str(item["answer"]) for item in inquiries if item not in placed and item.get("answer")]
    story = "\n\n".join(part for part in (str(complaint or "").strip(), *loose) if part)
    if story:
        session.tell(story)
    for item in placed:
        kind = item.get("status") or ("text" if item.get("answer") else "unknown")
        session.import_events(
            "answer",
            {"claim": item["claim_type"], "element": item["element"], "answer": kind, "text": item.get("answer") or ""},
        )
