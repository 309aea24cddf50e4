"""What holds for the repository as a whole: its dependencies are explained, and nothing of one machine is in it."""

from __future__ import annotations

import ast
import re
import subprocess
import tomllib
from pathlib import Path

import pytest

HOME = Path(__file__).resolve().parent.parent
PROJECT = tomllib.loads((HOME / "pyproject.toml").read_text(encoding="utf-8"))["project"]
EXTRAS = PROJECT["optional-dependencies"].values()
DECLARED = sorted(
    {re.split(r"[\[<>=!~; ]", line)[0].lower() for lines in (PROJECT["dependencies"], *EXTRAS) for line in lines}
)
PAGES = {page.name: page.read_text(encoding="utf-8") for page in sorted((HOME / "docs" / "decisions").glob("0*.md"))}
#: Where this was written is nobody's business: home folders, package mirrors, scratch folders.
OF_ONE_MACHINE = re.compile(
    rb"(?<![\w.<{$/-])/(?:work|root|opt/pypi|opt/wheels|home/[a-z]+|Users/[a-z]+)/[\w.-]|/tmp/[a-z]+/node_modules"
)
KEYS = re.compile(
    rb"(?:sk-(?:proj-|ant-)?[A-Za-z0-9]{32,}|hf_[A-Za-z0-9]{30,}|gh[pous]_[A-Za-z0-9]{30,}|AIza[\w-]{35})"
)


def tracked() -> dict[str, bytes]:
    names = subprocess.run(["git", "ls-files", "-z"], cwd=HOME, capture_output=True, text=True, check=True).stdout
    files = [HOME / name for name in names.split("\0") if name]
    return {str(file.relative_to(HOME)): file.read_bytes() for file in files if file.is_file()}


@pytest.mark.parametrize("name", DECLARED)
def test_every_dependency_has_its_reason_and_its_licence(name):
    words = "[-_ ]".join(map(re.escape, name.split("-")))
    spelled = re.compile(rf"(?<![\w-]){words}(?![\w-])", re.IGNORECASE)
    pages = [page for page, text in PAGES.items() if spelled.search(text)]
    assert any("licence" in PAGES[page].lower() for page in pages), (
        f"{name} is explained on no page with a licence: {pages}"
    )


@pytest.mark.parametrize("page", PAGES)
def test_every_decision_has_its_number(page):
    assert re.match(rf"# {page[:4]}\b", PAGES[page])


def test_no_two_decisions_share_a_number():
    numbers = [page[:4] for page in PAGES]
    assert sorted(set(numbers)) == numbers


def test_no_tracked_file_names_one_machine():
    assert [name for name, content in tracked().items() if OF_ONE_MACHINE.search(content)] == []


def test_no_tracked_file_holds_a_key():
    assert [name for name, content in tracked().items() if KEYS.search(content)] == []


def test_no_link_is_tracked():
    listed = subprocess.run(["git", "ls-files", "-s"], cwd=HOME, capture_output=True, text=True, check=True).stdout
    assert [line for line in listed.splitlines() if line.startswith("120000")] == []


def test_every_source_is_python_3_11():
    for name, content in tracked().items():
        if name.endswith(".py"):
            ast.parse(content, filename=name, feature_version=(3, 11))


def test_every_pinned_version_is_exact():
    lines = (HOME / "constraints.txt").read_text(encoding="utf-8").splitlines()
    assert [line for line in lines if not re.fullmatch(r"#.*|[a-z0-9.-]+==[\w.]+", line)] == []
