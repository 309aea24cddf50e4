"""Text as a terminal may show it. What stories, files and models say is data: it moves no cursor, clears no
screen, makes no link, and does not turn the reading direction around."""

from __future__ import annotations

import re

__all__ = ["on_one_line", "terminal_text"]

# Control characters but tab and line feed, separators that some terminals break lines at, bidirectional
# overrides and isolates, lone surrogates (which no terminal can be sent).
_ACTING = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")


def terminal_text(text: str) -> str:
    """``text`` with every character that would act on a terminal written as its escape, ``\\\\x1b`` for instance."""
    return _ACTING.sub(_escaped, text.replace("\r\n", "\n"))


def on_one_line(text: str) -> str:
    """:func:`terminal_text` with every run of white space as one space."""
    return terminal_text(" ".join(text.split()))


def _escaped(found: re.Match[str]) -> str:
    return found[0].encode("unicode_escape").decode("ascii")
