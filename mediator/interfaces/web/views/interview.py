"""What was answered so far, as the page lists it, each with the key that shows its step again."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from mediator.contradictions import BOTH, SKIPPED, UNKNOWN
from mediator.state import evidence_key
from mediator.view import CaseView

__all__ = ["GivenAnswer", "given_answers"]

_INSTEAD = {"unknown": "You said that you do not know.", "skipped": "You skipped this."}
_CHOSEN = {BOTH: "Both: they are about different things.", UNKNOWN: _INSTEAD["unknown"], SKIPPED: _INSTEAD["skipped"]}
_PROOF = {"none": "You have none.", "later": "You will look for it."}


@dataclass(frozen=True, slots=True)
class GivenAnswer:
    """A question with what the person said; ``text`` is their own words, ``instead`` ours when there are none."""

    key: str
    question: str
    text: str
    instead: str


def given_answers(view: CaseView) -> tuple[GivenAnswer, ...]:
    """Answers to questions, then to what did not fit together, then to requests for evidence."""
    return (*_to_questions(view), *_to_conflicts(view), *_to_requests(view))


def _to_questions(view: CaseView) -> Iterator[GivenAnswer]:
    for answer in view.answers:
        yield GivenAnswer(answer.key, answer.question, answer.text, _INSTEAD.get(answer.kind, ""))


def _to_conflicts(view: CaseView) -> Iterator[GivenAnswer]:
    for found in view.contradictions:
        if found.choice is not None:
            mentions = {side.value: side.mention for side in found.sides}
            question = f"Which is right for {found.name}?"
            yield GivenAnswer(found.key, question, mentions.get(found.choice, ""), _CHOSEN.get(found.choice, ""))


def _to_requests(view: CaseView) -> Iterator[GivenAnswer]:
    for cell in view.matrix:
        if cell.proof is not None:
            question = f"Do you have something that shows this: {cell.label}?"
            yield GivenAnswer(evidence_key(cell.claim, cell.element), question, "", _PROOF[cell.proof])
