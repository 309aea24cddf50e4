"""The PDF passes what a program can check of PDF/UA-1, and each check sees the file that breaks it."""

from __future__ import annotations

import io
from collections.abc import Callable

import pikepdf
import pytest

from mediator.draft import PROFILES
from mediator.draft.pdf import to_pdf
from tests.mediator.draft.matters import draft_of
from tests.mediator.draft.pdf_ua import elements, faults


@pytest.fixture(scope="module")
def made() -> bytes:
    return to_pdf(draft_of("security_deposit", "wage_and_hour", story="He kept my $900 \U000f0000 on May 1, 2025."))


def opened(content: bytes) -> pikepdf.Pdf:
    return pikepdf.open(io.BytesIO(content))


def test_a_draft_passes_every_check(made: bytes) -> None:
    assert faults(opened(made)) == []


def test_pleading_paper_passes_every_check() -> None:
    assert faults(opened(to_pdf(draft_of(), PROFILES["pleading"]))) == []


def _without(name: str) -> Callable[[pikepdf.Pdf], None]:
    def harm(file: pikepdf.Pdf) -> None:
        del file.Root[name]

    return harm


def _no_identifier(file: pikepdf.Pdf) -> None:
    with file.open_metadata() as metadata:
        del metadata["pdfuaid:part"]


def _no_title(file: pikepdf.Pdf) -> None:
    with file.open_metadata() as metadata:
        del metadata["dc:title"]


def _untagged_words(file: pikepdf.Pdf) -> None:
    page = file.pages[0]
    words = [(operands, operator) for operands, operator in pikepdf.parse_content_stream(page)
             if str(operator) not in ("BDC", "BMC", "EMC")]  # fmt: skip
    page.Contents = file.make_stream(pikepdf.unparse_content_stream(words))


def _lost_element(file: pikepdf.Pdf) -> None:
    leaf = next(e for e in elements(file.Root.StructTreeRoot) if e.S == "/H1")
    leaf.K = pikepdf.Array()


def _unknown_kind(file: pikepdf.Pdf) -> None:
    next(e for e in elements(file.Root.StructTreeRoot) if e.S == "/P").S = pikepdf.Name("/Blob")


def _figure_without_words(file: pikepdf.Pdf) -> None:
    next(e for e in elements(file.Root.StructTreeRoot) if e.S == "/P").S = pikepdf.Name("/Figure")


def _left_out_level(file: pikepdf.Pdf) -> None:
    next(e for e in elements(file.Root.StructTreeRoot) if e.S == "/H1").S = pikepdf.Name("/H3")


def _font_outside(file: pikepdf.Pdf) -> None:
    font = next(iter(file.pages[0].obj.Resources.Font.values()))
    for name in ("/FontFile2", "/FontFile3"):
        if name in font.DescendantFonts[0].FontDescriptor:
            del font.DescendantFonts[0].FontDescriptor[name]


def _mute_font(file: pikepdf.Pdf) -> None:
    del next(iter(file.pages[0].obj.Resources.Font.values()))["/ToUnicode"]


def _box(file: pikepdf.Pdf) -> None:
    page = file.pages[0]
    content = list(pikepdf.parse_content_stream(page))
    place = next(n for n, (_, operator) in enumerate(content) if str(operator) in ("Tj", "TJ"))
    content[place] = ([pikepdf.String(b"\0\0")], pikepdf.Operator("Tj"))
    page.Contents = file.make_stream(pikepdf.unparse_content_stream(content))


@pytest.mark.parametrize(
    ("harm", "number"),
    [
        (_no_identifier, "06-002"),
        (_no_title, "06-003"),
        (_without("/ViewerPreferences"), "07-001"),
        (_without("/MarkInfo"), "02-001"),
        (_without("/Lang"), "11-001"),
        (_untagged_words, "01-005"),
        (_lost_element, "01-006"),
        (_without("/StructTreeRoot"), "09-000"),
        (_unknown_kind, "02-001"),
        (_figure_without_words, "13-004"),
        (_left_out_level, "14-003"),
        (_font_outside, "31-009"),
        (_mute_font, "31-027"),
        (_box, "31-030"),
    ],
)
def test_each_check_sees_the_file_that_breaks_it(
    made: bytes, harm: Callable[[pikepdf.Pdf], object], number: str
) -> None:
    file = opened(made)
    harm(file)

    assert any(fault.startswith(number) for fault in faults(file))
