"""Turns a row's tokens into text that may be shown: whole characters only, never part of a stop string.

The pieces that come out, joined, are the row's text.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

__all__ = ["TextTail"]

# A character is at most four bytes, so more unfinished tokens than this are bytes that never become one.
_LONGEST_CHARACTER = 8


class TextTail:
    """The end of a text that grows by tokens. ``stopped`` once a stop string came; it is not part of the text."""

    def __init__(self, decode: Callable[[list[int]], str], stops: Sequence[str] = ()) -> None:
        self._decode = decode
        self._stops = tuple(stops)
        # Tokens are decoded together with a few before them: a tokenizer may join or strip at the borders.
        self._window: list[int] = []
        self._told = 0
        self._held = ""
        self.stopped = False
        self.text = ""

    def push(self, token: int) -> str:
        """Take one token, return the text that can be shown now."""
        self._window.append(token)
        return self._release(self._whole_characters())

    def finish(self) -> str:
        """No token follows: return what was held back."""
        if self.stopped:
            return ""
        piece = self._release(self._new_text())
        if not self.stopped:
            self.text += self._held
            piece, self._held = piece + self._held, ""
        return piece

    def _whole_characters(self) -> str:
        new = self._new_text()
        unfinished = len(self._window) - self._told
        if new.endswith("\N{REPLACEMENT CHARACTER}") and unfinished < _LONGEST_CHARACTER:
            return ""
        if new:
            self._window = self._window[self._told :]
            self._told = len(self._window)
        return new

    def _new_text(self) -> str:
        before = self._decode(self._window[: self._told])
        return self._decode(self._window)[len(before) :]

    def _release(self, new: str) -> str:
        text = self._held + new
        ends = [(at + len(stop), at) for stop in self._stops if (at := text.find(stop)) >= 0]
        if ends:
            self.stopped = True
            self._held = ""
            piece = text[: min(ends)[1]]
        else:
            keep = max((_begun(text, stop) for stop in self._stops), default=0)
            piece, self._held = text[: len(text) - keep], text[len(text) - keep :]
        self.text += piece
        return piece


def _begun(text: str, stop: str) -> int:
    """How many characters at the end of ``text`` may be the beginning of ``stop``."""
    for length in range(min(len(stop) - 1, len(text)), 0, -1):
        if text.endswith(stop[:length]):
            return length
    return 0
