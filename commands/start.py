"""`run.py` without a command: the application that the configuration names."""

from __future__ import annotations

import click

from backends.exceptions import ConfigurationError
from commands.app import App

__all__ = ["start"]


@click.command()
@click.option(
    "--resume",
    is_flag=False,
    flag_value="latest",
    metavar="[ID]",
    help="Go on with that session; without an ID, with the one used last.",
)
@click.pass_obj
def start(app: App, resume: str | None) -> int:
    """Start the application that the configuration names (the first of them); the terminal interview by default.

    Ctrl-C stops it at any point: what was told is kept, and the way back is printed.
    """
    kinds = app.config.APPLICATION.type
    if kinds[0] == "server":
        if resume is not None:
            raise ConfigurationError("--resume is for the terminal, and APPLICATION.type starts the server")
        from commands.serve import run_configured

        run_configured(app)
        return 0
    from mediator.interfaces.terminal import run_interview

    return run_interview(app.mediator, resume=resume)
