"""A case as a person sees it, in the terminal, on a page or over the API: plain frozen values, nothing to compute.

``view_of(session)`` in ``mediator.viewing`` makes it; the same session and day give the same view.
Offsets count characters of ``story.text``, or of the answer's text where ``source`` is "answer".
"""

from __future__ import annotations

import datetime as dt
from typing import Literal

from pydantic import BaseModel, ConfigDict

from mediator.claims.report import Amount, BackendFailure, DateMention, Party, Quote, Refusal, Verdict
from mediator.claims.taxonomy import NOTICE, LegalBasis
from mediator.state import AnswerKind, ProofAnswer

__all__ = [
    "AnswerView",
    "CaseView",
    "CellView",
    "Choice",
    "ClaimView",
    "ContradictionView",
    "DeadlineView",
    "ExhibitView",
    "Highlight",
    "MissingView",
    "PieceView",
    "ProgressView",
    "SideView",
    "StepView",
    "StoryView",
    "TimelineView",
    "WhereTold",
]


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Highlight(_Frozen):
    """A span of the story and what it speaks for; ``elements`` is empty where it speaks for the claim as a whole."""

    start: int
    end: int
    claim: str
    elements: tuple[str, ...]


class PieceView(_Frozen):
    """One piece of the story as it was told; ``number`` is what ``retell`` takes."""

    number: int
    start: int
    end: int
    at: str


class StoryView(_Frozen):
    """All that was told. ``set_aside`` talks to the software and counts for nothing; ``unread`` waits to be read."""

    text: str
    pieces: tuple[PieceView, ...]
    highlights: tuple[Highlight, ...]
    set_aside: tuple[Quote, ...]
    unread: bool


class ClaimView(_Frozen):
    """A found claim with the words it rests on and what the taxonomy says about it."""

    id: str
    name: str
    domain: str
    kind: str
    confidence: float
    quotes: tuple[Quote, ...]
    law: tuple[LegalBasis, ...]
    before_filing: tuple[str, ...]
    usual_evidence: tuple[str, ...]
    jurisdiction: str
    engine: str
    model: str
    verdict: Verdict | None
    told: int
    total: int


class Choice(_Frozen):
    """Something that may be chosen: what to send, and its words."""

    value: str
    text: str


class StepView(_Frozen):
    """What to show now. ``commands`` are the things that may be done here besides answering."""

    kind: Literal["tell", "question", "contradiction", "evidence", "end"]
    key: str
    text: str
    why: str
    claim: str | None = None
    element: str | None = None
    blocking: bool | None = None
    serves: tuple[str, ...] = ()
    previous: str | None = None
    note: str | None = None
    choices: tuple[Choice, ...] = ()
    usual: tuple[str, ...] = ()
    end: Literal["no_claim", "refer", "complete"] | None = None
    where: tuple[str, ...] = ()
    commands: tuple[str, ...] = ()


class ProgressView(_Frozen):
    """How far the interview is."""

    settled: int
    total: int
    percent: int
    evidence_left: int
    contradictions_left: int


class AnswerView(_Frozen):
    """One answer; ``key`` is what ``show`` takes to ask the question again."""

    key: str
    claim: str
    element: str
    claim_name: str
    question: str
    kind: AnswerKind
    text: str
    at: str


class ExhibitView(_Frozen):
    """A piece of evidence of this case and what it is linked to."""

    label: str
    cid: str
    name: str
    description: str
    claim: str | None
    element: str | None


class CellView(_Frozen):
    """One element of one claim: what is told for it and what shows it."""

    claim: str
    claim_name: str
    element: str
    label: str
    question: str
    blocking: bool
    state: Literal["with evidence", "told", "missing"]
    quotes: tuple[Quote, ...]
    answer: str | None
    answered: AnswerKind | None
    exhibits: tuple[str, ...]
    proof: ProofAnswer | None


class WhereTold(_Frozen):
    """Where a date or sum stands, with the sentence around it."""

    source: Literal["story", "answer"]
    key: str | None
    start: int
    end: int
    mention: str
    sentence: str


class TimelineView(_Frozen):
    """A date that was told. ``iso`` is None for a relative one; ``about`` names the event when it is known."""

    iso: str | None
    mention: str
    about: str | None
    year_assumed: bool
    where: WhereTold


class SideView(_Frozen):
    """One side of a contradiction, with every place that tells it."""

    value: str
    mention: str
    told: tuple[WhereTold, ...]


class ContradictionView(_Frozen):
    """Values that cannot all be right, side by side; ``choice`` is what the person said about them."""

    key: str
    kind: Literal["date", "amount"]
    name: str
    text: str
    sides: tuple[SideView, ...]
    choice: str | None


class DeadlineView(_Frozen):
    """A time limit. ``day`` is None when it was not computed; ``says`` tells how it was, or why not."""

    claim: str
    claim_name: str
    note: str
    what: str | None
    period: str | None
    statute: str | None
    only_if: str | None
    day: dt.date | None
    passed: bool
    starts: WhereTold | None
    says: str


class MissingView(_Frozen):
    """An element for which nothing is told, and the question that asks for it."""

    claim: str
    claim_name: str
    element: str
    label: str
    question: str
    blocking: bool
    asked: AnswerKind | None


class CaseView(_Frozen):
    """Everything about one case."""

    session: str
    begun_at: str | None
    changed_at: str | None
    story: StoryView
    claims: tuple[ClaimView, ...]
    parties: tuple[Party, ...]
    dates: tuple[DateMention, ...]
    amounts: tuple[Amount, ...]
    step: StepView
    progress: ProgressView
    answers: tuple[AnswerView, ...]
    exhibits: tuple[ExhibitView, ...]
    matrix: tuple[CellView, ...]
    timeline: tuple[TimelineView, ...]
    contradictions: tuple[ContradictionView, ...]
    deadlines: tuple[DeadlineView, ...]
    missing: tuple[MissingView, ...]
    refused: tuple[Refusal, ...]
    failures: tuple[BackendFailure, ...]
    warnings: tuple[str, ...]
    checked_by: str | None
    can_undo: bool
    can_redo: bool
    notice: str = NOTICE
