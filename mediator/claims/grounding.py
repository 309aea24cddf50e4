"""Finds a quote in the person's text, exactly or not at all.

First the exact substring; then a normalised form (NFC, quotes, dashes, blanks, case) mapped back to
the original offsets, so that what is shown is always the original's own characters. What still is
not there is a paraphrase, and a paraphrase is never shown as a quote.
"""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass

from mediator.claims.report import Quote

__all__ = ["Grounder"]

_SAME = {
    **dict.fromkeys("‘’‚‛′`´ʼ", "'"),
    **dict.fromkeys("“”„‟″«»", '"'),
    **dict.fromkeys("‐‑‒–—―−", "-"),
    "…": "...",
}
_INVISIBLE = frozenset("\u200b\u200c\u200d\u2060\ufeff\u00ad")


@dataclass(frozen=True, slots=True)
class _Normal:
    text: str
    starts: tuple[int, ...]
    ends: tuple[int, ...]


class Grounder:
    """Looks quotes up in one text."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._normal = _normalise(text)

    def find(self, quote: str, within: tuple[int, int] | None = None) -> Quote | None:
        """The place of ``quote``, or None when the text does not hold those words."""
        wanted = quote.strip()
        if not wanted:
            return None
        low, high = within if within is not None else (0, len(self._text))
        start = self._text.find(wanted, low, high)
        if start >= 0:
            return Quote(text=wanted, start=start, end=start + len(wanted))
        return self._find_normalised(wanted, low, high)

    def _find_normalised(self, wanted: str, low: int, high: int) -> Quote | None:
        needle = _normalise(wanted).text.strip()
        if not needle:
            return None
        at = self._normal.text.find(needle)
        while at >= 0:
            start, end = self._normal.starts[at], self._normal.ends[at + len(needle) - 1]
            if low <= start and end <= high:
                return Quote(text=self._text[start:end], start=start, end=end)
            at = self._normal.text.find(needle, at + 1)
        return None


def _normalise(text: str) -> _Normal:
    """The comparable form of ``text`` with, for each of its characters, the span it came from."""
    out: list[str] = []
    starts: list[int] = []
    ends: list[int] = []
    for start, end in _clusters(text):
        piece = unicodedata.normalize("NFC", text[start:end])
        if piece.isspace():
            if out and out[-1] == " ":
                ends[-1] = end
                continue
            piece = " "
        elif piece in _INVISIBLE:
            continue
        for character in "".join(_SAME.get(c, c) for c in piece).casefold():
            out.append(character)
            starts.append(start)
            ends.append(end)
    return _Normal("".join(out), tuple(starts), tuple(ends))


def _clusters(text: str) -> list[tuple[int, int]]:
    """Each character together with the combining marks that follow it."""
    spans: list[tuple[int, int]] = []
    for position, character in enumerate(text):
        if spans and unicodedata.combining(character):
            spans[-1] = (spans[-1][0], position + 1)
        else:
            spans.append((position, position + 1))
    return spans
