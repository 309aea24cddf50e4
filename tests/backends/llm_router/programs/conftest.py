"""Fake programs, for failures only: what the real ones do is shown in tests/real/cli."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from backends.llm_router.providers._program import ProgramBackend
from backends.llm_router.providers.claude_code import ClaudeCodeBackend
from backends.llm_router.providers.codex_cli import CodexBackend
from backends.llm_router.providers.copilot_cli import CopilotBackend
from backends.llm_router.providers.gemini_cli import GeminiBackend

BACKENDS: dict[str, type[ProgramBackend]] = {
    backend.type: backend for backend in (ClaudeCodeBackend, CodexBackend, CopilotBackend, GeminiBackend)
}


class Fakes:
    """Puts fake programs on a PATH of their own and makes providers that find them there."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.bin = folder / "bin"
        self.bin.mkdir()
        self.env = {"PATH": f"{self.bin}{os.pathsep}{os.defpath}", "HOME": str(folder)}
        self._made: list[ProgramBackend] = []

    def program(self, name: str, body: str) -> Path:
        """An executable of that name; ``body`` is Python, with ``sys``, ``os``, ``time`` and ``json`` at hand."""
        path = self.bin / name
        path.write_text(f"#!{sys.executable} -S\nimport json, os, subprocess, sys, time\n{body}\n")
        path.chmod(0o755)
        return path

    def backend(self, provider: str, body: str | None = None, **settings: Any) -> ProgramBackend:
        """That provider; with ``body``, its program does this."""
        kind = BACKENDS[provider]
        if body is not None:
            self.program(kind.program, body)
        made = kind(env=self.env, **settings)
        self._made.append(made)
        return made

    def close(self) -> None:
        for backend in self._made:
            backend.close()


@pytest.fixture
def fakes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Fakes]:
    temporary = tmp_path / "tmp"
    temporary.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))
    made = Fakes(tmp_path)
    yield made
    made.close()


@pytest.fixture
def told(tmp_path: Path) -> Callable[[str], str]:
    """Reads what a fake program wrote into the folder of the test."""
    return lambda name: (tmp_path / name).read_text()
