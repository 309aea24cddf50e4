"""The draft in blocks as the page shows it, earlier drafts to compare with, and what is different since."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mediator.claims.taxonomy import Taxonomy
from mediator.draft import build_draft
from mediator.draft.diff import Change, diff_drafts
from mediator.draft.model import Draft
from mediator.draft.outline import Block, Heading, outline
from mediator.events import Event
from mediator.exceptions import NotFoundError, NothingToReadError
from mediator.interfaces.web.shown import moment, plain
from mediator.state import fold

if TYPE_CHECKING:
    from mediator.office import Case

__all__ = ["Version", "changes_since", "parts", "versions"]

#: A block and the name by which the template knows how to show it.
NamedBlock = tuple[str, Block]
_MOST_VERSIONS = 20
_SHOWN_WORDS = 60


@dataclass(frozen=True, slots=True)
class Version:
    """The draft as it was before one thing that the person did; ``value`` names it in an address."""

    value: str
    name: str


def parts(draft: Draft) -> tuple[list[NamedBlock], list[NamedBlock]]:
    """The pleading, and the notes for the person that are not filed."""
    pleading: list[NamedBlock] = []
    notes: list[NamedBlock] = []
    for block in outline(draft):
        into = notes if notes or (isinstance(block, Heading) and block.part == "notes") else pleading
        into.append((type(block).__name__, block))
    return pleading, notes


def versions(case: Case, taxonomy: Taxonomy) -> tuple[Version, ...]:
    """The latest things that were done after there was something to draft from, the last one first."""
    events = case.events()
    first = next((event.seq for event in events if event.kind == "found"), len(events))
    named = [
        Version(str(event.seq), f"before {what}, {moment(event.at)}")
        for event in events[first + 1 :]
        if (what := _what(event, taxonomy))
    ]
    return tuple(reversed(named[-_MOST_VERSIONS:]))


def _what(event: Event, taxonomy: Taxonomy) -> str:
    match event.kind:
        case "story":
            return f"you added “{_short(str(event.data['text']))}”"
        case "retold":
            return "you changed your story"
        case "answer":
            return f"you answered “{_short(_question(event, taxonomy))}”"
        case "settled":
            return "you said which of two things is right"
        case "exhibit":
            return f"you added the file {plain(_short(str(event.data.get('name') or 'without a name')))}"
        case "undo" | "redo":
            return "you took something back" if event.kind == "undo" else "you did something again"
        case _:
            return ""


def _question(event: Event, taxonomy: Taxonomy) -> str:
    claim, element = str(event.data["claim"]), str(event.data["element"])
    known = taxonomy[claim].elements if claim in taxonomy else ()
    return next((part.ask for part in known if part.id == element), "a question")


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= _SHOWN_WORDS else f"{line[:_SHOWN_WORDS].rstrip()} …"


def changes_since(case: Case, taxonomy: Taxonomy, version: str) -> tuple[Change, ...]:
    """What is different in the draft now; NotFoundError when there is no such version."""
    if not (version.isascii() and version.isdigit() and len(version) < 10):
        raise NotFoundError("there is no draft of that time")
    events = list(_before(case.events(), int(version)))
    records = [record.as_dict() for record in case.evidence()]
    try:
        before = build_draft(case.id, fold(events), taxonomy, evidence=records, details=case.details)
    except NothingToReadError as error:
        raise NotFoundError("there was no draft yet at that time") from error
    return diff_drafts(before, case.draft()).changes


def _before(events: tuple[Event, ...], seq: int) -> Iterator[Event]:
    if seq >= len(events):
        raise NotFoundError("there is no draft of that time")
    yield from events[:seq]
