"""Finds the names of children in what was told, and tells the sure ones from those that may be grown up.

A name is a child's for certain when the words around it tell an age under 18, a school year below
college, or that it is a baby. "My daughter Rosa" alone may be forty.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from mediator.claims.dates import find_dates
from mediator.claims.lexicon import word_set
from mediator.claims.text import sentences

__all__ = ["Minor", "find_minors"]

_FIRST = r"[A-ZÁÉÍÓÚÑ][a-záéíóúñü]+(?:[-'’][A-ZÁÉÍÓÚÑ][a-záéíóúñü]+)?"
_NAME = rf"(?P<name>{_FIRST}(?: {_FIRST}){{0,2}})"
_KIN = (
    r"(?:(?:step|grand|god)?-?(?:son|daughter|child|kid)|baby|infant|newborn|toddler|boy|girl|niece|nephew|"
    r"(?:little|younger|kid) (?:sister|brother)|hij[oa]|niet[oa]|sobrin[oa]|niñ[oa]|bebé)"
)
_OWN = r"(?:[Mm]y|[Oo]ur|[Hh]is|[Hh]er|[Tt]heir|[Tt]he|[Mm]i|[Ss]u|[Nn]uestr[oa]|[Aa]|[Ll]a|[Ee]l)"
_AGE_BEFORE = r"(?:(?P<before>\d{1,2}|[a-z]+)[- ](?P<unit>year|month|week|day)s?[- ]old,? ?)"
_CALLED = r"(?:is |was |, )?(?:(?:named|called|llamad[oa]|que se llama) )?\(?"
_AFTER_KIN = re.compile(rf"\b{_OWN} (?:(?!{_KIN}\b)[\w'-]+,? ){{0,3}}?{_KIN}(?: {_KIN})?,? {_CALLED}{_NAME}")
_AFTER_AGE = re.compile(rf"\b{_AGE_BEFORE}(?:{_KIN},? )?(?:named |called )?{_NAME}")
_BEFORE_KIN = re.compile(rf"\b{_NAME},? (?:is |was |who is )?(?:{_OWN}) (?:[\w'-]+ ){{0,3}}?{_KIN}\b")
_COUNTED = (
    "one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen "
    "eighteen nineteen twenty"
)
_WORDS = _COUNTED.split()
_SINGLE = r"(?=[ ,.;)!?]*(?:$|[,.;)!?]|and\b|years?\b))"
_AGES = (
    re.compile(r"(?i)\b(?P<n>\d{1,2}|[a-z]+)[- ](?P<unit>year|yr|month|week|day)s?[- ]old\b"),
    re.compile(r"(?i)\b(?:age|aged|turned|turning|edad de)[: ]+(?P<n>\d{1,2}|[a-z]+)\b"),
    re.compile(r"(?i)\b(?P<n>\d{1,2}) (?:años|meses)\b"),
    re.compile(rf"(?i)(?:\b(?:is|was|she's|he's|only|just) (?:only |just )?|, |\()(?P<n>\d{{1,2}}){_SINGLE}"),
)
_PRONOUN_AGE = re.compile(
    r"(?:She|He|Ella|Él)(?: is| was|'s|’s| tiene) (?:only |just )?(?P<n>\d{1,2}|[a-z]+)\b"
    r"(?! (?:feet|pounds|weeks pregnant|months pregnant|times|%))"
)
_BORN = re.compile(
    r"(?i)\b(?:born|birth|dob|d\.o\.b\.|nació|nacid[oa]|nacimiento)\b[^.!?\n]{0,40}?\b(?P<year>(?:19|20)\d{2})\b"
)
_SCHOOL = re.compile(
    r"(?i)\b(?:kindergarten(?:er)?|pre-?school|pre-?k|elementary school|middle school|day ?care|head start|"
    r"(?:first|second|third|fourth|fifth|sixth|seventh|eighth|ninth|tenth|1st|2nd|3rd|[4-9]th|10th)[- ]grade(?:r)?|"
    r"toddler|infant|newborn|a minor\b|minor child|recién nacid[oa]|kínder|primaria)\b"
)
#: First names that are everyday words: they are shortened only where the surname or the family word stands beside them.
_EVERYDAY = word_set(
    "April May June August Hope Faith Grace Joy Will Mark Rose Lily Daisy Violet Summer Autumn River Chance Chase "
    "Hunter Destiny Justice Angel Christian Dawn Eve Bill Rich Jack Art Drew Frank Grant Guy Harmony Heaven Iris "
    "Ivy Melody Miles Mercy Patience Pat Pearl Precious Prince Princess Ray Rob Ruby Sky Star Sue Trinity Virginia "
    "Georgia Carolina Dakota Austin Dallas Houston Jordan Israel Paris London Brooklyn Savannah Madison Sunday"
)
_NO_NAME = word_set(
    "I The He She They We It His Her My Our And But When Then On In At Who Was Is Mr Mrs Ms Dr January February March "
    "April May June July August September October November December Monday Tuesday Wednesday Thursday Friday Saturday "
    "Sunday Spanish English Black White Mexican American Asian Latina Latino"
)
_ADULT = 18


@dataclass(frozen=True, slots=True)
class Minor:
    """A name that follows a family word; ``sure`` when the text tells that it is a child's."""

    name: str
    sure: bool

    def places(self, text: str) -> Iterator[tuple[int, int, str]]:
        """Where the name stands, whole or by its first name, and the initials for it."""
        words = self.name.split()
        for match in re.finditer(rf"\b{re.escape(words[0])}(?P<rest>(?: {_FIRST}){{0,2}})(?!\w)", text):
            rest = self._own(match["rest"].split(), words[1:])
            alone = not rest and words[0] in _EVERYDAY and not self._beside_family(text, match.start())
            if rest is None or alone:
                continue
            end = match.start() + len(" ".join([words[0], *rest]))
            initials = "".join(f"{word[0]}." for word in [words[0], *rest])
            yield match.start(), end, initials.removesuffix(".") if text[end : end + 1] == "." else initials

    @staticmethod
    def _own(following: Sequence[str], own: Sequence[str]) -> list[str] | None:
        """The words after the first name that belong to it; None when they make it another person's name."""
        kept: list[str] = []
        for word in following:
            if word in _NO_NAME:
                break
            if own and word not in own:
                return None
            kept.append(word)
        return kept

    @staticmethod
    def _beside_family(text: str, start: int) -> bool:
        return re.search(rf"\b{_KIN},? (?:named |called |\()?$", text[max(0, start - 30) : start]) is not None


def find_minors(texts: Sequence[str], year: int | None = None) -> tuple[Minor, ...]:
    """Every child that the texts name, in order; once sure, always sure. ``year`` is when it was told."""
    found: dict[str, Minor] = {}
    now = year if year is not None else _latest_year(texts)
    for text in texts:
        parts = sentences(text)
        for place, part in enumerate(parts):
            after = parts[place + 1].text if place + 1 < len(parts) else ""
            for name, told in _named(part.text):
                sure = told or _tells_child(part.text, name) or _goes_on_with_age(after) or _born_since(part.text, now)
                known = found.get(name) or _same_first(found, name)
                if known is None:
                    found[name] = Minor(name, sure)
                elif sure and not known.sure:
                    found[known.name] = replace(known, sure=True)
    return tuple(found.values())


def _latest_year(texts: Sequence[str]) -> int | None:
    """The latest year that a date in the texts tells; a birth beside it is dated by it."""
    years = [int(date.iso[:4]) for text in texts for date in find_dates(text) if date.iso and date.iso[:4].isdigit()]
    return max(years, default=None)


def _born_since(text: str, now: int | None) -> bool:
    """Whether the sentence tells a birth less than 18 years before that year; the year of birth alone tells nothing."""
    born = _BORN.search(text)
    return born is not None and now is not None and int(born["year"]) > now - _ADULT


def _same_first(found: dict[str, Minor], name: str) -> Minor | None:
    """A child told by first and last name and later by the first alone is one child."""
    first = name.split()[0]
    return next((known for known in found.values() if known.name.split()[0] == first and " " not in name), None)


def _named(text: str) -> Iterator[tuple[str, bool]]:
    for pattern in (_AFTER_AGE, _AFTER_KIN, _BEFORE_KIN):
        for match in pattern.finditer(text):
            words = _name_words(match["name"].split())
            if not words:
                continue
            age = match.groupdict().get("before")
            sure = age is not None and _under_age(age, match.groupdict().get("unit") or "year")
            if pattern is _AFTER_AGE and not sure:
                continue
            yield " ".join(words), sure or re.search(r"\b(?:infant|newborn|toddler|bebé)\b", match.group()) is not None


def _name_words(words: list[str]) -> list[str]:
    kept: list[str] = []
    for word in words:
        if word in _NO_NAME and not (not kept and word in _EVERYDAY):
            break
        kept.append(word)
    return kept


def _tells_child(text: str, name: str) -> bool:
    """Whether the sentence tells a child's age or school year close to the name, and no grown-up's age closer."""
    at = text.find(name.split()[0])
    near = text[max(0, at - 60) : at + len(name) + 60]
    ages = [
        _under_age(match["n"], match.groupdict().get("unit") or "year") for p in _AGES for match in p.finditer(near)
    ]
    return any(ages) or (not ages and _SCHOOL.search(near) is not None)


def _goes_on_with_age(after: str) -> bool:
    """``My daughter is Rosa. She is 9.``"""
    match = _PRONOUN_AGE.match(after)
    return match is not None and _under_age(match["n"], "year")


def _under_age(number: str, unit: str) -> bool:
    low = number.lower()
    if low.isdigit():
        value = int(low)
    elif low in _WORDS:
        value = _WORDS.index(low) + 1
    else:
        return False
    return unit.lower() in {"month", "week", "day"} or value < _ADULT
