"""An office in a folder of its own, with engines whose answers a test writes down."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import mediator.mediator
import mediator.office.office
from backends.types import Health
from mediator.claims.head import HeadScorer, load_head
from mediator.evidence import EvidenceStore
from mediator.office import EngineSpec, Office
from tests.mediator.conftest import ScriptedBackend, failing

STORY = (
    "My name is Ana Ruiz. I worked at Harbor Foods until 3 March 2025. They never paid me for overtime, "
    "about 12 hours every week, and when I complained to the manager he fired me the next day. "
    "My landlord kept my security deposit of $1,200 and never sent a list of damages."
)


def engine(id: str, answer: Callable[[str], str] = failing) -> EngineSpec:
    """An engine that answers like that."""
    return EngineSpec(
        id,
        "scripted",
        None,
        None,
        lambda: Health(True, "scripted", id, local=True),
        lambda: ScriptedBackend(answer, id),
    )


def open_office(folder: Path, *engines: EngineSpec, **settings) -> Office:
    """The office that keeps everything in ``folder``."""
    specs = engines or (engine("scripted"), engine("other"))
    return Office(
        folder,
        engines=specs,
        default=[specs[0].id],
        evidence=lambda: EvidenceStore(folder / "evidence"),
        **settings,
    )


@pytest.fixture(scope="session", autouse=True)
def _one_scorer() -> Iterator[None]:
    """The head alone, loaded once: what is found in a story is tested elsewhere."""
    scorer = HeadScorer(load_head(), None)
    with pytest.MonkeyPatch.context() as patched:
        for user in (mediator.mediator, mediator.office.office):
            patched.setattr(user, "default_scorer", lambda: scorer)
        yield


@pytest.fixture
def office(state_dir: Path) -> Iterator[Office]:
    with open_office(state_dir) as made:
        yield made
