"""The tests beside what you changed, for `make check`: print one file or folder a line.

Changed is what differs from where your branch left main, and what git does not know yet. A test folder mirrors each
package, and the tests of a module carry its name or lie in the nearest folder that has some.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterable
from pathlib import Path

__all__ = ["paths_beside"]

HOME = Path(__file__).resolve().parent.parent
#: Quick, and about the repository as a whole.
ALWAYS = "tests/test_repository.py"


def paths_beside(
    changed: Iterable[str], exists: Callable[[str], bool], tests_in: Callable[[str], list[str]]
) -> list[str]:
    """Test files and folders for the changed paths. ``tests_in`` lists the test files that lie right in a folder."""
    found = {ALWAYS}
    for name in changed:
        path = Path(name)
        if path.parts[0] == "tests":
            if path.name.startswith("test_") and path.suffix == ".py" and exists(name):
                found.add(name)
        elif path.suffix == ".py" and len(path.parts) > 1:
            found.update(_beside(path, tests_in))
    return sorted(found)


def _beside(path: Path, tests_in: Callable[[str], list[str]]) -> list[str]:
    folder = Path("tests", *path.parts[:-1])
    while folder.parts:
        files = tests_in(folder.as_posix())
        if files:
            own = [file for file in files if Path(file).stem.startswith(f"test_{path.stem}")]
            # The tests of a whole package are no inner loop; those of its nearest folder are.
            return own or ([] if len(folder.parts) < 3 else files)
        folder = folder.parent
    return []


def _git(*arguments: str) -> list[str]:
    done = subprocess.run(["git", *arguments], cwd=HOME, capture_output=True, text=True, check=False)
    return [line for line in done.stdout.splitlines() if line]


def _changed() -> set[str]:
    base = _git("merge-base", "HEAD", "main") or ["HEAD"]
    return {*_git("diff", "--name-only", base[0]), *_git("ls-files", "--others", "--exclude-standard")}


def _tests_in(folder: str) -> list[str]:
    return sorted(file.relative_to(HOME).as_posix() for file in (HOME / folder).glob("test_*.py"))


if __name__ == "__main__":
    sys.stdout.writelines(
        f"{name}\n" for name in paths_beside(_changed(), lambda name: (HOME / name).exists(), _tests_in)
    )
