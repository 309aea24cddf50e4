"""`run.py check`: is the configuration good, and what would each backend do?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from backends.exceptions import BackendError
from backends.terminal_text import on_one_line
from commands.app import App
from commands.output import as_json, details, json_option, table
from config import preflight_backend

if TYPE_CHECKING:
    from config.entries import BackendEntry

__all__ = ["check"]


@click.command()
@json_option
@click.pass_obj
def check(app: App, as_json_output: bool) -> None:
    """Validate the configuration and show what each backend would do. Sends nothing anywhere.

    Exit code 1 when a backend that the mediator uses lacks something, 2 when the configuration is wrong.
    """
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
        "host": None,
        "ready": False,
    }
    try:
        health = preflight_backend(app.config, entry.id, env=app.env)
    except BackendError as error:
        return {**row, "detail": error.message}
    return {**row, "local": health.local, "host": health.host, "ready": health.ok, "detail": health.detail}


def _print(app: App, shown: list[dict[str, Any]]) -> None:
    config = app.config
    click.echo(f"{on_one_line(str(app.config_path))}: the configuration is good\n")
    rows = [
        (
            "*" if row["used"] else "",
            row["id"],
            "/".join(part for part in (row["type"], row["provider"]) if part),
            "ready" if row["ready"] else "not ready",
            _place(row),
        )
        for row in shown
    ]
    notes = [details(_told(row)) for row in shown]
    table(rows, ("", "backend", "type", "", "your text"), notes)
    click.echo(f"\n* the mediator uses, in this order: {on_one_line(', '.join(config.used_ids))}")
    click.echo(f"evidence is kept in {on_one_line(str(config.EVIDENCE.path))}")


def _told(row: dict[str, Any]) -> str:
    model = str(row["model"] or "")
    return str(row["detail"]) if model in row["detail"] else f"{model}: {row['detail']}"


def _place(row: dict[str, Any]) -> str:
    if row["local"] is None:
        return "unknown"
    if row["local"]:
        return "stays here"
    return f"leaves ({row['host']})" if row["host"] else "leaves"
