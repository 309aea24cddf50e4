"""Scores claim types by the taxonomy's keywords alone: the weakest engine, used when nothing better is there.

A keyword that is denied ("there was no discrimination") is no hit, and one common word is no claim.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Sequence

from mediator.claims.candidates import Candidate
from mediator.claims.taxonomy import Taxonomy, load_taxonomy
from mediator.claims.text import Sentence

__all__ = ["KeywordScorer", "keyword_hits"]

_DENIED = re.compile(
    r"\b(?:no|not|never|without|wasn['’]?t|isn['’]?t|nothing|nobody|didn['’]?t)\s+(?:\w+\s+){0,3}$", re.IGNORECASE
)


@functools.cache
def _patterns(taxonomy: Taxonomy | None = None) -> dict[str, tuple[re.Pattern[str], ...]]:
    source = taxonomy or load_taxonomy()
    return {
        claim.id: tuple(re.compile(rf"\b{re.escape(word)}", re.IGNORECASE) for word in claim.keywords)
        for claim in source.claims
    }


def keyword_hits(sentence: str) -> dict[str, int]:
    """How many different keywords of each claim type the sentence has, phrases twice, denied ones left out."""
    hits: dict[str, int] = {}
    for claim_id, patterns in _patterns().items():
        found = sum(
            (2 if " " in pattern.pattern else 1)
            * any(not _DENIED.search(sentence[: match.start()]) for match in pattern.finditer(sentence))
            for pattern in patterns
        )
        if found:
            hits[claim_id] = found
    return hits


class KeywordScorer:
    """A phrase or two different words make a claim; one word makes a candidate."""

    engine = "keywords"
    model = "taxonomy keywords"
    warnings: tuple[str, ...] = (
        "Only keywords were used to find claims, because the sentence model is not installed. Expect misses.",
    )

    def score(self, parts: Sequence[Sentence]) -> list[Candidate]:
        """Candidates with at least one hit, best first."""
        by_claim: dict[str, dict[int, int]] = {}
        for position, part in enumerate(parts):
            for claim_id, hits in keyword_hits(part.text).items():
                by_claim.setdefault(claim_id, {})[position] = hits
        found = [
            Candidate(
                claim_id=claim_id,
                confidence=round(1 - 0.6 ** sum(positions.values()), 3),
                accepted=sum(positions.values()) >= 2,
                sentences={position: 1 - 0.6**hits for position, hits in positions.items()},
            )
            for claim_id, positions in by_claim.items()
        ]
        return sorted(found, key=lambda candidate: -candidate.confidence)
