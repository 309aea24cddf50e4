"""What a person chose for all of their cases: which engine reads. A small file in the person's folder."""

from __future__ import annotations

import json
import os
import tempfile
from pathlib import Path

__all__ = ["chosen_engine", "write_engine"]

_NAME = "preferences.json"


def chosen_engine(folder: Path) -> str | None:
    """The engine that this person chose; None: as the configuration says."""
    try:
        chosen = json.loads((folder / _NAME).read_bytes())["engine"]
    except (OSError, ValueError, KeyError, TypeError):
        return None  # nothing was chosen, or nobody can tell what
    return chosen if isinstance(chosen, str) else None


def write_engine(folder: Path, engine: str | None) -> None:
    """Keep the choice; a kill leaves the old one or the new one."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    # A name of its own: two that choose at once must not write into one file.
    descriptor, fresh = tempfile.mkstemp(prefix=f"{_NAME}.", suffix=".new", dir=folder)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            json.dump({"engine": engine}, file)
        os.replace(fresh, folder / _NAME)
    except BaseException:
        os.unlink(fresh)
        raise
