"""The product as a person starts it: a `run.py serve` process of its own, which a test may kill and start again."""

from __future__ import annotations

import json
import re
import select
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

__all__ = ["HOME", "Server", "write_config"]

HOME = Path(__file__).resolve().parent.parent.parent
_STARTED = re.compile(r"http://[^\s/]+:(\d+)/?")
_PATIENCE = 60


def write_config(folder: Path, **changes: Any) -> Path:
    """A configuration that keeps everything in ``folder`` and needs no model to be loaded."""
    config: dict[str, Any] = {
        "MEDIATOR": {"backends": ["mock"], "state_dir": str(folder / "state")},
        "BACKENDS": [
            {"id": "mock", "type": "llm_router", "provider": "mock"},
            {"id": "second", "type": "llm_router", "provider": "mock", "model": "another"},
        ],
        "APPLICATION": {"type": "server"},
        "EVIDENCE": {"path": str(folder / "evidence")},
        # A test looks at more pages in a minute than a person.
        "SERVER": {"requests_per_minute": 100_000},
    }
    path = folder / "config.json"
    path.write_text(json.dumps(config | changes))
    return path


class Server:
    """One server on a port of its own; the port stays the same when it is started again."""

    def __init__(self, config: Path) -> None:
        self._config = config
        self._port = 0
        self._process: subprocess.Popen[str] | None = None
        self.log = config.parent / "server.log"

    @property
    def address(self) -> str:
        """Where it answers, without a slash at the end."""
        return f"http://127.0.0.1:{self._port}"

    @property
    def process(self) -> subprocess.Popen[str]:
        """The running process."""
        assert self._process is not None
        return self._process

    def start(self) -> Server:
        """Start it and wait until it says where it answers."""
        with self.log.open("a") as log:
            self._process = subprocess.Popen(
                self._command("--port", str(self._port)),
                cwd=HOME, stdout=subprocess.PIPE, stderr=log, text=True, start_new_session=True,
            )  # fmt: skip
        self._port = int(self._read_until(_STARTED).group(1))
        return self

    def add_user(self, name: str, password: str) -> None:
        """Let somebody log in."""
        command = self._command("user", "add", name)
        subprocess.run(command, cwd=HOME, input=f"{password}\n", text=True, check=True, capture_output=True)

    def _command(self, *arguments: str) -> list[str]:
        return [sys.executable, str(HOME / "run.py"), "--config", str(self._config), "serve", *arguments]

    def freeze(self) -> None:
        """Take requests and answer none, until it is killed."""
        self.process.send_signal(signal.SIGSTOP)

    def kill(self) -> None:
        """End it at once, without a chance to tidy up."""
        self.process.kill()
        self.process.wait()

    def stop(self) -> None:
        """End it as a person does."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGCONT)
            self.process.terminate()
            try:
                self.process.wait(20)
            except subprocess.TimeoutExpired:
                self.kill()

    def _read_until(self, pattern: re.Pattern[str]) -> re.Match[str]:
        out = self.process.stdout
        assert out is not None
        deadline = time.monotonic() + _PATIENCE
        said = ""
        while time.monotonic() < deadline:
            if select.select([out], [], [], 0.5)[0]:
                line = out.readline()
                said += line
                if found := pattern.search(line):
                    return found
                if not line:
                    break
        raise AssertionError(f"the server did not start:\n{said}\n{self.log.read_text()}")
