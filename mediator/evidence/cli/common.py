"""What the commands share: the open store, filters, progress bars, JSON, and errors as one line."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import click

from mediator.evidence.errors import EvidenceError, InvalidCidError, InvalidInputError
from mediator.evidence.intake import Progress, safe_text

if TYPE_CHECKING:
    from mediator.evidence.records import EvidenceRecord
    from mediator.evidence.store import EvidenceStore

__all__ = [
    "Command",
    "EvidenceGroup",
    "answer",
    "be_sure",
    "chosen",
    "json_option",
    "open_store",
    "print_json",
    "progress_bar",
    "record_line",
    "tell",
    "with_filters",
]

Command = Callable[..., Any]


class _WrongUse(click.ClickException):
    """A value that cannot be: the line says what is wrong with it, so no usage is printed with it."""

    exit_code = 2


class EvidenceGroup(click.Group):
    """Turns the errors of a store into one line and an exit code: 2 for wrong use, 1 for everything else."""

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands with their whole first sentence; click would cut it at the width of a line."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, self.commands[name].get_short_help_str(1000)) for name in sorted(self.commands)])

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except (InvalidCidError, InvalidInputError) as error:
            raise _WrongUse(str(error)) from error
        except EvidenceError as error:
            raise click.ClickException(str(error)) from error


def open_store(ctx: click.Context) -> EvidenceStore:
    store: EvidenceStore = ctx.obj.open_store()
    ctx.call_on_close(store.close)
    return store


json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON for scripts.")


def print_json(value: object) -> None:
    # ASCII: a name that is no text survives as \\udcXX, which JSON readers give back.
    click.echo(json.dumps(value, indent=1))


def answer(value: object, line: str, as_json: bool) -> None:
    """Print the result of a command, for scripts or for people."""
    if as_json:
        print_json(value)
    else:
        click.echo(line)


def be_sure(question: str, yes: bool) -> None:
    """Ask before something that cannot be taken back, unless the answer was given."""
    if not yes:
        click.confirm(question, default=False, abort=True, err=True)


def tell(message: str) -> None:
    click.echo(message, err=True)


@contextmanager
def progress_bar(what: str) -> Iterator[Progress | None]:
    """Show a bar on a terminal; elsewhere none."""
    if not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, TextColumn, TransferSpeedColumn
    from rich.progress import Progress as Bars

    columns = (TextColumn("{task.description}", markup=False), BarColumn(), DownloadColumn(), TransferSpeedColumn())
    with Bars(*columns, console=Console(stderr=True), transient=True) as bars:
        task = bars.add_task(what, total=None)
        yield lambda done, total: bars.update(task, completed=done, total=total)


def record_line(record: EvidenceRecord) -> str:
    name = safe_text(record.file_name) if record.file_name is not None else "-"
    return f"{record.cid}  {record.size:>12}  {record.type}  {name}"


def with_filters(command: Command) -> Command:
    for option in reversed(
        (
            click.option("--owner", help="Only what belongs to this person."),
            click.option("--nobody", is_flag=True, help="Only what belongs to nobody in particular."),
            click.option("--complaint", help="Only what belongs to this complaint."),
            click.option("--claim-type", help="Only what supports this claim."),
            click.option("--element", help="Only what supports this element."),
            click.option("--type", "type_", help="Only this kind of evidence."),
            click.option("--text", help="Only what has this in its description."),
        )
    ):
        command = option(command)
    return command


def chosen(options: dict[str, Any]) -> dict[str, Any]:
    chosen = {name: value for name, value in options.items() if value is not None and name not in ("nobody", "type_")}
    if options["type_"] is not None:
        chosen["type"] = options["type_"]
    if options["nobody"]:
        if "owner" in chosen:
            raise click.UsageError("--owner and --nobody exclude each other")
        chosen["owner"] = None
    return chosen
