"""From a story to a ClaimReport: sentences, candidates, one narrow check each, grounding, facts by code.

Held whatever the engines say: every quote stands in the text at its offsets, every label is in the
taxonomy, no name, date or amount is invented, and text that talks to the software changes nothing.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
from collections.abc import Mapping, Sequence

from mediator.claims.amounts import find_amounts
from mediator.claims.candidates import Candidate, Scorer
from mediator.claims.dates import find_dates
from mediator.claims.directives import addressed_to_software
from mediator.claims.grounding import Grounder
from mediator.claims.panel import Judge, PanelResult
from mediator.claims.parties import find_parties
from mediator.claims.passages import passage
from mediator.claims.report import ClaimReport, ElementSupport, FoundClaim, MissingElement, Quote, Refusal
from mediator.claims.rules import apply_labelling_rules
from mediator.claims.taxonomy import Taxonomy
from mediator.claims.text import Sentence, sentences
from mediator.exceptions import NothingToReadError

__all__ = ["extract"]

_MAX_QUOTES = 3
_MAX_QUOTE_LENGTH = 400
_MAX_CANDIDATES = 8


def extract(
    text: str,
    *,
    taxonomy: Taxonomy,
    scorer: Scorer,
    panel: Judge,
    today: dt.date | None = None,
) -> ClaimReport:
    """Read one story. Raises NothingToReadError when there is no word in it."""
    if not any(character.isalnum() for character in text):
        raise NothingToReadError("there is no story in the text; write what happened in your own words")
    parts = sentences(text)
    ignored = addressed_to_software(text, parts)
    masked = _mask(text, ignored)
    story = sentences(masked)
    found = scorer.score(story) if story else []
    candidates = [
        dataclasses.replace(c, passage=passage(masked, story, c.sentences)) for c in found if c.claim_id in taxonomy
    ][:_MAX_CANDIDATES]
    result = panel.judge(masked, candidates)
    kept, refused = apply_labelling_rules(masked, story, _decide(candidates, result), scorer.engine)
    claims: list[FoundClaim] = []
    for candidate in kept:
        claim, paraphrased = _found(candidate, story, (text, masked), taxonomy, scorer, result)
        refused.extend(paraphrased)
        claims.append(claim)
    return ClaimReport(
        claims=tuple(claims),
        # What stands on both sides of words that were set aside is not in the text as one.
        parties=tuple(p for p in find_parties(masked) if text[p.start : p.end] == p.name),
        dates=tuple(d for d in find_dates(masked, today) if text[d.start : d.end] == d.mention),
        amounts=tuple(a for a in find_amounts(masked) if text[a.start : a.end] == a.mention),
        missing=tuple(_missing(claims, taxonomy)),
        refused=(*result.refused, *refused),
        failures=result.failures,
        ignored=tuple(Quote(text=span.text, start=span.start, end=span.end) for span in ignored),
        engine=scorer.engine,
        model=scorer.model,
        checked_by=result.checked_by,
        warnings=(*scorer.warnings, *result.warnings),
    )


def _mask(text: str, spans: Sequence[Sentence]) -> str:
    """The text with those spans blanked, every other character where it was.

    A form feed stands first in each, which ends a sentence: no quote reaches over what was set aside.
    """
    pieces: list[str] = []
    done = 0
    for span in spans:
        blank = "\f" + "".join(character if character in "\r\n" else " " for character in span.text[1:])
        pieces += [text[done : span.start], blank]
        done = span.end
    return "".join([*pieces, text[done:]])


def _decide(candidates: Sequence[Candidate], result: PanelResult) -> list[Candidate]:
    return [
        candidate
        for candidate in candidates
        if (verdict.says if (verdict := result.counted(candidate.claim_id)) is not None else candidate.accepted)
    ]


def _found(
    candidate: Candidate,
    story: Sequence[Sentence],
    texts: tuple[str, str],
    taxonomy: Taxonomy,
    scorer: Scorer,
    result: PanelResult,
) -> tuple[FoundClaim, list[Refusal]]:
    claim = taxonomy[candidate.claim_id]
    offered, refused = _grounded(result.quotes.get(claim.id, ()), texts, claim.id, result.checked_by or "")
    own = _best_sentences(candidate.sentences, story)
    quotes = _distinct([*offered, *own])[:_MAX_QUOTES]
    elements = tuple(
        ElementSupport(id=element.id, label=element.label, blocking=element.blocking, quotes=tuple(support))
        for element in claim.elements
        if (support := _best_sentences(candidate.elements.get(element.id, {}), story))
    )
    verdict = result.verdicts.get(claim.id)
    found = FoundClaim(
        id=claim.id,
        name=claim.name,
        kind=claim.kind,
        confidence=candidate.confidence,
        quotes=tuple(sorted(quotes, key=lambda quote: quote.start)),
        elements=elements,
        engine=scorer.engine,
        model=scorer.model,
        verdict=verdict,
    )
    return found, refused


def _grounded(
    offers: Sequence[str], texts: tuple[str, str], claim_id: str, engine: str
) -> tuple[list[Quote], list[Refusal]]:
    """``texts``: as it was given, and with what talks to the software blanked, in which quotes are looked up."""
    text, masked = texts
    grounder = Grounder(masked)
    quotes: list[Quote] = []
    refused: list[Refusal] = []
    for offer in offers:
        quote = grounder.find(offer)
        if quote is not None and text[quote.start : quote.end] != quote.text:
            quote = None
        if quote is not None and 12 <= len(quote.text) <= _MAX_QUOTE_LENGTH:
            quotes.append(quote)
        else:
            why = "these words are not in the text" if quote is None else "too short or too long to be a quote"
            refused.append(Refusal(claim=claim_id, what=offer[:_MAX_QUOTE_LENGTH], why=why, engine=engine))
    return quotes, refused


def _best_sentences(scores: Mapping[int, float], story: Sequence[Sentence]) -> list[Quote]:
    ranked = sorted(scores, key=lambda position: -scores[position])[:_MAX_QUOTES]
    return [_as_quote(story[position]) for position in sorted(ranked)]


def _as_quote(part: Sentence) -> Quote:
    if len(part.text) <= _MAX_QUOTE_LENGTH:
        return Quote(text=part.text, start=part.start, end=part.end)
    cut = part.text.rfind(" ", 0, _MAX_QUOTE_LENGTH)
    end = cut if cut > 0 else _MAX_QUOTE_LENGTH
    return Quote(text=part.text[:end].rstrip(), start=part.start, end=part.start + len(part.text[:end].rstrip()))


def _distinct(quotes: Sequence[Quote]) -> list[Quote]:
    kept: list[Quote] = []
    for quote in quotes:
        if all(quote.end <= other.start or other.end <= quote.start for other in kept):
            kept.append(quote)
    return kept


def _missing(claims: Sequence[FoundClaim], taxonomy: Taxonomy) -> list[MissingElement]:
    return [
        MissingElement(
            claim=claim.id, element=element.id, label=element.label, question=element.ask, blocking=element.blocking
        )
        for claim in claims
        for element in taxonomy[claim.id].elements
        if element.id not in {support.id for support in claim.elements}
    ]
