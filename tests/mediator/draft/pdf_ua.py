"""What PDF/UA-1 asks of a file, as far as a program can see it, by the numbers of the Matterhorn protocol.

No validator can be had among the packages, so this reads the file with pikepdf and says what is wrong.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator
from typing import Any

import pikepdf

from mediator.claims.lexicon import word_set

__all__ = ["elements", "faults"]

_STANDARD = word_set(
    "Document Part Art Sect Div BlockQuote Caption TOC TOCI Index NonStruct Private P H H1 H2 H3 H4 H5 H6 L LI Lbl "
    "LBody Table TR TH TD THead TBody TFoot Span Quote Note Reference BibEntry Code Link Annot Ruby Warichu Figure "
    "Formula Form"
)
_PAINTS = {"Tj", "TJ", "'", '"', "f", "F", "f*", "S", "s", "B", "B*", "b", "b*", "Do", "sh", "INLINE IMAGE"}


def elements(node: Any) -> Iterator[Any]:
    """The structure elements under a node, in reading order."""
    kids = node.get("/K", [])
    for kid in kids if isinstance(kids, pikepdf.Array) else [kids]:
        if isinstance(kid, pikepdf.Dictionary) and "/S" in kid:
            yield kid
            yield from elements(kid)


def faults(file: pikepdf.Pdf) -> list[str]:
    """What the file lacks; empty when every check passes."""
    return [*_document(file), *_content(file), *_structure(file), *_fonts(file)]


def _document(file: pikepdf.Pdf) -> Iterator[str]:
    root: Any = file.Root
    with file.open_metadata() as metadata:
        if metadata.get("pdfuaid:part") != "1":
            yield "06-002: no PDF/UA identifier in the metadata"
        if not metadata.get("dc:title"):
            yield "06-003: no title in the metadata"
    if not root.get("/ViewerPreferences", {}).get("/DisplayDocTitle", False):
        yield "07-001: the title is not shown"
    if not root.get("/MarkInfo", {}).get("/Marked", False) or root.get("/MarkInfo", {}).get("/Suspects", False):
        yield "02-001: not marked as tagged"
    if not re.fullmatch(r"[a-z]{2,3}(-[A-Za-z0-9]{2,8})*", str(root.get("/Lang", ""))):
        yield "11-001: no language"
    if file.is_encrypted and not file.allow.accessibility:
        yield "26-002: closed to readers that read aloud"
    for number, page in enumerate(file.pages, 1):
        if page.obj.get("/Annots") is not None and page.obj.get("/Tabs") != "/S":
            yield f"28-009: page {number} has no order of tabs"
        for note in page.obj.get("/Annots", []):
            if note.Subtype == "/Link" and not note.get("/Contents"):
                yield f"28-012: a link on page {number} without words"


def _content(file: pikepdf.Pdf) -> Iterator[str]:
    """Everything that is painted is an artifact, or a piece that the structure names, once."""
    named = set(_named(file))
    for number, page in enumerate(file.pages, 1):
        marks: list[str | int] = []
        seen: set[int] = set()
        for operands, operator in pikepdf.parse_content_stream(page):
            name = str(operator)
            if name in ("BDC", "BMC"):
                properties = operands[1] if len(operands) > 1 else {}
                known = isinstance(properties, pikepdf.Dictionary) and operands[0] != "/Artifact"
                mark = properties.get("/MCID") if known else None
                marks.append(int(mark) if mark is not None else str(operands[0]))
                if mark is not None:
                    seen.add(int(mark))
            elif name == "EMC":
                marks.pop()
            elif name in _PAINTS and not any(isinstance(mark, int) or mark == "/Artifact" for mark in marks):
                yield f"01-005: page {number} paints ({name}) what is neither tagged nor an artifact"
                break
        for mark in seen:
            if (page.obj.objgen, mark) not in named:
                yield f"01-006: piece {mark} of page {number} is in no structure"


def _named(file: pikepdf.Pdf) -> Iterator[tuple[tuple[int, int], int]]:
    """The pieces of content that the structure names: page and number."""
    for element in elements(file.Root.get("/StructTreeRoot", pikepdf.Dictionary())):
        kids = element.get("/K", [])
        for kid in kids if isinstance(kids, pikepdf.Array) else [kids]:
            if isinstance(kid, pikepdf.Dictionary) and "/MCID" in kid:
                yield kid.get("/Pg", element.get("/Pg")).objgen, int(kid.MCID)
            elif isinstance(kid, int):
                yield element.Pg.objgen, kid


def _structure(file: pikepdf.Pdf) -> Iterator[str]:
    root: Any = file.Root.get("/StructTreeRoot")
    if root is None:
        yield "09-000: no structure"
        return
    roles = {str(key) for key in root.get("/RoleMap", {})}
    found = list(elements(root))
    for element in found:
        kind = str(element.S)
        if kind[1:] not in _STANDARD and kind not in roles:
            yield f"02-001: {kind} is no kind that readers know"
        if kind in ("/Figure", "/Formula") and not (element.get("/Alt") or element.get("/ActualText")):
            yield f"13-004: a {kind[1:].lower()} without words"
    levels = [int(kind[2]) for element in found if re.fullmatch(r"/H\d", kind := str(element.S))]
    if levels[:1] != [1] or any(after - before > 1 for before, after in itertools.pairwise(levels)):
        yield "14-003: a level of headings is left out"
    for element in found:
        kids = {str(kid.S) for kid in element.get("/K", []) if isinstance(kid, pikepdf.Dictionary) and "/S" in kid} if (
            isinstance(element.get("/K"), pikepdf.Array)) else set()  # fmt: skip
        if element.S == "/TR" and kids - {"/TH", "/TD"}:
            yield "15-000: a row with something else than cells"
        if element.S == "/L" and kids - {"/LI", "/Caption", "/L"}:
            yield "16-000: a list with something else than items"


def _fonts(file: pikepdf.Pdf) -> Iterator[str]:
    for number, page in enumerate(file.pages, 1):
        for name, font in page.obj.get("/Resources", {}).get("/Font", {}).items():
            if font.Subtype == "/Type3":
                continue
            holder = font.DescendantFonts[0] if "/DescendantFonts" in font else font
            if not {"/FontFile", "/FontFile2", "/FontFile3"} & set(holder.FontDescriptor.keys()):
                yield f"31-009: {name} of page {number} is not embedded"
            if "/ToUnicode" not in font:
                yield f"31-027: {name} of page {number} does not say its characters"
        for operands, operator in pikepdf.parse_content_stream(page):
            if str(operator) in ("Tj", "TJ"):
                shown = operands[0] if isinstance(operands[0], pikepdf.Array) else [operands[0]]
                if any(b"\0\0" in _pairs(bytes(part)) for part in shown if isinstance(part, pikepdf.String)):
                    yield f"31-030: page {number} shows a glyph that is none"
                    break


def _pairs(text: bytes) -> set[bytes]:
    return {text[place : place + 2] for place in range(0, len(text) - 1, 2)}
