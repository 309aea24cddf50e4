"""TextTail gives out whole characters only and never a part of a stop string."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backends.local.transformers_text import TextTail

LETTERS = st.text(alphabet="ab€😀 ", max_size=30)
STOPS = st.lists(st.text(alphabet="ab€", min_size=1, max_size=4), max_size=3)


def decode(ids: list[int]) -> str:
    """A tokenizer of bytes."""
    return bytes(ids).decode("utf-8", "replace")


def run(text: str, stops: list[str]) -> tuple[list[str], TextTail]:
    tail = TextTail(decode, stops)
    pieces = []
    for token in text.encode():
        pieces.append(tail.push(token))
        if tail.stopped:
            break
    pieces.append(tail.finish())
    return pieces, tail


def before_first_stop(text: str, stops: list[str]) -> str:
    """The text before the stop string that is complete first; of two complete at once, the longer one."""
    ends = [(text.index(stop) + len(stop), text.index(stop)) for stop in stops if stop in text]
    return text[: min(ends)[1]] if ends else text


@given(LETTERS)
def test_the_pieces_joined_are_the_text(text: str) -> None:
    pieces, tail = run(text, [])

    assert "".join(pieces) == tail.text == text


@given(LETTERS)
def test_no_piece_holds_a_broken_character(text: str) -> None:
    pieces, _ = run(text, [])

    assert not any("\N{REPLACEMENT CHARACTER}" in piece for piece in pieces)


@given(LETTERS, STOPS)
def test_the_text_ends_before_the_stop_string_that_is_complete_first(text: str, stops: list[str]) -> None:
    pieces, tail = run(text, stops)

    assert "".join(pieces) == tail.text == before_first_stop(text, stops)


@given(LETTERS, STOPS)
def test_what_was_given_out_never_has_to_be_taken_back(text: str, stops: list[str]) -> None:
    pieces, tail = run(text, stops)

    grown = ""
    for piece in pieces:
        grown += piece
        assert tail.text.startswith(grown)


def test_bytes_that_never_become_a_character_do_not_hold_the_text_back_for_ever() -> None:
    tail = TextTail(decode)

    pieces = [tail.push(0xFF) for _ in range(40)]

    assert any(pieces)


@pytest.mark.parametrize("stop", ["STOP", "TOP", "OP"])
def test_a_begun_stop_string_is_given_out_when_nothing_completes_it(stop: str) -> None:
    pieces, tail = run("a STO", [stop])

    assert "".join(pieces) == tail.text == "a STO"
    assert not tail.stopped
