"""Multiples of a number: the grammar read as a regular expression, against arithmetic with fractions."""

import functools
from collections.abc import Callable
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backends.local.multiple_grammar import multiples
from tests.backends.local.grammars import Book

NO_BOUNDS = (None, None, None, None)


@functools.cache
def admitted(
    step: float, bounds: tuple[float | None, ...] = NO_BOUNDS, *, whole: bool = False
) -> Callable[[object], bool]:
    book = Book()
    body = multiples(book.add, step, bounds, whole=whole)  # type: ignore[arg-type]  # four of them
    assert body
    return lambda value: book.admits(body, str(value))


steps = st.sampled_from([2, 3, 5, 7, 10, 25, 64, 97, 100, 250, 1_000, 1_000_000])
values = st.integers(-3_000, 3_000)


@settings(deadline=None, max_examples=60)
@given(steps, values, st.booleans())
def test_a_whole_number_is_admitted_exactly_when_it_is_a_multiple(step: int, value: int, near: bool) -> None:
    value = value * step if near else value
    assert admitted(step, whole=True)(value) == (value % step == 0)


@settings(deadline=None, max_examples=60)
@given(steps, values, values, values)
def test_bounds_hold_exactly_for_whole_multiples(step: int, one: int, other: int, value: int) -> None:
    low, high = sorted((one * step, other * step))
    admits = admitted(step, (low, None, high, None), whole=True)
    for near in (value, value * step, low, high, low - step, high + step):
        assert admits(near) == (low <= near <= high and near % step == 0)


@settings(deadline=None, max_examples=60)
@given(steps, values)
def test_exclusive_bounds_are_excluded(step: int, low: int) -> None:
    admits = admitted(step, (None, low * step, None, (low + 300) * step), whole=True)
    found = [admits((low + offset) * step) for offset in (0, 1, 299, 300)]
    assert found == [False, True, True, False]


@settings(deadline=None, max_examples=60)
@given(st.sampled_from([0.01, 0.05, 0.25, 0.5, 2.5, 0.001, 0.3, 1.25, 0.97]), st.integers(-90_000, 90_000))
def test_a_decimal_that_is_admitted_is_a_multiple_and_every_positive_one_is(step: float, number: int) -> None:
    admits, exact = admitted(step), Fraction(str(step))
    decimals = len(str(step).partition(".")[2])
    for value in (number * exact, Fraction(number, 10**decimals)):
        text = f"{float(value):.{decimals}f}"
        assert not admits(text) or value % exact == 0
        if value >= 1 and value % exact == 0:
            assert admits(text)


@settings(deadline=None, max_examples=60)
@given(st.integers(-40, 40), st.integers(0, 5_000))
def test_money_between_bounds_stays_between_them(low: int, cents: int) -> None:
    high = low + 30
    admits = admitted(0.01, (low, None, None, high))
    for value in (Fraction(cents, 100), Fraction(-cents, 100)):
        if admits(f"{float(value):.2f}"):
            assert low <= value < high


def test_few_multiples_are_written_out() -> None:
    assert multiples(Book().add, 0.1, (0, None, 0.3, None), whole=False) == '"0" | "0.1" | "0.2" | "0.3"'
    assert multiples(Book().add, 0.1, (-0.1, None, 0, None), whole=False) == '"-0.1" | "0"'
    assert multiples(Book().add, 1e300, NO_BOUNDS, whole=True) == '"0"'


def test_a_whole_multiple_of_a_fraction_is_one_of_its_numerator() -> None:
    admits = admitted(1.5, whole=True)
    assert [admits(value) for value in (0, 3, 6, 4, -9)] == [True, True, True, False, True]


@pytest.mark.parametrize(
    ("step", "bounds"),
    [
        (7, (1, None, 6, None)),
        (0.0000000001, NO_BOUNDS),
        (1e-300, NO_BOUNDS),
        (3, (None, 3, None, 6)),
        (1_009, NO_BOUNDS),
    ],
)
def test_what_cannot_be_held_gives_nothing(step: float, bounds: tuple[float | None, ...]) -> None:
    assert not multiples(Book().add, step, bounds, whole=False)  # type: ignore[arg-type]  # as above


def test_a_long_remainder_between_near_bounds_is_written_out() -> None:
    admits = admitted(1_009, (0, None, 10_000, None))
    assert [admits(value) for value in (0, 1_009, 9_081, 10_090)] == [True, True, True, False]
