"""Pieces of GBNF, llama.cpp's grammar language: the rules that JSON is made of, literals, repetitions, a rule book."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import Any

__all__ = ["FORMATS", "MOST_REPEATS", "Rules", "choice", "json_literal", "literal", "repeat"]

# llama.cpp expands a repetition; beyond this the grammar gets slow. Fewer characters or items are always
# within an upper bound, so only a lower bound above it is refused.
MOST_REPEATS = 1024

#: Rules by name.
_BASICS = {
    "ws": '" "?',
    "char": '[^"\\\\\\x00-\\x1F\\x7F] | "\\\\" (["\\\\/bfnrt] | "u" unit)',
    # No halves of surrogate pairs: they are no text.
    "unit": "[0-9a-cA-Ce-fE-F] hex hex hex | [dD] [0-7] hex hex",
    "hex": "[0-9a-fA-F]",
    "string": '"\\"" char* "\\""',
    "integer": '"-"? ("0" | [1-9] [0-9]{0,15})',
    "number": 'integer ("." [0-9]{1,16})?',
    "boolean": '"true" | "false"',
    "null": '"null"',
    "year": "[0-9] [0-9] [0-9] [1-9] | [0-9] [0-9] [1-9] [0-9] | [0-9] [1-9] [0-9] [0-9] | [1-9] [0-9] [0-9] [0-9]",
    # No 29th to 31st: whether they exist depends on month and year.
    "full-date": 'year "-" ("0" [1-9] | "1" [0-2]) "-" ("0" [1-9] | "1" [0-9] | "2" [0-8])',
    "clock": '([01] [0-9] | "2" [0-3]) ":" [0-5] [0-9] ":" [0-5] [0-9]',
    "date-time": 'full-date "T" clock "Z"',
    "uuid": 'hex{8} "-" hex{4} "-" [1-5] hex{3} "-" [89ab] hex{3} "-" hex{12}',
}
#: Which other rules each of them needs.
_NEEDS = {
    "char": ("unit", "hex"),
    "string": ("char", "unit", "hex"),
    "number": ("integer",),
    "full-date": ("year",),
    "date-time": ("full-date", "year", "clock"),
    "uuid": ("hex",),
}
#: The rule for each ``format`` of JSON Schema.
FORMATS = {"date": "full-date", "time": "clock", "date-time": "date-time", "uuid": "uuid"}


class Rules:
    """The rules of one grammar. Every expression that a method returns can stand in a sequence."""

    def __init__(self) -> None:
        self._bodies: dict[str, str] = {}
        self._numbers: dict[str, str] = {}

    def __contains__(self, name: object) -> bool:
        return name in self._bodies

    def basic(self, name: str) -> str:
        """One of the rules that JSON is made of."""
        for needed in (*_NEEDS.get(name, ()), name):
            self._bodies.setdefault(needed, _BASICS[needed])
        return name

    def fresh(self, kind: str, body: str) -> str:
        """A new rule of a name of its own."""
        return self.named(f"{kind}-{len(self._bodies)}", body)

    def named(self, name: str, body: str) -> str:
        """The rule ``name``; the first body given to it stays."""
        self._bodies.setdefault(name, body)
        return name

    def define(self, name: str, body: str) -> str:
        """Give a rule its body, whatever it had before."""
        self._bodies[name] = body
        return name

    def name_for(self, key: str) -> str:
        """A name for what ``key`` stands for: the same for the same key."""
        return self._numbers.setdefault(key, f"p{len(self._numbers)}")

    def text(self, root: str) -> str:
        """The grammar that begins with the expression ``root``."""
        return "\n".join(f"{name} ::= {body}" for name, body in {"root": root, **self._bodies}.items()) + "\n"


def choice(options: Sequence[str]) -> str:
    """One of the expressions."""
    return options[0] if len(options) == 1 else "(" + " | ".join(option or '""' for option in options) + ")"


def repeat(least: int, most: int | None) -> str:
    """The suffix for ``least`` to ``most`` repetitions."""
    if most is None:
        return "*" if least == 0 else f"{{{least},}}"
    return f"{{{least},{max(least, min(most, MOST_REPEATS))}}}"


def json_literal(value: Any, end: str = "") -> str:
    """``value`` as a JSON document, then ``end``.

    Vocabularies lack tokens for some characters, while every escape is spelled in ASCII, so each character beyond
    ASCII may be written either way.
    """
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":")) + end
    return " ".join(
        literal(part) if part.isascii() else _either_way(part)
        for part in re.findall(r"[\x00-\x7f]+|[^\x00-\x7f]", text)
    )


def _either_way(character: str) -> str:
    escaped = literal(json.dumps(character)[1:-1])
    # Half of a surrogate pair has no other spelling.
    return escaped if "\ud800" <= character <= "\udfff" else f"({literal(character)} | {escaped})"


def literal(text: str) -> str:
    """``text`` itself."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"').replace("\x7f", "\\x7F") + '"'
