"""What a person may type instead of an answer: words with a slash, and the historical ones with an exclamation mark."""

from __future__ import annotations

import difflib
from dataclasses import dataclass

from mediator.dialogue import means_unknown

__all__ = ["COMMANDS", "Command", "Typed", "help_lines", "parse"]


@dataclass(frozen=True, slots=True)
class Command:
    """One command: its name, the plain words that mean it, and what it does."""

    name: str
    help: str
    argument: str = ""
    #: Words that mean the command without a slash, when the whole line is nothing else.
    plain: tuple[str, ...] = ()


COMMANDS: tuple[Command, ...] = (
    Command("help", "show these commands", plain=("help",)),
    Command("why", "why this is asked", plain=("why", "why?", "why do you ask")),
    Command("unknown", "I don't know"),  # its plain words are the ones of mediator.dialogue
    Command("skip", "not now", plain=("skip",)),
    Command("back", "the question before", plain=("back",)),
    Command("undo", "take back the last step", plain=("undo",)),
    Command("redo", "do again what was taken back"),
    Command("edit", "change the answer of that number in /answers", "NUMBER"),
    Command("answers", "what you have answered so far"),
    Command("add", "add to your story"),
    Command("evidence", "hand in a file for the question that is shown", "FILE"),
    Command("story", "your story, with the words that claims rest on marked"),
    Command("claims", "the claims and what each has and lacks"),
    Command("missing", "what is still needed"),
    Command("timeline", "the dates you told, contradictions and deadlines"),
    Command("draft", "write the draft complaint", "[FILE]"),
    Command("sessions", "your sessions on this machine"),
    Command("save", "where this session is kept; every step is saved already"),
    Command("resume", "go on with another session, or with the one before", "[ID]"),
    Command("reset", "start a new session; this one is kept"),
    Command("quit", "stop; nothing is lost", plain=("quit", "exit", "q", "salir")),
)
_BY_NAME = {command.name: command for command in COMMANDS}
_BY_PLAIN = {word: command for command in COMMANDS for word in command.plain}


@dataclass(frozen=True, slots=True)
class Typed:
    """One line, understood: a command with its argument, or an answer; ``fault`` says what is wrong with it."""

    command: str | None
    argument: str = ""
    fault: str | None = None

    @property
    def is_command(self) -> bool:
        """Whether the line was meant as a command, known or not."""
        return self.command is not None or self.fault is not None


def parse(line: str) -> Typed:
    """What a line means. Text that only begins like a command is an answer: "/" needs a name right behind it."""
    text = line.strip()
    plain = text.lower().rstrip(".!")
    if means_unknown(plain) and text:
        return Typed("unknown")
    if (command := _BY_PLAIN.get(plain)) is not None:
        return Typed(command.name)
    if not text.startswith(("/", "!")) or "\n" in text:
        return Typed(None, text)
    name, _, argument = text[1:].partition(" ")
    if not name.replace("-", "").isalpha():
        return Typed(None, text)
    if name.lower() in _BY_NAME:
        return Typed(name.lower(), argument.strip())
    near = difflib.get_close_matches(name.lower(), _BY_NAME, n=1)
    hint = f"did you mean /{near[0]}?" if near else "/help lists them."
    return Typed(None, fault=f"There is no command {text[0]}{name}; {hint}")


def help_lines() -> list[tuple[str, str]]:
    """Every command with its argument, and what it does."""
    return [(f"/{command.name} {command.argument}".rstrip(), command.help) for command in COMMANDS]
