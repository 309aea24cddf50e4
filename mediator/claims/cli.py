"""`run.py claims FILE` and `run.py eval FILE.jsonl`: extraction from the command line."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Protocol

import click
from rich.console import Console
from rich.progress import track

from mediator.claims.report import ClaimReport
from mediator.claims.show import report_lines
from mediator.exceptions import MediatorError, NothingToReadError

if TYPE_CHECKING:
    from mediator.mediator import Mediator

__all__ = ["claims", "evaluate", "prediction"]


#: About 170,000 words, twenty times the longest complaint; reading it takes a minute or two.
_MAX_BYTES = 1_000_000


class _App(Protocol):
    @property
    def mediator(self) -> Mediator: ...


@click.command()
@click.argument("file", type=click.File("rb"))
@click.option("--json", "as_json", is_flag=True, help="Print the whole report as JSON.")
@click.pass_obj
def claims(app: _App, file: IO[bytes], as_json: bool) -> None:
    """Read the story in FILE (`-` is standard input) and print the claims that it tells."""
    name = getattr(file, "name", "the input")
    raw = file.read(_MAX_BYTES + 1)
    if len(raw) > _MAX_BYTES:
        raise MediatorError(f"{name} has more than {_MAX_BYTES:,} bytes; give it in parts that tell one matter each")
    report = app.mediator.extract_claims(_decoded(raw, name))
    if as_json:
        # ASCII: what a story says cannot act on the terminal that the document is printed to.
        click.echo(json.dumps(report.model_dump(mode="json"), indent=2))
    else:
        click.echo("\n".join(report_lines(report)))


@click.command(name="eval")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--output", "-o", type=click.Path(dir_okay=False, path_type=Path), required=True, help="Where to write.")
@click.pass_obj
def evaluate(app: _App, file: Path, output: Path) -> None:
    """Run the pipeline over FILE, JSON lines with `id` and `text`, and write the scorer's format to --output."""
    rows = list(_rows(file))
    fresh = output.with_name(output.name + ".new")
    console = Console(stderr=True)
    with fresh.open("w", encoding="utf-8") as out:
        for row in track(rows, description="reading stories", console=console):
            out.write(json.dumps(_predicted(app.mediator, row), ensure_ascii=False) + "\n")
            out.flush()
    fresh.replace(output)
    click.echo(f"{len(rows)} stories read; predictions are in {output}", err=True)


def prediction(story_id: str, report: ClaimReport) -> dict[str, Any]:
    """The report in the scorer's format, with what failed beside it."""
    return {
        "id": story_id,
        "claims": [{"type": claim.id, "quotes": [quote.text for quote in claim.quotes]} for claim in report.claims],
        "parties": [{"name": party.name, "role": party.role} for party in report.parties],
        "dates": [{"mention": date.mention, "iso": date.iso} for date in report.dates],
        "amounts": [{"mention": amount.mention, "value": amount.value} for amount in report.amounts],
        "failures": [failure.model_dump() for failure in report.failures],
    }


def _predicted(mediator: Mediator, row: dict[str, Any]) -> dict[str, Any]:
    try:
        return prediction(row["id"], mediator.extract_claims(row["text"]))
    except NothingToReadError:
        return {"id": row["id"], "claims": [], "parties": [], "dates": [], "amounts": [], "failures": []}


def _rows(file: Path) -> Iterator[dict[str, Any]]:
    for number, line in enumerate(file.read_text(encoding="utf-8").split("\n"), 1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except ValueError as error:
            raise MediatorError(f"{file}:{number}: this line is no JSON: {error}") from error
        if not isinstance(row, dict) or not isinstance(row.get("id"), str) or not isinstance(row.get("text"), str):
            raise MediatorError(f'{file}:{number}: a line needs "id" and "text", both strings')
        yield row


def _decoded(raw: bytes, name: str) -> str:
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise MediatorError(f"{name} is not UTF-8 text (byte {error.start}); save it as UTF-8 first") from error
