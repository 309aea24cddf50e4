"""`run.py claims FILE` and `run.py eval FILE.jsonl`: extraction from the command line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Literal, Protocol

import click
from rich.console import Console
from rich.progress import track

from backends.terminal_text import on_one_line
from mediator.claims.report import ClaimReport
from mediator.claims.show import report_lines
from mediator.exceptions import MediatorError, NothingToReadError

if TYPE_CHECKING:
    from mediator.mediator import Mediator

__all__ = ["claims", "evaluate", "prediction", "read_stories"]


#: About 170,000 words, twenty times the longest complaint; reading it takes a minute or two.
_MAX_BYTES = 1_000_000
#: So many unusable lines are named at once.
_MAX_NAMED = 10


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
@click.option("--resume", is_flag=True, help="Go on where an interrupted run stopped (it left OUTPUT.part).")
@click.pass_obj
def evaluate(app: _App, file: Path, output: Path, resume: bool) -> None:
    """Run the pipeline over FILE, JSON lines with `id` and `text`, and write the scorer's format to --output."""
    rows = read_stories(file)
    part = output.with_name(output.name + ".part")
    done = _already_read(part) if resume else set()
    left = [row for row in rows if row["id"] not in done]
    if done:
        click.echo(f"{len(rows) - len(left)} of {len(rows)} stories were read before; going on", err=True)
    failed: set[str] = set()
    with _opened(part, output, "ab" if resume else "wb") as out:
        for row in track(left, description="reading stories", console=Console(stderr=True)):
            said = _predicted(app.mediator, row)
            failed.update(failure["backend"] for failure in said["failures"])
            # Half of a surrogate pair, which JSON can hold and UTF-8 cannot, is written as its escape.
            out.write(json.dumps(said, ensure_ascii=False).encode("utf-8", "backslashreplace") + b"\n")
            out.flush()
    part.replace(output)
    if failed:
        names = ", ".join(sorted(failed))
        click.echo(f"these backends failed on some stories, see `failures` in the output: {names}", err=True)
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


def _predicted(mediator: Mediator, row: dict[str, str]) -> dict[str, Any]:
    try:
        return prediction(row["id"], mediator.extract_claims(row["text"]))
    except NothingToReadError:
        return {"id": row["id"], "claims": [], "parties": [], "dates": [], "amounts": [], "failures": []}


def read_stories(file: Path) -> list[dict[str, str]]:
    """The rows of ``file``. Every line that cannot be used is named before any work is done."""
    rows: dict[str, dict[str, str]] = {}
    wrong: list[str] = []
    for number, line in enumerate(_decoded(file.read_bytes(), str(file)).split("\n"), 1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except (ValueError, RecursionError) as error:
            wrong.append(f"line {number} is no JSON ({error})")
            continue
        if not isinstance(row, dict) or not isinstance(row.get("id"), str) or not isinstance(row.get("text"), str):
            wrong.append(f'line {number} needs "id" and "text", both strings')
        elif row["id"] in rows:
            wrong.append(f"line {number} has the id {on_one_line(row['id'])} again")
        else:
            rows[row["id"]] = {"id": row["id"], "text": row["text"]}
    if wrong:
        more = f"; and {len(wrong) - _MAX_NAMED} more" if len(wrong) > _MAX_NAMED else ""
        raise MediatorError(f"{file}: {'; '.join(wrong[:_MAX_NAMED])}{more}")
    if not rows:
        raise MediatorError(f'{file} has no story; write one a line: {{"id": "a", "text": "what happened"}}')
    return list(rows.values())


def _opened(part: Path, output: Path, mode: Literal["ab", "wb"]) -> IO[bytes]:
    """The file that is written until all is read. The person named ``output`` and has never heard of ``part``."""
    try:
        return part.open(mode)
    except OSError as error:
        raise MediatorError(
            f"{output} cannot be written ({(error.strerror or 'no reason given').lower()}); "
            f"make the folder {output.parent} first, or give --output a place where you may write"
        ) from error


def _already_read(part: Path) -> set[str]:
    """The ids in ``part``. A last line that was cut off in the middle is taken off."""
    if not part.is_file():
        return set()
    whole = part.read_bytes()
    kept = whole[: whole.rfind(b"\n") + 1]
    if len(kept) != len(whole):
        part.write_bytes(kept)
    try:
        return {json.loads(line)["id"] for line in kept.decode("utf-8").split("\n") if line}
    except (ValueError, TypeError, KeyError) as error:
        raise MediatorError(
            f"{part} is not what an interrupted run leaves; remove it and start without --resume"
        ) from error


def _decoded(raw: bytes, name: str) -> str:
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise MediatorError(f"{name} is not UTF-8 text (byte {error.start}); save it as UTF-8 first") from error
