"""A terminal as a person has it: a real one, by tmux, of a given size, with keys, pastes and a screen to read."""

from __future__ import annotations

import os
import shlex
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

__all__ = ["Tmux"]


class Tmux:
    """One window that runs one command; its exit code is shown when it ends. Use as a context manager."""

    def __init__(
        self, folder: Path, command: Sequence[str], *, env: Mapping[str, str], columns: int = 80, rows: int = 60
    ) -> None:
        self._socket = str(folder / "tmux")
        line = f"{shlex.join(command)}; echo ended with $?; exec cat"
        size = ["-x", str(columns), "-y", str(rows)]
        self._tmux("-f", os.devnull, "new-session", "-d", *size, "bash", "--norc", "-c", line, env=env)

    def write(self, text: str) -> None:
        """Type letters."""
        self._tmux("send-keys", "-l", text)

    def press(self, *keys: str) -> None:
        """Press keys by tmux's names: Enter, C-c, Up."""
        self._tmux("send-keys", *keys)

    def paste(self, text: str) -> None:
        """Paste from the clipboard, as terminals do it: in brackets where the program asks for them."""
        self._tmux("set-buffer", "--", text)
        self._tmux("paste-buffer", "-p")

    def screen(self, *, colours: bool = False) -> str:
        """What stands in the window and in what scrolled out of it."""
        return self._tmux("capture-pane", "-p", "-S", "-", *(["-e"] if colours else []))

    def wait_for(self, text: str, seconds: float = 60, *, at_the_end: bool = False) -> str:
        """The screen as soon as it shows ``text``, or ends with it: a prompt that waits for a key."""
        deadline = time.monotonic() + seconds
        while True:
            shown = self.screen()
            if shown.rstrip().endswith(text) if at_the_end else text in shown:
                return shown
            if time.monotonic() > deadline:
                raise AssertionError(f"{text!r} did not appear within {seconds:.0f} s; the screen is:\n{shown}")
            time.sleep(0.05)

    def close(self) -> None:
        """End the window and what runs in it."""
        self._tmux("kill-server", check=False)

    def __enter__(self) -> Tmux:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def _tmux(self, *arguments: str, env: Mapping[str, str] | None = None, check: bool = True) -> str:
        done = subprocess.run(
            ["tmux", "-S", self._socket, *arguments],
            env=None if env is None else dict(env),
            capture_output=True,
            text=True,
            timeout=30,
            check=check,
        )
        return done.stdout
