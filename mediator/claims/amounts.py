"""Reads sums of money by code: "$1,250.50", "two grand", "forty five hundred", "89 dólares", ranges.

A number is money when a currency says so, or when it has the shape that only money has in speech
("fifteen hundred", "3k") beside a word of paying and owing. Hours, feet and pounds of weight are not.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from mediator.claims.numbers import NUMBER_WORDS, words_to_number
from mediator.claims.report import Amount

__all__ = ["find_amounts"]

_NUMBER = r"\d+(?:,\d{3})+(?:\.\d+)?|\d{1,3}(?:\.\d{3})+(?:,\d{1,2})?(?!\d)|\d+(?:\.\d+)?"
_SCALE = r"(?:\s?(?:k|K|m|M)\b(?!['’])|\s(?:thousand|hundred|million|grand|mil)\b)"
_SIGNS = {"$": "USD", "€": "EUR", "£": "GBP", "US$": "USD", "C$": "CAD", "CA$": "CAD", "A$": "AUD", "MX$": "MXN"}
_CURRENCIES = {
    "dollar": "USD", "dollars": "USD", "dlls": "USD", "bucks": "USD", "buck": "USD", "usd": "USD", "dólares": "USD",
    "dolares": "USD", "dólar": "USD", "dolar": "USD", "dolars": "USD", "dollers": "USD", "grand": "USD",
    "euros": "EUR", "euro": "EUR", "eur": "EUR", "quid": "GBP", "gbp": "GBP", "pesos": "MXN", "mxn": "MXN",
    "cad": "CAD",
}  # fmt: skip
_UNIT = "|".join(sorted(_CURRENCIES, key=len, reverse=True))
_WORD = "|".join(NUMBER_WORDS)
# "forty five hundred and two grand" are two sums: what follows "and" is less than a hundred.
_AND = rf"(?:(?:and|y)\s+(?!(?:(?:{_WORD})[\s-]+){{1,2}}(?:hundred|thousand|grand|mil|million)\b))"
_WORDS = rf"(?:(?:{_WORD}|a(?=\s(?:hundred|thousand|grand|million)))(?:[\s-]+{_AND}?(?:{_WORD}))*)"
_MONEY_NEAR = re.compile(
    r"\b(?:paid|pay|pays|paying|pagu[eé]|pagamos|owe[sd]?|owing|cost|costs|charge[ds]?|charging|len[td]|"
    r"loan(?:ed)?|deposit|"
    r"rent|borrow(?:ed)?|refund(?:ed)?|bill(?:ed|s)?|invoice|price|worth|wages?|salary|check|cash|spent|spend|lost|"
    r"kept|keep|keeps|out|fee|fees|fine|total|estimate|damage|damages|back|saved|sold|bought|settle|value|quoted|took|"
    r"gave (?:him|her|them)|for|of|about|dinero|money|repairs?)\b",
    re.IGNORECASE,
)
_COUNTED = re.compile(
    r"\s*[-–]?\s*(?:square|sq|feet|foot|ft|miles?|people|hours?|hrs?|times|pounds?|lbs?|units?|days?|weeks?|months?|"
    r"years?|minutes?|boxes|students|workers|employees|tenants|customers|pages|messages|calls|texts|acres|calories|"
    r"points|votes|members|block|watts?|gallons?|cc|mg|steps|run|race|marathon|followers|views|horas|"
    r"personas|veces|días|"
    r"(?:percent|degrees)|block)\b",
    re.IGNORECASE,
)

_SYMBOL_FIRST = re.compile(
    rf"(?<![\w$])(?P<sign>US\$|CA\$|MX\$|C\$|A\$|[$€£])\s?(?P<number>{_NUMBER})(?P<scale>{_SCALE})?"
)
_RANGE_TAIL = re.compile(
    rf"\s?(?:-|–|—|to|or|and|a|y|o)\s?(?P<number>{_NUMBER})(?P<scale>{_SCALE})?(?![\w:%]|/\d|[.,]\d)"
)
_UNIT_LAST = re.compile(
    rf"(?<![\w$.,/-])(?P<number>{_NUMBER})(?P<scale>{_SCALE})?\s?(?P<unit>{_UNIT})\b", re.IGNORECASE
)
_UNIT_RANGE = re.compile(
    rf"(?<![\w$.,/-])(?P<low>{_NUMBER})\s?(?:-|–|to|or|and|a|o|y)\s?(?P<high>{_NUMBER})\s?(?P<unit>{_UNIT})\b",
    re.IGNORECASE,
)
_CODE_FIRST = re.compile(rf"\b(?P<unit>USD|EUR|GBP|CAD|MXN)\s?(?P<number>{_NUMBER})(?P<scale>{_SCALE})?")
_WORDS_UNIT = re.compile(rf"\b(?P<words>{_WORDS})[\s-]+(?P<unit>{_UNIT})\b", re.IGNORECASE)
_WORDS_BARE = re.compile(rf"\b(?P<words>{_WORDS})\b", re.IGNORECASE)
_CENTS = re.compile(rf"(?<![\w$.,/-])(?P<number>\d{{1,3}}|{_WORDS})\s?(?:cents|centavos|¢)", re.IGNORECASE)
_K_BARE = re.compile(r"(?<![\w$.,/-])(?P<number>\d+(?:\.\d+)?)\s?[kK]\b")
_MULTIPLIERS = {"k": 1e3, "m": 1e6, "thousand": 1e3, "hundred": 1e2, "million": 1e6, "grand": 1e3, "mil": 1e3}


def find_amounts(text: str) -> list[Amount]:
    """Every sum that ``text`` names, in order."""
    found: list[Amount] = []
    taken: list[tuple[int, int]] = []
    for amount in _all(text):
        if all(amount.end <= start or end <= amount.start for start, end in taken):
            found.append(amount)
            taken.append((amount.start, amount.end))
    return sorted(found, key=lambda amount: amount.start)


def _all(text: str) -> Iterator[Amount]:
    yield from _symbols(text)
    for match in _CODE_FIRST.finditer(text):
        yield _amount(text, match.start(), match.end(), _value(match), match["unit"].upper())
    for match in _UNIT_RANGE.finditer(text):
        currency = _CURRENCIES[match["unit"].lower()]
        yield _amount(text, match.start("low"), match.end("low"), _digits(match["low"]), currency)
        yield _amount(text, match.start("high"), match.end(), _digits(match["high"]), currency)
    for match in _UNIT_LAST.finditer(text):
        factor = 1000 if match["unit"].lower() == "grand" else 1
        yield _amount(text, match.start(), match.end(), _value(match) * factor, _CURRENCIES[match["unit"].lower()])
    yield from _in_words(text)
    for match in _CENTS.finditer(text):
        cents = _digits(match["number"]) if match["number"][0].isdigit() else _spoken(match["number"])
        if cents is not None:
            yield _amount(text, match.start(), match.end(), cents / 100, "USD")
    for match in _K_BARE.finditer(text):
        if _spoken_of_as_money(text, match.start(), match.end()):
            yield _amount(text, match.start(), match.end(), _digits(match["number"]) * 1000, "USD")


def _symbols(text: str) -> Iterator[Amount]:
    for match in _SYMBOL_FIRST.finditer(text):
        currency = _SIGNS[match["sign"]]
        tail = _RANGE_TAIL.match(text, match.end())
        if tail is None or not _is_range(match, tail, text):
            yield _amount(text, match.start(), match.end(), _value(match), currency)
            continue
        low = _value(match) * (_factor(tail["scale"]) if match["scale"] is None else 1)
        yield _amount(text, match.start(), match.end(), low, currency)
        yield _amount(text, tail.start("number"), tail.end(), _value(tail), currency)


def _is_range(first: re.Match[str], second: re.Match[str], text: str) -> bool:
    """``$200-300`` and ``$200 to 300`` are ranges; ``$200 and 3 days`` and ``$900 to 4 men`` are not."""
    if _COUNTED.match(text, second.end()):
        return False
    low = _value(first) * (_factor(second["scale"]) if first["scale"] is None else 1)
    return low < _value(second) <= low * 20


def _in_words(text: str) -> Iterator[Amount]:
    for match in _WORDS_UNIT.finditer(text):
        unit = match["unit"].lower()
        value = _spoken(match["words"])
        if value is not None:
            factor = 1000 if unit == "grand" else 1
            yield _amount(text, match.start(), match.end(), value * factor, _CURRENCIES[unit])
    for match in _WORDS_BARE.finditer(text):
        value = _spoken(match["words"])
        if value is None:
            continue
        words = match["words"].lower().replace("-", " ").split()
        grand = words[-1] == "grand" and len(words) > 1
        if grand or (_only_money_is_said_so(words, value) and _spoken_of_as_money(text, match.start(), match.end())):
            yield _amount(text, match.start(), match.end(), value, "USD")


def _only_money_is_said_so(words: list[str], value: float) -> bool:
    """ "Fifteen hundred", "three thousand", "two fifty" without a thing that is counted."""
    return value >= 100 and any(word in {"hundred", "thousand", "mil"} for word in words)


def _spoken_of_as_money(text: str, start: int, end: int) -> bool:
    if _COUNTED.match(text, end):
        return False
    before = text[max(0, start - 40) : start]
    after = text[end : end + 30]
    strong = _MONEY_NEAR.search(before)
    plain_end = re.match(
        r"\s*(?:[.,;:!?)\"]|$|and\b|for\b|in\b|to\b|on\b|a (?:week|month|year)|back\b|cash\b|down\b|up front|"
        r"más|por\b|from\b|out\b|more\b|total\b|deposit\b|that\b|he\b|she\b|they\b|we\b|I\b|per\b|each\b|"
        r"but\b|so\b|because\b|plus\b|at\b|with\b|when\b|off\b|of\b)",
        after,
    )
    return strong is not None and plain_end is not None


def _value(match: re.Match[str]) -> float:
    return _digits(match["number"]) * _factor(match["scale"])


def _factor(scale: str | None) -> float:
    return 1.0 if scale is None else _MULTIPLIERS[scale.strip().lower()]


def _digits(number: str) -> float:
    if re.fullmatch(r"\d{1,3}(?:\.\d{3})+(?:,\d{1,2})?", number):
        return float(number.replace(".", "").replace(",", "."))
    return float(number.replace(",", ""))


def _spoken(words: str) -> float | None:
    return words_to_number(words.replace("-", " ").split())


def _amount(text: str, start: int, end: int, value: float, currency: str) -> Amount:
    return Amount(mention=text[start:end], value=round(value, 2), currency=currency, start=start, end=end)
