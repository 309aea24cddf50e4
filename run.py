#!/usr/bin/env python3
"""The front door: `python run.py [--config FILE] [command]`. `python run.py --help` lists the commands."""

from __future__ import annotations

import sys

try:
    from commands.main import main
except ModuleNotFoundError as error:
    if error.name not in {"click", "pydantic", "rich"}:
        raise
    print(
        f"error: the package {error.name} is not installed here; run `make demo` once, then .venv/bin/python run.py",
        file=sys.stderr,
    )
    raise SystemExit(2) from None

if __name__ == "__main__":
    sys.exit(main())
