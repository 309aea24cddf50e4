"""Decides what to ask next. The wording of every question is the taxonomy's; nothing here is worded by a model.

The next question is the open element with the highest gain: blocking before not, a likelier claim
before a less likely one, an answer that serves two claims before one that serves one.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import Literal

from mediator.claims.taxonomy import ClaimType, Element, Taxonomy
from mediator.state import Key, SessionState

__all__ = ["End", "Interview", "Progress", "Question", "Step", "Tell"]


@dataclass(frozen=True, slots=True)
class Tell:
    """Nothing was told yet: ask for the story."""

    text: str = "Tell what happened, in your own words. Who did what, when and where, and what did it cost you?"


@dataclass(frozen=True, slots=True)
class Question:
    """One question. ``serves`` lists every claim that its answer helps."""

    claim: str
    element: str
    text: str
    why: str
    blocking: bool
    serves: tuple[str, ...]
    previous: str | None = None

    @property
    def key(self) -> Key:
        return (self.claim, self.element)


@dataclass(frozen=True, slots=True)
class End:
    """Nothing is left to ask."""

    kind: Literal["no_claim", "refer", "complete"]
    text: str


@dataclass(frozen=True, slots=True)
class Progress:
    """How much of what the claims need is there."""

    settled: int
    total: int


Step = Tell | Question | End

_NO_CLAIM = (
    "The program found no claim of a kind that it knows in what you told. That is an answer, not a judgment: it may "
    "have missed something. You can add to your story, or ask a legal aid office (lawhelp.org lists free ones)."
)
_REFER = {
    "family_matter": (
        "This looks like a matter for a family court (divorce, custody, support or protection). Ask the court's "
        "self-help center or a legal aid office (lawhelp.org). If anyone is in danger now, call 911, or the National "
        "Domestic Violence Hotline at 1-800-799-7233."
    ),
    "immigration_matter": (
        "This looks like an immigration matter. Ask a lawyer or an accredited representative "
        "(justice.gov/eoir/recognition-accreditation-roster-reports lists them). "
        "Beware of notarios: they are not lawyers."
    ),
}
_COMPLETE = "Every question that the program has for you was asked. You can go back, add to your story, or stop here."


class Interview:
    """The next step for a state. It holds no state of its own."""

    def __init__(self, taxonomy: Taxonomy) -> None:
        self._taxonomy = taxonomy

    def step(self, state: SessionState) -> Step:
        """What to show now."""
        report = state.report
        if not state.stories or report is None:
            return Tell()
        if report.no_claim:
            return End("no_claim", _NO_CLAIM)
        if report.refer_only:
            return End("refer", "\n\n".join(_REFER[claim.id] for claim in report.claims if claim.id in _REFER))
        if state.revisit is not None:
            return self._question(state, state.revisit)
        open_keys = self._open(state)
        return self._question(state, open_keys[0]) if open_keys else End("complete", _COMPLETE)

    def previous(self, state: SessionState) -> Key | None:
        """The question before this one, or None at the start."""
        if not state.order:
            return None
        if state.revisit is None:
            return state.order[-1]
        place = state.order.index(state.revisit) if state.revisit in state.order else len(state.order)
        return state.order[place - 1] if place > 0 else None

    def progress(self, state: SessionState) -> Progress:
        """Elements that are settled by story, answer or "I don't know", of all that the claims have."""
        if state.report is None:
            return Progress(0, 0)
        total = sum(len(self._taxonomy[claim.id].elements) for claim in state.report.claims if claim.kind != "refer")
        return Progress(total - len(self._open(state)), total)

    def _open(self, state: SessionState) -> list[Key]:
        """The open elements, best first; claims that share a question word for word share its answer."""
        assert state.report is not None
        confidence = {claim.id: claim.confidence for claim in state.report.claims if claim.kind != "refer"}
        gains: dict[str, float] = defaultdict(float)
        first: dict[str, tuple[Key, bool]] = {}
        answered = {self._element(key).ask for key in state.answers if key[0] in self._taxonomy}
        for missing in state.report.missing:
            if missing.claim not in confidence or missing.question in answered:
                continue
            gains[missing.question] += confidence[missing.claim] * (10 if missing.blocking else 1)
            first.setdefault(missing.question, ((missing.claim, missing.element), missing.blocking))
        ranked = sorted(gains, key=lambda ask: (-gains[ask], list(first).index(ask)))
        return [first[ask][0] for ask in ranked]

    def _question(self, state: SessionState, key: Key) -> Question:
        claim, element = self._taxonomy[key[0]], self._element(key)
        found = [c.id for c in state.report.claims] if state.report else [claim.id]
        serves = tuple(
            claim_id for claim_id in found if any(e.ask == element.ask for e in self._taxonomy[claim_id].elements)
        )
        answer = state.answers.get(key)
        return Question(
            claim=claim.id,
            element=element.id,
            text=element.ask,
            why=_why(claim, element),
            blocking=element.blocking,
            serves=serves or (claim.id,),
            previous=answer.text if answer is not None and answer.kind == "text" else None,
        )

    def _element(self, key: Key) -> Element:
        return self._taxonomy[key[0]].element(key[1])


def _why(claim: ClaimType, element: Element) -> str:
    need = "A court needs this" if element.blocking else "This helps"
    law = f" See {claim.legal_basis[0].cite}." if claim.legal_basis else ""
    return f"{need} for: {claim.name}. It is about: {element.label}.{law}"
