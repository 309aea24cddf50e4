"""Reads dates by code, in English and Spanish, US order for slashes unless the numbers forbid it.

A two-digit year lies between 1950 and 2049, that of a birth between 1930 and 2029. A date without a
year takes the year that brings it nearest to the dated one told before it (else after it); a birth
dates nothing else. When the text dates nothing, the year stays XXXX. Relative dates ("last Tuesday")
are kept as text.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
import re
from collections.abc import Iterator
from dataclasses import dataclass

from mediator.claims.date_patterns import (
    AFTER_SUBJECT,
    BARE_YEAR,
    BORN,
    BORN_AFTER,
    COUNTED,
    FRACTION,
    HOLIDAYS,
    MONTHS,
    MORE_DAYS,
    NUMBERED,
    ORDINALS,
    PART_OF,
    PATTERNS,
    RELATIVE,
    SINCE,
)
from mediator.claims.report import DateMention

__all__ = ["find_dates"]

_SHIFTS = {"after": 1, "before": -1}
#: Stories run forward: how much a step back from the date told before weighs, and one past the date told next.
_STEP_BACK, _STEP_PAST = 1.3, 2.0
#: A beginning ("since March 2015") this many years before the next date is background and dates nothing else.
_LONG_AGO = 2
#: A birth in a two-digit year from here on was a hundred years before.
_NO_BIRTH_YET = 2030


@dataclass(frozen=True, slots=True)
class _Found:
    start: int
    end: int
    year: int | None
    month: int | None
    day: int | None
    born: bool = False
    since: bool = False


def find_dates(text: str, today: dt.date | None = None) -> list[DateMention]:
    """Every date that ``text`` tells, in order. ``today`` fills ``nearest_earlier`` of undated years."""
    told = sorted(_without_overlap(text, _explicit(text)), key=lambda item: item.start)
    found = _with_years([_with_sense(text, item) for item in told])
    mentions = [_mention(text, item, today) for item in found if item.month is not None]
    taken = bytearray(len(text))
    for item in found:
        taken[item.start : item.end] = b"\x01" * (item.end - item.start)
    mentions.extend(
        DateMention(mention=match["y"], iso=match["y"], start=match.start("y"), end=match.end("y"))
        for match in BARE_YEAR.finditer(text)
        if not any(taken[match.start("y") : match.end("y")])
    )
    mentions.extend(
        DateMention(mention=match.group(), iso=None, start=match.start(), end=match.end())
        for match in RELATIVE.finditer(text)
        if not any(taken[match.start() : match.end()])
    )
    return sorted(mentions, key=lambda mention: mention.start)


def _explicit(text: str) -> Iterator[_Found]:
    for pattern in PATTERNS:
        for match in pattern.finditer(text):
            first = None if _is_something_else(text, match) else _read(match)
            if first is None:
                continue
            yield first
            if first.month is not None and first.day is not None and "mn" in match.re.groupindex:
                yield from _days_that_follow(text, first)


def _is_something_else(text: str, match: re.Match[str]) -> bool:
    """Numbers of versions, cases and sections, fractions, and the verbs "may" and "march"."""
    before = text[max(0, match.start() - 14) : match.start()]
    groups = match.groupdict()
    if groups.get("mn"):
        verb = groups["mn"] in {"may", "march", "mar"} and groups.get("y") is None
        return verb and (AFTER_SUBJECT.search(before) is not None or COUNTED.match(text, match.end()) is not None)
    if groups.get("holiday"):
        return False
    if FRACTION.match(match.group()) and PART_OF.match(text, match.end()):
        return True
    return NUMBERED.search(before) is not None


def _days_that_follow(text: str, first: _Found) -> Iterator[_Found]:
    """``March 3, 5 and 9, 2025``: the days that share the month."""
    position, days = first.end, []
    while (match := MORE_DAYS.match(text, position)) is not None:
        days.append((match.start("d"), match.end(), _day(match["d"]), match["y"]))
        position = match.end()
        if match["y"] is not None:
            break
    for start, end, day, year in days:
        own = _year(year) if year is not None else first.year
        if _exists(own, first.month, day):
            yield _Found(start, end, own, first.month, day)


def _read(match: re.Match[str]) -> _Found | None:
    groups = match.groupdict()
    if groups.get("holiday"):
        return _read_holiday(match)
    if groups.get("bare"):
        return _Found(match.start("bare"), match.end("bare"), None, None, _day(groups["bare"]))
    year = _year(groups["y"]) if groups.get("y") else None
    if groups.get("a"):
        month, day = int(groups["a"]), int(groups["b"])
        if month > 12 >= day:
            month, day = day, month
    else:
        month = MONTHS[groups["mn"].lower().rstrip(".")] if groups.get("mn") else int(groups["m"])
        day = _day(groups["d"]) if groups.get("d") else None  # type: ignore[assignment]  # None: a month alone
    if not _exists(year, month, day):
        return None
    return _Found(match.start(), match.end(), year, month, day)


def _read_holiday(match: re.Match[str]) -> _Found | None:
    if (
        match["y"] is None
        and match["shift"] is None
        and match["holiday"].lower() in {"christmas", "navidad", "halloween"}
    ):
        return None
    month, day = HOLIDAYS[match["holiday"].lower().replace("’", "'")]
    shift = _SHIFTS[match["shift"].split()[-1].lower()] if match["shift"] else 0
    moved = dt.date(2023, month, day) + dt.timedelta(days=shift)
    return _Found(match.start(), match.end(), _year(match["y"]) if match["y"] else None, moved.month, moved.day)


def _without_overlap(text: str, items: Iterator[_Found]) -> list[_Found]:
    kept: list[_Found] = []
    taken = bytearray(len(text))
    for item in items:
        # "March 3" inside "March 3, 2025" adds nothing: the longer pattern stands first and stays.
        if not any(taken[item.start : item.end]):
            kept.append(item)
            taken[item.start : item.end] = b"\x01" * (item.end - item.start)
    return kept


def _mention(text: str, item: _Found, today: dt.date | None) -> DateMention:
    nearest = None
    if item.year is None and today is not None:
        nearest = _iso(dataclasses.replace(item, year=_latest_year(item, today)))
    return DateMention(
        mention=text[item.start : item.end],
        iso=_iso(item),
        start=item.start,
        end=item.end,
        nearest_earlier=nearest,
    )


def _with_sense(text: str, item: _Found) -> _Found:
    """Whether the date is that of a birth, or of how long something has been so."""
    before = text[max(0, item.start - 60) : item.start]
    born = BORN.search(before) is not None or BORN_AFTER.match(text, item.end) is not None
    written = text[item.start : item.end]
    if born and item.year is not None and item.year >= _NO_BIRTH_YET and str(item.year) not in written:
        return dataclasses.replace(item, born=True, year=item.year - 100)
    return dataclasses.replace(item, born=born, since=SINCE.search(before) is not None)


def _with_years(found: list[_Found]) -> list[_Found]:
    """Fill the years that were not told from the date before, else from the first dated one after."""
    filled: list[_Found] = []
    anchor: _Found | None = None
    for place, item in enumerate(found):
        known = item
        if item.month is None:
            known = _in_month_of(item, filled)
        elif item.year is None:
            nearest = anchor or next((other for other in found[place:] if _dates_others(other, found)), None)
            if nearest is not None:
                known = dataclasses.replace(item, year=_nearest_year(item, nearest))
        filled.append(known)
        if known.year is not None and _dates_others(known, found):
            anchor = known
    return filled


def _dates_others(item: _Found, found: list[_Found]) -> bool:
    """Whether dates without a year can be told by this one: not by a birth, nor by what began long ago."""
    if item.year is None or item.month is None or item.born:
        return False
    others = [other.year for other in found if other.year and other.month and not other.born and not other.since]
    return not item.since or not others or min(others) - item.year < _LONG_AGO


def _nearest_year(item: _Found, anchor: _Found) -> int | None:
    """The year nearest to the anchor, on the side where the story has it."""
    assert anchor.year is not None
    there = _position(anchor.year, anchor)
    back, past = (1.0, _STEP_PAST) if anchor.start > item.start else (_STEP_BACK, 1.0)

    def distance(year: int) -> float:
        step = _position(year, item) - there
        return past * step if step >= 0 else -back * step

    years = [anchor.year + step for step in (0, -1, 1) if _exists(anchor.year + step, item.month, item.day)]
    return min(years, key=distance, default=None)


def _in_month_of(item: _Found, before: list[_Found]) -> _Found:
    """``Friday, the 24th``: a day of the month told before it, or of the next month when that day is past."""
    anchor = next((o for o in reversed(before) if o.month is not None and o.day is not None and not o.born), None)
    if anchor is None or anchor.month is None or anchor.day is None or item.day is None:
        return item
    month, year = anchor.month, anchor.year
    if item.day < anchor.day:
        month = month % 12 + 1
        year = year + 1 if year is not None and month == 1 else year
    return dataclasses.replace(item, month=month, year=year) if _exists(year, month, item.day) else item


def _position(year: int, item: _Found) -> int:
    return year * 372 + (item.month or 1) * 31 + (item.day or 15)


def _latest_year(item: _Found, today: dt.date) -> int:
    return today.year if (item.month or 1, item.day or 1) <= (today.month, today.day) else today.year - 1


def _iso(item: _Found) -> str:
    head = "XXXX" if item.year is None else f"{item.year:04d}"
    return head + (f"-{item.month:02d}" if item.month else "") + (f"-{item.day:02d}" if item.day else "")


def _year(text: str) -> int:
    digits = int(re.sub(r"\D", "", text))
    if digits >= 100:
        return digits
    return 2000 + digits if digits < 50 else 1900 + digits


def _day(text: str) -> int:
    word = text.lower().replace(" ", "-")
    return ORDINALS[word] if word in ORDINALS else int(re.sub(r"\D", "", text))


def _exists(year: int | None, month: int | None, day: int | None) -> bool:
    try:
        dt.date(2024 if year is None else year, month or 1, 1 if day is None else day)
    except ValueError:
        return False
    return True
