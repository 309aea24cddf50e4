"""Reads sums of money by code: "$1,250.50", "two grand", "forty five hundred", "89 dólares", ranges.

A number is money when a currency says so, or when it has the shape that only money has in speech
("fifteen hundred", "3k") beside a word of paying and owing. Hours, feet and pounds of weight are not.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from mediator.claims.numbers import NUMBER_WORDS, words_to_number
from mediator.claims.report import Amount

__all__ = ["find_amounts"]

_NUMBER = r"\d+(?:,\d{3})+(?:\.\d+)?|\d{1,3}(?:\.\d{3})+(?:,\d{1,2})?(?!\d)|\d+(?:\.\d+)?|(?<=[$€£])\.\d{2}"
_SCALE = r"(?:\s?(?:k|K|m|M|B)\b(?!['’])|\s(?:thousand|hundred|million|billion|grand|mil)\b)"
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
    r"\b(?:paid|pay|pays|paying|payed|make|makes|making|earn(?:s|ed|ing)?|pag(?:u[eé]|amos|[oó]|an|aba)|debe[n]?|prest[eéoó]|cobr\w+|owe[sd]?|owing|cost|costs|charge[ds]?|charging|len[td]|"
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
_HALF_SCALE = r"(?P<scale>hundred|thousand|grand|million|billion)\b"
#: "Two and a half grand", "$2 1/2 million", "half a million".
_AND_HALF = re.compile(
    rf"(?<![\w.,/-])\$?\s?(?P<count>\d{{1,3}}|{_WORD})(?:[\s-]and[\s-]a[\s-]half|\s1/2|½)[\s-]"
    rf"{_HALF_SCALE}(?:\s(?:{_UNIT})\b)?",
    re.IGNORECASE,
)
_HALF = re.compile(rf"\bhalf\sa\s{_HALF_SCALE}(?:\s(?:{_UNIT})\b)?", re.IGNORECASE)
_COUPLE = re.compile(rf"\ba\scouple\s(?:of\s)?{_HALF_SCALE}(?:\s(?:{_UNIT})\b)?", re.IGNORECASE)
#: "A few hundred" names no sum.
_VAGUE = re.compile(r"\b(?:few|several|many|some|couple(?:\sof)?|odd|couple\sa|half\sa)\s+$", re.IGNORECASE)
_BUCK_FIFTY = re.compile(rf"\b(?:a|one)\sbuck\s(?P<cents>{_WORD})\b", re.IGNORECASE)
#: "Twelve fifty an hour", "eight-fifty a month": what follows tells dollars and cents from hundreds.
_TWO_NUMBERS = re.compile(
    rf"\b(?P<first>{_WORD})[\s-](?P<second>{_WORD})\s(?:(?P<wage>(?:an|a|per)\s(?:hour|hr)\b)|"
    r"(?P<rent>(?:a|per)\smonth\b|(?:security\s)?deposit\b|rent\b))",
    re.IGNORECASE,
)
_SOMEBODY = (
    r"\s+(?:(?:me|him|her|them|us|you|it|my|about|around|like|only|over|almost|nearly|another|the|all|all of)\s+){0,2}"
)
_BARE = r"(?P<number>\d{2,6}(?:\.\d\d)?|\d{1,3}(?:,\d{3})+)"
_MONEY_TAIL = (
    r"\s+(?:cash|in cash|down\b|up front|back\b|deposit|a (?:week|month|day)|per (?:week|month|day)|each\b|"
    r"total|out of "
    r"(?:my|our|his|her|the) (?:bank|account|check|pay|card)|for (?:it|that|the|a|my|his|her|repairs?)\b)"
)
#: A bare number that somebody pays or owes: "i payed him 1500 cash", "he owes me 800."
_BARE_PAID = re.compile(
    rf"\b(?:pa(?:y|id|yed|ying|ys)|owe[sd]?|owing|lent|loaned|charg(?:e[sd]?|ing)|cost|costs|deposit of|"
    rf"rent (?:is|was)){_SOMEBODY}{_BARE}(?={_MONEY_TAIL}|\s*(?:[!;?]|[.,](?!\d)|$))",
    re.IGNORECASE,
)
#: After these a bare number is money only when what follows says so: "took 75 out of my bank", not "took 45 minutes".
_BARE_TAKEN = re.compile(
    rf"\b(?:gave|kept|keeps|took|takes?|takin[g']?|sent|spent|wants?|wanted){_SOMEBODY}{_BARE}(?={_MONEY_TAIL})",
    re.IGNORECASE,
)
_K_MONEY_AFTER = re.compile(
    r"\s(?:a|per) (?:year|month|week)\b|\s(?:salary|cash|loan|deposit|in damages|severance|bonus)\b|/(?:yr|year|mo)\b",
    re.IGNORECASE,
)
_SIGN_LAST = re.compile(rf"(?<![\w$.,/-])(?P<number>{_NUMBER})(?P<scale>{_SCALE})?\s?(?P<sign>[$€£])(?![\d.])")
_WORD_RANGE = re.compile(
    rf"\b(?P<low>{_WORDS})\s(?:to|or|a|o)\s(?P<high>{_WORDS})[\s-](?P<unit>{_UNIT})\b", re.IGNORECASE
)
_AND_CENTS = re.compile(r"\s(?:and|y|con)\s", re.IGNORECASE)
_RANGE_TAIL = re.compile(
    rf"\s?(?:-|–|—|to|or|and|a|y|o)\s?(?P<number>{_NUMBER})(?P<scale>{_SCALE})?(?![\w:%]|/\d|[.,]\d)"
)
_UNIT_LAST = re.compile(
    rf"(?<![\w$.,/-])(?P<number>{_NUMBER})(?P<scale>{_SCALE})?[\s-]?(?P<unit>{_UNIT})\b", re.IGNORECASE
)
_UNIT_RANGE = re.compile(
    rf"(?<![\w$.,/-])(?P<low>{_NUMBER})\s?(?:-|–|to|or|and|a|o|y)\s?(?P<high>{_NUMBER})(?P<scale>{_SCALE})?\s?(?P<unit>{_UNIT})\b",
    re.IGNORECASE,
)
_CODE_FIRST = re.compile(rf"\b(?P<unit>USD|EUR|GBP|CAD|MXN)\s?(?P<number>{_NUMBER})(?P<scale>{_SCALE})?")
_WORDS_UNIT = re.compile(rf"\b(?P<words>{_WORDS})(?:[\s-]odd)?[\s-]+(?P<unit>{_UNIT})\b", re.IGNORECASE)
_WORDS_BARE = re.compile(rf"\b(?P<words>{_WORDS})\b", re.IGNORECASE)
_CENTS = re.compile(rf"(?<![\w$.,/-])(?P<number>\d{{1,3}}|{_WORDS})\s?(?:cents|centavos|¢)", re.IGNORECASE)
_K_BARE = re.compile(r"(?<![\w$.,/-])(?P<number>\d+(?:\.\d+)?)\s?[kK]\b")
_MULTIPLIERS = {
    "k": 1e3,
    "m": 1e6,
    "b": 1e9,
    "billion": 1e9,
    "thousand": 1e3,
    "hundred": 1e2,
    "million": 1e6,
    "grand": 1e3,
    "mil": 1e3,
}


def find_amounts(text: str) -> list[Amount]:
    """Every sum that ``text`` names, in order."""
    found: list[Amount] = []
    taken = bytearray(len(text))  # one flag a character, so that a long text costs no more for each sum in it
    for amount in _all(text):
        if not any(taken[amount.start : amount.end]):
            found.append(amount)
            taken[amount.start : amount.end] = b"\x01" * (amount.end - amount.start)
    return _with_cents(text, sorted(found, key=lambda amount: amount.start))


def _with_cents(text: str, found: Sequence[Amount]) -> list[Amount]:
    """ "Five dollars and fifty cents" is one sum."""
    joined: list[Amount] = []
    for amount in found:
        last = joined[-1] if joined else None
        if (
            last is not None
            and amount.mention.lower().endswith(("cents", "centavos"))
            and last.mention[-1].isalpha()
            and last.value == int(last.value)
            and _AND_CENTS.fullmatch(text, last.end, amount.start)
        ):
            joined[-1] = _amount(text, last.start, amount.end, last.value + amount.value, last.currency)
        else:
            joined.append(amount)
    return joined


def _all(text: str) -> Iterator[Amount]:
    yield from _with_half(text)
    yield from _symbols(text)
    for match in _SIGN_LAST.finditer(text):
        yield _amount(text, match.start(), match.end(), _value(match), _SIGNS[match["sign"]])
    for match in _CODE_FIRST.finditer(text):
        yield _amount(text, match.start(), match.end(), _value(match), match["unit"].upper())
    for match in _UNIT_RANGE.finditer(text):
        currency = _CURRENCIES[match["unit"].lower()]
        factor = _factor(match["scale"])
        yield _amount(text, match.start("low"), match.end("low"), _digits(match["low"]) * factor, currency)
        yield _amount(text, match.start("high"), match.end(), _digits(match["high"]) * factor, currency)
    for match in _UNIT_LAST.finditer(text):
        factor = 1000 if match["unit"].lower() == "grand" else 1
        yield _amount(text, match.start(), match.end(), _value(match) * factor, _CURRENCIES[match["unit"].lower()])
    yield from _in_words(text)
    for match in _CENTS.finditer(text):
        cents = _digits(match["number"]) if match["number"][0].isdigit() else _spoken(match["number"])
        if cents is not None:
            yield _amount(text, match.start(), match.end(), cents / 100, "USD")
    for match in _K_BARE.finditer(text):
        if _K_MONEY_AFTER.match(text, match.end()) or _spoken_of_as_money(text, match.start(), match.end()):
            yield _amount(text, match.start(), match.end(), _digits(match["number"]) * 1000, "USD")
    for pattern in (_BARE_PAID, _BARE_TAKEN):
        for match in pattern.finditer(text):
            yield _amount(text, match.start("number"), match.end("number"), _digits(match["number"]), "USD")


def _with_half(text: str) -> Iterator[Amount]:
    for match in _AND_HALF.finditer(text):
        count = float(match["count"]) if match["count"].isdigit() else _spoken(match["count"])
        if count is not None and (_names_money(match) or _spoken_of_as_money(text, match.start(), match.end())):
            value = (count + 0.5) * _MULTIPLIERS[match["scale"].lower()]
            yield _amount(text, match.start(), match.end(), value, "USD")
    for pattern, share in ((_HALF, 0.5), (_COUPLE, 2.0)):
        for match in pattern.finditer(text):
            if _names_money(match) or _spoken_of_as_money(text, match.start(), match.end()):
                yield _amount(text, match.start(), match.end(), share * _MULTIPLIERS[match["scale"].lower()], "USD")
    for match in _BUCK_FIFTY.finditer(text):
        cents = _spoken(match["cents"])
        if cents is not None and cents < 100:
            yield _amount(text, match.start(), match.end(), 1 + cents / 100, "USD")
    for match in _TWO_NUMBERS.finditer(text):
        first, second = _spoken(match["first"]), _spoken(match["second"])
        if first is None or second is None or not 1 <= first < 100 or not 10 <= second < 100:
            continue
        value = first + second / 100 if match["wage"] else first * 100 + second
        if match["wage"] or first < 30:
            yield _amount(text, match.start(), match.end("second"), value, "USD")


def _names_money(match: re.Match[str]) -> bool:
    return match["scale"].lower() == "grand" or "$" in match.group() or match.group().split()[-1].lower() in _CURRENCIES


def _symbols(text: str) -> Iterator[Amount]:
    for match in _SYMBOL_FIRST.finditer(text):
        if re.match(r"[A-Za-z]\d", text[match.end() : match.end() + 2]):
            continue  # "$1O0" is not one dollar
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
    for match in _WORD_RANGE.finditer(text):
        low, high = _spoken(match["low"]), _spoken(match["high"])
        if low is not None and high is not None and low < high:
            currency = _CURRENCIES[match["unit"].lower()]
            yield _amount(text, match.start("low"), match.end("low"), low, currency)
            yield _amount(text, match.start("high"), match.end(), high, currency)
    for match in _WORDS_UNIT.finditer(text):
        if _VAGUE.search(text, max(0, match.start() - 12), match.start()):
            continue
        unit = match["unit"].lower()
        value = _spoken(match["words"])
        if value is not None:
            factor = 1000 if unit == "grand" else 1
            yield _amount(text, match.start(), match.end(), value * factor, _CURRENCIES[unit])
    for match in _WORDS_BARE.finditer(text):
        value = _spoken(match["words"])
        if value is None or _VAGUE.search(text, max(0, match.start() - 12), match.start()):
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
