"""`run.py models`: the GGUF files that this machine can use."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from commands.app import App
from commands.output import as_json, json_option, table

if TYPE_CHECKING:
    from config.entries import BackendEntry

__all__ = ["models"]


@click.command()
@click.argument("folders", nargs=-1, type=click.Path(exists=True, path_type=Path))
@json_option
@click.pass_obj
def models(app: App, folders: tuple[Path, ...], as_json_output: bool) -> None:
    """List GGUF models: the embedded one, those of the configuration, and those in FOLDERS."""
    from backends.local.models import list_models

    named = [path for path in map(_model_file, app.config.BACKENDS) if path is not None and path.exists()]
    found = list_models([*named, *folders])
    if as_json_output:
        as_json([asdict(record) for record in found])
        return
    table(
        [
            (
                record.name,
                f"{record.size / 2**20:.0f} MiB",
                record.quantisation,
                str(record.context),
                "yes" if record.chat_template else "no",
                record.licence or "not said",
                str(record.path),
            )
            for record in found
        ],
        ("model", "size", "quantisation", "context", "chat template", "licence", "file"),
    )


def _model_file(entry: BackendEntry) -> Path | None:
    value = entry.arguments().get("model_path")
    return None if value is None else Path(value)
