"""Text from outside is shown, not obeyed."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backends.terminal_text import on_one_line, terminal_text


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x1b[2Jgone", "\\x1b[2Jgone"),
        ("\x1b]8;;http://a.example\x07link", "\\x1b]8;;http://a.example\\x07link"),
        ("\x9b31mred", "\\x9b31mred"),
        ("a\u202eb", "a\\u202eb"),
        ("a\u2066b", "a\\u2066b"),
        ("over\rwritten", "over\\rwritten"),
        ("half a pair \ud800", "half a pair \\ud800"),
    ],
)
def test_what_would_act_is_written_out(text, shown):
    assert terminal_text(text) == shown


@pytest.mark.parametrize("text", ["two\nlines\tand a tab", "naïve – “quoted”", "家賃", "שלום", "👩\u200d⚖️"])
def test_the_text_of_people_stays_as_it_is(text):
    assert terminal_text(text) == text


def test_line_ends_of_windows_are_line_ends():
    assert terminal_text("one\r\ntwo") == "one\ntwo"


@given(st.text(st.characters()))
def test_nothing_that_is_shown_controls_a_terminal(text):
    kinds = {unicodedata.category(character) for character in terminal_text(text) if character not in "\n\t"}

    assert not kinds & {"Cc", "Cs", "Zl", "Zp"}
    assert "\n" not in on_one_line(text)
