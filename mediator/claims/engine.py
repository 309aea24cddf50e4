"""Chooses the best scorer that this installation can run. Nothing is loaded before the first story."""

from __future__ import annotations

from mediator.claims.candidates import Scorer
from mediator.claims.keywords import KeywordScorer

__all__ = ["default_scorer"]


def default_scorer() -> Scorer:
    """The scorer to use."""
    return KeywordScorer()
