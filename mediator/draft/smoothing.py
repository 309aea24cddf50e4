"""Whether smoothed prose says the same as the person's words: a strict check by code, whoever wrote the prose.

Smoothing may change articles, auxiliaries, punctuation, "I" into "Plaintiff", tense and number of a word, and
drop fillers. Every word that carries something (names, numbers, verbs, "not", "before", "only") must
stand there again, in the same order, and no other. What this refuses may be right; what it lets
through adds no number, date, name, amount, negation or quote.
"""

from __future__ import annotations

import difflib
import re
import unicodedata
from collections import Counter
from collections.abc import Iterator

from mediator.claims.amounts import find_amounts
from mediator.claims.dates import find_dates
from mediator.claims.lexicon import word_set
from mediator.claims.text import sentences

__all__ = ["added_facts"]

_FREE = word_set(
    "a an the and that which who whom is are was were be been being am do does did has have had of in on at for "
    "with it its there as"
)
_FILLERS = word_set("like just really basically actually um uh well so very literally anyway honestly okay ok lol then")
_PEOPLE = {
    **dict.fromkeys(("i", "me", "my", "mine", "myself", "plaintiff", "plaintiffs"), "<teller>"),
    **dict.fromkeys(("we", "us", "our", "ours", "ourselves"), "<we>"),
    **dict.fromkeys(("he", "him", "his", "himself"), "<he>"),
    **dict.fromkeys(("she", "her", "hers", "herself"), "<she>"),
    **dict.fromkeys(("they", "them", "their", "theirs", "themselves"), "<they>"),
    **dict.fromkeys(("you", "your", "yours", "yourself"), "<you>"),
}
_IRREGULAR = {
    form: forms.split()[0]
    for forms in (
        "keep kept", "give gave given", "tell told", "say said says", "pay paid", "take took taken", "leave left",
        "get got gotten", "go went gone goes", "write wrote written", "break broke broken", "fall fell fallen",
        "see saw seen", "come came", "make made", "know knew known", "send sent", "lose lost", "find found",
        "buy bought", "bring brought", "think thought", "begin began begun", "hold held", "meet met", "sell sold",
        "speak spoke spoken", "steal stole stolen", "drive drove driven", "throw threw thrown", "fight fought",
    )
    for form in forms.split()
}  # fmt: skip
#: Slips that may be put right. A closed list: "trial" and "trail" are one letter's place apart and two things.
_SLIPS = (
    "recieve:receive recieved:received recieving:receiving beleive:believe beleived:believed thier:their wich:which "
    "becuase:because becouse:because untill:until occured:occurred seperate:separate definately:definitely "
    "tommorow:tomorrow tommorrow:tomorrow adress:address apartement:apartment appartment:apartment "
    "goverment:government harrassed:harassed harrassment:harassment harrass:harass managment:management "
    "maintainance:maintenance neccessary:necessary payed:paid teh:the adn:and wierd:weird truely:truly "
    "writting:writing alot:lot accomodate:accommodate accomodation:accommodation acount:account recipt:receipt "
    "reciept:receipt agian:again evryone:everyone freind:friend wendesday:wednesday febuary:february"
)
_SPELLED = dict(pair.split(":") for pair in _SLIPS.split())
_CONTRACTIONS = (
    (re.compile(r"(?i)\bcan't\b|\bcannot\b"), "can not"),
    (re.compile(r"(?i)\bwon't\b"), "will not"),
    (re.compile(r"(?i)\bain't\b"), "is not"),
    (re.compile(r"(?i)n't\b"), " not"),
    (re.compile(r"(?i)\b(do|did|does|was|were|is|are|have|has|had|would|could|should)nt\b"), r"\1 not"),
    (re.compile(r"(?i)\bcant\b"), "can not"),
    (re.compile(r"(?i)\bwont\b"), "will not"),
    (re.compile(r"(?i)'ll\b"), " will"),
    (re.compile(r"(?i)\bim\b|\bi'm\b"), "i am"),
    (re.compile(r"(?i)\b(he|she|it|that|who|there)'s\b"), r"\1 is"),
    (re.compile(r"(?i)'re\b"), " are"),
    (re.compile(r"(?i)'(?:ve|d|s)\b"), " "),
)
#: "was fired" and "fired" differ in nothing but a free word, and tell opposite things.
_BEING = word_set("is are was were be been being am")
_SAME_AS_THEIR_PAST = word_set("hit put cut let hurt shut set bet beat bit cost rid spread split cast bid quit")
_WORD = re.compile(r"[^\W_]+(?:['-][^\W_]+)*", re.UNICODE)
_QUOTED = re.compile(r"\"([^\"]*)\"")
_SIGNS = re.compile(r"[$€£%§#@*/\\<>{}\[\]|^~=+&]")
_MOST_REASONS = 6
_LONGEST_GROWTH = 60


def added_facts(original: str, text: str) -> tuple[str, ...]:
    """Why ``text`` may not stand for ``original``; empty when nothing is added, lost or turned round."""
    if any(unicodedata.category(c) in {"Cc", "Cf", "Cs", "Co", "Cn"} for c in text):
        return ("it holds a line break or a character that cannot be seen",)
    if not text.strip():
        return ("it is empty",)
    if len(text) > 2 * len(original) + _LONGEST_GROWTH:
        return ("it is much longer than what was said",)
    before, after = _plain(original), _plain(text)
    reasons = [
        *_counted("amount", _amounts(before), _amounts(after)),
        *_counted("date", _dates(before), _dates(after)),
        *_counted("quote", Counter(_QUOTED.findall(before)), Counter(_QUOTED.findall(after))),
        *_counted("sign", Counter(_SIGNS.findall(before)), Counter(_SIGNS.findall(after))),
        *_counted("number", Counter(re.findall(r"\d+", before)), Counter(re.findall(r"\d+", after))),
        *_new_capitals(before, after),
        *_changed_words(before, after),
        *_turned_round(_suffered(before), _suffered(after)),
    ]
    return tuple(dict.fromkeys(reasons))[:_MOST_REASONS]


def _plain(text: str) -> str:
    """One spelling of apostrophes, quotes, dashes and blanks."""
    text = unicodedata.normalize("NFC", text)
    for found, plain in (("‘’ʼ`´", "'"), ("“”„«»", '"'), ("–—−", "-")):
        text = re.sub(f"[{found}]", plain, text)
    return " ".join(text.split())


def _amounts(text: str) -> Counter[str]:
    return Counter(f"{amount.value:g} {amount.currency}" for amount in find_amounts(text))


def _dates(text: str) -> Counter[str]:
    return Counter(date.iso or date.mention.lower() for date in find_dates(text))


def _counted(what: str, before: Counter[str], after: Counter[str]) -> Iterator[str]:
    for item in after - before:
        yield f'adds the {what} "{item}"'
    for item in before - after:
        yield f'loses the {what} "{item}"'


def _new_capitals(before: str, after: str) -> Iterator[str]:
    """Names: a capital inside a sentence must have been one in the person's words."""
    known = {match.group() for match in _WORD.finditer(before)}
    known |= {word.removesuffix("'s") for word in known}
    begins = {part.start + len(part.text) - len(part.text.lstrip('"')) for part in sentences(after)}
    for match in _WORD.finditer(after):
        word = match.group().removesuffix("'s")
        opens = match.start() in begins
        inner = any(c.isupper() for c in word[1:])
        if ((word[0].isupper() and not opens) or inner) and word not in known and word not in {"I", "Plaintiff"}:
            yield f'adds the name "{word}"'


def _changed_words(before: str, after: str) -> Iterator[str]:
    old, new = _carrying(before), _carrying(after)
    matcher = difflib.SequenceMatcher(None, [key for key, _ in old], [key for key, _ in new], autojunk=False)
    for kind, a, b, c, d in matcher.get_opcodes():
        if kind == "equal":
            continue
        lost = [word for key, word in old[a:b] if key not in _FILLERS]
        if lost:
            yield f'loses or moves "{" ".join(lost)}"'
        if new[c:d]:
            yield f'adds or moves "{" ".join(word for _, word in new[c:d])}"'


def _carrying(text: str) -> list[tuple[str, str]]:
    """The words that carry something: each in the one form it is compared by, and as it is written."""
    return [(_PEOPLE.get(word) or _stem(word), written) for word, written in _words(text) if word not in _FREE]


def _suffered(text: str) -> Counter[str]:
    """What was done to somebody ("was fired"); what still goes on ("is being paid") apart from what is over."""
    found: Counter[str] = Counter()
    being = ""
    for word, _ in _words(text):
        if word in _BEING:
            being = "being" if word == "being" else being or "be"
        elif being and word not in _FREE and word not in _FILLERS and word not in {"not", "never"}:
            if word.endswith(("ed", "en")) or word in _SAME_AS_THEIR_PAST or _IRREGULAR.get(word, word) != word:
                found[f"{being} {word}"] += 1
            being = ""
    return found


def _turned_round(before: Counter[str], after: Counter[str]) -> Iterator[str]:
    for item in (before - after) + (after - before):
        yield f'changes who did it to whom, or whether it is over, in "{item.partition(" ")[2]}"'


def _words(text: str) -> Iterator[tuple[str, str]]:
    """Every word, contractions taken apart and slips put right, and as it is written."""
    for pattern, plain in _CONTRACTIONS:
        text = pattern.sub(plain, text)
    for match in _WORD.finditer(text):
        yield _SPELLED.get(match.group().casefold(), match.group().casefold()), match.group()


def _stem(word: str) -> str:
    """The word without the endings of tense and number, so that "work", "works" and "worked" are one."""
    if word in _IRREGULAR:
        return _IRREGULAR[word]
    if not word.isalpha() or not word.isascii() or len(word) < 5:
        return (
            word[:-1] if len(word) == 4 and word.endswith("s") and not word.endswith("ss") and word.isalpha() else word
        )
    for ending, put in (("ies", "y"), ("ied", "y"), ("ing", ""), ("ed", ""), ("es", ""), ("s", "")):
        if word.endswith(ending) and not word.endswith("ss") and len(word) - len(ending) >= 3:
            word = word[: -len(ending)] + put
            break
    if len(word) > 3 and word[-1] == word[-2] and word[-1] not in "lsz":
        word = word[:-1]
    return word.removesuffix("e") if len(word) > 3 else word
