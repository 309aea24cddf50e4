"""What a person sees: text at the terminal's width, with colour where there is some, readable where there is none.

Words of stories, files and models are shown as data (see ``backends.terminal_text``). Into a pipe nothing is wrapped
and nothing is coloured, so that scripts read whole lines.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TextIO

from rich.console import Console
from rich.text import Text

from backends.terminal_text import terminal_text

__all__ = ["Mark", "Screen", "marked_story", "progress_bar"]

#: Lines longer than this are hard to read, however wide the window is.
_WIDEST = 100
#: Told apart without colour too, by the number behind the words.
_COLOURS = ("bold cyan", "bold magenta", "bold green", "bold yellow", "bold blue", "bold red")


@dataclass(frozen=True, slots=True)
class Mark:
    """A span of the story that a claim rests on; ``number`` is the claim's, from 1."""

    start: int
    end: int
    number: int


class Screen:
    """Prints to one stream."""

    def __init__(self, out: TextIO) -> None:
        self._out = out
        self._console = Console(file=out, highlight=False, markup=False, emoji=False, soft_wrap=not out.isatty())

    @property
    def width(self) -> int:
        """Columns to write in."""
        return max(20, min(self._console.width, _WIDEST))

    def say(self, text: str | Text = "", *, style: str = "", indent: int = 0) -> None:
        """Print a paragraph, each of its lines wrapped at words."""
        shown = text if isinstance(text, Text) else Text(terminal_text(text), style=style)
        if not self._out.isatty():
            shown = Text("\n").join(_indented(shown, indent))
            self._console.print(shown, soft_wrap=True)
            return
        for line in shown.split("\n", allow_blank=True):
            for piece in line.wrap(self._console, self.width - indent) or [line]:
                piece.rstrip()
                self._console.print(Text(" " * indent) + piece, no_wrap=True, crop=False)

    def heading(self, text: str) -> None:
        """A line that begins a part."""
        self.say()
        self.say(text, style="bold")

    def pairs(self, rows: Iterable[tuple[str, str]]) -> None:
        """Short words on the left, what they mean on the right."""
        listed = list(rows)
        left = min(max((len(name) for name, _ in listed), default=0), 24)
        for name, meaning in listed:
            self.say(f"  {name.ljust(left)}  {meaning}")


def marked_story(story: str, marks: Sequence[Mark]) -> Text:
    """The story with every marked span coloured, in brackets, and numbered like its claim."""
    shown = Text()
    position = 0
    for mark in _without_overlap(marks):
        shown.append(terminal_text(story[position : mark.start]))
        style = _COLOURS[(mark.number - 1) % len(_COLOURS)]
        shown.append(f"[{terminal_text(story[mark.start : mark.end])}]({mark.number})", style=style)
        position = mark.end
    shown.append(terminal_text(story[position:]))
    return shown


def progress_bar(settled: int, total: int, width: int = 20) -> str:
    """``[########------------] 2 of 5``; letters only, so that it can be read aloud and copied."""
    filled = 0 if total == 0 else round(width * settled / total)
    return f"[{'#' * filled}{'-' * (width - filled)}] {settled} of {total}"


def _without_overlap(marks: Sequence[Mark]) -> list[Mark]:
    """Marks in order; where two claims rest on the same words, the first claim has them."""
    kept: list[Mark] = []
    for mark in sorted(marks, key=lambda mark: (mark.start, mark.number)):
        if mark.start < mark.end and (not kept or kept[-1].end <= mark.start):
            kept.append(mark)
    return kept


def _indented(text: Text, indent: int) -> list[Text]:
    return [Text(" " * indent if line else "") + line for line in text.split("\n", allow_blank=True)]
