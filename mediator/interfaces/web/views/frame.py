"""The frame of a case's pages: its title, and the five steps with how far each of them is."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import quote

from mediator.interfaces.web.shown import count
from mediator.view import CaseView

__all__ = ["STEPS", "Address", "StepLink", "step_links"]

#: The steps in their order: the last part of the address, and the name on the page.
STEPS = (("tell", "Tell"), ("answer", "Answer"), ("evidence", "Evidence"), ("overview", "Overview"), ("draft", "Draft"))


class Address:
    """The addresses of one case's pages."""

    def __init__(self, case_id: str) -> None:
        self._base = f"/cases/{quote(case_id, safe='')}"

    def __call__(self, *parts: str) -> str:
        """The address of a page: ``address("evidence", cid)``."""
        return "/".join((self._base, *(quote(part, safe="") for part in parts)))


@dataclass(frozen=True, slots=True)
class StepLink:
    """One step as the frame shows it."""

    name: str
    href: str
    state: str
    here: bool


def step_links(address: Address, here: str, view: CaseView) -> tuple[StepLink, ...]:
    """The steps, with the one that is shown marked."""
    files = len({exhibit.cid for exhibit in view.exhibits})
    progress = view.progress
    states = {
        "tell": "told" if view.story.pieces else "start here",
        "answer": f"{progress.settled} of {progress.total}" if progress.total else "later",
        "evidence": count(files, "file"),
        "overview": "see it all",
        "draft": "take it along",
    }
    return tuple(StepLink(name, address(page), states[page], page == here) for page, name in STEPS)
