"""`run.py import FILE`: a state file of the historical program becomes a session."""

from __future__ import annotations

import json
from typing import IO, TYPE_CHECKING, Any, Protocol

import click

from backends.terminal_text import terminal_text
from mediator import dialogue
from mediator.exceptions import MediatorError

if TYPE_CHECKING:
    from mediator.mediator import Mediator

__all__ = ["import_state"]

_MAX_BYTES = 10_000_000


class _App(Protocol):
    @property
    def mediator(self) -> Mediator: ...


@click.command(name="import")
@click.argument("file", type=click.File("rb"))
@click.pass_obj
def import_state(app: _App, file: IO[bytes]) -> None:
    """Start a session from FILE, a historical state with inquiries, complaint and log (`-` is standard input).

    Passwords, tokens and logins in it are left out.
    """
    name = getattr(file, "name", "the input")
    app.mediator.set_state(_state(file.read(_MAX_BYTES + 1), name))
    session = app.mediator.session
    click.echo(terminal_text(dialogue.show(session)))
    click.echo(f"To go on: python run.py start --resume {session.id}", err=True)


def _state(raw: bytes, name: str) -> Any:
    if len(raw) > _MAX_BYTES:
        raise MediatorError(f"{name} has more than {_MAX_BYTES:,} bytes; that is no state file")
    try:
        return json.loads(raw.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        raise MediatorError(f"{name} is not UTF-8 text: byte {error.start} cannot be read") from error
    except json.JSONDecodeError as error:
        raise MediatorError(f"{name} is no JSON: line {error.lineno}, column {error.colno}: {error.msg}") from error
    except RecursionError as error:
        raise MediatorError(f"{name} is nested too deep to be a state file") from error
