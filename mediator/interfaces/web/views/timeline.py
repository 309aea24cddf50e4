"""The timeline: every date that was told as a list, and those with a day or month on a line as a picture of it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass

from mediator.interfaces.web.shown import count, day
from mediator.view import CaseView, TimelineView

__all__ = ["Axis", "Dot", "Moment", "Tick", "axis", "moments"]

_LEFT, _RIGHT = 40, 760
_RADIUS = 12
_LEVEL = 34
_TICKS = 5


@dataclass(frozen=True, slots=True)
class Moment:
    """One date in the list. ``at`` places it on the line; None when it has no place there."""

    when: str
    iso: str | None
    at: dt.date | None
    about: str
    text: str
    mention: str
    where: str
    assumed: bool


@dataclass(frozen=True, slots=True)
class Dot:
    """A date on the line, with its number in the list."""

    number: int
    x: int
    y: int


@dataclass(frozen=True, slots=True)
class Tick:
    """A mark under the line."""

    x: int
    label: str
    anchor: str


@dataclass(frozen=True, slots=True)
class Axis:
    """The picture; ``text`` says the same in words."""

    height: int
    line: int
    dots: tuple[Dot, ...]
    ticks: tuple[Tick, ...]
    text: str


def moments(view: CaseView) -> tuple[Moment, ...]:
    """Every date that was told, in the order of the calendar."""
    return tuple(_moment(item) for item in view.timeline)


def _moment(item: TimelineView) -> Moment:
    placed = _placed(item.iso)
    return Moment(
        when=_when(item),
        iso=item.iso if placed is not None else None,
        at=placed,
        about=item.about or "",
        text=item.where.sentence or item.mention,
        mention=item.mention,
        where="From your story" if item.where.source == "story" else "From your answer",
        assumed=item.year_assumed,
    )


def _when(item: TimelineView) -> str:
    iso = item.iso
    if iso is None or iso.startswith("X"):
        return item.mention
    if len(iso) == 7:
        return f"{_placed(iso):%B %Y}"
    return day(iso)


def _placed(iso: str | None) -> dt.date | None:
    """The day of a whole date, the first day of a month or year; None for what no calendar holds."""
    if iso is None or iso.startswith("X"):
        return None
    try:
        return dt.date.fromisoformat({4: f"{iso}-01-01", 7: f"{iso}-01"}.get(len(iso), iso))
    except ValueError:
        return None


def axis(listed: Sequence[Moment]) -> Axis | None:
    """The line with its dots; None where there are not two different days to draw."""
    placed = [(number, moment.at) for number, moment in enumerate(listed, 1) if moment.at is not None]
    if len({at for _, at in placed}) < 2:
        return None
    first, last = min(at for _, at in placed), max(at for _, at in placed)
    span = (last - first).days

    def x(at: dt.date) -> int:
        return _LEFT + round((_RIGHT - _LEFT) * (at - first).days / span)

    levels: list[int] = []  # the right end of what stands on each level so far
    heights: list[tuple[int, int, int]] = []
    for number, at in sorted(placed, key=lambda item: item[1]):
        place = x(at)
        level = next((i for i, end in enumerate(levels) if place - _RADIUS > end), len(levels))
        levels[level:] = [place + _RADIUS, *levels[level + 1 :]]
        heights.append((number, place, level))
    line = 26 + _LEVEL * len(levels)
    dots = tuple(Dot(number, place, line - 20 - _LEVEL * level) for number, place, level in heights)
    days = [first + dt.timedelta(days=round(span * i / (_TICKS - 1))) for i in range(_TICKS)]
    anchors = ("start", *("middle",) * (_TICKS - 2), "end")
    ticks = tuple(Tick(x(at), f"{at:%b} {at.day}, {at.year}", anchor) for at, anchor in zip(days, anchors, strict=True))
    said = f"{count(len(placed), 'date')} from {day(first)} to {day(last)}. The list below has them all, by number."
    return Axis(line + 40, line, dots, ticks, said)
