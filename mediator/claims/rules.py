"""The taxonomy's labelling rules that code can hold, whatever an engine says.

A story about somebody else's novel, a question about the law, or a denial is no claim of the teller's.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from mediator.claims.candidates import Candidate
from mediator.claims.report import Refusal
from mediator.claims.text import Sentence

__all__ = ["apply_labelling_rules"]

_FICTION = re.compile(
    r"\b(?:(?:writing|wrote|write|reading|working on) (?:a|my|an|this|the) (?:\w+ ){0,3}(?:novel|story|"
    r"screenplay|script|play|"
    r"paper|essay|thesis|book|article|blog|podcast|homework|exam)|for (?:my|a|an) (?:\w+ ){0,2}(?:class|"
    r"homework|exam|moot court|assignment)|"
    r"(?:moot court|mock trial|bar exam|hypothetical(?:ly)?|movie|tv show|episode|podcast))\b",
    re.IGNORECASE,
)
_PER_CLAIM_DENIAL = {
    "employment_discrimination": r"discriminat\w*",
    "workplace_harassment": r"harass\w*",
    "retaliation": r"retaliat\w*",
    "medical_malpractice": r"malpractice",
    "negligence": r"negligen\w*",
    "consumer_fraud": r"(?:fraud|scam)\w*",
    "defamation": r"(?:defam|slander|libel)\w*",
    "housing_discrimination": r"discriminat\w*",
}
_DENIAL = (
    r"\b(?:no|not|never|wasn['’]?t|isn['’]?t|there was no|without any|don['’]?t (?:think|believe|"
    r"claim))\b[^.;,]{0,30}\b"
)


def apply_labelling_rules(
    text: str, story: Sequence[Sentence], candidates: Sequence[Candidate], engine: str
) -> tuple[list[Candidate], list[Refusal]]:
    """Split candidates into those the rules allow and refusals that say why."""
    kept: list[Candidate] = []
    refused: list[Refusal] = []
    for candidate in candidates:
        why = _objection(text, story, candidate)
        if why is None:
            kept.append(candidate)
        else:
            refused.append(Refusal(claim=candidate.claim_id, what=candidate.claim_id, why=why, engine=engine))
    return kept, refused


def _objection(text: str, story: Sequence[Sentence], candidate: Candidate) -> str | None:
    if not candidate.sentences:
        return "no sentence of the story speaks for it"
    if _FICTION.search(text):
        return "the story is told for a book, a class or a show, not about the teller's own loss"
    word = _PER_CLAIM_DENIAL.get(candidate.claim_id)
    if word is not None and all(
        re.search(_DENIAL + word, story[position].text, re.IGNORECASE) for position in candidate.sentences
    ):
        return "the text says that it did not happen"
    return None
