"""Finds processes by what they were started with, to show that none is left behind."""

from __future__ import annotations

from pathlib import Path

__all__ = ["processes_naming"]


def processes_naming(text: str) -> list[str]:
    """The command lines of all live processes whose environment or command line holds ``text``."""
    wanted = text.encode()
    found = []
    for folder in Path("/proc").iterdir():
        if not folder.name.isdigit():
            continue
        try:
            command, environment = (folder / "cmdline").read_bytes(), (folder / "environ").read_bytes()
        except OSError:  # it ended while we looked
            continue
        if wanted in environment or wanted in command:
            found.append(command.replace(b"\0", b" ").decode("utf-8", "replace"))
    return found
