"""The main job, step by step, as a person would type it: `make demo`.

Claims from the sample story on the embedded model, then a sample file stored and fetched by CID.
"""

from __future__ import annotations

import json
import shlex
import subprocess
import sys
import tempfile
import time
from pathlib import Path

HOME = Path(__file__).resolve().parent.parent
RUN = [sys.executable, str(HOME / "run.py"), "--config", str(HOME / "config.llm_router.json")]
STORY = HOME / "samples" / "story.txt"
EVIDENCE = HOME / "samples" / "evidence.txt"


def step(title: str, *arguments: str, captured: bool = False) -> str:
    """Say what is typed, run it, and stop the demo if it fails."""
    shown = " ".join(["python run.py", *(shlex.quote(_short(argument)) for argument in arguments)])
    print(f"\n\033[1m{title}\033[0m\n$ {shown}" if sys.stdout.isatty() else f"\n{title}\n$ {shown}", flush=True)
    started = time.monotonic()
    done = subprocess.run(
        [*RUN, *arguments], cwd=HOME, stdout=subprocess.PIPE if captured else None, text=True, check=False
    )
    if done.returncode:
        raise SystemExit(f"the step failed with exit code {done.returncode}; what it said is above")
    if captured:
        print(done.stdout, end="")
    print(f"({time.monotonic() - started:.1f} s)", flush=True)
    return done.stdout or ""


def _short(argument: str) -> str:
    path = Path(argument)
    return str(path.relative_to(HOME)) if path.is_absolute() and path.is_relative_to(HOME) else argument


def main() -> None:
    """Run all steps; the exit code is 0 only if the file that comes back is the file that went in."""
    step("1. What is configured?", "check")
    step("2. Which claims does the sample story tell, in its own words?", "claims", str(STORY))
    added = step("3. Store a piece of evidence.", "evidence", "add", str(EVIDENCE), "--json", captured=True)
    cid = _cid(json.loads(added))
    with tempfile.TemporaryDirectory() as folder:
        back = Path(folder) / "fetched"
        step("4. Fetch it back by its CID.", "evidence", "get", cid, "--output", str(back))
        if back.read_bytes() != EVIDENCE.read_bytes():
            raise SystemExit("what came back is not what went in")
    print(
        f"\nThe same bytes came back: {cid}\n"
        "Next: python run.py --help, or edit config.llm_router.json to switch models."
    )


def _cid(added: object) -> str:
    record = added[0] if isinstance(added, list) else added
    assert isinstance(record, dict)
    return str(record["cid"])


if __name__ == "__main__":
    main()
