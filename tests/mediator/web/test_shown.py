import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mediator.interfaces.web import shown


@pytest.mark.parametrize(
    ("number", "said"),
    [(0, "0 bytes"), (999, "999 bytes"), (1500, "1.5 KB"), (16_600, "16.6 KB"), (500_000_000, "500.0 MB")],
)  # fmt: skip
def test_sizes_read_as_people_write_them(number, said):
    assert shown.size(number) == said


@pytest.mark.parametrize(
    ("value", "said"),
    [("2025-03-03", "March 3, 2025"), (dt.date(2026, 1, 31), "January 31, 2026"), ("last spring", "last spring")],
)
def test_days_read_as_people_write_them(value, said):
    assert shown.day(value) == said


def test_moments_are_told_in_utc():
    assert shown.moment("2026-11-24T10:05:00+02:00") == "November 24, 2026, 08:05 UTC"


@pytest.mark.parametrize(("number", "said"), [(0, "0 files"), (1, "1 file"), (2, "2 files")])
def test_one_thing_and_several_are_told_apart(number, said):
    assert shown.count(number, "file") == said


def test_a_file_name_cannot_turn_around_what_is_read():
    assert shown.plain("invoice\u202egpj.exe") == "invoicegpj.exe"


@given(st.text())
def test_a_name_holds_no_control_character_and_no_turning_mark(name):
    said = shown.plain(name)
    assert all(ord(character) >= 0x20 and ord(character) != 0x7F for character in said)
    assert not set(said) & set("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u200e\u200f\u061c")


def test_what_nobody_told_is_marked_and_the_rest_is_escaped():
    assert str(shown.missing("<b> MISSING: it")) == '&lt;b&gt; <span class="missing">MISSING</span>: it'


@given(st.text())
def test_markup_in_a_text_never_becomes_markup(text):
    without_ours = str(shown.missing(text)).replace('<span class="missing">MISSING</span>', "")
    assert not set("<>") & set(without_ours)
