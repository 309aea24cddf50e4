"""Turns a short text into what the head looks at: words, pairs of words and word stems, weighted by rarity."""

from __future__ import annotations

import collections
import itertools
import math
import re
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

__all__ = ["Words", "grams"]

_TOKEN = re.compile(r"[a-záéíóúñü]+(?:['’][a-z]+)?|\d+|[$€£]", re.IGNORECASE)
_STEM = 5


def grams(text: str) -> set[str]:
    """Words, neighbouring pairs, and the first letters of long words; every number is alike."""
    words = ["#" if token.isdigit() else token.lower().replace("’", "'") for token in _TOKEN.findall(text)]
    pairs = {f"{first} {second}" for first, second in itertools.pairwise(words)}
    stems = {f"{word[:_STEM]}~" for word in words if len(word) > _STEM}
    return {*words, *pairs, *stems}


class Words:
    """A vocabulary with its weights."""

    def __init__(self, vocabulary: Sequence[str], rarity: NDArray[np.float32]) -> None:
        self.vocabulary = tuple(vocabulary)
        self.rarity = rarity
        self._index: Mapping[str, int] = {gram: place for place, gram in enumerate(self.vocabulary)}

    @classmethod
    def of(cls, texts: Sequence[str], least: int = 2) -> Words:
        """The grams that stand in at least ``least`` of the texts, in alphabetical order."""
        counts = collections.Counter(gram for text in texts for gram in grams(text))
        kept = sorted(gram for gram, count in counts.items() if count >= least)
        rarity = [math.log((1 + len(texts)) / (1 + counts[gram])) + 1 for gram in kept]
        return cls(kept, np.array(rarity, dtype=np.float32))

    def matrix(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """One row of length 1 for each text; a text of unknown words is a row of zeros."""
        rows = np.zeros((len(texts), len(self.vocabulary)), dtype=np.float32)
        for place, text in enumerate(texts):
            known = [self._index[gram] for gram in grams(text) if gram in self._index]
            rows[place, known] = self.rarity[known]
        lengths = np.linalg.norm(rows, axis=1, keepdims=True)
        lengths[lengths == 0] = 1
        rows /= lengths
        return rows
