"""The README's two commands, from a clone in an empty folder and a clean environment."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

HOME = Path(__file__).resolve().parent.parent


def run(*command: str, cwd: Path, env: dict[str, str], limit: float = 60) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command,
        cwd=cwd,
        env=env,
        text=True,
        timeout=limit,
        check=False,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("newcomer") / "clone"
    subprocess.run(["git", "clone", "--quiet", "--no-local", str(HOME), str(place)], check=True)
    return place


@pytest.fixture
def clean_env(tmp_path: Path) -> dict[str, str]:
    """What a new machine has: a path, how to reach the package registry, and an empty home.

    pip's cache is kept, so that the engine that `make test` just compiled is not compiled again.
    """
    cache = subprocess.run([sys.executable, "-m", "pip", "cache", "dir"], capture_output=True, text=True, check=True)
    installer = {
        name: value
        for name, value in os.environ.items()
        if name.startswith(("PIP_", "SSL_")) or name.endswith("_proxy")
    }
    (tmp_path / "home").mkdir()
    return {
        "PATH": os.environ["PATH"],
        "HOME": str(tmp_path / "home"),
        "LANG": "C.UTF-8",
        **installer,
        "PIP_CACHE_DIR": cache.stdout.strip(),
    }


def test_the_readme_begins_with_the_two_commands():
    lines = [line.split("#")[0].strip() for line in (HOME / "README.md").read_text().splitlines()[:2]]
    assert lines == ["make demo", "make test"]


def test_the_readme_fits_one_screen_and_names_no_missing_file():
    text = (HOME / "README.md").read_text()
    assert len(text.splitlines()) <= 60
    missing = [link for link in re.findall(r"\]\(([^)#]+)\)", text) if not (HOME / link).exists()]
    assert missing == []


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_newcomer_runs_the_demo_from_a_clone(clone, clean_env):
    first = run("make", "demo", cwd=clone, env=clean_env, limit=850)
    assert first.returncode == 0, first.stdout[-4000:]
    assert "The same bytes came back: bafk" in first.stdout
    again = run("make", "demo", cwd=clone, env=clean_env, limit=120)
    assert again.returncode == 0, again.stdout[-4000:]
    assert "Installing" not in again.stdout
    tests = run("make", "-n", "test", cwd=clone, env=clean_env)
    assert "pytest" in tests.stdout
    leftovers = run("git", "status", "--porcelain", cwd=clone, env=clean_env)
    assert leftovers.stdout == ""


@pytest.mark.slow
def test_a_clone_without_setup_says_what_to_type(clone, clean_env):
    bare = run(sys.executable, "-E", "-S", "run.py", cwd=clone, env=clean_env)
    assert bare.returncode == 2
    assert "make demo" in bare.stdout
