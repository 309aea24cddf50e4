"""Pictures of the terminal interview, taken from the running program in a real terminal: docs/pictures/terminal-*.svg.

Usage: `.venv/bin/python -m scripts.terminal_pictures [FOLDER]`. Needs tmux (scripts/install-tmux).
"""

from __future__ import annotations

import io
import json
import os
import sys
import tempfile
from collections.abc import Iterator
from html import escape
from pathlib import Path

from rich.console import Console
from rich.text import Text

from tests.support.tmux import Tmux

HOME = Path(__file__).resolve().parent.parent
COLUMNS = 80
#: rich's own picture without its fonts from the network: a picture asks nobody for anything.
FORMAT = """<svg viewBox="0 0 {width} {height}" xmlns="http://www.w3.org/2000/svg" role="img">
<title>TITLE</title>
<style>
.{unique_id}-matrix {{ font-family: ui-monospace, "DejaVu Sans Mono", monospace; font-size: {char_height}px;
line-height: {line_height}px; font-variant-east-asian: full-width; }}
{styles}
</style>
<defs><clipPath id="{unique_id}-clip-terminal"><rect x="0" y="0" width="{terminal_width}" height="{terminal_height}"/>
</clipPath>{lines}</defs>
<rect width="{width}" height="{height}" rx="8" fill="#292929"/>
<g transform="translate(8, 8)" clip-path="url(#{unique_id}-clip-terminal)">{backgrounds}
<g class="{unique_id}-matrix">{matrix}</g></g>
</svg>
"""


def pictures(work: Path) -> Iterator[tuple[str, str, str]]:
    """Name, title and screen of each picture, in the order of an interview."""
    config = work / "config.json"
    backend = {"id": "embedded", "type": "llm_router", "provider": "workstation", "max_tokens": 512, "temperature": 0}
    config.write_text(
        json.dumps(
            {
                "BACKENDS": [backend],
                "MEDIATOR": {"backends": ["embedded"], "state_dir": "state"},
                "EVIDENCE": {"path": "evidence"},
            }
        )
    )
    env = {"PATH": os.environ["PATH"], "HOME": str(work), "LANG": "C.UTF-8"}
    command = [sys.executable, str(HOME / "run.py"), "--config", str(config)]
    with Tmux(work, command, env=env, columns=COLUMNS, rows=50) as window:
        window.wait_for("\n|")
        window.paste((HOME / "samples" / "story.txt").read_text(encoding="utf-8").strip())
        yield "terminal-story", "Telling the story in the terminal", window.screen(colours=True)
        window.press("C-d")
        window.wait_for("questions settled", seconds=300)
        yield "terminal-question", "The story marked by claim, and the first question", window.screen(colours=True)
        window.write("/timeline")
        window.press("Enter")
        window.wait_for("Time limits")
        yield "terminal-timeline", "Dates, contradictions and time limits", window.screen(colours=True)


def as_svg(screen: str, title: str) -> str:
    """The screen as a picture whose text can be selected and read aloud."""
    lines = screen.rstrip("\n").splitlines()[-48:]
    console = Console(file=io.StringIO(), record=True, width=COLUMNS, force_terminal=True, legacy_windows=False)
    console.print(Text.from_ansi("\n".join(line.rstrip() for line in lines)), soft_wrap=True)
    return console.export_svg(title=title, code_format=FORMAT.replace("TITLE", escape(title)), unique_id="terminal")


def main() -> None:
    """Take every picture anew."""
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else HOME / "docs" / "pictures"
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as work:
        for name, title, screen in pictures(Path(work)):
            path = folder / f"{name}.svg"
            # The session's own folder is nobody's business.
            path.write_text(as_svg(screen.replace(work, "…"), title), encoding="utf-8")
            print(path)


if __name__ == "__main__":
    main()
