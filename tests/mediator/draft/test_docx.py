"""The DOCX file: the same words as the page, real headings and table heads, the same bytes twice."""

from __future__ import annotations

import io
import zipfile

import docx
import pytest
from docx.oxml.ns import qn

from mediator.draft import PROFILES, Draft, Style
from mediator.draft.docx import to_docx
from mediator.draft.outline import Heading, Table, outline, plain_text
from tests.mediator.draft.matters import CID, draft_of
from tests.mediator.draft.test_html import HOSTILE


def opened(draft: Draft, style: Style | None = None):  # type: ignore[no-untyped-def]  # python-docx has no type for it
    return docx.Document(io.BytesIO(to_docx(draft, style)))


def words(document) -> str:  # type: ignore[no-untyped-def]
    cells = [cell.text for table in document.tables for row in table.rows for cell in row.cells]
    return " ".join(" ".join([*(p.text for p in document.paragraphs), *cells]).split())


def test_it_holds_every_line_of_the_outline() -> None:
    draft = draft_of("security_deposit", "wage_and_hour")
    said = words(opened(draft))
    lines = [
        line.removeprefix("- ")
        for block in outline(draft)
        if not isinstance(block, Table)
        for line in plain_text(block)
    ]

    assert [line for line in lines if line.lower() not in said.lower() and "Case No." not in line and " v. " not in line
            and not line.startswith("v. ") and "(s)" not in line] == []  # fmt: skip


def test_its_headings_are_headings() -> None:
    draft = draft_of()
    document = opened(draft)
    styled = [(p.style.name, p.text) for p in document.paragraphs if p.style.name.startswith("Heading")]

    assert ("Heading 1", "Complaint") in styled
    assert [text for name, text in styled if name != "Heading 1"] == [
        block.text for block in outline(draft) if isinstance(block, Heading)
    ]


def test_its_tables_have_heads_that_repeat() -> None:
    tables = opened(draft_of()).tables[1:]

    assert len(tables) == 4
    assert all(table.rows[0]._tr.trPr.find(qn("w:tblHeader")) is not None for table in tables)
    assert CID in tables[0].rows[1].cells[-1].text


def test_it_is_never_signed_and_says_that_it_is_no_advice() -> None:
    document = opened(draft_of())

    assert "/s/" not in words(document)
    assert "not legal advice" in words(document)
    assert "Not legal advice." in document.sections[0].footer.paragraphs[0].text
    assert "not legal advice" in document.core_properties.comments


@pytest.mark.parametrize("name", PROFILES)
def test_the_same_draft_gives_the_same_bytes(name: str) -> None:
    assert to_docx(draft_of(), PROFILES[name]) == to_docx(draft_of(), PROFILES[name])


def test_no_time_of_writing_is_in_it() -> None:
    with zipfile.ZipFile(io.BytesIO(to_docx(draft_of()))) as file:
        assert {entry.date_time for entry in file.infolist()} == {(1980, 1, 1, 0, 0, 0)}
        assert b"1980-01-01T00:00:00Z" in file.read("docProps/core.xml")


@pytest.mark.parametrize("text", [*HOSTILE, "\ufffe\uffff\x0b\x0c"])
def test_hostile_text_is_text(text: str) -> None:
    document = opened(draft_of(story=f"He kept my $900 {text} for good.", answer=text, title=text))

    assert "He kept my $900" in words(document)


def test_the_style_reaches_the_file() -> None:
    document = opened(draft_of(), Style(font="Courier New", size_pt=13, margin_in=1.5))

    assert (document.styles["Normal"].font.name, document.styles["Normal"].font.size.pt) == ("Courier New", 13)
    assert document.sections[0].left_margin.inches == 1.5


def test_pleading_paper_numbers_28_lines_of_the_pleading_only() -> None:
    sections = opened(draft_of(), PROFILES["pleading"]).sections
    numbers = [p.text for p in sections[0].header.paragraphs if p.text]

    assert numbers == [str(n) for n in range(1, 29)]
    assert sections[0]._sectPr.find(qn("w:pgBorders")) is not None
    assert sections[1]._sectPr.find(qn("w:pgBorders")) is None
    assert [p.text for p in sections[1].header.paragraphs if p.text] == []
