"""Mends the tags of a PDF: what stands in the margins of every page is an artifact, which nobody is read aloud.

WeasyPrint numbers the words of page margins as if they were tagged and leaves them out of the structure; PDF/UA
wants every word in one or the other (ISO 14289-1, 7.1).
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pikepdf

__all__ = ["margins_as_artifacts"]


def margins_as_artifacts(content: bytes) -> bytes:
    """The same file with every numbered piece that the structure does not name marked as an artifact."""
    import pikepdf  # used for this and for page counts only

    out = io.BytesIO()
    with pikepdf.open(io.BytesIO(content)) as file:
        tree = file.Root.StructTreeRoot
        named = set(_named(tree))
        parents = pikepdf.NumberTree(tree.ParentTree)
        for page in file.pages:
            strange: list[int] = []
            made = list(_marked(page, named, strange))
            if strange:
                page.Contents = file.make_stream(pikepdf.unparse_content_stream(made))
            for piece in strange:
                parents[int(page.obj.StructParents)][piece] = None
        file.save(out, deterministic_id=True, fix_metadata_version=False)
    return out.getvalue()


def _marked(page: pikepdf.Page, named: set[tuple[tuple[int, int], int]], strange: list[int]) -> Iterator[Any]:
    """The content of a page; the numbers that no structure names are put into ``strange``."""
    import pikepdf

    for instruction in pikepdf.parse_content_stream(page):
        piece = None
        if str(instruction.operator) == "BDC" and isinstance(instruction.operands[1], pikepdf.Dictionary):
            piece = instruction.operands[1].get("/MCID")
        if piece is not None and (page.obj.objgen, int(piece)) not in named:
            strange.append(int(piece))
            yield [pikepdf.Name.Artifact], pikepdf.Operator("BMC")
        else:
            yield instruction


def _named(root: Any) -> Iterator[tuple[tuple[int, int], int]]:
    """The pieces of content in the structure: page and number."""
    import pikepdf

    left: list[Any] = [root]  # what stands in a PDF has no type that a program could know
    while left:
        element = left.pop()
        kids = element.get("/K", [])
        for kid in kids if isinstance(kids, pikepdf.Array) else [kids]:
            if isinstance(kid, int):
                yield element.Pg.objgen, kid
            elif "/MCID" in kid:
                yield kid.get("/Pg", element.get("/Pg")).objgen, int(kid.MCID)
            elif "/S" in kid:
                left.append(kid)
