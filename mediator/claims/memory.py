"""How many control questions each backend answered rightly, kept on the disk so that they are asked once."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from backends.base import Backend
from mediator.claims.checks import content_id

__all__ = ["ScoreMemory", "backend_key", "model_name"]


class ScoreMemory:
    """Numbers by key, in memory and in one small file. It holds no word of any story."""

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._scores: dict[str, int] = {}

    def get(self, key: str) -> int | None:
        """The number of that key, from this process or another one before it."""
        if key not in self._scores:
            self._scores = {**self._read(), **self._scores}
        return self._scores.get(key)

    def put(self, key: str, score: int) -> None:
        """Keep a number, beside what others wrote meanwhile."""
        self._scores[key] = score
        if self._path is None:
            return
        self._path.parent.mkdir(parents=True, exist_ok=True)
        fresh = self._path.with_name(f"{self._path.name}.{os.getpid()}.new")
        fresh.write_text(json.dumps({**self._read(), **self._scores}, indent=1, sort_keys=True), encoding="utf-8")
        fresh.replace(self._path)

    def _read(self) -> dict[str, int]:
        if self._path is None or not self._path.is_file():
            return {}
        try:
            known = json.loads(self._path.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}  # a lost memory only means that the controls are asked again
        if not isinstance(known, dict):
            return {}
        return {key: value for key, value in known.items() if isinstance(value, int)}


def backend_key(backend: Backend, controls: Any) -> str:
    """Who answers and what is asked: another model or other questions are asked anew."""
    options = {name: repr(value) for name, value in sorted(backend.options.items())}
    identity = [type(backend).__name__, backend.id, model_name(backend), options, controls]
    return content_id(json.dumps(identity, sort_keys=True, default=str))


def model_name(backend: Backend) -> str | None:
    """The model's name, without the folder that it lies in."""
    model = backend.options.get("model") or getattr(backend, "model", None) or getattr(backend, "model_path", None)
    return None if model is None else Path(str(model)).name
