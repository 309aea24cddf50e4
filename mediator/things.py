"""What a date or a sum is about, when it is about a thing that has one date or one sum.

Only things of the teller that happen once are in the table (moving out, being fired, the deposit), and
only in plain words; what another person is said to claim is not the teller's word. A wrong match costs
one polite question, so the patterns are narrow.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

from mediator.state import Key, SessionState, parse_key
from mediator.told import Fact, facts, story_facts

__all__ = ["THINGS", "About", "Thing", "things_told", "told_about"]


@dataclass(frozen=True, slots=True)
class Thing:
    """A thing with one date or one sum: its name in a sentence, and how people speak of it."""

    id: str
    kind: str
    name: str
    patterns: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class About:
    """A fact and the thing it is about."""

    thing: str
    name: str
    fact: Fact


_I = r"\b(?:I|we)(?:['’](?:d|ve)| had| have)?(?: \w+){0,2}? "
_FILED = r"(?:filed|file|made|submitted|sent in) (?:a |an |my |the )?(?:\w+ ){0,2}?"

#: For a date the pattern is the cue, and the date nearest to it is meant; for a sum "@" stands for the sum.
THINGS: tuple[Thing, ...] = (
    Thing("moved_in", "date", "the day you moved in", (_I + "moved in(?:to)?\\b", "\\bme mudé (?:a|aquí)\\b")),
    Thing(
        "moved_out",
        "date",
        "the day you moved out",
        (
            _I + r"moved out\b",
            _I + r"(?:gave back|returned|handed (?:back|in|over)|turned in) the keys?\b",
            r"\bme fui de(?:l| la)\b",
        ),
    ),
    Thing(
        "job_began",
        "date",
        "the day the job began",
        (
            _I + r"(?:was|were|got) hired\b",
            _I + r"(?:started|began) (?:work\w*|the job|my job|there)\b",
            r"\b(?:they|he|she) hired (?:me|us)\b",
            r"\bmy first day\b",
        ),
    ),
    Thing(
        "job_ended",
        "date",
        "the day the job ended",
        (
            _I + r"(?:was|were|got) (?:fired|let go|laid off|terminated)\b",
            r"\b(?:they|he|she|\w+) (?:fired|terminated) (?:me|us)\b",
            r"\blet me go\b",
            r"\bmy last day\b",
            r"\bme (?:despidieron|despidió|corrieron)\b",
        ),
    ),
    Thing("right_to_sue", "date", "the day you got the right-to-sue letter", (r"\bright[- ]to[- ]sue\b",)),
    Thing(
        "charge_filed",
        "date",
        "the day you filed the charge with the agency",
        (_I + _FILED + r"(?:EEOC )?charge\b", _I + r"(?:went to|filed with|complained to) the EEOC\b"),
    ),
    Thing(
        "locked_out",
        "date",
        "the day of the lock-out",
        (r"\bchanged (?:the|my|our) locks?\b", r"\blocked (?:me|us) out\b"),
    ),
    Thing(
        "injured",
        "date",
        "the day you were hurt",
        (
            _I + r"(?:was|were|got) (?:injured|hurt|hit|struck|attacked|bitten)\b",
            r"\bthe (?:accident|crash|wreck|collision) (?:was|happened|occurred)\b",
            _I + r"(?:slipped|fell)\b",
        ),
    ),
    Thing(
        "contract_made",
        "date",
        "the day of the contract",
        (_I + r"signed (?:a|the|our|my) (?:\w+ )?(?:contract|agreement|lease)\b",),
    ),
    Thing(
        "arrived",
        "date",
        "the day you arrived in the country",
        (_I + r"(?:arrived in|came to|entered) (?:the (?:United States|U\.?S\.?A?\.?|country)|" r"America)\b",),
    ),
    Thing("discovered", "date", "the day you found out", (_I + r"(?:found out|discovered|learned)\b",)),
    Thing(
        "deposit",
        "amount",
        "the deposit",
        (
            r"@ (?:in )?(?:security |damage |rental )?deposit\b(?! (?:back|return|slip))",
            r"(?<!pet )(?<!key )\bdeposit (?:of|was|is|amounted to|for|:|=) ?(?:only |exactly |about |around )?@",
            r"@ (?:de|como) dep[oó]sito\b",
            r"\bdep[oó]sito (?:de|era de|fue de) @",
        ),
    ),
    Thing(
        "rent",
        "amount",
        "the rent",
        (
            r"\b(?:my|our|the|monthly) rent (?:of|was|is|:) ?(?:about |only )?@",
            r"\b(?:pay|paid|paying) @ (?:a|per|every) month (?:in|for|of) rent\b",
            r"\b(?:la )?renta (?:es|era) (?:de )?@",
        ),
    ),
    Thing(
        "hourly_pay",
        "amount",
        "your hourly pay",
        (r"\bmy (?:hourly )?(?:pay|rate|wage) (?:was|is) @ (?:an|per) hour\b",),
    ),
    Thing("salary", "amount", "your salary", (r"\b(?:my|the) (?:yearly |annual )?salary (?:of|was|is) @",)),
    Thing(
        "contract_price",
        "amount",
        "the agreed price",
        (r"\b(?:contract|agreed|total) price (?:of|was|is|:) ?@", r"\b(?:we )?agreed on @"),
    ),
    Thing(
        "medical_bills",
        "amount",
        "the medical bills",
        (r"\bmedical bills? (?:of|were|was|came to|total(?:ed)?|are) (?:about |over )?@",),
    ),
)

_PRICE = re.compile(
    r"\b(?:bought|purchased) (?:the|a|an|my|this|that) (?P<what>\w+)(?: \w+){0,3}? for @"
    r"|\bpaid (?:him |her |them )?@ for (?:the|a|an|my|this|that) (?P<paid>\w+)",
    re.IGNORECASE,
)
_NO_THING = frozenset({"month", "week", "day", "hour", "work", "job", "first", "last", "second", "month's"})
#: What an answer to an element's question is about when it holds exactly one date, or one sum.
_ANSWERS: Mapping[Key, tuple[str, ...]] = {
    ("security_deposit", "deposit_paid"): ("deposit",),
    ("security_deposit", "moved_out"): ("moved_out",),
    ("wrongful_termination", "discharge"): ("job_ended",),
    ("illegal_eviction", "self_help"): ("locked_out",),
    ("habitability", "tenancy"): ("rent",),
    ("breach_of_contract", "contract"): ("contract_made",),
}
_SAID_BY_OTHERS = re.compile(
    r"\b(?:he|she|they|it|landlord|boss|manager|owner|company|letter|bank|agency|police|lawyer|\w+er)\s+"
    r"(?:now |also |keeps? |kept )?(?:says?|said|saying|claims?|claimed|insists?|insisted|wrote|writes|alleges?|"
    r"pretends?|told \w+|dice|dijo)\b[^.;]*$",
    re.IGNORECASE,
)
_NEAR = 60
_FIRST_DATE, _FIRST_SUM, _ROOM = 0xE000, 0xE800, 0x800
_PRIVATE = re.compile("[\ue000-\uf8ff]")


def _compiled(kind: str) -> tuple[tuple[Thing, re.Pattern[str]], ...]:
    return tuple(
        (thing, re.compile(pattern.replace("@", "[\ue800-\uefff]"), re.IGNORECASE))
        for thing in THINGS
        if thing.kind == kind
        for pattern in thing.patterns
    )


_DATE_CUES = _compiled("date")
_SUM_SHAPES = _compiled("amount")
_PRICE_SHAPE = re.compile(_PRICE.pattern.replace("@", "(?:[\ue800-\uefff])"), re.IGNORECASE)
_BY_ID = {thing.id: thing for thing in THINGS}


def told_about(state: SessionState) -> tuple[About, ...]:
    """What a session tells about such things; the story's part is worked out once for each report."""
    if "things" not in state.worked_out:
        state.worked_out["things"] = things_told(story_facts(state))
    of_story: tuple[About, ...] = state.worked_out["things"]
    return (*of_story, *things_told(fact for fact in facts(state) if fact.place.source == "answer"))


def things_told(told: Iterable[Fact]) -> tuple[About, ...]:
    """The facts that are about a thing with one date or one sum, in the order they were told."""
    groups: dict[tuple[str, str | None, int], list[Fact]] = {}
    for fact in told:
        if fact.value is not None:
            groups.setdefault((fact.sentence, fact.place.key, fact.place.start - fact.before), []).append(fact)
    found: list[About] = []
    for group in groups.values():
        named = list(_in_sentence(group[:_ROOM]))
        found.extend(named)
        found.extend(_answered(group, {about.thing for about in named}))
    return tuple(found)


def _in_sentence(group: list[Fact]) -> Iterator[About]:
    """Each fact of one sentence becomes one character, so that the patterns see where it stands."""
    text, characters = _with_marks(group)
    for thing, fact in _dates(text, characters):
        if not _others_word(text, thing[1]):
            yield About(thing[0].id, thing[0].name, fact)
    for amount_thing, shape in _SUM_SHAPES:
        for match in shape.finditer(text):
            mark = next(c for c in match.group() if "\ue800" <= c < "\uf000")
            if mark in characters and not _others_word(text, match.start()):
                yield About(amount_thing.id, amount_thing.name, characters[mark])
    for match in _PRICE_SHAPE.finditer(text):
        what = (match["what"] or match["paid"]).lower()
        mark = next(c for c in match.group() if "\ue800" <= c < "\uf000")
        if what not in _NO_THING and mark in characters and not _others_word(text, match.start()):
            yield About(f"price:{what}", f"the price of the {what}", characters[mark])


def _with_marks(group: list[Fact]) -> tuple[str, dict[str, Fact]]:
    text = _PRIVATE.sub(" ", group[0].sentence)
    characters: dict[str, Fact] = {}
    counts = {"date": _FIRST_DATE, "amount": _FIRST_SUM}
    for fact in sorted(group, key=lambda item: -item.before):
        mark = chr(counts[fact.kind])
        counts[fact.kind] += 1
        characters[mark] = fact
        text = text[: fact.before] + mark + text[fact.before + len(fact.mention) :]
    return " ".join(text.split()), characters


def _dates(text: str, characters: Mapping[str, Fact]) -> Iterator[tuple[tuple[Thing, int], Fact]]:
    """Cue and date that are nearest to each other, each used once; a date after the cue is nearer."""
    pairs = []
    for thing, cue in _DATE_CUES:
        for match in cue.finditer(text):
            for at, character in enumerate(text):
                if not "\ue000" <= character < "\ue800" or character not in characters:
                    continue
                gap = at - match.end() if at >= match.end() else match.start() - at + 5
                between = text[min(at, match.end()) : max(at, match.start())]
                if 0 <= gap <= _NEAR and ";" not in between:
                    pairs.append((gap, match.start(), at, thing))
    cues, used = set(), set()
    for _gap, start, at, thing in sorted(pairs, key=lambda pair: pair[:3]):
        if (thing.id, start) not in cues and at not in used:
            cues.add((thing.id, start))
            used.add(at)
            yield (thing, start), characters[text[at]]


def _others_word(text: str, at: int) -> bool:
    return _SAID_BY_OTHERS.search(text[:at]) is not None


def _answered(group: list[Fact], named: set[str]) -> Iterator[About]:
    """An answer with one date, or one sum, tells what its question asked for."""
    key = None if group[0].place.key is None else parse_key(group[0].place.key)
    for thing_id in () if key is None else _ANSWERS.get(key, ()):
        thing = _BY_ID[thing_id]
        own = [fact for fact in group if fact.kind == thing.kind]
        if len(own) == 1 and thing_id not in named:
            yield About(thing_id, thing.name, replace(own[0]))
