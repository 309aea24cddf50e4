"""How values read on a page: sizes, days, numbers of things, and text with nothing in it that could mislead."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping
from typing import Any

from markupsafe import Markup, escape

from mediator.draft.model import MISSING

__all__ = ["FILTERS", "count", "day", "missing", "moment", "plain", "size"]

_UNITS = ("bytes", "KB", "MB", "GB", "TB")
# Marks that turn the reading direction around: a file name could look like another one with them.
_TURNING = frozenset(map(chr, (0x061C, 0x200E, 0x200F, *range(0x202A, 0x202F), *range(0x2066, 0x206A))))
_PICTURE_OF_CONTROL = 0x2400


def size(number: int) -> str:
    """1536 -> "1.5 KB"."""
    value, unit = float(number), 0
    while value >= 1000 and unit < len(_UNITS) - 1:
        value, unit = value / 1000, unit + 1
    return f"{number} bytes" if unit == 0 else f"{value:.1f} {_UNITS[unit]}"


def day(value: dt.date | dt.datetime | str) -> str:
    """A date as people write it: "March 3, 2025". A text that is no ISO date is shown as it is."""
    if not isinstance(value, str):
        return f"{value:%B} {value.day}, {value.year}"
    try:
        return day(dt.date.fromisoformat(value))
    except ValueError:
        return value


def moment(value: dt.datetime | str) -> str:
    """A point in time, to the minute, in UTC."""
    if not isinstance(value, str):
        there = value.astimezone(dt.UTC)
        return f"{day(there)}, {there:%H:%M} UTC"
    try:
        return moment(dt.datetime.fromisoformat(value))
    except ValueError:
        return value


def count(number: int, one: str, many: str | None = None) -> str:
    """1, "file" -> "1 file"; 2 -> "2 files"."""
    return f"{number} {one if number == 1 else many or one + 's'}"


def plain(text: str) -> str:
    """A name on one line: no control character acts, no mark turns the direction."""
    return "".join(_visible(character) for character in text if character not in _TURNING)


def _visible(character: str) -> str:
    code = ord(character)
    if code < 0x20:
        return chr(_PICTURE_OF_CONTROL + code)
    return "␡" if code == 0x7F else character


def missing(text: str) -> Markup:
    """The text, with the word for what nobody told marked so that nobody overlooks it."""
    return Markup('<span class="missing">MISSING</span>').join(escape(part) for part in text.split(MISSING))


FILTERS: Mapping[str, Callable[..., Any]] = {
    "size": size,
    "day": day,
    "moment": moment,
    "count": count,
    "missing": missing,
    "plain": plain,
}
