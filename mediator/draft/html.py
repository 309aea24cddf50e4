"""Writes a draft as one HTML page that prints well and reads well aloud: no script, no outside file.

All text is the person's or the taxonomy's, and all of it is escaped. The same page becomes the PDF.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from html import escape

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

__all__ = ["safe", "to_html"]

_BLANK = f'<span class="line">{"&nbsp;" * 40}</span>'
_LONG_WORD = 24
_NOT_TEXT = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff\u202a-\u202e\u2066-\u2069]")


def to_html(draft: Draft, style: Style | None = None) -> str:
    """The whole page. The same draft and style give the same text."""
    body = "\n".join(_body(draft))
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\n"
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f'<meta name="description" content="{safe(draft.notice)}">\n'
        f"<title>{safe(title_of(draft))}</title>\n<style>\n{_css(style or Style())}</style>\n"
        f"</head>\n<body>\n<main>\n{body}\n</main>\n</body>\n</html>\n"
    )


def _css(style: Style) -> str:
    line = f"{style.line_pt:g}pt"
    page = (
        f"@page {{ size: letter; margin: {style.top_and_bottom_pt:g}pt {style.margin_in:g}in "
        f"{style.top_and_bottom_pt:g}pt {style.left_in:g}in;\n"
        f"  font-family: {_fonts(style)};\n"
        '  @bottom-left { content: "Draft. Not signed. Not legal advice."; font-size: 9pt; }\n'
        '  @bottom-right { content: "Page " counter(page) " of " counter(pages); font-size: 9pt; } }\n'
    )
    return (
        page
        + (_numbered_lines(style) if style.numbered_lines else "")
        + (
            f"body {{ font-family: {_fonts(style)}; font-size: {style.size_pt:g}pt; line-height: {line};"
            " color: #000; background: #fff; }\n"
            f"main {{ max-width: {style.text_width_in:g}in; margin: 0 auto; overflow-wrap: break-word; }}\n"
            "@media print { main { max-width: none; } }\n"
            "p, ul, ol, dl, li, h1, h2, h3 { margin: 0; padding: 0; }\n"
            f"h1, h2, h3 {{ font-size: 1em; line-height: {line}; break-after: avoid; }}\n"
            "h1, h2 { text-align: center; text-transform: uppercase; }\n"
            "h3 { text-decoration: underline; font-weight: normal; }\n"
            "ul { padding-left: 2em; } .fact { text-indent: 0.5in; } p { orphans: 2; widows: 2; }\n"
            "ol.facts { list-style: none; }\n"
            ".missing { font-weight: bold; background: #ffe9a8; } .source { font-size: 0.8em; color: #333; }\n"
            ".notice, .notes, table { line-height: 1.3; font-size: 0.85em; }\n"
            ".notice { border: 1px solid #333; padding: 4pt 6pt; page: notice; }\n"
            ".court { text-align: center; text-transform: uppercase; font-weight: bold; }\n"
            ".caption { display: grid; grid-template-columns: 1fr 1fr; }\n"
            ".sides { border-right: 1px solid #000; border-bottom: 1px solid #000; padding-right: 8pt; }\n"
            ".case { padding-left: 12pt; } .indent { padding-left: 2em; }\n"
            ".notes h2, .notes h3 { line-height: 1.6; margin-top: 0.8em; } .notes { page: notes; }\n"
            ".new-page { break-before: page; } .line { text-decoration: underline; }\n"
            "table { border-collapse: collapse; width: 100%; margin: 6pt 0; } tr { break-inside: avoid; }\n"
            "caption { text-align: left; font-weight: bold; } th, td { border: 1px solid #777; padding: 2pt 4pt;"
            " text-align: left; vertical-align: top; white-space: pre-line; }\n"
            ".long { overflow-wrap: anywhere; }\n"
        )
    )


def _fonts(style: Style) -> str:
    return f'"{style.font}", "Liberation Serif", "Times New Roman", "DejaVu Serif", serif'


def _numbered_lines(style: Style) -> str:
    """Pleading paper: 28 numbers in the left margin, a double rule beside them, a single one at the right."""
    numbers = "\\A ".join(str(number) for number in range(1, LINES_ON_A_PAGE + 1))
    return (
        f'@page {{ @left-top {{ content: "{numbers}"; white-space: pre; text-align: right; vertical-align: top;'
        f" line-height: {style.line_pt:g}pt; font-size: {style.size_pt:g}pt; padding-right: 10pt;"
        " border-right: 3pt double #000; height: 100%; }\n"
        '  @right-top { content: ""; border-left: 0.75pt solid #000; height: 100%; } }\n'
        "@page notes { @left-top { content: none; border: none; } @right-top { content: none; border: none; } }\n"
    )


def _body(draft: Draft) -> Iterator[str]:
    part = None
    open_list = False
    for block in outline(draft):
        if isinstance(block, Fact) != open_list:
            yield '<ol class="facts">' if isinstance(block, Fact) else "</ol>"
            open_list = isinstance(block, Fact)
        if isinstance(block, Heading) and block.part == "notes" and part is None:
            part = "notes"
            yield '<section class="notes new-page">'
            yield f"<h2>{safe(block.text)}</h2>"
            continue
        yield from _block(block)
    if part is not None:
        yield "</section>"


def _block(block: Block) -> Iterator[str]:
    match block:
        case Heading():
            page = ' class="new-page"' if block.new_page else ""
            yield f"<h{block.level}{page}>{safe(block.text)}</h{block.level}>"
        case Text():
            yield f"<p>{_marked(block.text)}</p>"
        case Note():
            yield f'<p class="notice" role="note">{safe(block.text)}</p>'
        case Items():
            yield "<ul>"
            yield from (f"<li>{_marked(item)}</li>" for item in block.items)
            yield "</ul>"
        case Fact():
            said = safe(f"“{block.words}”" if block.quoted else block.words)
            yield (
                f'<li class="fact" value="{block.number}">{block.number}. {safe(block.lead)}{said} '
                f'<span class="source">[{safe(block.source)}]</span></li>'
            )
        case Caption():
            yield from _caption(block)
        case Signature():
            yield '<div class="signature">'
            yield from (f"<p>{_marked(line)}</p>" for line in block.lines)
            yield "</div>"
        case Table():
            yield from _table(block)


def _caption(caption: Caption) -> Iterator[str]:
    yield f'<p class="court">{_marked(caption.court)}</p>'
    yield f'<p class="court">{_marked(caption.district)}</p>'
    yield '<div class="caption">\n<div class="sides">'
    yield f"<p>{_marked(caption.plaintiffs)},</p>"
    yield '<p class="indent">Plaintiff(s),</p>\n<p>v.</p>'
    yield f"<p>{_marked(caption.defendants)},</p>"
    yield '<p class="indent">Defendant(s).</p>\n</div>\n<div class="case">'
    yield "<p>Case No. " + f'<span class="line">{"&nbsp;" * 24}</span></p>\n<p>(for the clerk)</p>'
    yield "<h1>Complaint</h1>"
    yield f"<p>{_marked(caption.jury)}</p>\n</div>\n</div>"


def _table(table: Table) -> Iterator[str]:
    yield f"<table>\n<caption>{safe(table.caption)}</caption>"
    yield "<thead><tr>" + "".join(f'<th scope="col">{safe(head)}</th>' for head in table.heads) + "</tr></thead>"
    yield "<tbody>"
    for row in table.rows or (("none so far", *("" for _ in table.heads[1:])),):
        yield "<tr>" + "".join(_cell(cell) for cell in row) + "</tr>"
    yield "</tbody>\n</table>"


def _cell(text: str) -> str:
    """A hash may break anywhere, words only between words."""
    kind = ' class="long"' if any(len(word) > _LONG_WORD for word in text.split()) else ""
    return f"<td{kind}>{_marked(text)}</td>"


def safe(text: str) -> str:
    """Escaped, without characters that no page may hold or that turn the order of others round."""
    return escape(_NOT_TEXT.sub("\ufffd", text))


def _marked(text: str) -> str:
    """Escaped, with what is missing made plain to see and lines to fill in drawn."""
    before, missing, after = text.partition(MISSING)
    if missing:
        return f'{safe(before)}<span class="missing">{safe(missing + after)}</span>'
    return safe(text).replace(BLANK_LINE, _BLANK)
