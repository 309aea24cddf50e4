"""The screen: words wrapped as a person sees them, marks that can be read without colour."""

from __future__ import annotations

import io
import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from mediator.interfaces.terminal.screen import Mark, Screen, marked_story, progress_bar


class Window(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


@pytest.fixture
def window(monkeypatch):
    monkeypatch.setenv("COLUMNS", "40")
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm")
    return Window()


@given(st.lists(st.integers(0, 60), max_size=8))
def test_marks_change_no_word_of_the_story(bounds):
    story = "He kept my whole deposit. Then he changed the locks on us all."
    marks = [Mark(min(a, b), max(a, b), n) for n, (a, b) in enumerate(itertools.pairwise(bounds), 1)]
    shown = marked_story(story, marks).plain
    for number in range(len(marks), 0, -1):
        shown = shown.replace(f"]({number})", "")
    assert shown.replace("[", "") == story


def test_where_two_claims_rest_on_the_same_words_the_first_has_them():
    assert marked_story("abcdef", [Mark(2, 5, 2), Mark(0, 3, 1)]).plain == "[abc](1)def"


@pytest.mark.parametrize("text", ["word " * 40, "家賃を払いました " * 12, "x" * 100, "one\n\ntwo " * 20])
def test_no_line_is_wider_than_the_window(window, text):
    Screen(window).say(text, indent=4)

    assert max(cell_len(line) for line in window.getvalue().splitlines()) <= 40
    assert "".join(window.getvalue().split()) == "".join(text.split())


def test_into_a_pipe_a_line_stays_a_line():
    out = io.StringIO()
    Screen(out).say("word " * 100)

    assert out.getvalue().count("\n") == 1


@pytest.mark.parametrize(("settled", "total", "bar"), [(0, 0, "----"), (1, 2, "##--"), (4, 4, "####"), (0, 3, "----")])
def test_the_bar_is_made_of_letters(settled, total, bar):
    assert progress_bar(settled, total, 4) == f"[{bar}] {settled} of {total}"
