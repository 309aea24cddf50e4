"""What changed between two drafts: section by section, line by line, as text or as a page."""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from html import escape
from typing import Literal

from mediator.claims.taxonomy import NOTICE
from mediator.draft.html import safe
from mediator.draft.model import Draft
from mediator.draft.outline import Block, Fact, Heading, Note, Table, outline, plain_text

__all__ = ["Change", "DraftDiff", "diff_drafts", "diff_html", "diff_text"]

#: How alike two lines must be to be shown as one that changed.
_ALIKE = 0.5
_NUMBER = re.compile(r"\d+")
_CITED = re.compile(r"\bparagraph \d+(?:, \d+)*")


@dataclass(frozen=True, slots=True)
class Change:
    """One line that came, went or changed. ``before`` or ``after`` is empty when there is none."""

    section: str
    kind: Literal["added", "removed", "changed"]
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class DraftDiff:
    before: str
    after: str
    changes: tuple[Change, ...]


#: A line as it is compared (paragraphs by what they say, not by their number) and as it is shown.
_Line = tuple[str, str]


def diff_drafts(before: Draft, after: Draft, names: tuple[str, str] | None = None) -> DraftDiff:
    """The changes from ``before`` to ``after``. A paragraph that only got another number did not change."""
    old, new = _sections(before), _sections(after)
    changes: list[Change] = []
    for section in _in_order(list(old), list(new)):
        changes.extend(_changes(section, old.get(section, []), new.get(section, [])))
    told = names or (before.session, after.session)
    return DraftDiff(before=told[0], after=told[1], changes=tuple(changes))


def _sections(draft: Draft) -> dict[str, list[_Line]]:
    texts = {fact.number: fact.text for fact in draft.facts}
    lines: dict[str, list[_Line]] = {}
    section = "Caption"
    for block in outline(draft):
        if isinstance(block, Heading):
            section = block.text if block.level == 2 or block.part == "notes" else section
        elif not isinstance(block, Note):
            lines.setdefault(section, []).extend(_lines(block, texts))
    return lines


def _lines(block: Block, texts: Mapping[int, str]) -> list[_Line]:
    def by_text(found: re.Match[str]) -> str:
        return texts.get(int(found.group()), found.group())

    match block:
        case Fact():
            return [(block.said, block.said)]
        case Table():
            cited = {place for place, head in enumerate(block.heads) if head.startswith("Paragraph")}
            return [
                (
                    " | ".join(_NUMBER.sub(by_text, cell) if n in cited else cell for n, cell in enumerate(row)),
                    " | ".join(cell.replace("\n", " ") for cell in row),
                )
                for row in block.rows
            ]
        case _:
            return [(_CITED.sub(lambda m: _NUMBER.sub(by_text, m.group()), line), line) for line in plain_text(block)]


def _in_order(old: list[str], new: list[str]) -> list[str]:
    """All sections: those of the new draft in their order, and each that went after the one it followed."""
    ordered = list(new)
    for place, section in enumerate(old):
        if section not in ordered:
            before = old[place - 1] if place else None
            ordered.insert(ordered.index(before) + 1 if before in ordered else 0, section)
    return ordered


def _changes(section: str, old: list[_Line], new: list[_Line]) -> list[Change]:
    found: list[Change] = []
    keys = [key for key, _ in old], [key for key, _ in new]
    for kind, a, b, c, d in difflib.SequenceMatcher(None, *keys, autojunk=False).get_opcodes():
        if kind == "equal":
            continue
        come = [shown for _, shown in new[c:d]]
        for _, line in old[a:b]:
            likest = max(come, key=lambda other: _likeness(line, other), default=None)
            if likest is not None and _likeness(line, likest) >= _ALIKE:
                come.remove(likest)
                # A line that cites a paragraph which changed: the paragraph itself is shown, once, with the facts.
                found.extend([Change(section, "changed", line, likest)] if likest != line else [])
            else:
                found.append(Change(section, "removed", line, ""))
        found.extend(Change(section, "added", "", line) for line in come)
    return found


def _likeness(one: str, other: str) -> float:
    return difflib.SequenceMatcher(None, one.split(), other.split(), autojunk=False).ratio()


def diff_text(diff: DraftDiff) -> str:
    """Lines with - and + in front, under the name of their section."""
    lines = [f"--- {diff.before}", f"+++ {diff.after}"]
    section = None
    for change in diff.changes:
        if change.section != section:
            section = change.section
            lines += ["", section]
        lines += [f"- {change.before}"] if change.before else []
        lines += [f"+ {change.after}"] if change.after else []
    if not diff.changes:
        lines += ["", "The two drafts say the same."]
    return "\n".join([*lines, "", NOTICE, ""])


def diff_html(diff: DraftDiff) -> str:
    """A page on its own. What came and went is told in words and marks, not by colour alone."""
    parts: list[str] = []
    section = None
    for change in diff.changes:
        if change.section != section:
            parts += ["</ul>"] if section is not None else []
            section = change.section
            parts.append(f"<h2>{safe(section)}</h2>\n<ul>")
        parts.append(f"<li>{change.kind}: {_marked(change)}</li>")
    body = "\n".join([*parts, "</ul>"]) if parts else "<p>The two drafts say the same.</p>"
    title = f"Changes from {safe(diff.before)} to {safe(diff.after)}"
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\n"
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{title}</title>\n<style>\n"
        "body { font-family: serif; line-height: 1.5; max-width: 45em; margin: 1em auto; padding: 0 1em; }\n"
        "ins { background: #d7f5dd; } del { background: #fbdcdc; } li { overflow-wrap: anywhere; }\n"
        f"</style>\n</head>\n<body>\n<main>\n<h1>{title}</h1>\n{body}\n<p>{escape(NOTICE)}</p>\n</main>\n</body>\n</html>\n"
    )


def _marked(change: Change) -> str:
    old, new = re.findall(r"\s+|\S+", change.before), re.findall(r"\s+|\S+", change.after)
    out: list[str] = []
    for kind, a, b, c, d in difflib.SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        gone, come = safe("".join(old[a:b])), safe("".join(new[c:d]))
        if kind == "equal":
            out.append(gone)
        else:
            out.append((f"<del>{gone}</del>" if gone else "") + (f"<ins>{come}</ins>" if come else ""))
    return "".join(out)
