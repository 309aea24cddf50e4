"""The historical state format: ``inquiries`` (question, answer), ``complaint`` (text), ``log``; in and out.

Its writers also kept names and passwords in it. Nothing whose name says so is taken over, at any depth.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from mediator.claims.taxonomy import NOTICE, Taxonomy
from mediator.exceptions import MediatorError, NotFoundError
from mediator.session import Session
from mediator.state import AnswerKind, Key

__all__ = ["Import", "from_historical", "to_historical", "without_secrets"]

_SECRET = re.compile(
    r"passw|passphrase|pwd|secret|token|cookie|credential|api_?key|hashed_|^username$|^auth", re.IGNORECASE
)
_DEEPEST = 20


def to_historical(session: Session, taxonomy: Taxonomy) -> dict[str, Any]:
    """``inquiries`` (questions with answers, the open ones too), ``complaint`` (the story) and ``log``."""
    state = session.state
    inquiries = []
    for (claim, element), answer in state.answers.items():
        inquiries.append(_inquiry(taxonomy, (claim, element), answer.text or None, answer.kind))
    inquiries += [_inquiry(taxonomy, key, None, None) for key in session.interview.gains(state)]
    return {
        "session": session.id,
        "complaint": state.story,
        "inquiries": inquiries,
        "log": [{"at": event.at, "kind": event.kind} for event in session.events],
        "claims": [] if state.report is None else [claim.id for claim in state.report.claims],
        "notice": NOTICE,
    }


@dataclass(frozen=True, slots=True)
class Import:
    """What a historical state holds, checked; ``into`` writes it."""

    pieces: tuple[str, ...]
    answers: tuple[tuple[Key, AnswerKind, str], ...]
    log: Any

    def into(self, session: Session) -> None:
        """Tell it to a new session, and read the story."""
        session.import_events("imported", {"format": "historical", "log": self.log})
        for piece in self.pieces:
            session.hear(piece)
        for (claim, element), kind, text in self.answers:
            session.import_events("answer", {"claim": claim, "element": element, "answer": kind, "text": text})
        session.catch_up()


def from_historical(state: Any, taxonomy: Taxonomy) -> Import:
    """The story and the answers of a state; an answer that fits no question of ours becomes part of the story.

    Raises MediatorError when it is no such state.
    """
    story, inquiries = _checked(state)
    pieces = [story] if _has_words(story) else []
    answers: list[tuple[Key, AnswerKind, str]] = []
    asks = _asks(taxonomy)
    for item in inquiries:
        answer, status = _text(item.get("answer")), item.get("status")
        key = _element(taxonomy, item) or asks.get(_plain(_text(item.get("question"))))
        if key is not None and status in ("unknown", "skipped"):
            answers.append((key, status, ""))
        elif key is not None and _has_words(answer):
            answers.append((key, "text", answer))
        elif _has_words(answer) and answer not in pieces:
            pieces.append(answer)
    if not pieces and not answers:
        raise MediatorError('this state holds no story: neither "complaint" nor an answer in "inquiries"')
    if not pieces:
        # Every answer fits a question of ours and nothing was told beside them: the answers are the story.
        pieces = [text for _, kind, text in answers if kind == "text"]
    if not pieces:
        raise MediatorError("this state holds questions and no word that was told")
    return Import(tuple(pieces), tuple(answers), without_secrets(state.get("log") or []))


def without_secrets(value: Any, depth: int = 0) -> Any:
    """The JSON value without anything whose name says that it is a password, a token or a login."""
    if depth > _DEEPEST:
        return None
    if isinstance(value, Mapping):
        return {
            str(name): without_secrets(inside, depth + 1)
            for name, inside in value.items()
            if not _SECRET.search(str(name))
        }
    if isinstance(value, list | tuple):
        return [without_secrets(inside, depth + 1) for inside in value]
    return value


def _checked(state: Mapping[str, Any]) -> tuple[str, list[Mapping[str, Any]]]:
    if not isinstance(state, Mapping):
        raise MediatorError(f"a state is a JSON object with inquiries, complaint and log, not a {type(state).__name__}")
    complaint = state.get("complaint") or state.get("original_complaint")
    if isinstance(complaint, Mapping):
        complaint = "\n\n".join(_texts(without_secrets(complaint)))
    if complaint is not None and not isinstance(complaint, str):
        raise MediatorError(f'"complaint" must be text or an object of texts, not a {type(complaint).__name__}')
    inquiries = state.get("inquiries")
    if inquiries is None:
        inquiries = []
    if not isinstance(inquiries, list) or not all(isinstance(item, Mapping) for item in inquiries):
        raise MediatorError('"inquiries" must be a list of objects with "question" and "answer"')
    return (complaint or "").strip(), inquiries


def _text(value: Any) -> str:
    return str(value).strip() if isinstance(value, str | int | float) and not isinstance(value, bool) else ""


def _has_words(text: str) -> bool:
    return any(character.isalnum() for character in text)


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str) and value.strip():
        yield value.strip()
    elif isinstance(value, Mapping):
        for inside in value.values():
            yield from _texts(inside)
    elif isinstance(value, list):
        for inside in value:
            yield from _texts(inside)


def _element(taxonomy: Taxonomy, item: Mapping[str, Any]) -> Key | None:
    claim, element = item.get("claim_type"), item.get("element")
    if not isinstance(claim, str) or not isinstance(element, str) or claim not in taxonomy:
        return None
    return (claim, element) if any(known.id == element for known in taxonomy[claim].elements) else None


def _asks(taxonomy: Taxonomy) -> dict[str, Key]:
    """Our questions by their plain words; of several elements that ask the same, the first."""
    found: dict[str, Key] = {}
    for claim in taxonomy.claims:
        for element in claim.elements:
            found.setdefault(_plain(element.ask), (claim.id, element.id))
    return found


def _plain(text: str) -> str:
    return re.sub(r"\W+", " ", text).strip().casefold()


def _inquiry(taxonomy: Taxonomy, key: Key, answer: str | None, status: str | None) -> dict[str, Any]:
    try:
        question = taxonomy[key[0]].element(key[1]).ask
    except KeyError as error:
        raise NotFoundError(f"the session answers {key[0]}/{key[1]}, which this taxonomy does not have") from error
    return {
        "question": question,
        "alternative_questions": [],
        "answer": answer,
        "status": status,
        "claim_type": key[0],
        "element": key[1],
    }
