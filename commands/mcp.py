"""`run.py mcp`: one case as tools for an assistant, over standard input and output."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from backends.exceptions import ConfigurationError
from commands.app import App

__all__ = ["mcp"]


@click.command()
@click.option("--case", "case_id", metavar="ID", help="The case to work on. Default: a new one, begun when needed.")
@click.option(
    "--folder",
    "folders",
    multiple=True,
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="A folder whose files the assistant may hand in as evidence. May be given again. Default: none.",
)
@click.pass_obj
def mcp(app: App, case_id: str | None, folders: tuple[Path, ...]) -> None:
    """Offer one case to an assistant that speaks the Model Context Protocol, over standard input and output.

    The assistant reaches that case and the folders that you name, and nothing else.
    """
    try:
        from mediator.interfaces.mcp.tools import make_server
    except ModuleNotFoundError as error:
        if error.name != "mcp":
            raise
        raise ConfigurationError(
            'assistants need the package mcp; pip install -c constraints.txt -e ".[mcp]"'
        ) from error
    from config.load import state_folder
    from mediator.interfaces.mcp.reach import Reach
    from mediator.interfaces.media import MEDIA_TYPES

    server, evidence = app.config.SERVER, app.config.EVIDENCE.path
    office = app.office
    reach = Reach(
        folders,
        max_bytes=server.max_upload_bytes,
        media_types=server.media_types or MEDIA_TYPES,
        closed=(app.config_path, office.state_dir, state_folder(app.env), *(() if evidence is None else (evidence,))),
    )
    person = office.person(office.local_owner)
    tools = make_server(person, reach, case_id, max_person_bytes=server.max_person_bytes)
    if sys.stdin.isatty():
        click.echo("This talks to an assistant, not to a person; put `run.py mcp` into its settings.", err=True)
    tools.run("stdio")
