"""Results on standard output: text for people, JSON for scripts.

Text from files, models and configurations is shown as one line without control characters: it cannot move the
cursor or turn the reading direction around.
"""

from __future__ import annotations

import json
import shutil
import sys
import textwrap
from collections.abc import Sequence
from typing import Any

import click

from backends.terminal_text import on_one_line

__all__ = ["as_json", "details", "json_option", "table"]

json_option = click.option("--json", "as_json_output", is_flag=True, help="Print JSON for scripts.")

_INDENT = "      "


def as_json(value: Any) -> None:
    """Print one JSON document."""
    # ASCII: what a name or a text holds cannot act on a terminal, and an undecodable file name survives.
    click.echo(json.dumps(value, indent=2, default=str))


def details(text: str) -> str:
    """An indented paragraph, as wide as the terminal; one line when a program reads it."""
    if not sys.stdout.isatty():
        return _INDENT + on_one_line(text)
    width = max(40, min(shutil.get_terminal_size().columns, 120))
    return textwrap.fill(
        on_one_line(text),
        width,
        initial_indent=_INDENT,
        subsequent_indent=_INDENT,
        break_long_words=False,
        break_on_hyphens=False,
    )


def table(rows: Sequence[Sequence[str]], heads: Sequence[str], notes: Sequence[str] = ()) -> None:
    """Print columns as wide as their widest cell, the last one free; the note of a row stands below it."""
    whole = [tuple(heads), *(tuple(map(on_one_line, row)) for row in rows)]
    widths = [max(len(row[column]) for row in whole) for column in range(len(heads) - 1)]
    for row, note in zip(whole, ["", *(notes or [""] * len(rows))], strict=True):
        cells = [cell.ljust(width) for cell, width in zip(row, widths, strict=False)]
        click.echo("  ".join([*cells, row[-1]]).rstrip())
        if note:
            click.echo(note)
