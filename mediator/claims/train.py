"""Trains the head: ``python -m mediator.claims.train``. The same texts give the same file.

Logistic regression on short labelled texts, then a small one on stories that are put together from
texts which the first had not seen (cross-validation), so that the threshold is an honest one.
"""

from __future__ import annotations

import hashlib
import io
import json
import sys
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mediator.claims.features import Words
from mediator.claims.head import Embed, Matrix, decide, rows, story_features, story_texts, told_features
from mediator.claims.taxonomy import Taxonomy, load_taxonomy
from mediator.claims.text import sentences

__all__ = ["Example", "main", "read_examples", "taxonomy_examples", "train", "version_of"]

_FOLDS = 5
_STORIES = 90
_SEED = 11
_UNIT_PENALTY = 1.5
_ELEMENT_PENALTY = 10.0
_STEPS = 80
#: Elements that many claim types share; their words say nothing about the type.
_COMMON_ELEMENTS = frozenset({"exhaustion", "harm", "damages"})
Doubles = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Example:
    """One labelled text. ``group`` is its file, so that filler can be told from near misses."""

    text: str
    claims: frozenset[str]
    elements: frozenset[tuple[str, str]]
    group: str


@dataclass(frozen=True, slots=True)
class _Decision:
    """The weights over a story, those for telling any claim, the bars, and what they reach held out."""

    story: Doubles
    told: Doubles
    bars: dict[str, float]
    results: dict[str, float]


def read_examples(taxonomy: Taxonomy) -> list[Example]:
    """Every line of ``training/*.txt``: ``codes|text``, codes as the README there says."""
    folder = resources.files("mediator.claims").joinpath("training")
    names = sorted(entry.name for entry in folder.iterdir() if entry.name.endswith(".txt"))
    return [
        _example(line, name.removesuffix(".txt"), taxonomy)
        for name in names
        for line in folder.joinpath(name).read_text(encoding="utf-8").splitlines()
        if line
    ]


def taxonomy_examples(taxonomy: Taxonomy) -> list[Example]:
    """The taxonomy's own words for each claim type: its name, keywords, usual evidence and elements."""
    return [
        Example(text, frozenset({claim.id}), frozenset(), "taxonomy")
        for claim in taxonomy.claims
        for text in dict.fromkeys(
            (
                claim.name,
                *claim.keywords,
                *claim.evidence,
                *(e.label for e in claim.elements if e.id not in _COMMON_ELEMENTS),
            )
        )
    ]


def version_of(examples: Sequence[Example]) -> str:
    """A short name for exactly these examples."""
    lines = "\n".join(f"{sorted(e.claims)}{sorted(e.elements)}{e.text}" for e in examples)
    return hashlib.sha256(lines.encode()).hexdigest()[:8]


def _example(line: str, group: str, taxonomy: Taxonomy) -> Example:
    codes, _, text = line.partition("|")
    own, *others = codes.split("+")
    claims = {claim for claim in others if claim}
    elements: set[tuple[str, str]] = set()
    if own and own != "-":
        claims.add(group)
        elements = {(group, taxonomy[group].elements[int(digit) - 1].id) for digit in own}
    unknown = [claim for claim in claims if claim not in taxonomy]
    if unknown or not text:
        raise ValueError(f"{group}.txt: cannot read {line[:60]!r}")
    return Example(text, frozenset(claims), frozenset(elements), group)


def train(examples: Sequence[Example], taxonomy: Taxonomy, embed: Embed) -> tuple[bytes, dict[str, object]]:
    """The bytes of ``head.npz`` and the measured results of cross-validation."""
    claims = [claim.id for claim in taxonomy.claims]
    element_ids = [(claim.id, element.id) for claim in taxonomy.claims for element in claim.elements]
    # The last column: tells any claim at all.
    labels = np.array([[claim in e.claims for claim in claims] + [bool(e.claims)] for e in examples], dtype=np.float64)
    supports = np.array([[key in e.elements for key in element_ids] for e in examples], dtype=np.float64)
    texts = [example.text for example in examples]
    words = Words.of(texts, least=2)
    vectors = embed(texts)
    arrays: dict[str, NDArray[np.generic]] = {"rarity": words.rarity.astype(np.float16)}
    measured: dict[str, object] = {}
    about: dict[str, object] = {"claims": claims, "elements": element_ids}
    views = {"vectors": rows(words, texts, vectors), "words": rows(words, texts, None)}
    for name, own in views.items():
        arrays[f"{name}_units"] = _fit(own, labels, _UNIT_PENALTY).astype(np.float16)
        used = [(view, embed if key == "vectors" else None) for key, view in views.items() if name in ("vectors", key)]
        decision = _decide(examples, labels, used, words)
        arrays[f"{name}_story"], arrays[f"{name}_told"] = decision.story, decision.told
        element_bar, element_results = _element_bar(own, supports, labels[:, :-1], element_ids, claims)
        arrays[f"{name}_elements"] = _elements(own, supports).astype(np.float16)
        about[name] = {**decision.bars, "element_threshold": element_bar}
        measured[name] = {**decision.results, **decision.bars, **element_results}
    about["version"] = version_of(examples)
    arrays["vocabulary"] = np.array("\n".join(words.vocabulary))
    arrays["about"] = np.array(json.dumps(about, sort_keys=True))
    return _packed(arrays), {"examples": len(examples), **measured}


def _fit(data: Matrix, labels: Doubles, penalty: float) -> Doubles:
    """Logistic regression for all columns at once.

    The curvature of the loss is at most 1/4, so each step solves the same linear system and never
    overshoots; it is solved among the examples, of which there are fewer than features.
    """
    data64 = data.astype(np.float64)
    kernel = data64 @ data64.T
    inverse = np.linalg.inv(kernel + 4 * penalty * np.eye(len(data)))
    scores = np.full_like(labels, -3.0)
    weights = np.zeros_like(labels)
    for _ in range(_STEPS):
        target = scores + 4 * (labels - 1 / (1 + np.exp(-scores)))
        weights = inverse @ target
        scores = kernel @ weights
    return np.asarray(data64.T @ weights)


def _decide(
    examples: Sequence[Example], told: Doubles, views: Sequence[tuple[Matrix, Embed | None]], words: Words
) -> _Decision:
    """The decision over a story, from stories made of held-out texts, with what it reaches on them."""
    random = np.random.default_rng(_SEED)
    fold = random.permutation(len(examples)) % _FOLDS
    fold[[example.group == "taxonomy" for example in examples]] = _FOLDS  # never held out: nobody writes like it
    features: list[Doubles] = []
    truth: list[Doubles] = []
    unit_scores = np.zeros_like(told)
    for number in range(_FOLDS):
        held_out = np.flatnonzero(fold == number)
        kept = np.flatnonzero(fold != number)
        weights = [_fit(view[kept], told[kept], _UNIT_PENALTY) for view, _ in views]
        unit_scores[held_out] = sum(view[held_out] @ own for (view, _), own in zip(views, weights, strict=True))
        for chosen in _stories(examples, held_out, random):
            runs, texts = zip(*story_texts(sentences("\n\n".join(examples[i].text for i in chosen))), strict=True)
            scores = [
                rows(words, texts, None if embed is None else embed(texts)) @ own
                for (_, embed), own in zip(views, weights, strict=True)
            ]
            features.append(story_features(runs, [score.astype(np.float32) for score in scores]))
            truth.append(np.asarray(told[chosen, :-1].max(axis=0), dtype=np.float64))
    stacked, gold = np.stack(features), np.stack(truth)
    flat = stacked.reshape(-1, stacked.shape[-1])
    story = _fit_small(flat, gold.reshape(-1))
    probability = _sigmoid(flat @ story).reshape(gold.shape)
    gate_rows, tells = told_features(stacked, probability), gold.max(axis=1)
    bars = _bars(gold, probability, _held_out(gate_rows, tells))
    said = decide(probability, _held_out(gate_rows, tells), bars["threshold"], bars["gate"])
    silent = gold.sum(axis=1) == 0
    top = unit_scores[:, :-1].argmax(axis=1)
    has = (told[:, -1] > 0) & (fold < _FOLDS)
    results = {
        "unit_top_label_right": float(told[has, top[has]].mean()),
        "story_macro_f1": _macro_f1(gold, said),
        "story_abstains_rightly": float((~said[silent].any(axis=1)).mean()),
        "story_missed_whole": float((~said[~silent].any(axis=1)).mean()),
    }
    return _Decision(story, _fit_small(gate_rows, tells), bars, results)


def _sigmoid(scores: Doubles) -> Doubles:
    return np.asarray(1 / (1 + np.exp(-np.clip(scores, -30, 30))))


def _held_out(gate_rows: Doubles, tells: Doubles) -> Doubles:
    """How likely each story tells any claim, by a fit that did not see it."""
    likely = np.zeros(len(tells))
    fold = np.arange(len(tells)) % _FOLDS
    for number in range(_FOLDS):
        weights = _fit_small(gate_rows[fold != number], tells[fold != number])
        likely[fold == number] = _sigmoid(gate_rows[fold == number] @ weights)
    return likely


def _bars(gold: Doubles, probability: Doubles, told: Doubles) -> dict[str, float]:
    """The two bars that serve best: finding claims, missing no whole case, and silence where there is none."""
    silent = gold.sum(axis=1) == 0

    def worth(bars: tuple[float, float]) -> float:
        said = decide(probability, told, *bars)
        abstains = float((~said[silent].any(axis=1)).mean())
        missed = float((~said[~silent].any(axis=1)).mean())
        return _macro_f1(gold, said) + 0.5 * abstains - 0.5 * missed

    grid = [(float(bar), float(gate)) for bar in np.arange(0.3, 0.7, 0.025) for gate in np.arange(0.4, 0.9, 0.025)]
    threshold, gate = max(grid, key=worth)
    return {"threshold": round(threshold, 3), "gate": round(gate, 3)}


def _stories(examples: Sequence[Example], pool: NDArray[np.intp], random: np.random.Generator) -> Iterator[list[int]]:
    """Stories of held-out texts: mostly one claim among filler, some two, some none."""
    telling = [int(i) for i in pool if examples[i].claims]
    filler = [int(i) for i in pool if examples[i].group == "none"]
    whole = [int(i) for i in pool if examples[i].group == "none_stories"]
    misses = [int(i) for i in pool if not examples[i].claims and examples[i].group not in ("none", "none_stories")]
    for _ in range(_STORIES):
        kind = random.random()
        claims = 1 if kind < 0.65 else 2 if kind < 0.8 else 0
        chosen = [int(i) for i in random.choice(telling, claims, replace=False)]
        if not claims:
            chosen = [int(random.choice(whole if random.random() < 0.6 else misses))]
        chosen += [int(i) for i in random.choice(filler, min(int(random.integers(0, 5)), len(filler)), replace=False)]
        random.shuffle(chosen)
        yield chosen


def _fit_small(rows: Doubles, labels: Doubles) -> Doubles:
    """Logistic regression with few features by Newton's method."""
    weights = np.zeros(rows.shape[1])
    for _ in range(30):
        p = 1 / (1 + np.exp(-np.clip(rows @ weights, -30, 30)))
        slope = rows.T @ (p - labels) + 1e-2 * weights
        curve = (rows * (p * (1 - p))[:, None]).T @ rows + 1e-2 * np.eye(rows.shape[1])
        weights = weights - np.linalg.solve(curve, slope)
    return weights


def _macro_f1(gold: Doubles, said: NDArray[np.bool_]) -> float:
    right = (gold * said).sum(axis=0)
    return float(np.mean(2 * right / np.maximum(gold.sum(axis=0) + said.sum(axis=0), 1)))


def _elements(data: Matrix, supports: Doubles) -> Doubles:
    """Least squares with a penalty: a score near 1 where the element is told, near 0 elsewhere."""
    data64 = data.astype(np.float64)
    inverse = np.linalg.inv(data64 @ data64.T + _ELEMENT_PENALTY * np.eye(len(data)))
    return np.asarray(data64.T @ (inverse @ supports))


def _element_bar(
    data: Matrix, supports: Doubles, told: Doubles, element_ids: Sequence[tuple[str, str]], claims: Sequence[str]
) -> tuple[float, dict[str, float]]:
    """The lowest score at which nine of ten elements are right, within held-out texts of the claim."""
    fold = np.random.default_rng(_SEED).permutation(len(data)) % _FOLDS
    scores = np.zeros_like(supports)
    for number in range(_FOLDS):
        held_out, kept = np.flatnonzero(fold == number), np.flatnonzero(fold != number)
        scores[held_out] = data[held_out] @ _elements(data[kept], supports[kept])
    owner = [claims.index(claim) for claim, _ in element_ids]
    own = (told[:, owner] > 0) & supports.any(axis=1, keepdims=True)
    results = {"element_precision": 0.0, "element_recall": 0.0}
    for bar in np.arange(0.05, 0.8, 0.01):
        said = own & (scores >= bar)
        precision = float((supports * said).sum() / max(said.sum(), 1))
        recall = float((supports * said).sum() / max((supports * own).sum(), 1))
        results = {"element_precision": precision, "element_recall": recall}
        if precision >= 0.9:
            break
    return float(round(bar, 2)), results


def _packed(arrays: dict[str, NDArray[np.generic]]) -> bytes:
    """An .npz without times in it, so that the same arrays are the same bytes."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, array in sorted(arrays.items()):
            member = io.BytesIO()
            np.save(member, array, allow_pickle=False)
            archive.writestr(zipfile.ZipInfo(f"{name}.npy"), member.getvalue(), zipfile.ZIP_DEFLATED)
    return out.getvalue()


def main() -> int:
    """Train on what is in ``training/`` and write ``head.npz`` beside this file."""
    from backends.local.embeddings import SentenceEmbedder

    taxonomy = load_taxonomy()
    data, measured = train([*read_examples(taxonomy), *taxonomy_examples(taxonomy)], taxonomy, SentenceEmbedder().embed)
    target = Path(__file__).with_name("head.npz")
    target.write_bytes(data)
    print(json.dumps(measured, indent=1))  # noqa: T201 - a script's result
    print(f"wrote {target.name}: {len(data)} bytes, sha256 {hashlib.sha256(data).hexdigest()}", file=sys.stderr)  # noqa: T201
    return 0


if __name__ == "__main__":
    sys.exit(main())
