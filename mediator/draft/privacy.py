"""Fed. R. Civ. P. 5.2(a): last four digits of numbers, the year of a birth, the initials of a child.

A ``Redactor`` reads everything that was told, once, so that a child's name is shortened wherever it
stands. It changes only what it can tell for certain, and whatever it does is listed; what it cannot
tell (is this Rosa a child?) is pointed out and left to the person.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from mediator.claims.dates import find_dates
from mediator.draft.minors import Minor, find_minors
from mediator.draft.model import Redaction

__all__ = ["Redactor", "Span"]

_SOCIAL = re.compile(r"(?<![\d-])\d{3}([- .])\d{2}\1(?P<last>\d{4})(?![\d-])")
_NAMED_SOCIAL = re.compile(
    r"(?i)\b(?:ssn|itin|social(?:[ -]security)?|seguro social|taxpayer)(?: (?:number|no\.?|id|num))*"
    r"(?: is| was| es|:| #)*[ :#]*(?P<number>\d{3}[- .]?\d{2}[- .]?\d{4})(?!\d)"
)
_EMPLOYER = re.compile(
    r"(?i)\b(?:ein|tax id|taxpayer)(?: (?:number|no\.?|id))*(?: is|:)*[ :#]*(?P<number>\d{2}-?\d{7})(?!\d)"
)
_ACCOUNT = re.compile(
    r"(?i)\b(?:account|acct|card|policy|loan|checking|savings|cuenta|tarjeta|debit|credit)\b\.?"
    r"(?:,? (?:number|numbers|no|num|nr|ending|in|is|was|with|número|numero|es)\b\.?|[:#])*[ :#]*"
    r"(?P<number>\d(?:[ -]?\d){6,23})(?!\d)"
)
_IBAN = re.compile(r"\b(?P<number>[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){3,7}(?: ?[A-Z0-9]{1,3})?)\b")
_CARD = re.compile(r"(?<![\d.-])(?P<number>\d{4}(?P<gap>[ -]?)\d{4}(?P=gap)\d{4}(?P=gap)\d{1,7})(?![\d-])")
_BORN = re.compile(
    r"(?i)\b(?:born|birth ?date|date of birth|d\.?o\.?b\.?|nació|nacid[oa]|fecha de nacimiento)\b\.?"
    r"(?:,? (?:is|was|are|es|fue|in|on|el|en|date)\b|[:,])*\s*(?:the )?$"
)
_BIRTHDAY = re.compile(
    r"(?i)\b(?:born|birthday|birth ?date|date of birth|dob|cumpleaños|nació|nacid[oa])\b[^.!?\n]{0,40}"
)
_LONG_NUMBER = re.compile(r"(?<![\d$.,-])\d{8,}(?![\d-])")
_LEAD = re.compile(r"(?i)\b(?:on|el) (?:the )?$")


@dataclass(frozen=True, slots=True)
class Span:
    """One change of a text."""

    start: int
    end: int
    shown: str
    kind: str


class Redactor:
    """Shortens texts of one matter.

    ``texts`` are all that was told in it, ``keep`` the names of the other side, ``year`` is when it was told.
    """

    def __init__(self, texts: Sequence[str], keep: Iterable[str] = (), year: int | None = None) -> None:
        self._minors = find_minors(texts, year)
        self._keep = frozenset(keep)

    def spans(self, text: str) -> tuple[Span, ...]:
        """What is changed in ``text``, in order and without overlap."""
        chosen: list[Span] = []
        for span in (*_birth_dates(text), *_numbers(text), *self._names(text)):
            if all(span.end <= other.start or other.end <= span.start for other in chosen):
                chosen.append(span)
        return tuple(sorted(chosen, key=lambda span: span.start))

    def apply(self, text: str) -> tuple[str, tuple[Redaction, ...]]:
        """The text as it may be filed, and what was done to it."""
        return self.cut(text, 0, len(text), self.spans(text))

    def cut(self, text: str, start: int, end: int, spans: Sequence[Span]) -> tuple[str, tuple[Redaction, ...]]:
        """``text[start:end]`` as it may be filed. ``spans`` are those of the whole text."""
        out: list[str] = []
        position = start
        done: list[Redaction] = []
        for span in spans:
            if span.end <= start or end <= span.start:
                continue
            out.append(text[position : max(position, span.start)])
            out.append(span.shown)
            position = min(span.end, end)
            done.append(Redaction(kind=span.kind, shown=span.shown, done=True))
        out.append(text[position:end])
        return "".join(out), tuple(done)

    def to_look_at(self, text: str) -> tuple[Redaction, ...]:
        """What may be a birth date or a child's name, in a text that was shortened already."""
        found = [
            Redaction(kind="if this tells a birth date, keep the year only", shown=match.group().strip(), done=False)
            for match in _BIRTHDAY.finditer(text)
            if any(_has_a_day(date.iso) for date in find_dates(match.group()))
        ]
        found += [
            Redaction(
                kind="if this is a person's or an account's number, keep the last four", shown=m.group(), done=False
            )
            for m in _LONG_NUMBER.finditer(text)
        ]
        found += [
            Redaction(kind="if this is a child, use initials", shown=minor.name, done=False)
            for minor in self._minors
            if not self._shortens(minor) and re.search(rf"\b{re.escape(minor.name)}\b", text)
        ]
        return tuple(dict.fromkeys(found))

    def _shortens(self, minor: Minor) -> bool:
        """A child's name that is also the whole name of the other side may be anybody's."""
        return minor.sure and minor.name not in self._keep

    def _names(self, text: str) -> Iterator[Span]:
        others = [
            match.span() for name in self._keep if " " in name for match in re.finditer(rf"\b{re.escape(name)}\b", text)
        ]
        for minor in self._minors:
            if not self._shortens(minor):
                continue
            for start, end, shown in minor.places(text):
                if not any(low < end and start < high for low, high in others):
                    yield Span(start, end, shown, "name of a child: initials")


def _numbers(text: str) -> Iterator[Span]:
    dates = [(date.start, date.end) for date in find_dates(text)]
    for match in _SOCIAL.finditer(text):
        yield Span(*match.span(), f"xxx-xx-{match['last']}", "social-security or taxpayer number: last four digits")
    kinds = (
        (_NAMED_SOCIAL, "social-security or taxpayer number: last four digits"),
        (_EMPLOYER, "taxpayer number: last four digits"),
        (_ACCOUNT, "account number: last four digits"),
        (_IBAN, "account number: last four digits"),
        (_CARD, "account number: last four digits"),
    )
    for pattern, kind in kinds:
        for match in pattern.finditer(text):
            start, end = match.span("number")
            is_date = any(low < end and start < high for low, high in dates)
            if not is_date and (pattern is not _CARD or _luhn(match["number"])):
                last = re.sub(r"[^A-Z0-9]", "", match["number"])[-4:]
                yield Span(start, end, f"x{last}", kind)


def _birth_dates(text: str) -> Iterator[Span]:
    for date in find_dates(text):
        before = text[max(0, date.start - 60) : date.start]
        if not _has_a_day(date.iso) or _BORN.search(before) is None:
            continue
        year = re.search(r"(?:19|20)\d{2}", date.mention) or re.search(r"(?<=['’/.-])\d{2}$", date.mention)
        lead = _LEAD.search(before)
        start = date.start - len(lead.group()) if lead else date.start
        if year is None:
            shown = "[day of birth left out]"
        else:
            told = year.group() if len(year.group()) == 4 else f"’{year.group()}"
            spanish = lead is not None and lead.group().lower().startswith("el")
            shown = told if lead is None else f"en {told}" if spanish else f"in {told}"
        yield Span(start, date.end, shown, "birth date: the year only")


def _has_a_day(iso: str | None) -> bool:
    """Whether a date tells more than a year."""
    return iso is not None and len(iso) > 4


def _luhn(number: str) -> bool:
    """Whether the digits check as those of payment cards do."""
    digits = [int(c) for c in reversed(re.sub(r"\D", "", number))]
    doubled = [d if place % 2 == 0 else sum(divmod(2 * d, 10)) for place, d in enumerate(digits)]
    return sum(doubled) % 10 == 0
