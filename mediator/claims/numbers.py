"""Reads numbers written in words, in English and Spanish: "forty-five hundred" is 4500."""

from __future__ import annotations

__all__ = ["NUMBER_WORDS", "words_to_number"]

_UNITS = {
    word: value
    for value, words in enumerate(
        [
            "zero/cero",
            "one/uno/un/una",
            "two/dos",
            "three/tres",
            "four/cuatro",
            "five/cinco",
            "six/seis",
            "seven/siete",
            "eight/ocho",
            "nine/nueve",
            "ten/diez",
            "eleven/once",
            "twelve/doce",
            "thirteen/trece",
            "fourteen/catorce",
            "fifteen/quince",
            "sixteen/dieciséis",
            "seventeen/diecisiete",
            "eighteen/dieciocho",
            "nineteen/diecinueve",
        ]
    )
    for word in words.split("/")
}
_TENS = {
    word: value
    for value, words in zip(
        range(20, 100, 10),
        [
            "twenty/veinte",
            "thirty/treinta",
            "forty/fourty/cuarenta",
            "fifty/cincuenta",
            "sixty/sesenta",
            "seventy/setenta",
            "eighty/ochenta",
            "ninety/noventa",
        ],
        strict=True,
    )
    for word in words.split("/")
}
_TWENTIES_ES = {
    word: value
    for value, words in enumerate(
        ("veintiuno/veintiún/veintiun/veintiuna", "veintidós/veintidos", "veintitrés/veintitres", "veinticuatro",
         "veinticinco", "veintiséis/veintiseis", "veintisiete", "veintiocho", "veintinueve"), 21
    )
    for word in words.split("/")
}  # fmt: skip
_HUNDREDS_ES = {
    "cien": 100, "ciento": 100, "doscientos": 200, "trescientos": 300, "cuatrocientos": 400, "quinientos": 500,
    "seiscientos": 600, "setecientos": 700, "ochocientos": 800, "novecientos": 900,
}  # fmt: skip
_SMALL = {**_UNITS, **_TENS, **_TWENTIES_ES, **_HUNDREDS_ES}
_SCALES = {
    "hundred": 100, "cientos": 100, "thousand": 1000, "mil": 1000, "grand": 1000, "million": 1_000_000,
    "millón": 1_000_000, "millones": 1_000_000, "billion": 1_000_000_000,
}  # fmt: skip
_GLUE = frozenset({"and", "y", "a"})

#: Every word that may stand in a number, for patterns.
NUMBER_WORDS = tuple(sorted({*_SMALL, *_SCALES}, key=len, reverse=True))


def words_to_number(words: list[str]) -> float | None:
    """The value of the words, or None when they are no number."""
    total = 0.0
    current = 0.0
    seen = False
    for position, word in enumerate(words):
        low = word.lower()
        if low in _SMALL:
            if not _follows(current, _SMALL[low], seen):
                return None
            current += _SMALL[low]
        elif low in _SCALES:
            scale = _SCALES[low]
            current = (current if seen else 1) * scale
            if scale >= 1000:
                total, current = total + current, 0.0
        elif low in _GLUE and (seen or (low == "a" and position + 1 < len(words))):
            continue
        else:
            return None
        seen = True
    return total + current if seen else None


def _follows(current: float, value: float, seen: bool) -> bool:
    """Whether ``value`` may be said next: after "two hundred" a "fifty", after "fifty" a "two", not the reverse.

    "Eight fifty" is no number: it may be 8.50 or 850.
    """
    if not seen or current % 100 == 0:
        return value < 100 or current == 0
    return value < 10 and current % 100 >= 20 and current % 10 == 0
