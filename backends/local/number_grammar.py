"""Grammars for numbers between two bounds: what is admitted lies between them, exactly."""

from __future__ import annotations

import math
from collections.abc import Iterator

__all__ = ["MOST_DIGITS", "digit_blocks", "integer_range", "number_range"]

Bound = int | float | None

# Digits of a number that has a bound on one side only.
MOST_DIGITS = 15
# Not all zeros, so that 0.x is never 0.
_FRACTION = '"." [0-9]{0,14} [1-9]'


def integer_range(minimum: Bound, above: Bound, maximum: Bound, below: Bound) -> str:
    """A grammar expression for the whole numbers in the range, or nothing when there are none.

    ``above`` and ``below`` are the exclusive bounds.
    """
    low, high = _whole_bounds(minimum, above, maximum, below)
    return " | ".join(_integers(low, high))


def number_range(minimum: Bound, above: Bound, maximum: Bound, below: Bound) -> str:
    """The same for decimal numbers: whole ones, and all fractions between two whole ones in the range."""
    low, high = _whole_bounds(minimum, above, maximum, below)
    parts = list(_integers(low, high))
    # k.x is above k and below k + 1, so it may stand where both are bounds, excluded or not.
    low, high = _whole_bounds(minimum, None, maximum, None)
    low, high = (
        max(low, _whole_bounds(above, None, None, None)[0]),
        min(high, _whole_bounds(None, None, below, None)[1]),
    )
    parts += [f"({part}) {_FRACTION}" for part in _magnitudes(max(0, low), high - 1)]
    parts += [f'"-" ({part}) {_FRACTION}' for part in _magnitudes(max(0, -high), -low - 1)]
    return " | ".join(parts)


def _whole_bounds(minimum: Bound, above: Bound, maximum: Bound, below: Bound) -> tuple[int, int]:
    limit = 10**MOST_DIGITS - 1
    low, high = -limit, limit
    if minimum is not None:
        low = max(low, _ceil(minimum, limit))
    if above is not None:
        low = max(low, _floor(above, limit) + 1)
    if maximum is not None:
        high = min(high, _floor(maximum, limit))
    if below is not None:
        high = min(high, _ceil(below, limit) - 1)
    return low, high


def _ceil(value: int | float, limit: int) -> int:
    return math.ceil(max(-limit, min(limit, value)))


def _floor(value: int | float, limit: int) -> int:
    return math.floor(max(-limit, min(limit, value)))


def _integers(low: int, high: int) -> Iterator[str]:
    if low > high:
        return
    if low < 0:
        for part in _magnitudes(max(1, -high), -low):
            yield f'"-" {part}'
    if high >= 0:
        yield from _magnitudes(max(0, low), high)


def _magnitudes(low: int, high: int) -> Iterator[str]:
    """Patterns for the digits of ``low`` to ``high``, none of them negative."""
    for fixed, first, last, free in digit_blocks(low, high):
        digits = f"[{first}-{last}]" if last > first else f'"{first}"'
        prefix = f'"{fixed}" ' if fixed else ""
        suffix = f" [0-9]{{{free}}}" if free else ""
        yield f"{prefix}{digits}{suffix}"


def digit_blocks(low: int, high: int) -> Iterator[tuple[str, int, int, int]]:
    """``low`` to ``high`` as (fixed digits, next digit from, to, number of free digits behind), none negative."""
    while low <= high:
        # As many free digits at the end as the range allows from ``low`` on.
        free = 0
        while low % 10 ** (free + 1) == 0 and low + 10 ** (free + 1) - 1 <= high and low >= 10 ** (free + 1):
            free += 1
        step = 10**free
        head = low // step
        last = head % 10
        # How far the last fixed digit may run.
        run = min(9 - last, (high - low + 1) // step - 1)
        yield str(head)[:-1], last, last + run, free
        low += (run + 1) * step
