"""Reads the regular expressions of JSON Schema's ``pattern`` into a small tree.

Dialects differ (ECMAScript, Python, Rust), so each class of characters is read as what all of them agree on: ``\\d``
is 0 to 9, ``\\W`` is printed ASCII that is no letter, digit or underscore. What the tree cannot say is refused.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

__all__ = [
    "ANY",
    "Alternatives",
    "Anchor",
    "Chars",
    "Node",
    "PatternError",
    "Ranges",
    "Repeat",
    "Series",
    "normal",
    "parse_pattern",
]

#: Code points, as inclusive ranges in order.
Ranges = tuple[tuple[int, int], ...]

_LONGEST = 2_000
_DEEPEST = 40
_MOST_REPEATS = 1_000
_LAST = 0x10FFFF
_PRINTED: Ranges = ((0x20, 0x7E),)
_DIGITS: Ranges = ((0x30, 0x39),)
_WORD: Ranges = ((0x30, 0x39), (0x41, 0x5A), (0x5F, 0x5F), (0x61, 0x7A))
_SPACE: Ranges = ((0x09, 0x0D), (0x20, 0x20))
_CLASSES = {"d": _DIGITS, "w": _WORD, "s": _SPACE}
_CONTROLS = {"t": 0x09, "n": 0x0A, "v": 0x0B, "f": 0x0C, "r": 0x0D, "0": 0x00}


class PatternError(ValueError):
    """What of the pattern is not supported, or malformed."""


@dataclass(frozen=True, slots=True)
class Chars:
    """One character of these."""

    ranges: Ranges


@dataclass(frozen=True, slots=True)
class Series:
    """One after the other; nothing when empty."""

    parts: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Alternatives:
    """One of them."""

    options: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Repeat:
    """``node`` from ``least`` to ``most`` times; without an end when that is None."""

    node: Node
    least: int
    most: int | None


@dataclass(frozen=True, slots=True)
class Anchor:
    """The beginning of the text, or its end."""

    start: bool


Node = Chars | Series | Alternatives | Repeat | Anchor


def normal(ranges: Iterable[tuple[int, int]]) -> Ranges:
    """The same code points, in order, none twice."""
    joined: list[tuple[int, int]] = []
    for low, high in sorted(ranges):
        if joined and low <= joined[-1][1] + 1:
            joined[-1] = (joined[-1][0], max(high, joined[-1][1]))
        else:
            joined.append((low, high))
    return tuple(joined)


def _without(ranges: Ranges, others: Ranges) -> Ranges:
    kept: list[tuple[int, int]] = []
    for low, high in ranges:
        for start, end in others:
            if end < low or start > high:
                continue
            if start > low:
                kept.append((low, start - 1))
            low = end + 1
        if low <= high:
            kept.append((low, high))
    return tuple(kept)


#: Every character that text has: no control characters, no halves of surrogate pairs.
ANY: Ranges = _without(((0x20, _LAST),), ((0x7F, 0x9F), (0x2028, 0x2029), (0xD800, 0xDFFF)))
_BEYOND_ASCII: Ranges = ((0x80, _LAST),)


def parse_pattern(pattern: str) -> Node:
    """The tree of ``pattern``. Raises PatternError."""
    if len(pattern) > _LONGEST:
        raise PatternError(f"it is longer than {_LONGEST} characters")
    return _Parser(pattern).parse()


class _Parser:
    def __init__(self, pattern: str) -> None:
        self._text = pattern
        self._at = 0
        self._depth = 0

    def parse(self) -> Node:
        found = self._alternatives()
        if self._at < len(self._text):
            raise PatternError("it has a ) too many")
        return found

    def _peek(self, text: str) -> bool:
        return self._text.startswith(text, self._at)

    def _take(self) -> str:
        if self._at >= len(self._text):
            raise PatternError("it ends too early")
        self._at += 1
        return self._text[self._at - 1]

    def _skip(self, text: str) -> bool:
        found = self._peek(text)
        self._at += len(text) * found
        return found

    def _alternatives(self) -> Node:
        options = [self._series()]
        while self._skip("|"):
            options.append(self._series())
        return options[0] if len(options) == 1 else Alternatives(tuple(options))

    def _series(self) -> Node:
        parts: list[Node] = []
        while self._at < len(self._text) and not self._peek("|") and not self._peek(")"):
            parts.append(self._quantified(self._atom()))
        return parts[0] if len(parts) == 1 else Series(tuple(parts))

    def _quantified(self, node: Node) -> Node:
        found = re.compile(r"[*+?]|\{(\d{1,6})(?:(,)(\d{1,6})?)?\}").match(self._text, self._at)
        if found is None:
            return node
        self._at = found.end()
        if self._skip("+"):
            raise PatternError("possessive repetition is not supported")
        self._skip("?")  # lazy or not, the same texts fit
        if re.compile(r"[*+?{]").match(self._text, self._at):
            raise PatternError("it repeats a repetition")
        least, most = {"*": (0, None), "+": (1, None), "?": (0, 1)}.get(found[0], (0, None))
        if found[1] is not None:
            least = int(found[1])
            most = least if found[2] is None else int(found[3]) if found[3] else None
        if max(least, most or 0) > _MOST_REPEATS or (most is not None and most < least):
            raise PatternError(f"the repetition {found[0]} is not supported (up to {_MOST_REPEATS} times)")
        if _has_anchor(node):
            raise PatternError("^ or $ inside a repetition is not supported")
        return Repeat(node, least, most)

    def _atom(self) -> Node:
        letter = self._take()
        match letter:
            case "(":
                return self._group()
            case "[":
                return Chars(self._class())
            case ".":
                return Chars(ANY)
            case "^" | "$":
                return Anchor(letter == "^")
            case "\\":
                return Chars(self._escape(negated=False))
            case "*" | "+" | "?" | "{" | "}" | "]":
                raise PatternError(f"there is a {letter} where none can stand; write \\{letter} for the character")
        return Chars(_character(letter))

    def _group(self) -> Node:
        if self._skip("?"):
            named = re.compile(r":|P?<[A-Za-z_]\w*>").match(self._text, self._at)
            if named is None:
                raise PatternError(f"the group (?{self._text[self._at : self._at + 2]} is not supported")
            self._at = named.end()
        self._depth += 1
        if self._depth > _DEEPEST:
            raise PatternError("its groups are nested too deeply")
        found = self._alternatives()
        self._depth -= 1
        if not self._skip(")"):
            raise PatternError("a ) is missing")
        return found

    def _class(self) -> Ranges:
        negated = self._skip("^")
        found: list[tuple[int, int]] = []
        while not self._skip("]"):
            low = self._member(negated)
            if self._peek("-") and not self._peek("-]"):
                self._at += 1
                high = self._member(negated)
                if len(low) != 1 or len(high) != 1 or low[0][0] != low[0][1] or high[0][0] != high[0][1]:
                    raise PatternError("a range in [ ] has no single character at an end")
                if low[0][0] > high[0][0]:
                    raise PatternError("a range in [ ] runs backwards")
                low = _without(((low[0][0], high[0][0]),), ((0xD800, 0xDFFF),))
            found += low
        ranges = normal(found)
        ranges = _without(ANY, ranges) if negated else ranges
        if not ranges:
            raise PatternError("a [ ] admits no character")
        return ranges

    def _member(self, negated: bool) -> Ranges:
        letter = self._take()
        if letter == "\\":
            return self._escape(negated=negated)
        # Some dialects read && -- ~~ || and a [ inside as operators.
        if letter == "[" or (self._text.startswith(letter, self._at) and letter in "&~|-"):
            raise PatternError(f"write \\{letter} for the character {letter} inside [ ]")
        return _character(letter)

    def _escape(self, *, negated: bool) -> Ranges:
        letter = self._take()
        if letter.lower() in _CLASSES:
            inside = _CLASSES[letter.lower()]
            # What any dialect may count in must be kept out of a negated class, and the other way round.
            if letter.islower():
                return normal((*inside, *_BEYOND_ASCII)) if negated else inside
            return _without(((0, _LAST),), inside) if negated else _without(_PRINTED, inside)
        if letter in _CONTROLS:
            if letter == "0" and self._at < len(self._text) and self._text[self._at].isdigit():
                raise PatternError("octal escapes are not supported")
            return _character(chr(_CONTROLS[letter]))
        if letter in "xu":
            code = re.compile(r"\{([0-9a-fA-F]{1,6})\}|([0-9a-fA-F]{4})" if letter == "u" else r"()([0-9a-fA-F]{2})")
            found = code.match(self._text, self._at)
            if found is None or int(found[1] or found[2], 16) > _LAST:
                raise PatternError(f"\\{letter} is not followed by the digits of a character")
            self._at = found.end()
            return _character(chr(int(found[1] or found[2], 16)))
        if letter.isalnum():
            raise PatternError(f"\\{letter} is not supported")
        return _character(letter)


def _character(letter: str) -> Ranges:
    if "\ud800" <= letter <= "\udfff":
        raise PatternError("it holds half of a surrogate pair")
    return ((ord(letter), ord(letter)),)


def _has_anchor(node: Node) -> bool:
    match node:
        case Anchor():
            return True
        case Series(parts) | Alternatives(parts):
            return any(map(_has_anchor, parts))
        case Repeat(inner):
            return _has_anchor(inner)
    return False
