"""What a typed line means: a command or an answer."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mediator.interfaces.terminal.commands import COMMANDS, Typed, help_lines, parse


@pytest.mark.parametrize("sign", "/!")
@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.name)
def test_every_command_is_known_by_both_signs(command, sign):
    assert parse(f"{sign}{command.name.upper()}  x y ") == Typed(command.name, "x y")


@pytest.mark.parametrize(
    ("line", "command"),
    [("why?", "why"), ("Skip.", "skip"), ("back", "back"), ("I don't know", "unknown"), ("No sé.", "unknown"),
     ("I don’t know!", "unknown"), ("quit", "quit"), ("salir", "quit")],
)  # fmt: skip
def test_plain_words_alone_on_a_line_are_commands(line, command):
    assert parse(line).command == command


@pytest.mark.parametrize(
    "line",
    ["why would he do that", "I went back", "/1/ rent and /2/ deposit", "!", "/", "/ 3", "$900", "/ana/lease.pdf",
     "/help\nis what I cried"],
)  # fmt: skip
def test_what_only_begins_like_a_command_is_an_answer(line):
    assert parse(line) == Typed(None, line)


def test_a_command_of_nearly_that_name_is_named():
    assert parse("/evidnce x").fault == "There is no command /evidnce; did you mean /evidence?"


@given(st.text())
def test_no_line_is_a_crash_and_no_answer_is_lost(line):
    typed = parse(line)
    assert typed.command is not None or typed.fault is not None or typed.argument == line.strip()


def test_help_names_every_command():
    assert [name.split()[0] for name, _ in help_lines()] == [f"/{command.name}" for command in COMMANDS]
