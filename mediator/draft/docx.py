"""Writes a draft as a DOCX file, with real headings, lists and table heads, so that it can be edited and read aloud."""

from __future__ import annotations

import io
from collections.abc import Iterable
from typing import TYPE_CHECKING

from mediator.draft.html import Style
from mediator.draft.model import MISSING, Count, CountElement, Draft, Paragraph

if TYPE_CHECKING:
    from docx.document import Document

__all__ = ["to_docx"]

_LINE = "_" * 34


def to_docx(draft: Draft, style: Style | None = None) -> bytes:
    """The bytes of the file. It is never signed."""
    import docx  # python-docx brings lxml, so only when a DOCX is asked for
    from docx.shared import Inches, Pt

    look = style or Style()
    document = docx.Document()
    document.core_properties.title = f"Complaint (draft) {draft.session}"
    document.core_properties.author = ""
    document.core_properties.comments = draft.notice
    normal = document.styles["Normal"]
    normal.font.name, normal.font.size = look.font, Pt(look.size_pt)
    normal.paragraph_format.line_spacing = look.spacing
    for section in document.sections:
        section.left_margin = section.right_margin = Inches(look.margin_in)
        section.top_margin = section.bottom_margin = Inches(look.margin_in)
    _body(document, draft)
    out = io.BytesIO()
    document.save(out)
    return out.getvalue()


def _body(document: Document, draft: Draft) -> None:
    document.add_paragraph(f"{draft.notice} This is a draft; nothing in it is signed.")
    document.add_paragraph(draft.court)
    document.add_paragraph(f"{_names(p.name for p in draft.plaintiffs)}, Plaintiff(s),\nv.")
    document.add_paragraph(f"{_names(p.name for p in draft.defendants)}, Defendant(s).")
    document.add_paragraph(f"Case No. {_LINE} (for the clerk)")
    document.add_heading("Complaint", level=1)
    document.add_paragraph(draft.jury_demand)
    parties = (f"{p.name}, {p.role}. Address: {p.address}." for p in (*draft.plaintiffs, *draft.defendants))
    _list(document, "Parties", parties)
    _list(document, "Jurisdiction", draft.jurisdiction)
    _list(document, "Venue", [draft.venue])
    document.add_heading("Facts", level=2)
    for fact in draft.facts:
        document.add_paragraph(_fact(fact))
    for count in draft.counts:
        _count(document, count)
    _list(document, "Prayer for relief", draft.prayer or (MISSING,))
    _signature(document, draft)
    heads = ("Exhibit", "Title", "Date", "CID", "SHA-256", "Pages")
    exhibits = ((x.label, x.title, x.date, x.cid, x.sha256, x.pages) for x in draft.exhibits)
    _table(document, "Exhibits", heads, exhibits)
    _list(document, "Next steps", draft.related_papers)
    failed = (f"{check.section} ({check.rule}): {check.says}" for check in draft.checks if not check.ok)
    pointed_out = (f"{item.kind}: {item.shown}" for item in draft.redactions)
    _list(document, "What to look at before filing", [*draft.warnings, *failed, *pointed_out])
    timeline = ((e.iso, e.mention, "" if e.paragraph is None else str(e.paragraph)) for e in draft.timeline)
    _table(document, "Annex A: timeline", ("Date", "As told", "Paragraph"), timeline)
    matrix = ((row.claim, row.label, row.state) for row in draft.matrix)
    _table(document, "Annex B: claims, elements, evidence", ("Claim", "Element", "State"), matrix)


def _names(names: Iterable[str]) -> str:
    return ", ".join(names) or MISSING


def _fact(fact: Paragraph) -> str:
    if fact.source.kind == "story":
        source = f"story, characters {fact.source.start} to {fact.source.end}"
    else:
        source = f"answer to: {fact.source.question}"
    exhibits = f"; exhibits {', '.join(fact.exhibits)}" if fact.exhibits else ""
    return f"{fact.number}. “{_clean(fact.text)}” [{source}{exhibits}]"


def _count(document: Document, count: Count) -> None:
    document.add_heading(f"Count {count.number}: {count.name}", level=2)
    _list(document, "Law", count.law, level=3)
    _list(document, "Elements", (_element(element) for element in count.elements), level=3)
    _list(document, "Deadlines", count.deadlines, level=3)
    _list(document, "Before filing", count.before_filing, level=3)


def _element(element: CountElement) -> str:
    if element.missing is not None:
        return f"{element.label}: {element.missing}{'' if element.blocking else ' (helpful, not required)'}"
    cited = [f"paragraph {number}" for number in element.paragraphs] + [f"exhibit {x}" for x in element.exhibits]
    return f"{element.label}: {', '.join(cited)}"


def _signature(document: Document, draft: Draft) -> None:
    document.add_heading("Signature", level=2)
    document.add_paragraph(draft.certification)
    if draft.verification is not None:
        document.add_paragraph(draft.verification)
    for name in [party.name for party in draft.plaintiffs] or [MISSING]:
        document.add_paragraph(f"Date: {_LINE}\nSignature: {_LINE}\n{name}\nAddress, e-mail, phone: {_LINE}")


def _list(document: Document, title: str, items: Iterable[str], level: int = 2) -> None:
    lines = list(items)
    if lines:
        document.add_heading(title, level=level)
    for line in lines:
        document.add_paragraph(_clean(line), style="List Bullet")


def _table(document: Document, title: str, heads: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> None:
    document.add_heading(title, level=2)
    table = document.add_table(rows=1, cols=len(heads), style="Table Grid")
    for cell, head in zip(table.rows[0].cells, heads, strict=True):
        cell.text = head
    for row in rows:
        for cell, text in zip(table.add_row().cells, row, strict=True):
            cell.text = _clean(text)


def _clean(text: str) -> str:
    """XML cannot hold control characters; a story may."""
    return "".join(c for c in text if c in "\t\n" or (c >= " " and c not in "\x7f\ufffe\uffff"))
