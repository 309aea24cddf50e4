"""Reads who is named in a story, and in what role, by rule.

A name is taken only where the text has it. The teller is whom the text introduces ("my name is");
organisations and titled persons who are no agency, witness or bystander stand on the other side.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from mediator.claims.lexicon import word_set
from mediator.claims.report import Party, Role

__all__ = ["find_parties"]

_CAP = r"(?:[A-ZÁÉÍÓÚÑ][\w'’-]*[\w]|[A-Z]\.)"
_JOIN = r"(?:&|of|and|the|de|del|la|for)"
_RUN = rf"{_CAP}(?:\s+(?:{_JOIN}\s+){{0,2}}{_CAP})*"
_TITLE = r"(?:Mr|Mrs|Ms|Dr|Sgt|Lt|Capt|Sra?|Officers?|Deputy|Deputies|Detective|Sergeant|Nurse|Judge|Don|Doña)\.?"
_SELF = re.compile(
    rf"(?:[Mm]y name is|[Mm]y name's|[Mm]y full name is|[Mm]e llamo|[Mm]i nombre es|[Ss]oy|\bI am|\bI[’']m|"
    rf"[Tt]his is|[Ss]igned,?"
    rf"|[Cc]aller:?|\b[Cc]lient:|\bTenant:|\b[Cc]omplainant:?|\bWorker:|\bConsumer:|\bPatient:|"
    rf"\b[Nn]ame:)\s+(?P<name>{_TITLE}\s+)?(?P<run>{_CAP}(?:\s+{_CAP}){{0,3}})"
)
#: The name under a letter.
_SIGNED = re.compile(
    r"\b(?:[Rr]espectfully|[Ss]incerely|[Kk]indly|[Tt]hank you|[Tt]hanks|[Yy]ours(?: truly)?|"
    r"(?:[Bb]est |[Kk]ind )?[Rr]egards|[Bb]est|[Aa]tentamente|[Ss]aludos|[Gg]racias)\s*[,.]"
    rf"\s*(?P<run>{_CAP}(?:\s+{_CAP}){{1,3}})\s*[.]?\s*$"
)
_TITLED = re.compile(rf"\b(?P<run>{_TITLE}\s+{_CAP}(?:\s+(?:and\s+)?{_CAP}){{0,3}})")
_NAMED = re.compile(rf"\b{_RUN}")
_ORGANISATION = re.compile(
    r"\b(?:Inc|LLC|Ltd|Corp|Co|Company|Apartments?|Bank|Hospital|Clinic|Care|Services?|Solutions|Rentals?|"
    r"Homes?|Property|"
    r"Properties|Management|Realty|Motors?|Auto|Group|Systems?|Logistics|Foods?|Market|Store|Stores|Supply|Plastics|"
    r"Warehousing|Storage|Linen|Solar|Screening|Collections?|Credit|Recovery|Department|Police|Sheriff|"
    r"County|City|School|"
    r"District|University|College|Restaurant|Grill|Diner|Cafe|Café|Hotel|Inn|Motel|Construction|Roofing|Fence|Builders|"
    r"Contractors?|Landscaping|Dental|Health|Medical|Pharmacy|Partners|Associates|Agency|Staffing|Insurance|Financial|"
    r"Mortgage|Lending|Capital|Towers?|Terrace|Village|Estates|Manor|Gardens|Place|Court|Industries|"
    r"Manufacturing|Mills?|"
    r"Farms?|Dairy|Bakery|Salon|Spa|Gym|Fitness|Club|Center|Centre|Depot|Direct|Direct|Express|Transport|"
    r"Trucking|Freight|"
    r"Energy|Electric|Plumbing|Heating|Cleaning|Security|Media|News|Church|Academy|Daycare|Nursery|"
    r"Nursing|Rehab|Living|"
    r"Brothers|Bros|Sons|Works|Tools?|Electronics|Appliances?|Toys|Cycles?|Labs?|Laboratories|Pharma|Imports?|Packing|"
    r"Jail|Prison|Facility|Authority|Housing|Communities|Residential|Investments?|Holdings|Enterprises|"
    r"Studios?|Cars?)\b"
)
_AGENCIES = word_set(
    "EEOC HUD OSHA CFPB FTC IRS DOL NLRB USCIS ICE CPS FBI DMV ER ICU HR DFEH DCFS FMLA ADA VA SSDI SSI SSA "
    "PTSD OT GPS BBB FDA EPA USPS CEO TV UPS I A OK MRI CT Title USA US"
)
_NOT_NAMES = word_set(
    "January February March April May June July August September October November December Jan Feb Mar Apr "
    "Jun Jul Aug Sep Sept Oct Nov Dec Monday Tuesday Wednesday Thursday Friday Saturday Sunday Christmas "
    "Thanksgiving Easter Halloween The A An I I'm I’m I've I’ve I'd I’d I'll My We Our They He She It His Her "
    "Their This That These Those There Then When What Who Why How After Before Since Until On In At By For "
    "From To And But Or So If As Not No Now One Two Three Four Five Also Because Please Every Each Some All "
    "Any Both Nobody Everyone Someone Only Just Even Still Later Last Next Hola El La Los Las Mi Mis Su Sus "
    "Yo Ella Ellos Nosotros Desde Cuando Pero Por Para Con Sin No Tengo Soy Estoy Hay English Spanish "
    "American Mexican Black White Latino Latina Hispanic Asian African Muslim Christian Jewish Catholic "
    "Facebook Google Yelp Instagram WhatsApp Zelle Venmo Craigslist Medicaid Medicare God Sir Ma'am Mom Dad "
    "Hotline Caller Client Dealer Manager Boss Landlord Owner Doctor Police Officer Judge Court Ignore System "
    "Important Note Write Say Thanks Thank Yes Hi Hello Dear Ever Once While During About Around Under Over "
    "Between Instead Nothing Everything Anyway Maybe Is Are Was Were Do Did Does Has Have Had Can Could Would "
    "Should Will Its It's It’s That's That’s He's She's They're You Your Rent Texas California Florida York "
    "Ohio Nevada Boston Chicago Houston Phoenix Detroit Reno Atlanta Dallas Miami Seattle Flint Georgia "
    "Arizona Michigan Virginia Carolina Jersey Oregon Washington Illinois Kentucky Tennessee Missouri Utah"
)
_BYSTANDER = re.compile(
    r"\b(?:my|our|mi) (?:\w+ ){0,2}?(?:wife|husband|mother|mom|father|dad|sister|brother|son|daughter|kid|child|friend|"
    r"cousin|aunt|uncle|girlfriend|boyfriend|partner|grandson|granddaughter|esposo|esposa|hija|hijo|mamá|"
    r"hermana|hermano|"
    r"lawyer|attorney|union rep|therapist),?\s+$",
    re.IGNORECASE,
)
_WITNESS = re.compile(
    r"\b(?:my|our|a|the) (?:\w+ ){0,2}?(?:co-?worker|neighbou?r|witness|classmate|roommate|bystander|"
    r"passenger|customer),?\s+$",
    re.IGNORECASE,
)
_WITNESS_AFTER = re.compile(
    r"^,?\s*(?:\([^)]*\)\s*)?(?:who\s+)?(?:saw|heard|witnessed|was there|can confirm|will testify|"
    r"recorded|filmed)\b",
    re.IGNORECASE,
)
_OTHER_SIDE = re.compile(
    r"\b(?:(?:my|our|the|a|an|mi|his|her|their|another) (?:\w+[ -]){0,3}?(?:boss|manager|supervisor|super|"
    r"owner|landlord|landlady|"
    r"lead|foreman|director|principal|doctor|dentist|surgeon|nurse|driver|contractor|neighbor|neighbour|"
    r"dealer|salesman|"
    r"agent|officer|deputy|guard|coach|employer|company|collector|ex-boss|ex|roommate|captain|chef|"
    r"builder|mechanic|store|"
    r"hospital|clinic|shop|seller|casero|dueño|dueña|jefe|jefa|patrón|pal|guy|man|woman|tenant|lender|bank|agency|firm|"
    r"sublet landlord|vice president|president|editor|client|customer)(?: (?:named|called|llamad[oa]))?,?|"
    r"\b(?:work(?:ed|s|ing)?|clean(?:ed)?|drive|drove|cook(?:ed)?|hired|employed) (?:for|at|by|with)|"
    r"rent(?:ed|s|ing)? (?:\w+ ){0,3}?(?:from|with|by)|"
    r"bought (?:\w+ ){0,6}?(?:from|at)|paid|sued|hired|lent(?: my \w+)?|loaned|called|named|by|against|"
    r"con|para|at|from|"
    r"went to|calls from|signed (?:\w+ ){0,3}?with|treated (?:at|by)|hit by)\s+(?:the\s+)?$",
    re.IGNORECASE,
)


#: No case has more sides; a text that names more is no story, and comparing them all would take for ever.
_MAX_NAMES = 300


@dataclass(frozen=True, slots=True)
class _Name:
    text: str
    start: int
    end: int
    role: Role
    why: str


def find_parties(text: str) -> list[Party]:
    """Every named person or organisation, in the order of first mention, with its role."""
    chosen: list[_Name] = []
    for name in (*_selves(text), *_titled(text), *_others(text)):
        if len(chosen) < _MAX_NAMES and not any(_same(name, other) for other in chosen):
            chosen.append(name)
    ordered = sorted(chosen, key=lambda name: name.start)
    return [Party(name=n.text, role=n.role, start=n.start, end=n.end, why=n.why) for n in ordered]


def _selves(text: str) -> Iterator[_Name]:
    for match in _SELF.finditer(text):
        start, end = _trim(text, match.start("run"), match.end("run"))
        words = text[start:end].split()
        introduced = "name" in match.group()[:14].lower() or "llamo" in match.group().lower()
        if end <= start or (len(words) < 2 and not introduced) or _ORGANISATION.search(text[start:end]):
            continue
        yield _Name(text[start:end], start, end, "plaintiff", "the teller gives this name")
    signed = _SIGNED.search(text, max(0, len(text) - 120))
    if signed is not None and not _ORGANISATION.search(signed["run"]):
        yield _Name(signed["run"], signed.start("run"), signed.end("run"), "plaintiff", "the name under the letter")


def _titled(text: str) -> Iterator[_Name]:
    for match in _TITLED.finditer(text):
        role: Role = "other" if _BYSTANDER.search(text[max(0, match.start() - 60) : match.start()]) else "defendant"
        if match.group("run").startswith("Judge"):
            role = "other"
        yield _Name(match["run"], match.start("run"), match.end("run"), role, "named with a title")


def _others(text: str) -> Iterator[_Name]:
    for match in _NAMED.finditer(text):
        start, end = _trim(text, match.start(), match.end())
        name = text[start:end]
        if (
            not name
            or name in _AGENCIES
            or all(word.strip(".") in _AGENCIES or word.islower() for word in name.split())
        ):
            continue
        before = text[max(0, start - 60) : start]
        organisation = bool(_ORGANISATION.search(name)) and len(name.split()) > 1
        if _BYSTANDER.search(before):
            yield _Name(name, start, end, "other", "someone close to the teller")
        elif _WITNESS.search(before) or _WITNESS_AFTER.match(text[end : end + 40]):
            yield _Name(name, start, end, "witness", "said to have seen or heard")
        elif organisation:
            yield _Name(name, start, end, "defendant", "an organisation in the story")
        elif _OTHER_SIDE.search(before) and (len(name.split()) > 1 or "landlord" in before or "boss" in before):
            yield _Name(name, start, end, "defendant", "introduced as the other side")
        # In a text that is all capitals, any two words look like a name.
        elif len(name.split()) in (2, 3) and "'" not in name and not name.isupper():
            yield _Name(name, start, end, "defendant", "named in the story")


def _trim(text: str, start: int, end: int) -> tuple[int, int]:
    """Cut words that only look like a name because they open a sentence or name a month or a place."""
    words = [(m.start() + start, m.end() + start) for m in re.finditer(r"\S+", text[start:end])]
    while words and _is_no_name(text[words[0][0] : words[0][1]]):
        words.pop(0)
    while words and (_is_no_name(text[words[-1][0] : words[-1][1]]) or text[words[-1][0] : words[-1][1]].islower()):
        words.pop()
    if not words:
        return start, start
    first, last = words[0][0], words[-1][1]
    tail = re.search(r"['’]s$", text[first:last])
    return first, last - len(tail.group()) if tail else last


def _is_no_name(word: str) -> bool:
    return (
        word in _NOT_NAMES
        or re.sub(r"['’]s$", "", word) in _NOT_NAMES
        or word.lower() in {"of", "and", "the", "for", "&"}
    )


def _same(one: _Name, other: _Name) -> bool:
    if one.start < other.end and other.start < one.end:
        return True
    a, b = _key(one.text), _key(other.text)
    return a == b or a <= b or b <= a


def _key(name: str) -> frozenset[str]:
    words = re.findall(r"\w+", name.lower())
    small = {"the", "mr", "ms", "mrs", "dr", "officer", "officers", "sgt", "llc", "inc", "and", "of"}
    return frozenset(word for word in words if word not in small) or frozenset(words)
