"""How each provider is pointed at the tests' model server: the real programs, a home of their own, no network."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

from backends.base import Backend
from backends.llm_router.providers.base import ProviderContext, ProviderSpec
from tests.real.cli.model_server import ModelServer, ToolUse

HERE = Path(__file__).parent
BIN = HERE / "node_modules" / ".bin"
PROGRAMS = ("claude_code", "codex_cli", "copilot_cli", "gemini_cli")
PROVIDERS = (*PROGRAMS, "copilot_sdk")

_PACKAGES = {
    "claude_code": "@anthropic-ai/claude-code",
    "codex_cli": "@openai/codex",
    "copilot_cli": "@github/copilot",
    "gemini_cli": "@google/gemini-cli",
}


def installed_versions() -> dict[str, str]:
    """What is installed, for the report's head."""
    manifests = {package: HERE / "node_modules" / package / "package.json" for package in _PACKAGES.values()}
    return {
        package: json.loads(path.read_text())["version"] if path.exists() else "not installed"
        for package, path in manifests.items()
    }


def pinned_version(provider: str) -> str:
    return str(json.loads((HERE / "package.json").read_text())["dependencies"][_PACKAGES[provider]])


def spec_of(provider: str) -> ProviderSpec:
    spec = import_module(f"backends.llm_router.providers.{provider}").SPEC
    assert isinstance(spec, ProviderSpec)
    return spec


def shell_tool(provider: str, command: str) -> ToolUse:
    """The call by which the model would run ``command`` in that program."""
    return {
        "claude_code": ToolUse("Bash", {"command": command, "description": "run"}),
        "codex_cli": ToolUse("exec_command", {"cmd": command}),
        "copilot_cli": ToolUse("bash", {"command": command, "description": "run"}),
        "copilot_sdk": ToolUse("bash", {"command": command, "description": "run"}),
        "gemini_cli": ToolUse("run_shell_command", {"command": command, "description": "run"}),
    }[provider]


#: The settings that switch the shell on, to show that the tests above them could fail.
SHELL_ON: Mapping[str, Mapping[str, Any]] = {
    "claude_code": {"claude_tools": "Bash", "claude_allowed_tools": ["Bash"]},
    "codex_cli": {"codex_tools": True, "codex_sandbox": "danger-full-access"},
    "copilot_cli": {"copilot_available_tools": ["bash"], "copilot_allow_tools": ["shell", "write"]},
    "gemini_cli": {"gemini_tools": True, "gemini_approval_mode": "yolo"},
}


class Bench:
    """Makes providers whose programs talk to ``server`` only."""

    def __init__(self, server: ModelServer, folder: Path, cache: Path) -> None:
        self.server = server
        self.folder = folder
        self.home = folder / "home"
        self._made: list[Backend] = []
        (self.home / ".codex").mkdir(parents=True)
        (self.home / ".gemini").mkdir()
        chosen = {"security": {"auth": {"selectedType": "gemini-api-key"}}}
        (self.home / ".gemini" / "settings.json").write_text(json.dumps(chosen))
        self.env = {
            "PATH": f"{BIN}{os.pathsep}{os.environ.get('PATH', os.defpath)}",
            "HOME": str(self.home),
            "XDG_CACHE_HOME": str(cache),
            "DISABLE_TELEMETRY": "1",
            "DO_NOT_TRACK": "1",
            "NO_PROXY": "127.0.0.1",
            "ANTHROPIC_BASE_URL": server.url,
            "ANTHROPIC_API_KEY": "sk-ant-0123456789abcdef",
            "CODEX_HOME": str(self.home / ".codex"),
            "MODEL_SERVER_API_KEY": "sk-0123456789abcdef",
            "COPILOT_PROVIDER_BASE_URL": f"{server.url}/v1",
            "COPILOT_PROVIDER_TYPE": "openai",
            "COPILOT_OFFLINE": "true",
            "GOOGLE_GEMINI_BASE_URL": server.url,
            "GEMINI_API_KEY": "AIza0123456789abcdef",
        }

    def make(self, provider: str, **settings: Any) -> Backend:
        """The provider, as the router makes it."""
        if provider == "codex_cli":
            settings["codex_config"] = {**self._codex_config(), **settings.get("codex_config", {})}
        context = ProviderContext(env=self.env, model="test-model", settings=settings)
        backend = spec_of(provider).create(context)
        self._made.append(backend)
        return backend

    def _codex_config(self) -> dict[str, Any]:
        service = {
            "name": "tests",
            "base_url": f"{self.server.url}/v1",
            "wire_api": "responses",
            "env_key": "MODEL_SERVER_API_KEY",
            "request_max_retries": 0,
            "stream_max_retries": 0,
        }
        return {"model_provider": "tests", "model_providers.tests": service}

    def close(self) -> None:
        for backend in self._made:
            backend.close()


def failure_body(code: str, message: str) -> dict[str, Any]:
    """An error as all four services say it."""
    return {"type": "error", "error": {"type": code, "code": code, "status": code.upper(), "message": message}}
