"""Reads dates by code, in English and Spanish, US order for slashes unless the numbers forbid it.

A two-digit year lies between 1970 and 2069 and never a century back. A date without a year takes the
year that brings it nearest to the dated one told before it (else after it); when the text dates
nothing, the year stays XXXX. Relative dates ("last Tuesday") are kept as text.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
import re
from collections.abc import Iterator
from dataclasses import dataclass

from mediator.claims.report import DateMention

__all__ = ["find_dates"]

_MONTH_NAMES = (
    ("january", "jan", "janurary", "januray", "enero", "ene"),
    ("february", "feb", "febuary", "feburary", "febrero", "febr"),
    ("march", "mar", "marzo"),
    ("april", "apr", "apirl", "abril", "abr"),
    ("may", "mayo"),
    ("june", "jun", "junio"),
    ("july", "jul", "julio"),
    ("august", "aug", "agust", "augst", "agosto", "ago"),
    ("september", "sept", "sep", "septemeber", "setember", "setiembre", "septiembre"),
    ("october", "oct", "ocotber", "octobre", "octubre"),
    ("november", "nov", "novemeber", "noviembre"),
    ("december", "dec", "decemeber", "deciembre", "diciembre", "dic"),
)
_MONTHS = {name: number for number, names in enumerate(_MONTH_NAMES, 1) for name in names}
_MONTH = "(?:" + "|".join(sorted(_MONTHS, key=len, reverse=True)) + r")\b\.?"
_DAY_NAME = r"(?:mon|tues?|wed(?:nes)?|thu(?:rs)?|fri|sat(?:ur)?|sun)(?:day)?\b\.?"
_DAY = r"(?:0?[1-9]|[12]\d|3[01])(?:st|nd|rd|th|º|ro)?(?!\d)"
_YEAR = r"(?:(?:19|20)\d{2}(?!\d)|['’]\d{2}(?!\d))"
_HOLIDAYS = {
    "christmas eve": (12, 24), "christmas day": (12, 25), "christmas": (12, 25), "new year's eve": (12, 31),
    "new year's day": (1, 1), "new years day": (1, 1), "new years eve": (12, 31), "halloween": (10, 31),
    "valentine's day": (2, 14), "valentines day": (2, 14), "fourth of july": (7, 4), "4th of july": (7, 4),
    "nochebuena": (12, 24), "navidad": (12, 25), "juneteenth": (6, 19),
}  # fmt: skip
_HOLIDAY = "|".join(sorted(_HOLIDAYS, key=len, reverse=True)).replace("'", "['’]")

_PATTERNS = tuple(
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        r"(?<![\d/.-])(?P<y>(?:19|20)\d{2})-(?P<m>\d{1,2})-(?P<d>\d{1,2})(?![\d/-])",
        r"(?<![\d/.-])(?P<y>(?:19|20)\d{2})/(?P<m>\d{1,2})/(?P<d>\d{1,2})(?![\d/])",
        r"(?<![\d/.-])(?P<a>\d{1,2})(?P<sep>[/.-])(?P<b>\d{1,2})(?P=sep)(?P<y>(?:19|20)\d{2}|\d{2})(?![\d/-]|\.\d)",
        rf"\b(?P<mn>{_MONTH})\s+(?P<d>{_DAY})(?:,\s*|\s+(?:of\s+|in\s+)?)(?P<y>{_YEAR})",
        rf"\b(?P<d>{_DAY})\s*(?:of\s+|de\s+|-)?\s*(?P<mn>{_MONTH})(?:,?\s*(?:of\s+|del?\s+(?:año\s+)?|"
        rf"-)?)(?P<y>{_YEAR})",
        rf"\b(?P<mn>{_MONTH})\s+(?P<d>{_DAY})\b(?!\s*(?:%|percent|people|hours|years old|pm\b|am\b|:\d))",
        rf"\b(?P<d>{_DAY})\s+(?:of\s+|de\s+)?(?P<mn>{_MONTH})(?![\w])",
        rf"\b(?P<mn>{_MONTH})(?:,\s*|\s+(?:of\s+|del?\s+(?:año\s+)?)?)(?P<y>{_YEAR})",
        r"(?:(?<=\bon )|(?<=\bsince )|(?<=\bby )|(?<=\buntil )|(?<=\btill )|(?<=\bfrom )|(?<=\bdated )|"
        r"(?<=\bel )|(?<=\bof )"
        r"|(?<=[*•-] )|(?<=\n))(?P<m>0?[1-9]|1[0-2])/(?P<d>0?[1-9]|[12]\d|3[01])(?![\d/])",
        r"(?<![\d/.-])(?P<m>0?[1-9]|1[0-2])/(?P<y>(?:19|20)\d{2})(?![\d/])",
        rf"\b(?:(?P<shift>the day after|day after|the day before|"
        rf"day before)\s+)?(?P<holiday>{_HOLIDAY})(?:,?\s+(?:of\s+|in\s+)?(?P<y>{_YEAR}))?",
        rf"\b{_DAY_NAME},?\s+(?:the\s+)(?P<bare>(?:[1-9]|[12]\d|3[01])(?:st|nd|rd|th))\b(?!\s+(?:floor|street|"
        rf"st\b|ave|grade|time))",
    )
)
_MORE_DAYS = re.compile(
    rf"\s*(?:,|and|&|y|-|–|to|through|thru|or)\s*(?P<d>{_DAY})(?:(?:,\s*|"
    rf"\s+(?:de\s+)?)(?P<y>{_YEAR}))?(?![\w/:%$]|\s*(?:am|pm|a\.m|p\.m|days|hours|weeks|months|years|of us|"
    rf"people|times|more|other|calls|texts|messages|feet|units|men|women|kids|children|dollars|percent|"
    rf"{_MONTH})\b)",
    re.IGNORECASE,
)
_BARE_YEAR = re.compile(
    r"\b(?:in|since|from|until|till|by|during|of|desde|en|early|late|mid)[ -](?:the\s+)?(?:(?:spring|"
    r"summer|fall|autumn|winter)\s+of\s+)?(?P<y>(?:19[7-9]|20[0-6])\d)\b(?![-/.]\d|['’]s|\s*(?:dollars|sq|"
    r"square|miles|hours|people|honda|toyota|ford))",
    re.IGNORECASE,
)
_RELATIVE = re.compile(
    r"\b(?:(?:last|next|this|this past|the following|the next)\s+(?:week|month|year|summer|winter|spring|fall|night|"
    r"weekend|monday|tuesday|wednesday|thursday|friday|saturday|sunday|january|february|march|april|may|june|july|"
    r"august|september|october|november|december|christmas|thanksgiving)"
    r"|yesterday|(?:the\s+)?day before yesterday|two days ago|(?:a|an|one|two|three|four|five|six|seven|eight|nine|ten|"
    r"eleven|twelve|\d+)\s+(?:days?|weeks?|months?|years?|hours?)\s+(?:ago|later|before|after)|"
    r"the (?:next|same|following) (?:day|morning|night|week|month)"
    r"|la semana pasada|el (?:mes|año) pasado|ayer|anteayer|hace (?:\w+|\d+) (?:días?|semanas?|mes(?:es)?|años?))\b",
    re.IGNORECASE,
)
_SHIFTS = {"after": 1, "before": -1}


@dataclass(frozen=True, slots=True)
class _Found:
    start: int
    end: int
    year: int | None
    month: int | None
    day: int | None
    shift: int = 0


def find_dates(text: str, today: dt.date | None = None) -> list[DateMention]:
    """Every date that ``text`` tells, in order. ``today`` fills ``nearest_earlier`` of undated years."""
    found = _with_years(sorted(_without_overlap(_explicit(text)), key=lambda item: item.start))
    mentions = [_mention(text, item, today) for item in found if item.month is not None]
    taken = [(item.start, item.end) for item in found]
    mentions.extend(
        DateMention(mention=match["y"], iso=match["y"], start=match.start("y"), end=match.end("y"))
        for match in _BARE_YEAR.finditer(text)
        if _free(match.span("y"), taken)
    )
    mentions.extend(
        DateMention(mention=match.group(), iso=None, start=match.start(), end=match.end())
        for match in _RELATIVE.finditer(text)
        if _free(match.span(), taken)
    )
    return sorted(mentions, key=lambda mention: mention.start)


def _explicit(text: str) -> Iterator[_Found]:
    for pattern in _PATTERNS:
        for match in pattern.finditer(text):
            first = _read(match)
            if first is None:
                continue
            yield first
            if first.month is not None and first.day is not None and "mn" in match.re.groupindex:
                yield from _days_that_follow(text, first)


def _days_that_follow(text: str, first: _Found) -> Iterator[_Found]:
    """``March 3, 5 and 9, 2025``: the days that share the month."""
    position, days = first.end, []
    while (match := _MORE_DAYS.match(text, position)) is not None:
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
        month = _MONTHS[groups["mn"].lower().rstrip(".")] if groups.get("mn") else int(groups["m"])
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
    month, day = _HOLIDAYS[match["holiday"].lower().replace("’", "'")]
    shift = _SHIFTS[match["shift"].split()[-1].lower()] if match["shift"] else 0
    moved = dt.date(2023, month, day) + dt.timedelta(days=shift)
    return _Found(match.start(), match.end(), _year(match["y"]) if match["y"] else None, moved.month, moved.day)


def _without_overlap(items: Iterator[_Found]) -> list[_Found]:
    kept: list[_Found] = []
    for item in items:
        # "March 3" inside "March 3, 2025" adds nothing: the longer pattern stands first and stays.
        if all(item.end <= other.start or other.end <= item.start for other in kept):
            kept.append(item)
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


def _with_years(found: list[_Found]) -> list[_Found]:
    """Fill the years that were not told from the date before, else from the first dated one after."""
    filled: list[_Found] = []
    anchor = next((item for item in found if item.year is not None and item.month is not None), None)
    for item in found:
        known = item
        if item.month is None:
            known = _in_month_of(item, filled)
        elif item.year is None and anchor is not None:
            known = dataclasses.replace(item, year=_nearest_year(item, anchor))
        filled.append(known)
        if known.year is not None and known.month is not None:
            anchor = known
    return filled


def _nearest_year(item: _Found, anchor: _Found) -> int | None:
    """The year nearest to the anchor; stories run forward, so a step back weighs a third more."""
    assert anchor.year is not None
    there = _position(anchor.year, anchor)

    def distance(year: int) -> float:
        step = _position(year, item) - there
        return step if step >= 0 else -1.3 * step

    years = [anchor.year + step for step in (0, -1, 1) if _exists(anchor.year + step, item.month, item.day)]
    return min(years, key=distance, default=None)


def _in_month_of(item: _Found, before: list[_Found]) -> _Found:
    """``Friday, the 24th``: a day of the month told before it, or of the next month when that day is past."""
    anchor = next((other for other in reversed(before) if other.month is not None and other.day is not None), None)
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
    return 2000 + digits if digits < 70 else 1900 + digits


def _day(text: str) -> int:
    return int(re.sub(r"\D", "", text))


def _exists(year: int | None, month: int | None, day: int | None) -> bool:
    try:
        dt.date(2024 if year is None else year, month or 1, 1 if day is None else day)
    except ValueError:
        return False
    return True


def _free(span: tuple[int, int], taken: list[tuple[int, int]]) -> bool:
    return all(span[1] <= start or end <= span[0] for start, end in taken)
