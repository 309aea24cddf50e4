"""The shapes in which people write dates, in English and Spanish, as patterns; ``dates`` reads what they match."""

from __future__ import annotations

import re

__all__ = [
    "AFTER_SUBJECT",
    "BARE_YEAR",
    "BORN",
    "BORN_AFTER",
    "COUNTED",
    "FRACTION",
    "HOLIDAYS",
    "MONTHS",
    "MORE_DAYS",
    "NUMBERED",
    "ORDINALS",
    "PART_OF",
    "PATTERNS",
    "RELATIVE",
    "SINCE",
]

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
MONTHS = {name: number for number, names in enumerate(_MONTH_NAMES, 1) for name in names}
_MONTH = "(?:" + "|".join(sorted(MONTHS, key=len, reverse=True)) + r")\b\.?"
_DAY_NAME = r"(?:mon|tues?|wed(?:nes)?|thu(?:rs)?|fri|sat(?:ur)?|sun)(?:day)?\b\.?"
ORDINALS = {
    word: number
    for number, word in enumerate(
        (
            "first", "second", "third", "fourth", "fifth", "sixth", "seventh",
            "eighth", "ninth", "tenth", "eleventh", "twelfth", "thirteenth", "fourteenth",
            "fifteenth", "sixteenth", "seventeenth", "eighteenth", "nineteenth", "twentieth", "twenty-first",
            "twenty-second", "twenty-third", "twenty-fourth", "twenty-fifth", "twenty-sixth", "twenty-seventh",
            "twenty-eighth", "twenty-ninth", "thirtieth", "thirty-first",
        ),
        1,
    )
}  # fmt: skip
ORDINALS["primero"] = 1
_ORDINAL = "|".join(sorted(ORDINALS, key=len, reverse=True)).replace("-", "[ -]")
_DAY = rf"(?:(?:0?[1-9]|[12]\d|3[01])(?:st|nd|rd|th|º|°|ro)?(?!\d)|(?:{_ORDINAL})\b)"
_YEAR = r"(?:(?:19|20)\d{2}(?!\d)|['’]\d{2}(?!\d))"
HOLIDAYS = {
    "christmas eve": (12, 24), "christmas day": (12, 25), "christmas": (12, 25), "new year's eve": (12, 31),
    "new year's day": (1, 1), "new years day": (1, 1), "new years eve": (12, 31), "halloween": (10, 31),
    "valentine's day": (2, 14), "valentines day": (2, 14), "fourth of july": (7, 4), "4th of july": (7, 4),
    "nochebuena": (12, 24), "navidad": (12, 25), "juneteenth": (6, 19),
}  # fmt: skip
_HOLIDAY = "|".join(sorted(HOLIDAYS, key=len, reverse=True)).replace("'", "['’]")

PATTERNS = tuple(
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        r"(?<![\d/.-])(?P<y>(?:19|20)\d{2})-(?P<m>\d{1,2})-(?P<d>\d{1,2})(?![\d/-])",
        r"(?<![\d/.-])(?P<y>(?:19|20)\d{2})(?P<sep>[/.])(?P<m>\d{1,2})(?P=sep)(?P<d>\d{1,2})(?![\d/])",
        r"(?<![\d/.])(?P<a>\d{1,2})/(?P<b>\d{1,2})/(?P<y>(?:19|20)\d{2}|['’]?\d{2})(?![\d/]|\.\d)",
        r"(?<![\d/.])(?P<m>\d{1,2})/(?P<d>\d{1,2})(?=\s?(?:-|–|—|to|and|&|through|thru)\s?\d{1,2}/\d{1,2}/"
        r"(?P<y>(?:19|20)\d{2}|\d{2})(?!\d))",
        r"(?<![\d/.-])(?P<a>\d{1,2})(?P<sep>[.-])(?P<b>\d{1,2})(?P=sep)(?P<y>(?:19|20)\d{2}|\d{2})(?![\d/-]|\.\d)",
        rf"\b(?:(?P<shift>the day after|day after|the day before|"
        rf"day before)\s+)?(?P<holiday>{_HOLIDAY})(?:,?\s+(?:of\s+|in\s+)?(?P<y>{_YEAR}))?",
        rf"\b(?P<mn>{_MONTH})\s+(?P<d>{_DAY})(?:,\s*|\s+(?:of\s+|in\s+|del?\s+(?:año\s+)?)?)(?P<y>{_YEAR})",
        # "Jan 5, 25." at the end of its clause is a year; "March 3, 25 and 27" are days.
        rf"\b(?P<mn>{_MONTH})\s+(?P<d>{_DAY}),?\s+(?P<y>2\d)(?=\s*(?:[.;!?)]|$|\n))",
        rf"\b(?P<d>{_DAY})\s*(?:of\s+|de\s+|-)?\s*(?P<mn>{_MONTH})(?:,?\s*(?:of\s+|del?\s+(?:año\s+)?|"
        rf"-)?)(?P<y>{_YEAR})",
        rf"\b(?P<mn>{_MONTH})\s+(?P<d>{_DAY})\b(?!\s*(?:%|percent|people|hours|years old|pm\b|am\b|:\d))",
        rf"\b(?P<d>{_DAY})\s+(?:of\s+|de\s+)?(?P<mn>{_MONTH})(?![\w])",
        rf"\b(?P<mn>{_MONTH})(?:,\s*|\s+(?:of\s+|del?\s+(?:año\s+)?)?)(?P<y>{_YEAR})",
        r"(?:(?<=\bon )|(?<=\bsince )|(?<=\bby )|(?<=\buntil )|(?<=\btill )|(?<=\bfrom )|(?<=\bdated )|"
        r"(?<=\bel )|(?<=\bof )"
        r"|(?<=[*•-] )|(?<=\n))(?P<m>0?[1-9]|1[0-2])/(?P<d>0?[1-9]|[12]\d|3[01])(?![\d/])",
        r"(?<![\d/.-])(?P<m>0?[1-9]|1[0-2])/(?P<y>(?:19|20)\d{2})(?![\d/])",
        rf"\b{_DAY_NAME},?\s+(?:the\s+)(?P<bare>(?:[1-9]|[12]\d|3[01])(?:st|nd|rd|th))\b(?!\s+(?:floor|street|"
        rf"st\b|ave|grade|time))",
    )
)
MORE_DAYS = re.compile(
    rf"\s*(?:,|and|&|y|-|–|to|through|thru|or)\s*(?P<d>{_DAY})(?:(?:,\s*|"
    rf"\s+(?:de\s+)?)(?P<y>{_YEAR}))?(?![\w/:%$]|\s*(?:am|pm|a\.m|p\.m|days|hours|weeks|months|years|of us|"
    rf"people|times|more|other|calls|texts|messages|feet|units|men|women|kids|children|dollars|percent|"
    rf"{_MONTH})\b)",
    re.IGNORECASE,
)
BARE_YEAR = re.compile(
    r"\b(?:in|since|from|until|till|by|during|of|desde|en|early|late|mid)[ -](?:the\s+)?(?:(?:spring|"
    r"summer|fall|autumn|winter)\s+of\s+)?(?P<y>(?:19[7-9]|20[0-6])\d)\b(?![-/.]\d|['’]s|\s*(?:dollars|sq|"
    r"square|miles|hours|people|honda|toyota|ford))",
    re.IGNORECASE,
)
RELATIVE = re.compile(
    r"\b(?:(?:last|next|this|this past|the following|the next)\s+(?:week|month|year|summer|winter|spring|fall|night|"
    r"weekend|monday|tuesday|wednesday|thursday|friday|saturday|sunday|january|february|march|april|may|june|july|"
    r"august|september|october|november|december|christmas|thanksgiving)"
    r"|yesterday|(?:the\s+)?day before yesterday|two days ago|(?:a|an|one|two|three|four|five|six|seven|eight|nine|ten|"
    r"eleven|twelve|\d+)\s+(?:days?|weeks?|months?|years?|hours?)\s+(?:ago|later|before|after)|"
    r"the (?:next|same|following) (?:day|morning|night|week|month)"
    r"|la semana pasada|el (?:mes|año) pasado|ayer|anteayer|hace (?:\w+|\d+) (?:días?|semanas?|mes(?:es)?|años?))\b",
    re.IGNORECASE,
)
#: What stands before and after the date of a birth.
BORN = re.compile(
    r"(?:\b(?:born|birth\s?da(?:y|te)|date of birth|d\.?o\.?b|nac(?:í|ió|ido|ida)|(?:fecha de )?nacimiento|cumpleaños)"
    r"\b\.?(?:\s+(?:is|was|on|in|back|of|the|:|es|fue|el|en|de|at|home|(?:in|en)\s+[\w.]+(?:\s[A-Z]\w+)?))*"
    r"[\s:,(=-]*)$",
    re.IGNORECASE,
)
BORN_AFTER = re.compile(
    r"\s*[,(-]?\s*(?:is|was|being)?\s*(?:my|his|her|the|their|our|(?:my )?\w+['’]s)?\s*"
    r"(?:birth\s?da(?:y|te)|date of birth|d\.?o\.?b)\b|\s+birth\s?da(?:y|te)\b",
    re.IGNORECASE,
)
#: What has been so from that date on.
SINCE = re.compile(
    r"\b(?:since|ever since|desde)\s+(?:about|around|early|late|mid|el|the\s+\w+\s+of)?\s*[-]?$", re.IGNORECASE
)
NUMBERED = re.compile(
    r"(?:\b(?:version|ver|v|section|sec|case|docket|no|nos|ip|ratio|score|unit|apt|suite|ste|lot|room)\.?|[§#])\s*[:#]?\s*$",
    re.IGNORECASE,
)
FRACTION = re.compile(r"(?:1/[2-8]|2/3|3/4)$")
PART_OF = re.compile(
    r"\s+(?:of (?:it|the|them|my|our)|the (?:time|days?|hours?|money|rent|pay|price)|cups?|inch(?:es)?|miles?|"
    r"hours?)\b",
    re.IGNORECASE,
)
AFTER_SUBJECT = re.compile(r"\b(?:i|you|we|they|he|she|it|that|who|must|not)\s+$", re.IGNORECASE)
COUNTED = re.compile(r"\s+(?:miles?|blocks?|people|times|steps|feet|yards)\b", re.IGNORECASE)
