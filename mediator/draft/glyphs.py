"""Characters that no installed font can draw: on paper each stands as its name in brackets, and the person is told."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection

__all__ = ["in_words", "spelled", "what_is_lacking"]

#: What only changes the look of the character before it: a skin colour, a way to draw it, a joiner, a tag.
_MODIFIERS = "[\u200d\u20e3\ufe00-\ufe0f\U0001f3fb-\U0001f3ff\U000e0020-\U000e007f]*"
_MOST_NAMED = 8


def in_words(text: str, lacking: Collection[str]) -> str:
    """``text`` with every character of ``lacking``, and what modifies it, as its name."""
    if not lacking:
        return text
    one = "".join(re.escape(character) for character in sorted(lacking))
    return re.sub(f"([{one}]){_MODIFIERS}", lambda found: f"[{spelled(found[1])}]", text)


def spelled(character: str) -> str:
    """What a symbol is called; a letter of a script has no better name than its number."""
    name = unicodedata.name(character, "").lower()
    return name if name and unicodedata.category(character)[0] in "SP" else f"U+{ord(character):04X}"


def what_is_lacking(lacking: Collection[str]) -> str:
    """One line for the person."""
    names = [spelled(character) for character in sorted(lacking)]
    more = f" and {len(names) - _MOST_NAMED} more" if len(names) > _MOST_NAMED else ""
    return (
        f"No font of this machine can draw {', '.join(names[:_MOST_NAMED])}{more}: in the PDF each stands as its name "
        "in brackets. HTML and DOCX keep what you wrote; a font that has them mends the PDF too (on Debian "
        "fonts-noto-color-emoji, fonts-noto-cjk)."
    )
