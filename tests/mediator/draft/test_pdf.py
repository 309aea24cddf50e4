"""The PDF: PDF/UA by what is in the file, fonts embedded, nothing fetched, the same bytes twice, numbers 1 to 28."""

from __future__ import annotations

import io
import itertools
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pikepdf
import pytest

from mediator import SetupError
from mediator.draft import PROFILES, Draft, Style
from mediator.draft import pdf as pdf_module
from mediator.draft.outline import Table, outline, plain_text
from mediator.draft.pdf import to_pdf
from tests.mediator.draft.matters import draft_of
from tests.mediator.draft.pdf_ua import elements
from tests.mediator.draft.test_html import HOSTILE


@pytest.fixture(scope="module")
def draft() -> Draft:
    return draft_of("security_deposit", "wage_and_hour")


@pytest.fixture(scope="module")
def made(draft: Draft) -> bytes:
    return to_pdf(draft)


@pytest.fixture(scope="module")
def file(made: bytes) -> Iterator[pikepdf.Pdf]:
    with pikepdf.open(io.BytesIO(made)) as opened:
        yield opened


def text_of(content: bytes, *options: str) -> str:
    done = subprocess.run(["pdftotext", *options, "-", "-"], input=content, capture_output=True, check=True)
    return done.stdout.decode()


def kinds(file: pikepdf.Pdf) -> list[str]:
    return [str(element.S) for element in elements(file.Root.StructTreeRoot)]


def test_it_says_that_it_is_pdf_ua(file: pikepdf.Pdf) -> None:
    with file.open_metadata() as metadata:
        assert metadata["pdfuaid:part"] == "1"


def test_it_is_tagged_titled_and_in_english(file: pikepdf.Pdf, draft: Draft) -> None:
    with file.open_metadata() as metadata:
        assert metadata["dc:title"] == f"Complaint (draft) {draft.session}"
    assert file.Root.MarkInfo.Marked
    assert str(file.Root.Lang) == "en"
    assert file.Root.ViewerPreferences.DisplayDocTitle
    assert all(page.obj.Tabs == "/S" for page in file.pages)


def test_every_page_is_part_of_the_structure(file: pikepdf.Pdf) -> None:
    assert all("/StructParents" in page for page in file.pages)
    assert "/ParentTree" in file.Root.StructTreeRoot


def test_headings_go_down_one_level_at_a_time(file: pikepdf.Pdf) -> None:
    levels = [int(kind[2]) for kind in kinds(file) if re.fullmatch(r"/H\d", kind)]

    assert levels[0] == 1
    assert set(levels) == {1, 2, 3}
    assert all(after - before <= 1 for before, after in itertools.pairwise(levels))


def test_every_cell_of_a_table_names_its_head_and_lists_are_lists(file: pikepdf.Pdf) -> None:
    found = list(elements(file.Root.StructTreeRoot))
    tables = [element for element in found if element.S == "/Table"]
    names = {str(element.S) for element in found}

    assert len(tables) >= 4  # one that goes on over a page is told as two, each with its heads
    for table in tables:
        heads = [element for element in elements(table) if element.S == "/TH"]
        cells = [element for element in elements(table) if element.S == "/TD"]
        names_of_heads = {bytes(head.ID) for head in heads}
        assert heads
        assert cells
        assert all({bytes(head) for head in cell.A.Headers} <= names_of_heads for cell in cells)
        assert all(len(cell.A.Headers) == 1 for cell in cells)
    assert {"/L", "/LI", "/LBody", "/Caption"} <= names


def test_every_font_is_embedded(file: pikepdf.Pdf) -> None:
    fonts = [
        font.DescendantFonts[0].FontDescriptor
        for page in file.pages
        for font in page.obj.Resources.get("/Font", {}).values()
    ]

    assert fonts
    assert all("/FontFile2" in font or "/FontFile3" in font for font in fonts)


def test_it_holds_every_word_of_the_outline(made: bytes, draft: Draft) -> None:
    said = " ".join(text_of(made).split()).lower()
    words = {
        word.lower()
        for block in outline(draft)
        if not isinstance(block, Table)
        for line in plain_text(block)
        for word in line.split()
        if "_" not in word and len(word) < 20
    }

    assert sorted(word for word in words if word not in said) == []


def test_every_page_says_that_it_is_a_draft_and_no_advice(made: bytes, file: pikepdf.Pdf) -> None:
    pages = text_of(made).split("\f")[:-1]

    assert len(pages) == len(file.pages)
    assert all("Draft. Not signed. Not legal advice." in page for page in pages)
    assert "/s/" not in "".join(pages)


def test_notes_begin_on_a_page_of_their_own(made: bytes) -> None:
    pages = text_of(made).split("\f")

    assert any(page.lstrip().lower().startswith("notes for you, not to be filed") for page in pages)


@pytest.mark.parametrize("name", ["federal", "pleading"])
def test_the_same_draft_gives_the_same_bytes(draft: Draft, name: str) -> None:
    assert to_pdf(draft, PROFILES[name]) == to_pdf(draft, PROFILES[name])


def test_two_drafts_have_two_identifiers(made: bytes, file: pikepdf.Pdf) -> None:
    with pikepdf.open(io.BytesIO(to_pdf(draft_of()))) as other:
        assert bytes(other.trailer.ID[0]) != bytes(file.trailer.ID[0])


def test_pleading_paper_numbers_28_lines_that_meet_the_text(draft: Draft) -> None:
    boxes = text_of(to_pdf(draft, PROFILES["pleading"]), "-bbox", "-f", "1", "-l", "1")
    words = re.findall(r'xMin="([\d.]+)" yMin="([\d.]+)" xMax="([\d.]+)" yMax="([\d.]+)">([^<]+)</word>', boxes)
    left = [(float(y), text) for x, y, x2, _, text in words if float(x2) < 90 and text.isdigit()]
    body = {round(float(y), 1) for x, y, _, _, text in words if float(x) > 90 and text in {"PARTIES", "VENUE", "FACTS"}}

    assert [text for _, text in sorted(left)] == [str(n) for n in range(1, 29)]
    assert body
    assert all(min(abs(y - line) for line, _ in left) < 6 for y in body)


def test_pleading_numbers_are_not_read_aloud_as_text(draft: Draft) -> None:
    with pikepdf.open(io.BytesIO(to_pdf(draft, PROFILES["pleading"]))) as file:
        content = file.pages[0].Contents.read_bytes()

    assert b"/Artifact" in content


def test_letter_paper_and_the_margins_of_the_style(draft: Draft) -> None:
    with pikepdf.open(io.BytesIO(to_pdf(draft, Style(size_pt=14)))) as file:
        assert [float(side) for side in file.pages[0].MediaBox] == [0, 0, 612, 792]


def test_hostile_text_is_text() -> None:
    text = " ".join(HOSTILE)
    made = to_pdf(draft_of(story=f"He kept my $900 {text} for good.", answer=text, title=text))
    with pikepdf.open(io.BytesIO(made)) as file:
        names = " ".join(str(key) for page in file.pages for key in page.obj)
        assert "/JavaScript" not in str(file.Root.keys())
        assert "/AA" not in names
        assert not any("/Annots" in page.obj for page in file.pages)
    assert "He kept my $900" in " ".join(text_of(made).split())


def test_nothing_is_fetched_even_when_the_page_asks(monkeypatch: pytest.MonkeyPatch, draft: Draft) -> None:
    asked: list[str] = []

    class Listener(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_response(404)
            self.end_headers()

    server = HTTPServer(("127.0.0.1", 0), Listener)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    address = f"http://127.0.0.1:{server.server_port}"
    bad = f'<html lang=en><title>x</title><link rel=stylesheet href="{address}/a.css"><img alt=x src="{address}/b.png">'
    monkeypatch.setattr(pdf_module, "to_html", lambda *_: bad + f'<p style="background:url({address}/c.png)">x')

    assert to_pdf(draft)[:5] == b"%PDF-"
    server.shutdown()
    server.server_close()
    assert asked == []


def test_no_file_of_this_machine_is_read(monkeypatch: pytest.MonkeyPatch, draft: Draft, tmp_path: Path) -> None:
    (tmp_path / "secret.css").write_text('p::after { content: "leaked" }')
    bad = f'<html lang=en><title>x</title><link rel=stylesheet href="{(tmp_path / "secret.css").as_uri()}"><p>x'
    monkeypatch.setattr(pdf_module, "to_html", lambda *_: bad)

    assert "leaked" not in text_of(to_pdf(draft))


@pytest.mark.parametrize(
    ("broken", "says"),
    [
        ("raise ImportError('no weasyprint')", 'pip install "complaint-generator[pdf]"'),
        ("raise OSError('cannot load library libpango-1.0-0:\\nno such file')", "apt-get install libpango-1.0-0"),
    ],
)
def test_what_is_missing_is_one_clear_line(tmp_path: Path, broken: str, says: str) -> None:
    """In a process of its own: a library that was loaded once cannot be made to be missing."""
    (tmp_path / "weasyprint.py").write_text(broken)
    script = (
        f"import sys; sys.path.insert(0, {str(tmp_path)!r})\n"
        "from mediator.draft.pdf import to_pdf\nfrom tests.mediator.draft.matters import draft_of\n"
        "from mediator import SetupError\n"
        "try: to_pdf(draft_of())\nexcept SetupError as error: print(error)\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)

    assert says in done.stdout
    assert done.stdout.count("\n") == 1


def test_a_missing_library_is_an_error_of_our_family() -> None:
    assert issubclass(SetupError, Exception)
    assert SetupError.__module__ == "mediator.exceptions"


def test_what_no_font_can_draw_stands_as_its_name_and_is_told() -> None:
    """No font has a character of the private planes; a glyph that is none is what PDF/UA forbids."""
    told: list[str] = []
    made = to_pdf(draft_of(story="He kept my $900 \U000f0000\u200d and café."), None, told.append)
    said = " ".join(text_of(made).split())

    assert "He kept my $900 [U+F0000] and café." in said
    assert [line.split(":")[0] for line in told] == ["No font of this machine can draw U+F0000"]
    assert "No font of this machine can draw U+F0000" in said


def test_nothing_is_told_when_every_character_can_be_drawn(draft: Draft) -> None:
    told: list[str] = []
    to_pdf(draft, None, told.append)

    assert told == []
