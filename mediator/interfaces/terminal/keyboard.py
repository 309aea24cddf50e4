"""Where a person's words come from: a keyboard with editing, history and multi-line input, or a pipe, line by line.

What was typed is kept for the arrow keys while the program runs and never written to a file of its own.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Protocol, TextIO

from mediator.interfaces.terminal.commands import COMMANDS, parse

if TYPE_CHECKING:
    from prompt_toolkit import PromptSession
    from prompt_toolkit.key_binding import KeyBindings, KeyPressEvent

__all__ = ["Keyboard", "Pipe", "Words", "open_words"]


class Words(Protocol):
    """A source of lines and of whole stories. None is the end of input; Ctrl-C raises KeyboardInterrupt."""

    #: Whether somebody sits there and can be asked again.
    asks: bool
    #: How to end a story here.
    story_ends: str

    def line(self) -> str | None:
        """One answer or command. A pasted page is one answer."""
        ...

    def story(self) -> str | None:
        """A text of many lines."""
        ...


def open_words(source: TextIO, out: TextIO) -> Words:
    """The keyboard where a person sits at a terminal that can edit lines; the plain stream otherwise."""
    if source.isatty() and out.isatty() and os.environ.get("TERM", "dumb") != "dumb":
        return Keyboard()
    return Pipe(source, out)


class Pipe:
    """Lines from a stream. A story ends with two empty lines, for one paragraph break is part of it."""

    story_ends = "Finish with two empty lines, or with Ctrl-D."

    def __init__(self, source: TextIO, out: TextIO) -> None:
        self._source = source
        self._out = out
        self.asks = source.isatty()

    def line(self) -> str | None:
        if self.asks:
            print("> ", end="", file=self._out, flush=True)
        line = self._source.readline()
        return None if line == "" else line.rstrip("\n")

    def story(self) -> str | None:
        lines: list[str] = []
        line = self.line()
        if line is None or parse(line).is_command:
            return line
        while line is not None:
            if not line.strip() and lines and not lines[-1].strip():
                break
            lines.append(line)
            line = self.line()
        return "\n".join(lines).strip()


class Keyboard:
    """A terminal: arrow keys, history, completion of commands, and text of many lines."""

    asks = True
    story_ends = "Enter makes a new line. Finish with two empty lines, or with Ctrl-D."

    def __init__(self) -> None:
        from prompt_toolkit import PromptSession
        from prompt_toolkit.completion import WordCompleter
        from prompt_toolkit.history import InMemoryHistory

        words = [f"/{command.name}" for command in COMMANDS]
        self._completer = WordCompleter(words, sentence=True, meta_dict={f"/{c.name}": c.help for c in COMMANDS})
        self._answers: PromptSession[str] = PromptSession(history=InMemoryHistory(), complete_while_typing=False)
        self._stories: PromptSession[str] = PromptSession(history=InMemoryHistory())

    def line(self) -> str | None:
        try:
            return self._answers.prompt("> ", completer=self._completer)
        except EOFError:
            return None

    def story(self) -> str | None:
        try:
            text = self._stories.prompt("| ", multiline=True, prompt_continuation="| ", key_bindings=_story_keys())
        except EOFError:
            return None
        return text.strip()


def _story_keys() -> KeyBindings:
    """Ctrl-D ends a story that has words; Enter does where the two lines before are empty."""
    from prompt_toolkit.key_binding import KeyBindings

    keys = KeyBindings()

    @keys.add("c-d")
    def _end(event: KeyPressEvent) -> None:
        if event.current_buffer.text.strip():
            event.current_buffer.validate_and_handle()
        else:
            event.app.exit(exception=EOFError)

    @keys.add("enter")
    def _enter(event: KeyPressEvent) -> None:
        buffer = event.current_buffer
        before = buffer.document.text_before_cursor
        at_the_end = not buffer.document.text_after_cursor.strip()
        if at_the_end and (parse(before).is_command or (before.strip() and before.endswith("\n\n"))):
            buffer.validate_and_handle()
        else:
            buffer.insert_text("\n")

    return keys
