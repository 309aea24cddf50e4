"""Writes a draft as a DOCX file, with real headings, lists and table heads, so that it can be edited and read aloud.

The same draft and style give the same bytes: no time of writing and no random id is in the file.
"""

from __future__ import annotations

import datetime as dt
import io
import zipfile
from typing import TYPE_CHECKING, Any

from mediator.draft.model import MISSING, Draft
from mediator.draft.outline import (
    BLANK_LINE,
    Block,
    Caption,
    Fact,
    Heading,
    Items,
    Note,
    Signature,
    Table,
    Text,
    outline,
    title_of,
)
from mediator.draft.style import LINES_ON_A_PAGE, Style

if TYPE_CHECKING:
    from docx.document import Document
    from docx.text.paragraph import Paragraph

__all__ = ["to_docx"]

#: A fixed time for what the format must hold a time of: the first one a zip file can tell.
_NEVER = dt.datetime(1980, 1, 1, tzinfo=dt.UTC)
_FOOT = "Draft. Not signed. Not legal advice."
_SINGLE = 1.15


def to_docx(draft: Draft, style: Style | None = None) -> bytes:
    """The bytes of the file. It is never signed."""
    import docx  # python-docx brings lxml, so only when a DOCX is asked for

    look = style or Style()
    document = docx.Document()
    properties = document.core_properties
    properties.title, properties.author, properties.comments = _clean(title_of(draft)), "", draft.notice
    properties.created = properties.modified = _NEVER.replace(tzinfo=None)
    properties.language, properties.last_modified_by, properties.revision = "en-US", "", 1
    _set_styles(document, look)
    _set_page(document, look)
    in_notes = False
    for block in outline(draft):
        if isinstance(block, Heading) and block.part == "notes" and not in_notes:
            in_notes = True
            _plain_section(document)
        _write(document, block, compact=in_notes)
    out = io.BytesIO()
    document.save(out)
    return _without_times(out.getvalue())


def _set_styles(document: Document, look: Style) -> None:
    from docx.enum.text import WD_ALIGN_PARAGRAPH, WD_LINE_SPACING
    from docx.shared import Pt, RGBColor

    normal = document.styles["Normal"]
    normal.font.name, normal.font.size = look.font, Pt(look.size_pt)
    normal.paragraph_format.line_spacing_rule = WD_LINE_SPACING.EXACTLY
    normal.paragraph_format.line_spacing = Pt(look.line_pt)
    normal.paragraph_format.space_before = normal.paragraph_format.space_after = Pt(0)
    normal.paragraph_format.widow_control = not look.numbered_lines
    for level in (1, 2, 3):
        heading = document.styles[f"Heading {level}"]
        heading.font.name, heading.font.size, heading.font.bold = look.font, Pt(look.size_pt), level < 3
        heading.font.underline, heading.font.color.rgb = level == 3, RGBColor(0, 0, 0)
        heading.font.all_caps = level < 3
        heading.paragraph_format.space_before = heading.paragraph_format.space_after = Pt(0)
        if level < 3:
            heading.paragraph_format.alignment = WD_ALIGN_PARAGRAPH.CENTER
        _theme_font_off(heading)
    document.styles["List Bullet"].font.size = Pt(look.size_pt)


def _theme_font_off(style: Any) -> None:
    """The template's theme font would win over the one that was asked for."""
    from docx.oxml.ns import qn

    fonts = style.element.rPr.rFonts
    for name in ("asciiTheme", "hAnsiTheme", "eastAsiaTheme", "cstheme"):
        fonts.attrib.pop(qn(f"w:{name}"), None)


def _set_page(document: Document, look: Style) -> None:
    from docx.shared import Inches, Pt

    section = document.sections[0]
    section.page_width, section.page_height = Inches(8.5), Inches(11)
    section.left_margin, section.right_margin = Inches(look.left_in), Inches(look.margin_in)
    section.top_margin = section.bottom_margin = Pt(look.top_and_bottom_pt)
    section.header_distance = section.footer_distance = Inches(0.3)
    foot = section.footer.paragraphs[0]
    foot.add_run(f"{_FOOT}\tPage ").font.size = Pt(9)
    _page_number(foot)
    if look.numbered_lines:
        _number_lines(section, look)


def _page_number(paragraph: Paragraph) -> None:
    from docx.oxml import OxmlElement
    from docx.oxml.ns import qn
    from docx.shared import Pt

    field = OxmlElement("w:fldSimple")
    field.set(qn("w:instr"), "PAGE")
    run = paragraph.add_run("1")
    run.font.size = Pt(9)
    field.append(run._r)
    paragraph._p.append(field)


def _number_lines(section: Any, look: Style) -> None:
    """Pleading paper: 28 numbers in a frame beside the text, on every page, and rules at both sides."""
    from docx.enum.text import WD_ALIGN_PARAGRAPH
    from docx.oxml import OxmlElement
    from docx.oxml.ns import qn

    header = section.header
    for number in range(1, LINES_ON_A_PAGE + 1):
        paragraph = header.paragraphs[0] if number == 1 else header.add_paragraph()
        paragraph.style = section.part.document.styles["Normal"]
        paragraph.alignment = WD_ALIGN_PARAGRAPH.RIGHT
        paragraph.add_run(str(number))
        frame = OxmlElement("w:framePr")
        places = {
            "w": "500", "hSpace": "0", "wrap": "around", "vAnchor": "page", "hAnchor": "page",
            "x": str(round(look.left_in * 1440) - 720), "y": str(round(look.top_and_bottom_pt * 20)),
        }  # fmt: skip
        for name, value in places.items():
            frame.set(qn(f"w:{name}"), value)
        paragraph._p.get_or_add_pPr().insert(0, frame)
    header.add_paragraph()
    _page_rules(section)


def _page_rules(section: Any) -> None:
    from docx.oxml import OxmlElement
    from docx.oxml.ns import qn

    borders = OxmlElement("w:pgBorders")
    borders.set(qn("w:offsetFrom"), "text")
    for side, kind in (("left", "double"), ("right", "single")):
        border = OxmlElement(f"w:{side}")
        for name, value in {"val": kind, "sz": "4", "space": "6", "color": "000000"}.items():
            border.set(qn(f"w:{name}"), value)
        borders.append(border)
    # The schema wants it right after the margins.
    section._sectPr.find(qn("w:pgMar")).addnext(borders)


def _plain_section(document: Document) -> None:
    """The notes are not filed, so they need no numbered lines."""
    from docx.oxml.ns import qn

    section = document.add_section()
    section.header.is_linked_to_previous = False
    borders = section._sectPr.find(qn("w:pgBorders"))
    if borders is not None:
        section._sectPr.remove(borders)


def _write(document: Document, block: Block, *, compact: bool) -> None:
    match block:
        case Heading():
            made = [document.add_heading(_clean(block.text), level=block.level)]
            made[0].paragraph_format.page_break_before = block.new_page and block.part == "pleading"
        case Text():
            made = [_paragraph(document, block.text)]
        case Note():
            made = [document.add_paragraph(_clean(block.text))]
        case Items():
            made = [_paragraph(document, item, "List Bullet") for item in block.items]
        case Fact():
            made = [_fact(document, block)]
        case Caption():
            made = _caption(document, block)
        case Signature():
            made = [_paragraph(document, line) for line in block.lines]
        case Table():
            made = [_paragraph(document, block.caption)]
            made[0].runs[0].bold = True
            _table(document, block.heads, block.rows)
            compact = True
    for paragraph in made if compact else ():
        paragraph.paragraph_format.line_spacing = _SINGLE


def _paragraph(holder: Any, text: str, style: str | None = None) -> Paragraph:
    """A paragraph with what is missing in bold."""
    paragraph: Paragraph = holder.add_paragraph(style=style)
    before, missing, after = _clean(text).partition(MISSING)
    if before:
        paragraph.add_run(before)
    if missing:
        paragraph.add_run(missing + after).bold = True
    return paragraph


def _fact(document: Document, fact: Fact) -> Paragraph:
    from docx.shared import Inches, Pt

    paragraph = document.add_paragraph()
    paragraph.paragraph_format.first_line_indent = Inches(0.5)
    said = f"“{fact.words}”" if fact.quoted else fact.words
    paragraph.add_run(_clean(f"{fact.number}. {fact.lead}{said} "))
    paragraph.add_run(_clean(f"[{fact.source}]")).font.size = Pt(9)
    return paragraph


def _caption(document: Document, caption: Caption) -> list[Paragraph]:
    from docx.enum.text import WD_ALIGN_PARAGRAPH

    for line in (caption.court, caption.district):
        paragraph = _paragraph(document, line)
        paragraph.alignment = WD_ALIGN_PARAGRAPH.CENTER
        for run in paragraph.runs:
            run.bold = run.font.all_caps = True
    table = document.add_table(rows=1, cols=2)
    left, right = table.rows[0].cells
    _box(left)
    sides = (f"{caption.plaintiffs},", "\tPlaintiff(s),", "v.", f"{caption.defendants},", "\tDefendant(s).")
    for place, line in enumerate(sides):
        _into(left, line, first=place == 0)
    _into(right, f"Case No. {BLANK_LINE[:18]}", first=True)
    _into(right, "(for the clerk)", first=False)
    document.add_heading("Complaint", level=1)
    return [_paragraph(document, caption.jury)]


def _into(cell: Any, line: str, *, first: bool) -> None:
    if first:
        cell._element.remove(cell.paragraphs[0]._p)
    _paragraph(cell, line)


def _box(cell: Any) -> None:
    """The rule under and beside the names, as captions have it."""
    from docx.oxml import OxmlElement
    from docx.oxml.ns import qn

    borders = OxmlElement("w:tcBorders")
    for side in ("bottom", "right"):
        border = OxmlElement(f"w:{side}")
        for name, value in {"val": "single", "sz": "6", "space": "0", "color": "000000"}.items():
            border.set(qn(f"w:{name}"), value)
        borders.append(border)
    cell._element.get_or_add_tcPr().append(borders)


def _table(document: Document, heads: tuple[str, ...], rows: tuple[tuple[str, ...], ...]) -> None:
    from docx.oxml import OxmlElement
    from docx.shared import Pt

    table = document.add_table(rows=1, cols=len(heads), style="Table Grid")
    # A head row that is marked as one is read aloud with every cell, and repeats on every page.
    table.rows[0]._tr.get_or_add_trPr().append(OxmlElement("w:tblHeader"))
    lines = [heads, *(rows or (("none so far", *("" for _ in heads[1:])),))]
    for place, line in enumerate(lines):
        cells = table.rows[0].cells if place == 0 else table.add_row().cells
        for cell, text in zip(cells, line, strict=True):
            paragraph = cell.paragraphs[0]
            run = paragraph.add_run(_clean(text))
            run.font.size, run.bold = Pt(9), place == 0 or text.startswith(MISSING)
            paragraph.paragraph_format.line_spacing = _SINGLE


def _without_times(content: bytes) -> bytes:
    """The same parts in the same order, none with the time of writing."""
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as old, zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as new:
        for name in old.namelist():
            entry = zipfile.ZipInfo(name, date_time=_NEVER.timetuple()[:6])
            entry.compress_type, entry.external_attr = zipfile.ZIP_DEFLATED, 0o600 << 16
            new.writestr(entry, old.read(name))
    return out.getvalue()


def _clean(text: str) -> str:
    """XML cannot hold control characters and lone surrogates; a story may."""
    return "".join(
        c
        if c in "\t\n"
        or (c >= " " and not "\x7f" <= c <= "\x9f" and not "\ud800" <= c <= "\udfff" and c not in "\ufffe\uffff")
        else "\ufffd"
        for c in text
    )
