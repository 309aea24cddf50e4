"""Chooses what of a story a language model is shown for one claim type: the paragraphs that speak for it.

A short story of one paragraph is shown whole. A long one is cut at paragraph and sentence borders and
never beyond a model's window; a paragraph that says nothing about the claim type is left out, so that
telling more about another matter does not change the question.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from mediator.claims.text import Sentence

__all__ = ["LIMIT", "passage"]

#: Characters of the story in one question; with the instructions about 2,000 tokens.
LIMIT = 6000
#: Sentences before and after a telling one that are shown with it when its paragraph is too long.
_AROUND = 3
_GAP = "\n[...]\n"
_HOLE = re.compile(r"\s*\f\s*")
_PARAGRAPH = re.compile(r"\n\s*\n")


def passage(text: str, story: Sequence[Sentence], strength: Mapping[int, float]) -> str:
    """The part of ``text`` that speaks for a claim, given how strongly each sentence does."""
    borders = [match.end() for match in _PARAGRAPH.finditer(text)]
    if not borders and len(text) <= LIMIT:
        return _healed(text)
    paragraph = _numbered(story, borders)
    members: dict[int, list[int]] = {}
    untold: dict[int, int] = {}
    for position, number in enumerate(paragraph):
        members.setdefault(number, []).append(position)
        untold[number] = untold.get(number, 0) + _cost(story[position])
    shown: set[int] = set()
    length = 0
    for position in sorted(strength, key=lambda place: (-strength[place], place)):
        whole = paragraph[position]
        choices: list[Sequence[int]] = [range(position - _AROUND, position + _AROUND + 1), [position]]
        # A paragraph may be the whole of a long story: it is gone through only when it fits.
        if length + untold[whole] <= LIMIT:
            choices.insert(0, members[whole])
        for wanted in choices:
            fresh = [place for place in wanted if 0 <= place < len(story) and place not in shown]
            cost = sum(_cost(story[place]) for place in fresh)
            if length + cost <= LIMIT:
                shown.update(fresh)
                length += cost
                for place in fresh:
                    untold[paragraph[place]] -= _cost(story[place])
                break
    return _joined(text, story, sorted(shown)) or _healed(text[:LIMIT])


def _cost(sentence: Sentence) -> int:
    return len(sentence.text) + 1


def _numbered(story: Sequence[Sentence], borders: Sequence[int]) -> list[int]:
    """The number of each sentence's paragraph."""
    numbers: list[int] = []
    number = 0
    for part in story:
        while number < len(borders) and borders[number] <= part.start:
            number += 1
        numbers.append(number)
    return numbers


def _joined(text: str, story: Sequence[Sentence], places: Sequence[int]) -> str:
    """The text between the first and the last sentence of each run, as it stands."""
    runs: list[list[int]] = []
    for place in places:
        if runs and runs[-1][-1] == place - 1:
            runs[-1].append(place)
        else:
            runs.append([place])
    return _GAP.join(_healed(text[story[run[0]].start : story[run[-1]].end]) for run in runs)


def _healed(text: str) -> str:
    """Without the holes where something was set aside: a model is asked the same with it and without it."""
    return _HOLE.sub(" ", text).strip()
