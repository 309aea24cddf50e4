"""Number ranges: the grammar read as a regular expression, against arithmetic."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backends.local.number_grammar import integer_range, number_range


def as_pattern(grammar: str) -> re.Pattern[str]:
    """Our number grammars use literals, classes, counts and groups only, which regular expressions share."""
    text = re.sub(r'"([^"]*)"', lambda found: re.escape(found.group(1)), grammar)
    return re.compile(text.replace(" ", ""))


bounds = st.integers(-12_345, 12_345)


@given(bounds, bounds, st.integers(-15_000, 15_000))
def test_an_integer_is_admitted_exactly_when_it_is_in_the_range(one: int, other: int, value: int) -> None:
    low, high = sorted((one, other))
    admitted = as_pattern(integer_range(low, None, high, None)).fullmatch(str(value)) is not None
    assert admitted == (low <= value <= high)


@given(bounds, bounds, st.integers(-15_000, 15_000))
def test_exclusive_bounds_are_excluded(low: int, extra: int, value: int) -> None:
    high = low + 2 + abs(extra)
    admitted = as_pattern(integer_range(None, low, None, high)).fullmatch(str(value)) is not None
    assert admitted == (low < value < high)


@given(st.integers(-300, 300), st.integers(2, 300), st.booleans(), st.integers(-1_500, 1_500))
def test_a_decimal_is_admitted_only_in_the_range(low: int, width: int, at_top: bool, thousandths: int) -> None:
    bounds = (low + 0.5, low + 0.5 + width)
    value = bounds[at_top] + thousandths / 1000
    text = f"{value:.3f}".rstrip("0").rstrip(".")
    admitted = as_pattern(number_range(bounds[0], None, bounds[1], None)).fullmatch(text) is not None
    assert not admitted or bounds[0] <= float(text) <= bounds[1]


@given(st.integers(-300, 300), st.integers(1, 300), st.integers(1, 999), st.data())
def test_every_fraction_between_whole_bounds_is_admitted(low: int, width: int, part: int, data: st.DataObject) -> None:
    whole = data.draw(st.integers(low, low + width - 1))
    value = whole + part / 1000
    assert as_pattern(number_range(None, low, None, low + width)).fullmatch(f"{value:.3f}".rstrip("0"))


@pytest.mark.parametrize("text", ["-0", "00", "01", "+1", "1.", ".5", "1.0", "-", ""])
def test_odd_spellings_are_not_admitted(text: str) -> None:
    assert as_pattern(number_range(-5, None, 5, None)).fullmatch(text) is None


def test_an_empty_range_gives_nothing() -> None:
    assert integer_range(3, None, 2, None) == ""
    assert number_range(0.2, None, 0.8, None) == ""
