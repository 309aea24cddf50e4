"""Words that say what the law calls a thing instead of what was done; Fed. R. Civ. P. 8 asks for facts."""

from __future__ import annotations

import re

__all__ = ["conclusions"]

_LEGAL = re.compile(
    r"\b(?:illegal(?:ly)?|unlawful(?:ly)?|against the law|broke the law|violat(?:ed?|es|ing|ions?)|"
    r"discriminat(?:ed|es|ing|ion|ory)|retaliat(?:ed?|es|ing|ion|ory)|negligen(?:t|tly|ce)|malpractice|"
    r"fraud(?:ulent(?:ly)?)?|defam(?:ed|ation|atory)|slander(?:ed)?|libel|wrongful(?:ly)?|breach(?:ed)?|in bad faith|"
    r"hostile (?:work )?environment|constructive(?:ly)? (?:discharged?|evict(?:ed|ion))|civil rights|"
    r"ilegal(?:mente)?|discriminaron|negligencia)\b",
    re.IGNORECASE,
)


def conclusions(text: str) -> tuple[str, ...]:
    """The legal conclusions in a paragraph, as they are written there, each once."""
    return tuple(dict.fromkeys(match.group().lower() for match in _LEGAL.finditer(text)))
