"""Writes constraints.txt: the exact versions of everything that is installed here, names and versions only.

Usage: `.venv/bin/python -m scripts.pin > constraints.txt`
"""

from __future__ import annotations

import re
from importlib.metadata import distributions

_NOT_PINNED = {"complaint-generator", "pip", "setuptools", "wheel"}


def main() -> None:
    """Print one `name==version` a line, sorted."""
    versions = {
        re.sub(r"[-_.]+", "-", found.metadata["Name"]).lower(): found.version.partition("+")[0]
        for found in distributions()
    }
    print("# The versions that the tests passed with. Written by `python -m scripts.pin`.")
    for name in sorted(versions.keys() - _NOT_PINNED):
        print(f"{name}=={versions[name]}")


if __name__ == "__main__":
    main()
