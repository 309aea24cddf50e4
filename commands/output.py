"""Results on standard output: text for people, JSON for scripts."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import click

__all__ = ["as_json", "json_option", "table"]

json_option = click.option("--json", "as_json_output", is_flag=True, help="Print JSON for scripts.")


def as_json(value: Any) -> None:
    """Print one JSON document."""
    click.echo(json.dumps(value, ensure_ascii=False, indent=2, default=str))


def table(rows: Sequence[Sequence[str]], heads: Sequence[str]) -> None:
    """Print columns as wide as their widest cell; the last one runs free."""
    whole = [tuple(heads), *(tuple(row) for row in rows)]
    widths = [max(len(row[column]) for row in whole) for column in range(len(heads) - 1)]
    for row in whole:
        cells = [cell.ljust(width) for cell, width in zip(row, widths, strict=False)]
        click.echo("  ".join([*cells, row[-1]]).rstrip())
