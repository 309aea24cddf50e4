"""`run.py generate`: one prompt to one backend."""

from __future__ import annotations

import json
import sys
from typing import Any

import click

from backends.command_line import say
from commands.app import App
from commands.output import as_json, json_option

__all__ = ["generate"]


def _option(_ctx: click.Context, _parameter: click.Parameter, values: tuple[str, ...]) -> dict[str, Any]:
    options: dict[str, Any] = {}
    for value in values:
        name, equals, text = value.partition("=")
        if not equals or not name:
            raise click.BadParameter(f"{value!r} is not NAME=VALUE")
        try:
            options[name] = json.loads(text)
        except ValueError:
            options[name] = text
    return options


@click.command()
@click.argument("prompt")
@click.option("--backend", "-b", metavar="ID", help="A backend of the configuration. Default: the mediator's first.")
@click.option("--max-tokens", type=click.IntRange(min=1), help="At most this many tokens.")
@click.option("--temperature", type=click.FloatRange(0, 2), help="0 is the likeliest text.")
@click.option(
    "--option",
    "-o",
    "options",
    multiple=True,
    callback=_option,
    metavar="NAME=VALUE",
    help="Any other option of the backend; may be given again.",
)
@click.option("--stream/--no-stream", default=None, help="Print the text as it comes. Default: on a terminal.")
@json_option
@click.pass_obj
def generate(
    app: App,
    prompt: str,
    backend: str | None,
    max_tokens: int | None,
    temperature: float | None,
    options: dict[str, Any],
    stream: bool | None,
    as_json_output: bool,
) -> None:
    """Send PROMPT to a backend and print the text alone. `-` reads the prompt from standard input."""
    text = _read() if prompt == "-" else prompt
    if not text.strip():
        raise click.BadParameter("the prompt is empty", param_hint="PROMPT")
    call = {**options}
    if max_tokens is not None:
        call["max_tokens"] = max_tokens
    if temperature is not None:
        call["temperature"] = temperature
    engine = app.backend(backend)
    if as_json_output:
        as_json(engine.complete(text, **call).document())
    elif stream or (stream is None and sys.stdout.isatty()):
        for piece in engine.stream(text, **call):
            say(piece, nl=False)
        click.echo()
    else:
        say(engine.generate(text, **call))


def _read() -> str:
    raw = sys.stdin.buffer.read()
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        message = f"standard input is not UTF-8 text (byte {error.start})"
        raise click.BadParameter(message, param_hint="PROMPT") from error
