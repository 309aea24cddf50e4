"""Cuts a story into sentences without losing where each one stands."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from mediator.claims.lexicon import word_set

__all__ = ["Sentence", "sentences", "windows"]

_ABBREVIATIONS = word_set(
    "mr mrs ms dr jr sr st ave blvd rd apt no nos inc ltd co corp llc sgt lt capt cpl det ofc prof gen gov "
    "rep sen jan feb mar apr jun jul aug sep sept oct nov dec vs etc approx dept est fig hon mt ft sra dra "
    "srta lic ing av u.s a.m p.m d.c e.g i.e mon tue wed thu fri sat"
)
_END = re.compile(r"[.!?…]+(?:[\"'”’)\]]|</?\w{1,20}>)*(?=\s|$)")
_BREAK = re.compile(r"\f|\n\s*\n|\n(?=\s*(?:[-*•–—]|\d{1,2}[.)/-]|[A-Z]))|\n")


@dataclass(frozen=True, slots=True)
class Sentence:
    """``text`` is exactly ``source[start:end]``, without blanks at its ends."""

    text: str
    start: int
    end: int


def sentences(text: str) -> list[Sentence]:
    """The sentences of ``text`` in order. Every character that is no blank is in one of them."""
    found: list[Sentence] = []
    for start, end in _lines(text):
        found.extend(_in_line(text, start, end))
    return found


def windows(parts: Sequence[Sentence], source: str, size: int) -> list[Sentence]:
    """Runs of up to ``size`` neighbouring sentences, each as one span of ``source``."""
    spans: list[Sentence] = []
    for first in range(len(parts)):
        last = min(first + size, len(parts)) - 1
        start, end = parts[first].start, parts[last].end
        spans.append(Sentence(source[start:end], start, end))
        if last == len(parts) - 1:
            break
    return spans


def _lines(text: str) -> Iterator[tuple[int, int]]:
    start = 0
    for match in _BREAK.finditer(text):
        if _wrapped(text, match):
            continue
        yield start, match.start()
        start = match.end()
    yield start, len(text)


def _wrapped(text: str, line_end: re.Match[str]) -> bool:
    """Whether the line goes on: a single break in mid-sentence, as pasted mail has it."""
    if "\f" in line_end.group() or line_end.group().count("\n") > 1:
        return False
    before = text[: line_end.start()].rstrip()
    after = text[line_end.end() :].lstrip(" \t")
    return bool(before) and before[-1] not in '.!?:;"”)' and after[:1].islower()


def _in_line(text: str, start: int, end: int) -> Iterator[Sentence]:
    begin = start
    for match in _END.finditer(text, start, end):
        if _is_abbreviation(text, begin, match) or _goes_on(text, match.end(), end, match.group()):
            continue
        yield from _trimmed(text, begin, match.end())
        begin = match.end()
    yield from _trimmed(text, begin, end)


def _is_abbreviation(text: str, begin: int, match: re.Match[str]) -> bool:
    if match.group() != ".":
        return False
    word = re.search(r"[\w.]+$", text[begin : match.start()])
    if word is None:
        return False
    low = word.group().lower()
    return low in _ABBREVIATIONS or (len(low) == 1 and low.isalpha() and low != "i")


def _goes_on(text: str, position: int, end: int, mark: str) -> bool:
    """``"No." he said``: what follows in lower case belongs to the same sentence."""
    following = text[position:end].lstrip()
    return (following[:1].islower() and mark[-1] in "\"'”’)…") or following[:1] in {",", ";"}


def _trimmed(text: str, start: int, end: int) -> Iterator[Sentence]:
    while start < end and text[start].isspace():
        start += 1
    while end > start and text[end - 1].isspace():
        end -= 1
    if end > start:
        yield Sentence(text[start:end], start, end)
