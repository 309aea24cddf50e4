"""The person's words cut where marks begin and end, so that a page can show which claim rests on which words."""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from dataclasses import dataclass

from mediator.view import CaseView

__all__ = ["COLOURS", "Piece", "mark_claims", "pieces"]

#: How many colours the style sheet has; a ninth claim takes the first one again, and its number tells them apart.
COLOURS = 8


@dataclass(frozen=True, slots=True)
class Piece:
    """A stretch of text and the numbers of the claims that rest on it, none for plain text."""

    text: str
    claims: tuple[int, ...] = ()

    @property
    def colour(self) -> int:
        """The colour of the first claim."""
        return (self.claims[0] - 1) % COLOURS + 1 if self.claims else 0


def pieces(text: str, spans: Iterable[tuple[int, int, int]]) -> tuple[Piece, ...]:
    """Cut ``text`` at the spans (start, end, claim number). Joined again, the pieces are the text."""
    inside = [(max(0, start), min(len(text), end), claim) for start, end, claim in spans]
    inside = [span for span in inside if span[0] < span[1]]
    borders = sorted({0, len(text), *(place for start, end, _ in inside for place in (start, end))})
    made: list[Piece] = []
    for start, end in itertools.pairwise(borders):
        claims = tuple(sorted({claim for s, e, claim in inside if s <= start and end <= e}))
        if made and made[-1].claims == claims:
            made[-1] = Piece(made[-1].text + text[start:end], claims)
        else:
            made.append(Piece(text[start:end], claims))
    return tuple(made)


def mark_claims(view: CaseView) -> tuple[Piece, ...]:
    """The story with the words that each claim rests on, claims numbered in the view's order."""
    numbers = {claim.id: number for number, claim in enumerate(view.claims, 1)}
    return pieces(view.story.text, ((mark.start, mark.end, numbers[mark.claim]) for mark in view.story.highlights))
