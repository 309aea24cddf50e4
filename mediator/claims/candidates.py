"""What a scorer offers: claim types that a story may tell, with the sentences that speak for each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from mediator.claims.text import Sentence

__all__ = ["Candidate", "Scorer"]


@dataclass(frozen=True, slots=True)
class Candidate:
    """One claim type. ``accepted`` is the scorer's own decision when nobody else is asked.

    ``sentences`` maps positions of sentences to how strongly each speaks for the claim;
    ``elements`` does the same for each element of the claim. ``passage`` is the part of the story that
    speaks for the claim, which is what a language model is shown.
    """

    claim_id: str
    confidence: float
    accepted: bool
    sentences: Mapping[int, float]
    elements: Mapping[str, Mapping[int, float]] = field(default_factory=dict)
    passage: str = ""


class Scorer(Protocol):
    """Finds candidates. ``engine`` and ``model`` say what it is; ``warnings`` what to expect of it."""

    @property
    def engine(self) -> str: ...

    @property
    def model(self) -> str: ...

    @property
    def warnings(self) -> tuple[str, ...]: ...

    def score(self, parts: Sequence[Sentence]) -> list[Candidate]:
        """Candidates, best first."""
        ...
