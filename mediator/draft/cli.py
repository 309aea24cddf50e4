"""`run.py draft`: the complaint of a session, as files."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import click

from mediator.draft.build import Details
from mediator.draft.docx import to_docx
from mediator.draft.html import to_html
from mediator.draft.model import Draft

if TYPE_CHECKING:
    from mediator.mediator import Mediator

__all__ = ["FORMATS", "draft"]

#: What a draft can be written as.
FORMATS: Mapping[str, Callable[[Draft], bytes]] = {
    "docx": to_docx,
    "html": lambda made: to_html(made).encode(),
    "json": lambda made: made.model_dump_json(indent=2).encode() + b"\n",
}


class _App(Protocol):
    @property
    def mediator(self) -> Mediator: ...


def _formats(_ctx: click.Context, _parameter: click.Parameter, value: str) -> tuple[str, ...]:
    names = tuple(dict.fromkeys(name.strip().lower() for name in value.split(",") if name.strip()))
    unknown = [name for name in names if name not in FORMATS]
    if unknown or not names:
        raise click.BadParameter(f"{', '.join(unknown) or 'nothing'} is not one of {', '.join(FORMATS)}")
    return names


@click.command()
@click.option("--session", "session_id", metavar="ID", help="The session to draft from. Default: the latest.")
@click.option("--format", "formats", default="html,json", callback=_formats, show_default=True, help="Comma-separated.")
@click.option("--output", "-o", default="draft", show_default=True, help="Where to write: a path without its ending.")
@click.option("--court", help="The court's name, as it stands on its papers.")
@click.option("--district", help="The district where most of it happened or a defendant lives.")
@click.option("--jury/--no-jury", default=None, help="Whether a jury is demanded.")
@click.option(
    "--diversity", is_flag=True, default=None, help="The parties are citizens of different states, over $75,000."
)
@click.option("--verified", is_flag=True, help="Add a declaration under penalty of perjury.")
@click.pass_obj
def draft(
    app: _App,
    session_id: str | None,
    formats: tuple[str, ...],
    output: str,
    court: str | None,
    district: str | None,
    jury: bool | None,
    diversity: bool | None,
    verified: bool,
) -> None:
    """Write a draft complaint. It is never signed, and what nobody told reads MISSING."""
    app.mediator.resume(session_id)
    details = Details(court=court, district=district, jury=jury, diversity=diversity, verified=verified)
    made = app.mediator.draft(details)
    for name in formats:
        path = Path(f"{output}.{name}")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(FORMATS[name](made))
        click.echo(str(path))
    for check in made.checks:
        if not check.ok:
            click.echo(f"{check.section}: {check.says}", err=True)
    click.echo(made.notice, err=True)
