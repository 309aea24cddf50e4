"""Fed. R. Civ. P. 5.2(a): shortens numbers where that is safe to do, and says every time that it did.

Birth dates and names of children are not changed, because only the person knows which they are; they
are pointed out.
"""

from __future__ import annotations

import re

from mediator.draft.model import Redaction

__all__ = ["shorten", "to_look_at"]

_SOCIAL = re.compile(r"\b\d{3}[- ]\d{2}[- ](\d{4})\b")
_ACCOUNT = re.compile(
    r"(?i)\b((?:account|acct|card|policy|loan|taxpayer|ein|iban)\b[^\d\n]{0,20})((?:\d[ -]?){4,}\d{4})\b"
)
_BIRTH = re.compile(r"(?i)\b(?:born(?: on)?|birth(?:day| ?date)?|dob)\b[^.\n]{0,30}\d")
_CHILD = re.compile(
    r"(?:\b(?i:my|our|his|her|their|the) (?:\w+ ){0,2}(?:son|daughter|child|baby|boy|girl|kid|grandson|"
    r"granddaughter|niece|"
    r"nephew),? )(?P<name>[A-ZÁÉÍÓÚÑ][a-záéíóúñ]+)"
)


def shorten(text: str) -> tuple[str, tuple[Redaction, ...]]:
    """The text with social-security and account numbers down to their last four digits, and what was done."""
    done: list[Redaction] = []

    def social(match: re.Match[str]) -> str:
        done.append(Redaction(kind="social-security number", shown=f"xxx-xx-{match[1]}", done=True))
        return f"xxx-xx-{match[1]}"

    def account(match: re.Match[str]) -> str:
        last = re.sub(r"\D", "", match[2])[-4:]
        done.append(Redaction(kind="account number", shown=f"x{last}", done=True))
        return f"{match[1]}x{last}"

    text = _ACCOUNT.sub(account, _SOCIAL.sub(social, text))
    return text, tuple(done)


def to_look_at(text: str) -> tuple[Redaction, ...]:
    """Birth dates (only the year may stand) and names of children (only initials may stand)."""
    found = [
        Redaction(kind="birth date: keep the year only", shown=match.group(), done=False)
        for match in _BIRTH.finditer(text)
    ]
    found += [
        Redaction(kind="if this is a child, use initials", shown=match["name"], done=False)
        for match in _CHILD.finditer(text)
    ]
    return tuple(dict.fromkeys(found))
