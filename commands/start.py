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
    """Start the application that the configuration names; the terminal interview by default.

    Ctrl-C stops it at any point: what was told is kept, and the way back is printed.
    """
    kinds = app.config.APPLICATION.type
    if "cli" not in kinds:
        raise ConfigurationError(
            f"APPLICATION.type is {', '.join(kinds)}, and this version starts the terminal interview only; "
            'set it to "cli"'
        )
    from mediator.interfaces.terminal import run_interview

    return run_interview(app.mediator, resume=resume)
