"""A draft as a list of blocks: the one wording that HTML, DOCX, PDF, plain text and differences share."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Literal

from mediator.draft.model import MISSING, UNKNOWN, Count, CountElement, Draft, DraftParty, Paragraph, Redaction

__all__ = [
    "BLANK_LINE",
    "Block",
    "Caption",
    "Fact",
    "Heading",
    "Items",
    "Note",
    "Signature",
    "Table",
    "Text",
    "outline",
    "plain_text",
    "title_of",
]

#: What a person fills in by hand.
BLANK_LINE = "_" * 30


@dataclass(frozen=True, slots=True)
class Heading:
    """``part`` tells where it stands: in the pleading, or in the notes that are not filed."""

    level: Literal[2, 3]
    text: str
    part: Literal["pleading", "notes"] = "pleading"
    new_page: bool = False


@dataclass(frozen=True, slots=True)
class Text:
    text: str


@dataclass(frozen=True, slots=True)
class Note:
    """What stands outside of the pleading's own text: the notice."""

    text: str


@dataclass(frozen=True, slots=True)
class Items:
    items: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Fact:
    """A numbered paragraph: what leads in, the words, and where they come from."""

    number: int
    lead: str
    words: str
    quoted: bool
    source: str

    @property
    def said(self) -> str:
        """The words as they stand on paper, with what leads in."""
        return f"{self.lead}“{self.words}”" if self.quoted else f"{self.lead}{self.words}"

    @property
    def text(self) -> str:
        """The paragraph without its number."""
        return f"{self.said} [{self.source}]"


@dataclass(frozen=True, slots=True)
class Caption:
    court: str
    district: str
    plaintiffs: str
    defendants: str
    jury: str


@dataclass(frozen=True, slots=True)
class Signature:
    """Lines to fill in by hand; nothing of it is ever filled in but the contact that the person gave."""

    name: str
    address: str
    email: str
    phone: str

    @property
    def lines(self) -> tuple[str, ...]:
        """One line for each thing to sign or fill in."""
        return (
            f"Date: {BLANK_LINE}",
            f"Signature: {BLANK_LINE}",
            f"Name: {self.name}",
            f"Address: {self.address}",
            f"E-mail: {self.email}",
            f"Phone: {self.phone}",
        )


@dataclass(frozen=True, slots=True)
class Table:
    caption: str
    heads: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


Block = Heading | Text | Note | Items | Fact | Caption | Signature | Table


def title_of(draft: Draft) -> str:
    """The title of the document."""
    return f"Complaint (draft) {draft.session}"


def outline(draft: Draft) -> Iterator[Block]:
    """The whole document, in order: the pleading, then notes and annexes that are not filed."""
    yield Note(f"{draft.notice} This is a draft; nothing in it is signed.")
    yield from _pleading(draft)
    yield from _notes(draft)


def _pleading(draft: Draft) -> Iterator[Block]:
    yield Caption(
        court=draft.court,
        district=draft.district,
        plaintiffs=_names(draft.plaintiffs),
        defendants=_names(draft.defendants),
        jury=draft.jury_demand,
    )
    yield Heading(2, "Parties")
    diversity = any("§ 1332" in line for line in draft.jurisdiction)
    yield Items(
        tuple(_party(p, diversity) for p in (*draft.plaintiffs, *draft.defendants)) or (f"{MISSING}: the parties",)
    )
    yield Heading(2, "Jurisdiction")
    yield Items(draft.jurisdiction)
    yield Heading(2, "Venue")
    yield Text(draft.venue)
    yield Heading(2, "Facts")
    if not draft.facts:
        yield Text(f"{MISSING}: facts")
    for fact in draft.facts:
        yield _fact(fact)
    for count in draft.counts:
        yield from _count(count)
    yield Heading(2, "Prayer for relief")
    yield Text("Plaintiff asks for:")
    yield Items(draft.prayer or (f"{MISSING}: what is asked for",))
    yield Heading(2, "Jury")
    yield Text(draft.jury_demand)
    if draft.verification is not None:
        yield Heading(2, "Verification")
        yield Text(draft.verification)
    yield Heading(2, "Signature")
    yield Text(draft.certification)
    for party in draft.plaintiffs:
        yield _signature(party)
    if not draft.plaintiffs:
        yield Signature(f"{MISSING}: the plaintiff's name", BLANK_LINE, BLANK_LINE, BLANK_LINE)
    yield Heading(2, "Exhibits", new_page=bool(draft.exhibits))
    if not draft.exhibits:
        yield Text("None so far.")
        return
    heads = ("Exhibit", "Title", "Date", "Pages", "Paragraphs", "CID and SHA-256")
    rows = ((x.label, x.title, x.date, x.pages, _numbers(x.paragraphs), f"{x.cid}\n{x.sha256}") for x in draft.exhibits)
    yield Table("Index of exhibits", heads, tuple(rows))


def _notes(draft: Draft) -> Iterator[Block]:
    yield Heading(2, "Notes for you, not to be filed", "notes", new_page=True)
    yield Text("From here on, nothing belongs to the complaint. Take these pages off before you file.")
    yield Heading(3, "What to look at before filing", "notes")
    failed = [
        f"{check.section.replace('_', ' ')} ({check.rule}): {check.says}" for check in draft.checks if not check.ok
    ]
    yield Items((*draft.warnings, *failed) or ("The program found nothing to point out.",))
    yield Heading(3, "Kept out of public filings (Fed. R. Civ. P. 5.2(a))", "notes")
    yield Items(tuple(_redaction(item) for item in draft.redactions) or ("Nothing was found to shorten.",))
    yield Heading(3, "Next steps: papers that go with a complaint", "notes")
    yield Items(draft.related_papers)
    for count in draft.counts:
        yield Heading(3, f"Count {count.number}: deadlines and what comes before filing", "notes")
        yield Items((*count.deadlines, *(f"before filing: {step}" for step in count.before_filing)))
    yield Heading(3, "Checks of the sections", "notes")
    checks = tuple((c.section.replace("_", " "), c.rule, "done" if c.ok else "open", c.says) for c in draft.checks)
    yield Table("What each section must hold", ("Section", "Rule", "State", "What the program sees"), checks)
    yield Heading(2, "Annex A: timeline", "notes", new_page=True)
    timeline = (
        (f"{e.iso} (year not told)" if e.year_assumed else e.iso, e.mention, e.about, _numbers((e.paragraph or 0,)))
        for e in draft.timeline
    )
    yield Table("Dates that were told", ("Date", "As told", "About", "Paragraph"), tuple(timeline))
    yield Heading(2, "Annex B: claims, elements, evidence", "notes")
    heads = ("Claim", "Element", "Needed", "State", "Paragraphs", "Exhibits")
    matrix = (
        (
            r.claim,
            r.label,
            "yes" if r.blocking else "helps",
            _state(r.state),
            _numbers(r.paragraphs),
            ", ".join(r.exhibits),
        )
        for r in draft.matrix
    )
    yield Table("What each element rests on", heads, tuple(matrix))


def _state(state: str) -> str:
    return MISSING if state == "missing" else state


def _numbers(numbers: Iterable[int]) -> str:
    return ", ".join(str(number) for number in numbers if number)


def _names(parties: tuple[DraftParty, ...]) -> str:
    return ", ".join(party.name for party in parties) or MISSING


def _party(party: DraftParty, diversity: bool) -> str:
    """Name, role, address; the home state where it matters or is known."""
    lines = [f"{party.name}, {party.role}.", f"Address: {party.address}."]
    home = {"Incorporated in": party.incorporated_in, "Principal place of business": party.principal_place}
    if not party.organisation:
        home = {"Citizen of": party.citizenship}
    return " ".join(lines + [f"{what}: {place}." for what, place in home.items() if diversity or place != UNKNOWN])


def _signature(party: DraftParty) -> Signature:
    address = BLANK_LINE if party.address == UNKNOWN else party.address
    return Signature(party.name, address, party.email or BLANK_LINE, party.phone or BLANK_LINE)


def _fact(fact: Paragraph) -> Fact:
    lead, exhibits = "Plaintiff states: ", f"Exhibit {', '.join(fact.exhibits)}" if fact.exhibits else ""
    match fact.source.kind:
        case "story":
            source = f"account, characters {fact.source.start} to {fact.source.end}"
        case "answer":
            source = f"answer to: {fact.source.question}"
        case "evidence":
            lead, source = "Attached, as Plaintiff describes it: ", ""
    prose = "smoothed and accepted" if fact.smoothed_by is not None else ""
    told = "; ".join(part for part in (source, prose, exhibits) if part)
    return Fact(fact.number, "" if prose else lead, fact.text, quoted=not prose, source=told)


def _count(count: Count) -> Iterator[Block]:
    yield Heading(2, f"Count {count.number}: {count.name}")
    yield Heading(3, "Law")
    yield Items(count.law)
    yield Heading(3, "Elements and the paragraphs that meet them")
    yield Items(tuple(_element(element) for element in count.elements))


def _element(element: CountElement) -> str:
    if element.missing is not None:
        return f"{element.label}: {element.missing}{'' if element.blocking else ' (helpful, not required)'}"
    cited = [f"paragraph {number}" for number in element.paragraphs] + [f"Exhibit {x}" for x in element.exhibits]
    return f"{element.label}: {', '.join(cited)}."


def _redaction(item: Redaction) -> str:
    return f"{'done' if item.done else 'please look'}: {item.kind}: {item.shown}"


def plain_text(block: Block) -> tuple[str, ...]:
    """A block as lines of text."""
    match block:
        case Heading():
            return (block.text,)
        case Text() | Note():
            return (block.text,)
        case Items():
            return tuple(f"- {item}" for item in block.items)
        case Fact():
            return (f"{block.number}. {block.text}",)
        case Caption():
            return (
                block.court,
                block.district,
                f"{block.plaintiffs}, Plaintiff(s),",
                f"v. {block.defendants}, Defendant(s).",
                f"Case No. {BLANK_LINE}",
                "COMPLAINT",
                block.jury,
            )
        case Signature():
            return block.lines
        case Table():
            return (block.caption, *(" | ".join(cell.replace("\n", " ") for cell in row) for row in block.rows))
