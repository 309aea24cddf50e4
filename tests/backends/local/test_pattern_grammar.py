"""Regular expressions as grammar, against Python's own: what the grammar admits fits, and little else is left out."""

import json
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backends.local.pattern_grammar import pattern_rule
from backends.local.pattern_syntax import PatternError
from tests.backends.local.grammars import Book


def spelled(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)[1:-1]


class Compiled:
    def __init__(self, pattern: str, least: int = 0, most: int | None = None) -> None:
        self.book = Book()
        self.first = pattern_rule(self.book.add, "p", pattern, least, most)

    def admits(self, text: str) -> bool:
        return self.book.admits(self.first, spelled(text))


_ATOMS = st.sampled_from(
    ["a", "b", "ab", "[ab]", "[^a]", r"\d", r"\w", r"\S", ".", r"\.", "é", r"[a-c1\-]", '"', r"\\"]
)
_PATTERNS = st.recursive(
    _ATOMS,
    lambda inner: st.one_of(
        st.tuples(inner, st.sampled_from(["*", "+", "?", "{2}", "{0,3}", "{1,}", "*?", "+?"])).map(
            lambda pair: f"(?:{pair[0]}){pair[1]}"
        ),
        st.lists(inner, min_size=2, max_size=3).map("".join),
        st.lists(inner, min_size=2, max_size=3).map(lambda found: f"({'|'.join(found)})"),
    ),
    max_leaves=5,
)
_ANCHORED = st.tuples(st.sampled_from(["^", ""]), _PATTERNS, st.sampled_from(["$", ""])).map("".join)
_TEXTS = st.text('aab1c.é"\\- x', max_size=6)


@settings(deadline=None)
@given(_ANCHORED, st.lists(_TEXTS, min_size=1, max_size=20))
def test_a_text_is_admitted_exactly_when_it_fits(pattern: str, texts: list[str]) -> None:
    compiled = Compiled(pattern)
    for text in texts:
        # \S and \W of other letters than ASCII's are left out on purpose: dialects differ.
        if text.isascii() or "\\" not in pattern:
            assert compiled.admits(text) == bool(re.search(pattern, text)), (pattern, text)


@settings(deadline=None)
@given(_ANCHORED, _TEXTS, st.integers(0, 3), st.integers(0, 4))
def test_lengths_beside_a_pattern_hold(pattern: str, text: str, least: int, extra: int) -> None:
    fits = bool(re.search(pattern, text)) and least <= len(text) <= least + extra
    try:
        admitted = Compiled(pattern, least, least + extra).admits(text)
    except PatternError:
        admitted = False  # no text at all fits
    assert admitted <= fits
    assert admitted == fits or not text.isascii()


@pytest.mark.parametrize(
    ("pattern", "good", "bad"),
    [
        (r"^\d{4}-\d{2}$", ["2024-05"], ["2024-5", "x2024-05", "２０２４-05"]),
        (r"^[A-Z]{2}[0-9]{2,4}$", ["DE12", "FR1234"], ["DE1", "de12"]),
        (r"^(?<name>yes|no)$", ["yes", "no"], ["maybe"]),
        (r"^(?P<name>a)$", ["a"], ["b"]),
        (r"^\u0041\x42\u{1F600}$", ["AB😀"], ["AB"]),
        (r"^a|b$", ["ax", "xb", "a"], ["xa", "bx"]),
        (r"(^a|b$)c?", ["ac", "b"], ["xac"]),
        (r"^\$\^\(\)\[\]\{\}\|\*\+\?\/\.$", ["$^()[]{}|*+?/."], ["x"]),
        (r"^[\^\]\\\-]+$", ["^]\\-"], ["a"]),
        ("^\t\\n$", ["\t\n"], ["tn"]),
        (r"^[^\d]+$", ["abc", "x y"], ["a1"]),
        (r"^[^\W]+$", ["ab_1"], ["a b"]),
        (r"^$", [""], ["a"]),
        ("", ["", "anything"], []),
    ],
)
def test_what_people_write_is_understood(pattern: str, good: list[str], bad: list[str]) -> None:
    compiled = Compiled(pattern)
    assert [text for text in good if not compiled.admits(text)] == []
    assert [text for text in bad if compiled.admits(text)] == []


@pytest.mark.parametrize(
    ("pattern", "reason"),
    [
        (r"a(?=b)", "group"),
        (r"(?!a)", "group"),
        (r"(?<=a)b", "group"),
        (r"(?i)a", "group"),
        (r"(a)\1", r"\\1 is not supported"),
        (r"\bword", r"\\b is not supported"),
        (r"\p{L}", r"\\p is not supported"),
        (r"a{2000}", "repetition"),
        (r"a{3,2}", "repetition"),
        (r"a**", "repeats a repetition"),
        (r"a*+", "possessive"),
        (r"(^a)*", "inside a repetition"),
        (r"(a", r"\) is missing"),
        (r"a)", "too many"),
        (r"[a", "ends too early"),
        (r"[b-a]", "backwards"),
        (r"[\d-z]", "no single character"),
        (r"[]", "no character"),
        (r"[[:alpha:]]", r"inside \[ \]"),
        (r"*a", "none can stand"),
        ("\\", "ends too early"),
        ("\ud800", "surrogate"),
        (r"\01", "octal"),
        (r"\u12", "digits"),
        (r"\u{110000}", "digits"),
        ("(" * 60 + "a" + ")" * 60, "too deeply"),
        ("a" * 3_000, "longer"),
        (r"(a{50}|b{60}|c{70}){90}", "too large"),
        (r"a^b", "no text fits"),
    ],
)
def test_what_cannot_be_held_is_refused_with_the_reason(pattern: str, reason: str) -> None:
    with pytest.raises(PatternError, match=reason):
        Compiled(pattern)


@settings(deadline=None)
@given(st.text(max_size=12) | st.text(r"ab\[](){}|*+?^$.,-0123dwsuxp:<>=!", max_size=12))
def test_any_text_is_a_grammar_or_refused(pattern: str) -> None:
    try:
        outcome = str(len(Compiled(pattern).book))
    except PatternError as error:
        outcome = str(error)
    assert outcome


def test_a_pattern_that_is_slow_elsewhere_is_small_here() -> None:
    assert len(Compiled(r"^(a+)+(a|a)*b$", 0, 20).book) < 200
