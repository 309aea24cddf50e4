"""Turns the bytes of generated tokens into text, and ends it at a stop string.

Promises: no character is split; no part of a stop string is ever given out; what is given out,
put together, is the text before the first stop string.
"""

from __future__ import annotations

import codecs
from collections.abc import Sequence

__all__ = ["TextOutput"]


class TextOutput:
    """``feed`` takes bytes and returns the text that is certain; ``finish`` returns what was held back."""

    def __init__(self, stop: Sequence[str] = ()) -> None:
        self._stop = tuple(stop)
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._held = ""
        self.stopped = False

    def feed(self, raw: bytes) -> str:
        """Take more bytes. After a stop string nothing more is given out."""
        return self._take(self._decoder.decode(raw))

    def finish(self) -> str:
        """The end of the generation: the rest of the text."""
        text = self._take(self._decoder.decode(b"", final=True))
        if self.stopped:
            return text
        rest, self._held = text + self._held, ""
        return rest

    def _take(self, text: str) -> str:
        if self.stopped:
            return ""
        text = self._held + text
        found = [place for place in (text.find(stop) for stop in self._stop) if place >= 0]
        if found:
            self.stopped = True
            self._held = ""
            return text[: min(found)]
        keep = max((_overlap(text, stop) for stop in self._stop), default=0)
        self._held = text[len(text) - keep :]
        return text[: len(text) - keep]


def _overlap(text: str, stop: str) -> int:
    """How many characters at the end of ``text`` could begin ``stop``."""
    for length in range(min(len(text), len(stop) - 1), 0, -1):
        if text.endswith(stop[:length]):
            return length
    return 0
