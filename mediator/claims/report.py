"""What an extraction hands out: frozen models, every one traceable to the person's own words.

Offsets count characters of the text that was given, so ``text[quote.start:quote.end] == quote.text``
holds for every quote, party, date and amount.
"""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict

from mediator.claims.taxonomy import NOTICE

__all__ = [
    "Amount",
    "BackendFailure",
    "ClaimReport",
    "DateMention",
    "ElementSupport",
    "FoundClaim",
    "MissingElement",
    "Party",
    "Quote",
    "Refusal",
    "Role",
    "Verdict",
]

Role = Literal["plaintiff", "defendant", "witness", "other"]


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Quote(_Frozen):
    """A span of the person's own words."""

    text: str
    start: int
    end: int


class ElementSupport(_Frozen):
    """An element that the story already speaks to, and where."""

    id: str
    label: str
    blocking: bool
    quotes: tuple[Quote, ...]


class Verdict(_Frozen):
    """What a language model said when it was asked about one candidate.

    ``counted`` tells whether the answer had a say: a model that cannot tell the control
    questions apart is heard, recorded and not followed.
    """

    backend: str
    model: str | None
    says: bool
    counted: bool
    prompt_cid: str
    response_cid: str


class FoundClaim(_Frozen):
    """One claim type that the story tells facts for."""

    id: str
    name: str
    kind: str
    confidence: float
    quotes: tuple[Quote, ...]
    elements: tuple[ElementSupport, ...]
    engine: str
    model: str
    verdict: Verdict | None = None


class Party(_Frozen):
    """A person or organisation that the text names."""

    name: str
    role: Role
    start: int
    end: int
    why: str


class DateMention(_Frozen):
    """A date as told. ``iso`` is None for a relative one ("last Tuesday"); XXXX is a year nobody told.

    ``nearest_earlier`` fills such a year with the latest one that is not in the future, when the
    caller said what today is.
    """

    mention: str
    iso: str | None
    start: int
    end: int
    nearest_earlier: str | None = None


class Amount(_Frozen):
    """A sum of money as told."""

    mention: str
    value: float
    currency: str
    start: int
    end: int


class MissingElement(_Frozen):
    """What a claim still lacks, and the question that asks for it."""

    claim: str
    element: str
    label: str
    question: str
    blocking: bool


class Refusal(_Frozen):
    """Something an engine offered that was not taken over, and why."""

    claim: str | None
    what: str
    why: str
    engine: str


class BackendFailure(_Frozen):
    """A backend that was passed over: what happened and what to do."""

    backend: str
    error: str
    message: str
    advice: str


class ClaimReport(_Frozen):
    """Everything that was read out of one text."""

    claims: tuple[FoundClaim, ...]
    parties: tuple[Party, ...]
    dates: tuple[DateMention, ...]
    amounts: tuple[Amount, ...]
    missing: tuple[MissingElement, ...]
    refused: tuple[Refusal, ...]
    failures: tuple[BackendFailure, ...]
    ignored: tuple[Quote, ...]
    engine: str
    model: str
    checked_by: str | None
    warnings: tuple[str, ...] = ()
    notice: str = NOTICE

    @property
    def no_claim(self) -> bool:
        """Whether the story tells no claim that the program knows."""
        return not self.claims

    @property
    def refer_only(self) -> bool:
        """Whether all that was found belongs to another court or office."""
        return bool(self.claims) and all(claim.kind == "refer" for claim in self.claims)

    def claim(self, claim_id: str) -> FoundClaim | None:
        """The found claim of that id, if any."""
        return next((claim for claim in self.claims if claim.id == claim_id), None)
