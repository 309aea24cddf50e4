"""What a draft holds. Every factual paragraph says where its words come from; what nobody told reads MISSING."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict

from mediator.claims.taxonomy import NOTICE

__all__ = [
    "MISSING",
    "UNKNOWN",
    "Count",
    "CountElement",
    "Draft",
    "DraftExhibit",
    "DraftParty",
    "MatrixRow",
    "Paragraph",
    "Redaction",
    "SectionCheck",
    "Source",
    "TimelineEntry",
]

MISSING = "MISSING"
UNKNOWN = "unknown"


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Source(_Frozen):
    """Where words come from: a span of the story, the answer to a question, or a piece of evidence by CID."""

    kind: Literal["story", "answer", "evidence"]
    start: int | None = None
    end: int | None = None
    question: str | None = None
    cid: str | None = None


class Paragraph(_Frozen):
    """One numbered fact in the person's own words, or in smoothed prose that the person accepted.

    ``original`` and ``smoothed_by`` are there when it is prose: what the person said, and who smoothed it.
    """

    number: int
    text: str
    source: Source
    exhibits: tuple[str, ...] = ()
    original: str | None = None
    smoothed_by: str | None = None


class DraftParty(_Frozen):
    """A party of the caption. What nobody told reads unknown until somebody fills it in."""

    name: str
    role: Literal["plaintiff", "defendant"]
    address: str = UNKNOWN
    citizenship: str = UNKNOWN
    organisation: bool = False
    incorporated_in: str = UNKNOWN
    principal_place: str = UNKNOWN
    email: str | None = None
    phone: str | None = None


class CountElement(_Frozen):
    """An element of a count: the facts and exhibits for it, or what is missing."""

    element: str
    label: str
    blocking: bool
    paragraphs: tuple[int, ...]
    exhibits: tuple[str, ...]
    missing: str | None


class Count(_Frozen):
    """One cause of action."""

    number: int
    claim: str
    name: str
    law: tuple[str, ...]
    elements: tuple[CountElement, ...]
    deadlines: tuple[str, ...]
    before_filing: tuple[str, ...]


class DraftExhibit(_Frozen):
    """A piece of evidence as the index lists it."""

    label: str
    title: str
    date: str
    cid: str
    sha256: str
    pages: str
    paragraphs: tuple[int, ...]


class TimelineEntry(_Frozen):
    """A date that was told, what it is about if that is known, and the paragraph that tells it."""

    iso: str
    mention: str
    about: str
    year_assumed: bool
    paragraph: int | None


class MatrixRow(_Frozen):
    """One cell row of claims x elements x evidence."""

    claim: str
    element: str
    label: str
    blocking: bool
    state: Literal["told", "with evidence", "missing"]
    paragraphs: tuple[int, ...]
    exhibits: tuple[str, ...]


class Redaction(_Frozen):
    """Something that Fed. R. Civ. P. 5.2(a) keeps out of public filings: what was shortened, or must be looked at."""

    kind: str
    shown: str
    done: bool


class SectionCheck(_Frozen):
    """The check of one section of the taxonomy."""

    section: str
    rule: str
    ok: bool
    says: str


class Draft(_Frozen):
    """A whole complaint, never signed."""

    schema_version: Literal["complaint-draft/1"] = "complaint-draft/1"
    session: str
    court: str
    district: str
    plaintiffs: tuple[DraftParty, ...]
    defendants: tuple[DraftParty, ...]
    jury_demand: str
    jurisdiction: tuple[str, ...]
    venue: str
    facts: tuple[Paragraph, ...]
    counts: tuple[Count, ...]
    prayer: tuple[str, ...]
    sums: tuple[str, ...]
    certification: str
    verification: str | None
    exhibits: tuple[DraftExhibit, ...]
    related_papers: tuple[str, ...]
    redactions: tuple[Redaction, ...]
    timeline: tuple[TimelineEntry, ...]
    matrix: tuple[MatrixRow, ...]
    warnings: tuple[str, ...]
    checks: tuple[SectionCheck, ...]
    notice: str = NOTICE
