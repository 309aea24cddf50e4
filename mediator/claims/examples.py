"""The training texts of the head: what each line of ``training/*.txt`` says, and stories put together from them."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib import resources

import numpy as np
from numpy.typing import NDArray

from mediator.claims.taxonomy import Taxonomy

__all__ = ["Example", "read_examples", "stories", "taxonomy_examples", "version_of"]

#: Stories that are put together from single texts, beside the whole ones, for each fold.
_STORIES = 30
#: Elements that many claim types share; their words say nothing about the type.
_COMMON_ELEMENTS = frozenset({"exhaustion", "harm", "damages"})
#: Files whose texts are stories from beginning to end, and those of sentences that any story may have.
_WHOLE_STORIES = frozenset({"stories", "stories2", "multi", "multi2", "near2", "none_stories", "none_stories2"})
_FILLER = frozenset({"none", "none2"})


@dataclass(frozen=True, slots=True)
class Example:
    """One labelled text. ``group`` is its file, so that filler can be told from near misses."""

    text: str
    claims: frozenset[str]
    elements: frozenset[tuple[str, str]]
    group: str


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


def stories(examples: Sequence[Example], pool: NDArray[np.intp], random: np.random.Generator) -> Iterator[list[int]]:
    """Stories of held-out texts: each whole story, then texts of one or two claim types, or none, among filler."""
    kinds = _Kinds.of(examples, pool)
    for first in kinds.whole:
        yield [first]
    for _ in range(_STORIES):
        draw = random.random()
        if draw < 0.6:
            chosen = _some(kinds.telling, 1, random)
        elif draw < 0.8:
            chosen = _some(kinds.telling, 2, random)
        else:
            chosen = _some(kinds.misses, 1, random)
        yield _shuffled([*chosen, *_some(kinds.filler, int(random.integers(0, 5)), random)], random)


@dataclass(frozen=True, slots=True)
class _Kinds:
    """Places of examples by what a story can be made of."""

    whole: list[int]
    telling: list[int]
    misses: list[int]
    filler: list[int]

    @classmethod
    def of(cls, examples: Sequence[Example], pool: NDArray[np.intp]) -> _Kinds:
        places = [int(place) for place in pool]
        whole = [i for i in places if examples[i].group in _WHOLE_STORIES]
        filler = [i for i in places if examples[i].group in _FILLER]
        rest = [i for i in places if examples[i].group not in _WHOLE_STORIES | _FILLER]
        return cls(
            whole=whole,
            telling=[i for i in rest if examples[i].claims],
            misses=[i for i in rest if not examples[i].claims],
            filler=filler,
        )


def _some(places: Sequence[int], count: int, random: np.random.Generator) -> list[int]:
    return [int(i) for i in random.choice(places, min(count, len(places)), replace=False)]


def _shuffled(places: list[int], random: np.random.Generator) -> list[int]:
    random.shuffle(places)
    return places
