"""Decides what to ask next. The wording of every question is the taxonomy's; nothing here is worded by a model.

The next question is the open element with the highest expected gain, which is how much of the found claims
one answer is expected to complete: for each claim that the question serves, the claim's confidence divided
by the number of its elements that are still open. Blocking elements come before all others; so a likely
claim that lacks one thing comes before a likelier one that lacks four, and a question that serves two
claims before one that serves one. Equal gains keep the taxonomy's order, so the same state always asks the
same. Contradictions are asked about before it, once each; evidence, element by element, after it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass

from mediator.claims.report import ClaimReport, FoundClaim
from mediator.claims.taxonomy import ClaimType, Element, Taxonomy
from mediator.contradictions import contradictions, is_contradiction
from mediator.state import Key, SessionState, parse_key, question_key
from mediator.steps import (
    Clarification,
    End,
    EvidenceRequest,
    Question,
    Step,
    Tell,
    complete_end,
    no_claim_end,
    refer_end,
)
from mediator.usual_evidence import USUAL_EVIDENCE

__all__ = ["Clarification", "End", "EvidenceRequest", "Interview", "Progress", "Question", "Step", "Tell"]

_READING = "Your words are kept. They are being read; this takes a moment."


@dataclass(frozen=True, slots=True)
class Progress:
    """How much of what the claims need is there, and how many requests for evidence are left."""

    settled: int
    total: int
    evidence_left: int = 0


@dataclass(slots=True)
class _Gain:
    """What answering one question is expected to complete: of blocking elements, and of the others."""

    key: Key
    blocking: float = 0.0
    other: float = 0.0


class Interview:
    """The next step for a state. It holds no state of its own."""

    def __init__(self, taxonomy: Taxonomy) -> None:
        self._taxonomy = taxonomy

    def step(self, state: SessionState) -> Step:
        """What to show now."""
        report = state.report
        if not state.stories:
            return Tell()
        if report is None:
            return Tell(_READING)
        if report.no_claim:
            return no_claim_end()
        if report.refer_only:
            return refer_end(tuple(claim.id for claim in report.claims))
        shown = None if state.revisit is None else self.at(state, state.revisit)
        return shown or self._next(state)

    def at(self, state: SessionState, key: str) -> Step | None:
        """The step of that key as it looks now; None when there is no such step any more."""
        if is_contradiction(key):
            return next((Clarification(found) for found in contradictions(state) if found.id == key), None)
        element = parse_key(key)
        if element is None or not self._knows(element):
            return None
        return self._question(state, element) if key == question_key(*element) else self._request(state, element)

    def previous(self, state: SessionState) -> str | None:
        """The step before this one, or None at the start."""
        place = state.order.index(state.revisit) if state.revisit in state.order else len(state.order)
        return next((key for key in reversed(state.order[:place]) if self.at(state, key) is not None), None)

    def progress(self, state: SessionState) -> Progress:
        """Elements that are settled by story, answer or "I don't know", of all that the claims have."""
        claims = self._claims(state.report)
        total = sum(len(self._taxonomy[claim.id].elements) for claim in claims)
        return Progress(total - sum(1 for _ in self._open_elements(state)), total, len(self._requests(state)))

    def gains(self, state: SessionState) -> tuple[Key, ...]:
        """The open elements, highest expected gain first; elements that share a question share its answer."""
        open_elements = list(self._open_elements(state))
        confidence = {claim.id: claim.confidence for claim in self._claims(state.report)}
        left: dict[tuple[str, bool], int] = defaultdict(int)
        for (claim, _), element in open_elements:
            left[claim, element.blocking] += 1
        gains: dict[str, _Gain] = {}
        for key, element in open_elements:
            share = confidence[key[0]] / left[key[0], element.blocking]
            gain = gains.setdefault(element.ask, _Gain(key))
            gain.blocking += share if element.blocking else 0.0
            gain.other += 0.0 if element.blocking else share
        # sorted() keeps the taxonomy's order among equals; rounding keeps the order of a sum out of it.
        ranked = sorted(gains.values(), key=lambda gain: (-round(gain.blocking, 9), -round(gain.other, 9)))
        return tuple(gain.key for gain in ranked)

    def _next(self, state: SessionState) -> Step:
        unclear = next((found for found in contradictions(state) if found.open), None)
        if unclear is not None:
            return Clarification(unclear)
        for key in self.gains(state)[:1]:
            return self._question(state, key)
        return next(iter(self._requests(state)), None) or complete_end()

    def _claims(self, report: ClaimReport | None) -> tuple[FoundClaim, ...]:
        return () if report is None else tuple(claim for claim in report.claims if claim.kind != "refer")

    def _knows(self, key: Key) -> bool:
        return key[0] in self._taxonomy and any(e.id == key[1] for e in self._taxonomy[key[0]].elements)

    def _open_elements(self, state: SessionState) -> Iterator[tuple[Key, Element]]:
        """What the report misses and no answer settles, in the taxonomy's order."""
        settled = {self._element(key).ask for key in state.answers if self._knows(key) and not _asked_again(state, key)}
        found = {claim.id for claim in self._claims(state.report)}
        for missing in () if state.report is None else state.report.missing:
            key = (missing.claim, missing.element)
            if missing.claim in found and self._knows(key) and self._element(key).ask not in settled:
                yield key, self._element(key)

    def _question(self, state: SessionState, key: Key) -> Question:
        claim, element = self._taxonomy[key[0]], self._element(key)
        answer = state.answers.get(key)
        return Question(
            claim=claim.id,
            element=element.id,
            text=element.ask,
            why=_why(claim, element),
            blocking=element.blocking,
            serves=self._serves(state.report, claim, element),
            previous=answer.text if answer is not None and answer.kind == "text" else None,
            again=_asked_again(state, key),
        )

    def _serves(self, report: ClaimReport | None, claim: ClaimType, element: Element) -> tuple[str, ...]:
        found = [c.id for c in report.claims] if report is not None else []
        serves = [c for c in found if any(e.ask == element.ask for e in self._taxonomy[c].elements)]
        return tuple(serves) or (claim.id,)

    def _requests(self, state: SessionState) -> list[EvidenceRequest]:
        """Evidence that was not asked for yet, for elements that the person told something about."""
        told: list[tuple[tuple[bool, float], Key]] = []
        for claim in self._claims(state.report):
            supported = {support.id for support in claim.elements}
            for element in self._taxonomy[claim.id].elements:
                answered = any(
                    answer.kind == "text" and self._knows(key) and self._element(key).ask == element.ask
                    for key, answer in state.answers.items()
                )
                if element.id in supported or answered:
                    told.append(((not element.blocking, -claim.confidence), (claim.id, element.id)))
        requests: list[EvidenceRequest] = []
        shared: set[str] = set()
        for _, key in sorted(told, key=lambda item: item[0]):
            ask = self._element(key).ask
            request = self._request(state, key)
            if request is not None and ask not in shared and not self._has_evidence(state, request):
                requests.append(request)
            shared.add(ask)
        return requests

    def _request(self, state: SessionState, key: Key) -> EvidenceRequest | None:
        claim, element = self._taxonomy[key[0]], self._element(key)
        usual = USUAL_EVIDENCE.get(claim.id, {}).get(element.id, ())
        if not usual:
            return None
        serves = self._serves(state.report, claim, element)
        return EvidenceRequest(claim.id, element.id, element.label, usual, claim.name, serves)

    def _has_evidence(self, state: SessionState, request: EvidenceRequest) -> bool:
        """Whether it was handed in, or the person said that there is none, for any claim that it serves."""
        asked = {*state.proofs, *((e.claim, e.element) for e in state.exhibits)}
        ask = self._element(request.element_key).ask
        return any(
            (claim, element.id) in asked
            for claim in request.serves
            for element in self._taxonomy[claim].elements
            if element.ask == ask
        )

    def _element(self, key: Key) -> Element:
        return self._taxonomy[key[0]].element(key[1])


def _asked_again(state: SessionState, key: Key) -> bool:
    """Whether a trusted backend says that the first answer does not answer; a second one always stands."""
    answer, reading = state.answers.get(key), state.readings.get(key)
    if answer is None or reading is None or answer.kind != "text":
        return False
    return reading.seq == answer.seq and not reading.answers and answer.times == 1


def _why(claim: ClaimType, element: Element) -> str:
    need = "A court needs this" if element.blocking else "This helps"
    law = f" See {claim.legal_basis[0].cite}." if claim.legal_basis else ""
    return f"{need} for: {claim.name}. It is about: {element.label}.{law}"
