"""Grammars for the multiples of a number, between bounds: 0.01 for money, 5, 250.

Few multiples are written out. Otherwise a digit is admitted by what the digits before it leave over, so there is a
rule for each remainder and each number of digits that follow.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from fractions import Fraction

from backends.local.gbnf import literal
from backends.local.number_grammar import MOST_DIGITS, digit_blocks

__all__ = ["multiples"]

Bound = int | float | None

# Up to so many are written out.
_FEW = 64
# Remainders, factors of ten aside, and decimals beyond which a grammar gets slow.
_MOST_REMAINDERS = 128
_MOST_DECIMALS = 9


def multiples(
    add: Callable[[str, str], str], step: int | float, bounds: tuple[Bound, Bound, Bound, Bound], *, whole: bool
) -> str:
    """A grammar expression for the multiples of ``step``, or nothing when there are none or it cannot be done.

    ``add`` takes a rule's name and body; ``bounds`` are minimum, exclusive minimum, maximum, exclusive maximum.
    """
    # As the schema spells it: 0.1 is a tenth, not the binary number nearest to it.
    exact = Fraction(str(step))
    if whole:
        # A whole number is a multiple of p/q, in lowest terms, when it is one of p.
        exact = Fraction(exact.numerator)
    decimals = _decimals(exact)
    if decimals > _MOST_DECIMALS:
        return ""
    scale = 10**decimals
    low, high = _range(bounds, scale)
    factor = int(exact * scale)
    first, last = -(-low // factor), high // factor
    if last - first < _FEW:
        return " | ".join(literal(_spelled(number * factor, decimals)) for number in range(first, last + 1))
    parts = list(_Digits(add, factor, decimals).parts(low, high))
    if decimals:
        # And those that are whole, spelled without a point.
        parts.append(multiples(add, exact.numerator, bounds, whole=True))
    return " | ".join(filter(None, parts))


def _decimals(exact: Fraction) -> int:
    return next((places for places in range(400) if (exact * 10**places).denominator == 1), 400)


def _range(bounds: tuple[Bound, Bound, Bound, Bound], scale: int) -> tuple[int, int]:
    """The lowest and the highest number of units of 1 / ``scale``."""
    limit = 10**MOST_DIGITS - 1
    minimum, above, maximum, below = (None if bound is None else _units(bound, scale) for bound in bounds)
    low = max(
        -limit,
        -limit if minimum is None else math.ceil(minimum),
        -limit if above is None else math.floor(above) + 1,
    )
    high = min(
        limit,
        limit if maximum is None else math.floor(maximum),
        limit if below is None else math.ceil(below) - 1,
    )
    return low, high


def _units(bound: int | float, scale: int) -> Fraction:
    if math.isinf(bound):
        return Fraction(10 ** (MOST_DIGITS + 1)) * (1 if bound > 0 else -1)
    return Fraction(str(bound)) * scale


def _spelled(units: int, decimals: int) -> str:
    digits = str(abs(units)).rjust(decimals + 1, "0")
    whole, fraction = digits[: len(digits) - decimals], digits[len(digits) - decimals :].rstrip("0")
    return f"{'-' if units < 0 else ''}{whole}{'.' if fraction else ''}{fraction}"


class _Digits:
    """Numbers of units, with the point before the last ``decimals`` digits, that ``factor`` divides."""

    def __init__(self, add: Callable[[str, str], str], factor: int, decimals: int) -> None:
        self._add = add
        self._factor = factor
        self._decimals = decimals
        # The last digits of a multiple of 10^zeros * odd are zeros, and those before them a multiple of the odd part.
        # With decimals there are none: the fewest were taken.
        self._zeros = 0
        while factor % 10 ** (self._zeros + 1) == 0:
            self._zeros += 1
        self._odd = factor // 10**self._zeros
        self._names: dict[tuple[int, int], str | None] = {}

    def parts(self, low: int, high: int) -> Iterator[str]:
        if self._odd > _MOST_REMAINDERS:
            return
        scale = 10**self._decimals
        # Whole parts with which every fraction is within the bounds.
        yield from self._magnitudes(max(0, -(-low // scale)), (high + 1) // scale - 1, "")
        yield from self._magnitudes(max(1, -(high // scale)), (1 - low) // scale - 1, "-")

    def _magnitudes(self, low: int, high: int, sign: str) -> Iterator[str]:
        for fixed, first, last, free in digit_blocks(low, high):
            for digit in range(first, last + 1):
                tail = self._tail(free + self._decimals, int(f"{fixed}{digit}"))
                if tail is not None:
                    yield f"{literal(f'{sign}{fixed}{digit}')} {tail}".strip()

    def _tail(self, left: int, before: int) -> str | None:
        """What may follow ``before`` with ``left`` digits; None when no multiple begins so."""
        if left < self._zeros:
            return _zeros(left) if before * 10**left % self._factor == 0 else None
        remainder = before % self._odd
        if left == self._zeros:
            return _zeros(left) if remainder == 0 else None
        key = (left, remainder)
        if key not in self._names:
            options = [(digit, self._tail(left - 1, remainder * 10 + digit)) for digit in range(10)]
            bodies = [f'"{digit}" {tail}'.strip() for digit, tail in options if tail is not None]
            point = '"." ' if left == self._decimals else ""
            name = f"multiple-{self._factor}-{self._decimals}-{left}-{remainder}"
            self._names[key] = self._add(name, f"{point}({' | '.join(bodies)})") if bodies else None
        return self._names[key]


def _zeros(count: int) -> str:
    return literal("0" * count) if count else ""
