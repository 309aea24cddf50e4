"""Golden files: what a draft looks like today, whole. `python -m tests.mediator.draft.test_golden` writes them anew."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from mediator.draft import PROFILES, Draft, diff_drafts, diff_html, diff_text, write_draft
from mediator.draft.outline import outline, plain_text
from tests.mediator.draft.matters import draft_of

FOLDER = Path(__file__).parent / "golden"
STORY = (
    "My name is Rosa Delgado and I worked for Finch Street Deli from March 4, 2024 to May 30, 2025. My boss, Gene "
    "Abbott, kept $1,200.50 of my pay. I was born on April 5, 1990 and my SSN is 123-45-6789. On June 2, 2025 he "
    "locked me out with my son Leo, who is 7. Leo cried. He said “get out” & laughed <b>twice</b>."
)


def matter(story: str = STORY) -> Draft:
    """Two counts, a child, a birth date, an exhibit and an answer."""
    return draft_of("wage_and_hour", "illegal_eviction", story=story, answer="Ten hours a week, unpaid since 2024.")


def as_text(draft: Draft) -> str:
    return "\n".join(line for block in outline(draft) for line in plain_text(block)) + "\n"


def changed() -> tuple[Draft, Draft]:
    return matter(), matter(STORY.replace("$1,200.50", "$1,300") + " On July 1, 2025 he paid $100.")


GOLDEN: dict[str, Callable[[], str]] = {
    "draft.json": lambda: write_draft(matter(), "json").decode(),
    "draft.txt": lambda: as_text(matter()),
    "draft.html": lambda: write_draft(matter(), "html").decode(),
    "pleading.html": lambda: write_draft(matter(), "html", PROFILES["pleading"]).decode(),
    "diff.txt": lambda: diff_text(diff_drafts(*changed(), names=("before", "after"))),
    "diff.html": lambda: diff_html(diff_drafts(*changed(), names=("before", "after"))),
}


@pytest.mark.parametrize("name", GOLDEN)
def test_the_file_is_as_it_was(name: str) -> None:
    assert GOLDEN[name]() == (FOLDER / name).read_text(encoding="utf-8")


def main() -> None:
    FOLDER.mkdir(exist_ok=True)
    for name, make in GOLDEN.items():
        (FOLDER / name).write_text(make(), encoding="utf-8")


if __name__ == "__main__":
    main()
