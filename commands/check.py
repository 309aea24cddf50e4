"""`run.py check`: is the configuration good, and what would each backend do?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from backends.exceptions import BackendError
from commands.app import App
from commands.output import as_json, json_option, table

if TYPE_CHECKING:
    from config.entries import BackendEntry

__all__ = ["check"]


@click.command()
@json_option
@click.pass_obj
def check(app: App, as_json_output: bool) -> None:
    """Validate the configuration and show what each backend would do. Sends nothing anywhere."""
    config = app.config
    used = config.used_ids
    shown = [_shown(app, entry, used) for entry in config.BACKENDS]
    failing = [row for row in shown if row["used"] and not row["ready"]]
    if as_json_output:
        as_json(
            {
                "config": str(app.config_path),
                "backends": shown,
                "mediator": list(used),
                "evidence": str(config.EVIDENCE.path),
                "application": list(config.APPLICATION.type),
                "ok": not failing,
            }
        )
    else:
        _print(app, shown)
    if failing:
        raise BackendError(
            "; ".join(f"{row['id']}: {row['detail']}" for row in failing)
            + " (the mediator uses it; change MEDIATOR.backends or mend it)"
        )


def _shown(app: App, entry: BackendEntry, used: tuple[str, ...]) -> dict[str, Any]:
    row: dict[str, Any] = {
        "id": entry.id,
        "type": entry.type,
        "provider": getattr(entry, "provider", None),
        "model": getattr(entry, "model", None) or getattr(entry, "model_path", None),
        "fallback_providers": list(getattr(entry, "fallback_providers", None) or ()),
        "used": entry.id in used,
        "local": None,
        "ready": False,
    }
    if entry.unset:
        return {**row, "detail": entry.unset[0][1]}
    try:
        backend = app.backend(entry.id)
        health = backend.preflight()
    except BackendError as error:
        return {**row, "detail": error.message}
    return {**row, "local": health.local, "ready": health.ok, "detail": health.detail}


def _print(app: App, shown: list[dict[str, Any]]) -> None:
    config = app.config
    click.echo(f"{app.config_path}: the configuration is good")
    rows = [
        (
            "*" if row["used"] else "",
            row["id"],
            "/".join(part for part in (row["type"], row["provider"]) if part),
            str(row["model"] or "default"),
            {True: "stays here", False: "leaves", None: ""}[row["local"]],
            ("ready: " if row["ready"] else "not ready: ") + str(row["detail"]),
        )
        for row in shown
    ]
    table(rows, ("", "backend", "type", "model", "your text", ""))
    click.echo(f"\n* the mediator uses, in this order: {', '.join(config.used_ids)}")
    click.echo(f"evidence is kept in {config.EVIDENCE.path}")
