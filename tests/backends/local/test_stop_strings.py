"""Stop strings and characters that come in pieces."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backends.local.stop_strings import TextOutput

ALPHABET = st.text("ab\u00e9\U0001f600<", max_size=30)


def pieces_of(raw: bytes, cuts: list[int]) -> list[bytes]:
    places = [0, *sorted({cut % (len(raw) + 1) for cut in cuts}), len(raw)]
    return [raw[start:end] for start, end in itertools.pairwise(places)]


@given(ALPHABET, st.lists(st.integers(0, 200), max_size=12))
def test_without_stops_the_text_comes_out_whole(text: str, cuts: list[int]) -> None:
    output = TextOutput()
    given_out = [output.feed(piece) for piece in pieces_of(text.encode(), cuts)]
    assert "".join([*given_out, output.finish()]) == text


@given(ALPHABET, st.text("ab\u00e9<", min_size=1, max_size=4), st.lists(st.integers(0, 200), max_size=12))
def test_the_text_ends_before_the_stop_string_however_it_is_cut(text: str, stop: str, cuts: list[int]) -> None:
    output = TextOutput((stop,))
    given_out = [output.feed(piece) for piece in pieces_of(text.encode(), cuts)]
    assert "".join([*given_out, output.finish()]) == text.split(stop)[0]
    assert output.stopped == (stop in text)


@given(ALPHABET, st.lists(st.text("ab<", min_size=1, max_size=4), min_size=1, max_size=3))
def test_nothing_given_out_is_part_of_a_stop_string(text: str, stops: list[str]) -> None:
    output = TextOutput(stops)
    seen = ""
    for character in text:
        seen += output.feed(character.encode())
        assert not any(stop in seen for stop in stops)
    assert text.startswith(seen)


@given(st.binary(max_size=40), st.lists(st.integers(0, 200), max_size=8))
def test_any_bytes_become_text_the_same_way_however_they_are_cut(raw: bytes, cuts: list[int]) -> None:
    output = TextOutput()
    given_out = [output.feed(piece) for piece in pieces_of(raw, cuts)]
    assert "".join([*given_out, output.finish()]) == raw.decode("utf-8", "replace")


def test_the_beginning_of_a_stop_string_is_held_back_until_it_is_known() -> None:
    output = TextOutput(("<end>",))
    assert [output.feed(piece) for piece in (b"a<e", b"n", b"t")] == ["a", "", "<ent"]


@pytest.mark.parametrize("late", [b"x", b"\xc3"])
def test_after_a_stop_nothing_more_comes(late: bytes) -> None:
    output = TextOutput(("s",))
    assert [output.feed(b"as"), output.feed(late), output.finish()] == ["a", "", ""]
