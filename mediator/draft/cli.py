"""`run.py draft`: the complaint of a session as files, smoothed paragraph by paragraph if asked, and what changed."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import click

from backends.terminal_text import terminal_text
from mediator.draft.details import Details, details_from
from mediator.draft.diff import diff_drafts, diff_html, diff_text
from mediator.draft.model import Draft
from mediator.draft.smooth import accept, marked_difference, proposals
from mediator.draft.style import PROFILES, Style, style_from
from mediator.draft.write import FORMATS, write_draft
from mediator.exceptions import NotFoundError, SetupError

if TYPE_CHECKING:
    from mediator.mediator import Mediator

__all__ = ["draft"]

_VENUE = {"defendant-lives": "defendant lives there", "events": "events took place there"}


class _App(Protocol):
    @property
    def mediator(self) -> Mediator: ...


def _formats(_ctx: click.Context, _parameter: click.Parameter, value: str) -> tuple[str, ...]:
    names = tuple(dict.fromkeys(name.strip().lower() for name in value.split(",") if name.strip()))
    unknown = [name for name in names if name not in FORMATS]
    if unknown or not names:
        raise click.BadParameter(f"{', '.join(unknown) or 'nothing'} is not one of {', '.join(FORMATS)}")
    return names


def _style(_ctx: click.Context, _parameter: click.Parameter, value: str) -> Style:
    try:
        return style_from(value)
    except SetupError as error:
        raise click.BadParameter(str(error)) from error


def _details(_ctx: click.Context, _parameter: click.Parameter, value: Path | None) -> Details:
    try:
        return Details() if value is None else details_from(value.read_text(encoding="utf-8"))
    except (SetupError, OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise click.BadParameter(reason) from error


@click.group(invoke_without_command=True)
@click.option("--session", "session_id", metavar="ID", help="The session to draft from. Default: the latest.")
@click.option(
    "--format",
    "formats",
    default="html,json",
    callback=_formats,
    show_default=True,
    help=f"Comma-separated, any of {', '.join(FORMATS)}.",
)
@click.option("--output", "-o", default="draft", show_default=True, help="Where to write: a path without its ending.")
@click.option(
    "--style",
    default="federal",
    callback=_style,
    show_default=True,
    metavar="STYLE",
    help=f"How it looks: {', '.join(PROFILES)} (28 numbered lines), or JSON (as text or a file) with any of "
    f"{', '.join(Style.model_fields)}, and base.",
)
@click.option("--court", help="The court's name, as it stands on its papers.")
@click.option("--district", help="The district where most of it happened or a defendant lives.")
@click.option("--venue-because", type=click.Choice(list(_VENUE)), help="What ties the district to the case.")
@click.option("--jury/--no-jury", default=None, help="Whether a jury is demanded.")
@click.option(
    "--diversity", is_flag=True, default=None, help="The parties are citizens of different states, over $75,000."
)
@click.option("--verified", is_flag=True, default=None, help="Add a declaration under penalty of perjury.")
@click.option(
    "--details",
    callback=_details,
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="JSON with any of " + ", ".join(Details.model_fields) + "; the options above win over it.",
)
@click.option("--smooth", is_flag=True, help="Let the backends smooth paragraphs first; you accept each or not.")
@click.pass_context
def draft(
    ctx: click.Context,
    /,
    session_id: str | None,
    formats: tuple[str, ...],
    output: str,
    style: Style,
    details: Details,
    smooth: bool,
    **said: Any,
) -> None:  # fmt: skip
    """Write a draft complaint. It is never signed, and what nobody told reads MISSING."""
    if ctx.invoked_subcommand is not None:
        return
    mediator: Mediator = ctx.obj.mediator
    mediator.resume(session_id)
    given = {name: value for name, value in said.items() if value is not None}
    if "venue_because" in given:
        given["venue_because"] = _VENUE[given["venue_because"]]
    whole = details_from(Details.model_validate({**details.model_dump(), **given}).model_dump_json())
    if smooth:
        _smooth(mediator, whole)
    made = mediator.draft(whole)
    for name in sorted(formats, key=lambda name: name == "pdf"):  # PDF last: it is the one that may lack a library
        _write(Path(f"{output}.{name}"), write_draft(made, name, style, tell=lambda said: click.echo(said, err=True)))
    for check in made.checks:
        if not check.ok:
            click.echo(terminal_text(f"{check.section}: {check.says}"), err=True)
    click.echo(made.notice, err=True)


def _write(path: Path, content: bytes) -> None:
    """Whole or not at all; an earlier file that says something else may hold a person's own work and is kept."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.is_file() and path.read_bytes() != content:
        kept = next(p for n in range(1, 10**6) if not (p := path.with_name(f"{path.stem}.{n}{path.suffix}")).exists())
        path.replace(kept)
        click.echo(terminal_text(f"kept the earlier {path.name} as {kept.name}"), err=True)
    fresh = path.with_name(f".{path.name}.{os.getpid()}.new")
    fresh.write_bytes(content)
    fresh.replace(path)
    click.echo(terminal_text(str(path)))


def _smooth(mediator: Mediator, details: Details) -> None:
    """Show each proposal as a difference; only a yes is kept."""
    for proposal in proposals(mediator.draft(details), mediator.backends):
        who = proposal.backend if proposal.model is None else f"{proposal.backend} ({proposal.model})"
        click.echo(f"\nParagraph {proposal.number}, smoothed by {terminal_text(who)}:", err=True)
        click.echo(terminal_text(marked_difference(proposal.original, proposal.text)), err=True)
        if proposal.refused:
            click.echo(terminal_text(f"Not offered: {'; '.join(proposal.refused)}. Your words stand."), err=True)
            continue
        click.echo("Take it? [y]es, [n]o, [q]uit: ", nl=False, err=True)
        answer = sys.stdin.readline().strip().lower()
        if answer in {"y", "yes"}:
            accept(mediator.session, proposal)
        elif answer in {"", "q", "quit"}:
            return


@click.command()
@click.argument("before")
@click.argument("after")
@click.option("--html", "html_file", type=click.Path(path_type=Path), metavar="FILE", help="Write a page instead.")
@click.pass_obj
def diff(app: _App, before: str, after: str, html_file: Path | None) -> None:
    """Show what changed from BEFORE to AFTER.

    Each is a draft saved as JSON, a session's id, or ID@N: that session as it was after its event N.
    """
    changes = diff_drafts(_draft_of(app, before), _draft_of(app, after), names=(before, after))
    if html_file is not None:
        _write(html_file, diff_html(changes).encode())
        return
    click.echo(terminal_text(diff_text(changes)), nl=False)


def _draft_of(app: _App, name: str) -> Draft:
    if name.lower().endswith(".json") or os.sep in name:
        return _saved(Path(name))
    session_id, _, until = name.partition("@")
    if until and not (until.isascii() and until.isdigit()):
        raise click.UsageError(f"{name!r:.80}: after @ comes the number of an event")
    app.mediator.resume(session_id)
    return app.mediator.draft(until=int(until) if until else None)


def _saved(path: Path) -> Draft:
    try:
        return Draft.model_validate_json(path.read_bytes())
    except ValueError as error:
        raise NotFoundError(f"{path}: this is no draft that was saved as JSON") from error


draft.add_command(diff)
