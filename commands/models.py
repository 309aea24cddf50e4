"""`run.py models`: the GGUF files that this machine can use, and how fast they are here."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from backends.command_line import WRONG_USE
from backends.terminal_text import on_one_line
from commands.app import App
from commands.output import as_json, json_option, table

if TYPE_CHECKING:
    from backends.local.models import LocalModel, ModelSpeed
    from config.entries import BackendEntry

__all__ = ["models"]


@click.command()
@click.argument("places", nargs=-1, type=click.Path(exists=True, path_type=Path))
@click.option("--measure", is_flag=True, help="Load each usable model and measure tokens a second and memory.")
@json_option
@click.pass_obj
def models(app: App, places: tuple[Path, ...], measure: bool, as_json_output: bool) -> None:
    """List GGUF models: the embedded one, those of the configuration, and those in PLACES (files or folders)."""
    from backends.local.models import list_models, measure_model

    named = [path for path in map(_model_file, app.config.BACKENDS) if path is not None and path.exists()]
    found = list_models([*named, *places])
    speeds: dict[Path, ModelSpeed] = {}
    for model in found:
        if measure and model.problem is None and model.fits:
            click.echo(on_one_line(f"measuring {model.path.name} ..."), err=True)
            speeds[model.path] = measure_model(model.path)
    if as_json_output:
        as_json([_told(model, speeds.get(model.path)) for model in found])
        return
    table([_row(model, speeds.get(model.path)) for model in found], _HEADS)
    for model in found:
        if model.problem is not None:
            click.echo(on_one_line(f"{model.path.name}: {model.problem}"), err=True)
    given = {path.resolve() for path in places if path.is_file()}
    if any(model.problem is not None and model.path.resolve() in given for model in found):
        click.get_current_context().exit(WRONG_USE)  # a folder may hold anything; a file was named to be a model


_HEADS = ("model", "size", "quantisation", "context", "chat template", "memory", "licence", "speed", "file")


def _row(model: LocalModel, speed: ModelSpeed | None) -> tuple[str, ...]:
    memory = "" if model.memory is None else f"{model.memory.total / 2**20:.0f} MiB"
    return (
        model.name or model.path.stem,
        f"{model.file_bytes / 2**20:.0f} MiB",
        model.quantisation or "unknown",
        "unknown" if model.context_length is None else str(model.context_length),
        "no" if model.chat_template is None else "yes",
        memory if model.fits or model.memory is None else f"{memory}: does not fit",
        model.licence or "not said",
        ""
        if speed is None
        else f"{speed.prompt_tokens_per_second:.0f} in, {speed.generated_tokens_per_second:.0f} out, "
        f"{speed.resident_bytes / 2**20:.0f} MiB",
        str(model.path),
    )


def _told(model: LocalModel, speed: ModelSpeed | None) -> dict[str, Any]:
    return {**asdict(model), "speed": None if speed is None else asdict(speed)}


def _model_file(entry: BackendEntry) -> Path | None:
    value = entry.arguments().get("model_path")
    return None if value is None else Path(value)
