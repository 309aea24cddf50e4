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
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mediator.claims.examples import Example, read_examples, stories, taxonomy_examples, version_of
from mediator.claims.features import Words
from mediator.claims.fitting import Doubles, fit, fit_small, kernel_of, least_squares, sigmoid
from mediator.claims.head import Embed, Matrix, decide, rows, story_features, story_texts, told_features
from mediator.claims.taxonomy import Taxonomy, load_taxonomy
from mediator.claims.text import sentences

__all__ = ["Example", "main", "read_examples", "taxonomy_examples", "train", "version_of"]

_FOLDS = 5
_SEED = 11
_UNIT_PENALTY = 1.5
_ELEMENT_PENALTY = 10.0


@dataclass(frozen=True, slots=True)
class _Decision:
    """The weights over a story, those for telling any claim, the bars, and what they reach held out."""

    story: Doubles
    told: Doubles
    bars: dict[str, float]
    results: dict[str, float]


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
    kernels = {name: kernel_of(view) for name, view in views.items()}
    made = _read_stories(examples, embed, words)
    for name, own in views.items():
        every = np.arange(len(own))
        arrays[f"{name}_units"] = fit(own, kernels[name], labels, every, _UNIT_PENALTY).astype(np.float16)
        used = [key for key in views if name in ("vectors", key)]
        held_out = {key: _held_out_weights(views[key], kernels[key], labels, examples) for key in used}
        decision = _decide(examples, labels, made, [(key, views[key], held_out[key]) for key in used])
        arrays[f"{name}_story"], arrays[f"{name}_told"] = decision.story, decision.told
        element_bar, element_results = _element_bar(own, kernels[name], supports, labels[:, :-1], element_ids, claims)
        weights = least_squares(own, kernels[name], supports, every, _ELEMENT_PENALTY)
        arrays[f"{name}_elements"] = weights.astype(np.float16)
        about[name] = {**decision.bars, "element_threshold": element_bar}
        measured[name] = {**decision.results, **decision.bars, **element_results}
    about["version"] = version_of(examples)
    arrays["vocabulary"] = np.array("\n".join(words.vocabulary))
    arrays["about"] = np.array(json.dumps(about, sort_keys=True))
    return _packed(arrays), {"examples": len(examples), **measured}


def _folds(examples: Sequence[Example]) -> NDArray[np.intp]:
    """The fold of each example; those of the taxonomy are never held out, since nobody writes like it."""
    fold = np.random.default_rng(_SEED).permutation(len(examples)) % _FOLDS
    fold[[example.group == "taxonomy" for example in examples]] = _FOLDS
    return np.asarray(fold, dtype=np.intp)


def _held_out_weights(view: Matrix, kernel: Doubles, labels: Doubles, examples: Sequence[Example]) -> list[Doubles]:
    """For each fold, the weights of a fit that has not seen it."""
    fold = _folds(examples)
    return [fit(view, kernel, labels, np.flatnonzero(fold != number), _UNIT_PENALTY) for number in range(_FOLDS)]


@dataclass(frozen=True, slots=True)
class _Story:
    """A story of held-out texts: its fold, the examples in it, and what is scored, as features of each view."""

    fold: int
    examples: list[int]
    runs: tuple[int, ...]
    views: dict[str, Matrix]


def _read_stories(examples: Sequence[Example], embed: Embed, words: Words) -> list[_Story]:
    """Stories of every fold, all their texts embedded together."""
    random = np.random.default_rng(_SEED)
    fold = _folds(examples)
    made: list[tuple[int, list[int], tuple[int, ...], list[str]]] = []
    for number in range(_FOLDS):
        for chosen in stories(examples, np.flatnonzero(fold == number), random):
            scored = story_texts(sentences("\n\n".join(examples[i].text for i in chosen)))
            made.append((number, chosen, tuple(run for run, _ in scored), [text for _, text in scored]))
    unique = list(dict.fromkeys(text for *_, texts in made for text in texts))
    vectors = dict(zip(unique, embed(unique), strict=True))
    return [
        _Story(
            fold=number,
            examples=chosen,
            runs=runs,
            views={
                "vectors": rows(words, texts, np.stack([vectors[text] for text in texts])),
                "words": rows(words, texts, None),
            },
        )
        for number, chosen, runs, texts in made
    ]


def _decide(
    examples: Sequence[Example],
    told: Doubles,
    made: Sequence[_Story],
    views: Sequence[tuple[str, Matrix, list[Doubles]]],
) -> _Decision:
    """The decision over a story, from stories made of held-out texts, with what it reaches on them."""
    fold = _folds(examples)
    features = [
        story_features(story.runs, [(story.views[key] @ own[story.fold]).astype(np.float32) for key, _, own in views])
        for story in made
    ]
    truth = [np.asarray(told[story.examples, :-1].max(axis=0), dtype=np.float64) for story in made]
    unit_scores = np.zeros_like(told)
    for number in range(_FOLDS):
        held_out = np.flatnonzero(fold == number)
        unit_scores[held_out] = sum(view[held_out] @ own[number] for _, view, own in views)
    stacked, gold = np.stack(features), np.stack(truth)
    flat = stacked.reshape(-1, stacked.shape[-1])
    story = fit_small(flat, gold.reshape(-1))
    probability = sigmoid(flat @ story).reshape(gold.shape)
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
    return _Decision(story, fit_small(gate_rows, tells), bars, results)


def _held_out(gate_rows: Doubles, tells: Doubles) -> Doubles:
    """How likely each story tells any claim, by a fit that did not see it."""
    likely = np.zeros(len(tells))
    fold = np.arange(len(tells)) % _FOLDS
    for number in range(_FOLDS):
        weights = fit_small(gate_rows[fold != number], tells[fold != number])
        likely[fold == number] = sigmoid(gate_rows[fold == number] @ weights)
    return likely


def _bars(gold: Doubles, probability: Doubles, told: Doubles) -> dict[str, float]:
    """The two bars that serve best: finding claims, missing no whole case, and silence where there is none."""
    silent = gold.sum(axis=1) == 0

    def worth(bars: tuple[float, float]) -> float:
        said = decide(probability, told, *bars)
        abstains = float((~said[silent].any(axis=1)).mean())
        missed = float((~said[~silent].any(axis=1)).mean())
        # Of a claim that is shown the person can say no; one that is missed whole nobody asks about again.
        return _macro_f1(gold, said) + 0.5 * abstains - missed

    grid = [(float(bar), float(gate)) for bar in np.arange(0.3, 0.7, 0.025) for gate in np.arange(0.4, 0.9, 0.025)]
    threshold, gate = max(grid, key=worth)
    return {"threshold": round(threshold, 3), "gate": round(gate, 3)}


def _macro_f1(gold: Doubles, said: NDArray[np.bool_]) -> float:
    right = (gold * said).sum(axis=0)
    return float(np.mean(2 * right / np.maximum(gold.sum(axis=0) + said.sum(axis=0), 1)))


def _element_bar(
    data: Matrix,
    kernel: Doubles,
    supports: Doubles,
    told: Doubles,
    element_ids: Sequence[tuple[str, str]],
    claims: Sequence[str],
) -> tuple[float, dict[str, float]]:
    """The lowest score at which nine of ten elements are right, within held-out texts of the claim."""
    fold = np.random.default_rng(_SEED).permutation(len(data)) % _FOLDS
    scores = np.zeros_like(supports)
    for number in range(_FOLDS):
        held_out, kept = np.flatnonzero(fold == number), np.flatnonzero(fold != number)
        scores[held_out] = data[held_out] @ least_squares(data, kernel, supports, kept, _ELEMENT_PENALTY)
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
