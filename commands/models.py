"""`run.py models`: the GGUF files that this machine can use."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import click

from commands.app import App
from commands.output import as_json, json_option, table

__all__ = ["models"]


@click.command()
@click.argument("folders", nargs=-1, type=click.Path(exists=True, path_type=Path))
@json_option
@click.pass_obj
def models(app: App, folders: tuple[Path, ...], as_json_output: bool) -> None:
    """List GGUF models: the embedded one, those of the configuration, and those in FOLDERS."""
    from backends.local.models import list_models

    named = [
        Path(entry.model_path)
        for entry in app.config.BACKENDS
        if getattr(entry, "model_path", None) is not None and Path(entry.model_path).exists()  # type: ignore[union-attr]  # two of the four entry types have it
    ]
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
