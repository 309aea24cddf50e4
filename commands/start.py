"""`run.py` without a command: the application that the configuration names."""

from __future__ import annotations

import click

from backends.exceptions import ConfigurationError
from commands.app import App

__all__ = ["start"]


@click.command()
@click.pass_obj
def start(app: App) -> None:
    """Start the application that the configuration names; the terminal interview by default."""
    kinds = app.config.APPLICATION.type
    if "cli" not in kinds:
        raise ConfigurationError(
            f"APPLICATION.type is {', '.join(kinds)}, and this version starts the terminal interview only; "
            'set it to "cli"'
        )
    from mediator.interfaces.terminal import run_interview

    run_interview(app.mediator)
