"""Writes a draft as one HTML page that prints well and reads well aloud: no script, no outside file.

All text is the person's or the taxonomy's, and all of it is escaped.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from html import escape

from mediator.draft.model import MISSING, Count, CountElement, Draft, DraftParty, Paragraph

__all__ = ["Style", "to_html"]


@dataclass(frozen=True, slots=True)
class Style:
    """How the page looks; courts differ, so it is the person's to set."""

    font: str = "Times New Roman"
    size_pt: float = 12
    spacing: float = 2.0
    margin_in: float = 1.0


def to_html(draft: Draft, style: Style | None = None) -> str:
    """The whole page. The same draft and style give the same text."""
    body = "\n".join(_body(draft))
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>Complaint (draft) {escape(draft.session)}</title>\n<style>\n{_css(style or Style())}</style>\n"
        f"</head>\n<body>\n<main>\n{body}\n</main>\n</body>\n</html>\n"
    )


def _css(style: Style) -> str:
    font = "".join(c for c in style.font if c.isalnum() or c in " -")
    return (
        f"@page {{ size: letter; margin: {style.margin_in:g}in; }}\n"
        f'body {{ font-family: "{font}", serif; font-size: {style.size_pt:g}pt; line-height: {style.spacing:g};'
        " max-width: 6.5in; margin: 0 auto; }\n"
        "h1, h2, h3 { line-height: 1.2; } h1 { text-align: center; } h2 { margin-top: 1.5em; }\n"
        ".source, .notice, td, th { font-size: 0.85em; line-height: 1.3; } .source { color: #444; }\n"
        ".missing { font-weight: bold; background: #ffe9a8; } table { border-collapse: collapse; width: 100%; }\n"
        "th, td { border: 1px solid #777; padding: 0.25em; text-align: left; vertical-align: top; }\n"
        ".line { display: inline-block; min-width: 18em; border-bottom: 1px solid #000; }\n"
    )


def _body(draft: Draft) -> Iterator[str]:
    yield f'<p class="notice" role="note">{escape(draft.notice)} This is a draft; nothing in it is signed.</p>'
    yield from _caption(draft)
    yield from _section("Parties", _items(f"{p.name}, {p.role}. Address: {p.address}." for p in _all_parties(draft)))
    yield from _section("Jurisdiction", _items(draft.jurisdiction))
    yield from _section("Venue", [_p(draft.venue)])
    yield from _section("Facts", ["<ol>", *(_fact(fact) for fact in draft.facts), "</ol>"])
    for count in draft.counts:
        yield from _count(count)
    yield from _section("Prayer for relief", [_p("Plaintiff asks for:"), *_items(draft.prayer or (MISSING,))])
    yield from _section("Jury", [_p(draft.jury_demand)])
    yield from _signature(draft)
    yield from _section("Exhibits", _exhibits(draft))
    yield from _section("Next steps", _items(draft.related_papers))
    yield from _section("What to look at before filing", _look_at(draft))
    yield from _section("Annex A: timeline", _timeline(draft))
    yield from _section("Annex B: claims, elements, evidence", _matrix(draft))


def _caption(draft: Draft) -> Iterator[str]:
    yield _p(draft.court)
    yield _p(_names(p.name for p in draft.plaintiffs) + ", Plaintiff(s),")
    yield _p("v.")
    yield _p(_names(p.name for p in draft.defendants) + ", Defendant(s).")
    yield '<p>Case No. <span class="line"></span> (for the clerk)</p>'
    yield "<h1>Complaint</h1>"
    yield _p(draft.jury_demand)


def _names(names: Iterable[str]) -> str:
    return ", ".join(names) or MISSING


def _all_parties(draft: Draft) -> tuple[DraftParty, ...]:
    return (*draft.plaintiffs, *draft.defendants)


def _section(title: str, lines: Iterable[str]) -> Iterator[str]:
    yield f"<section>\n<h2>{escape(title)}</h2>"
    yield from lines
    yield "</section>"


def _fact(fact: Paragraph) -> str:
    if fact.source.kind == "story":
        source = f"story, characters {fact.source.start} to {fact.source.end}"
    else:
        source = f"answer to: {fact.source.question}"
    exhibits = f"; exhibits {', '.join(fact.exhibits)}" if fact.exhibits else ""
    quoted = f"<q>{escape(fact.text)}</q>"
    return f'<li value="{fact.number}">{quoted} <span class="source">[{escape(source + exhibits)}]</span></li>'


def _count(count: Count) -> Iterator[str]:
    yield from _section(f"Count {count.number}: {count.name}", _count_lines(count))


def _count_lines(count: Count) -> Iterator[str]:
    yield "<h3>Law</h3>"
    yield from _items(count.law)
    yield "<h3>Elements</h3>"
    yield from ["<ul>", *(_element(element) for element in count.elements), "</ul>"]
    yield "<h3>Deadlines</h3>"
    yield from _items(count.deadlines)
    if count.before_filing:
        yield "<h3>Before filing</h3>"
        yield from _items(count.before_filing)


def _element(element: CountElement) -> str:
    if element.missing is not None:
        weight = "" if element.blocking else " (helpful, not required)"
        return f"<li>{escape(element.label)}: {_marked(element.missing)}{weight}</li>"
    cited = [f"paragraph {number}" for number in element.paragraphs] + [f"exhibit {x}" for x in element.exhibits]
    return f"<li>{escape(element.label)}: {escape(', '.join(cited))}</li>"


def _signature(draft: Draft) -> Iterator[str]:
    lines = [_p(draft.certification)]
    if draft.verification is not None:
        lines.append(_p(draft.verification))
    for party in draft.plaintiffs or (None,):
        name = party.name if party is not None else MISSING
        lines += [
            f'<p>Date: <span class="line"></span> Signature: <span class="line"></span> {_marked(name)}</p>',
            '<p>Address, e-mail, phone: <span class="line"></span></p>',
        ]
    yield from _section("Signature", lines)


def _exhibits(draft: Draft) -> Iterator[str]:
    if not draft.exhibits:
        yield _p("None so far.")
        return
    heads = ("Exhibit", "Title", "Date", "CID", "SHA-256", "Pages", "Paragraphs")
    yield from _table(
        heads,
        (
            (x.label, x.title, x.date, x.cid, x.sha256, x.pages, ", ".join(map(str, x.paragraphs)) or "none")
            for x in draft.exhibits
        ),
    )


def _look_at(draft: Draft) -> Iterator[str]:
    yield from _items(draft.warnings)
    failed = (f"{check.section} ({check.rule}): {check.says}" for check in draft.checks if not check.ok)
    yield from _items(failed)
    yield from _items(f"{item.kind}: {item.shown}" for item in draft.redactions)


def _timeline(draft: Draft) -> Iterator[str]:
    rows = ((e.iso, e.mention, "" if e.paragraph is None else str(e.paragraph)) for e in draft.timeline)
    yield from _table(("Date", "As told", "Paragraph"), rows)


def _matrix(draft: Draft) -> Iterator[str]:
    yield from _table(("Claim", "Element", "State"), ((row.claim, row.label, row.state) for row in draft.matrix))


def _table(heads: Iterable[str], rows: Iterable[Iterable[str]]) -> Iterator[str]:
    yield "<table>\n<thead><tr>" + "".join(f'<th scope="col">{escape(head)}</th>' for head in heads) + "</tr></thead>"
    yield "<tbody>"
    for row in rows:
        yield "<tr>" + "".join(f"<td>{_marked(cell)}</td>" for cell in row) + "</tr>"
    yield "</tbody>\n</table>"


def _items(items: Iterable[str]) -> list[str]:
    lines = [f"<li>{_marked(item)}</li>" for item in items]
    return ["<ul>", *lines, "</ul>"] if lines else []


def _p(text: str) -> str:
    return f"<p>{_marked(text)}</p>"


def _marked(text: str) -> str:
    """Escaped, with what is missing made plain to see."""
    safe = escape(text)
    return f'<span class="missing">{safe}</span>' if text.startswith(MISSING) else safe
