"""Backends whose answers a test writes down, and a mediator in a folder of its own."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from backends.base import ThreadedBackend
from backends.exceptions import ProviderUnavailableError
from backends.types import Completion, Health, Request, StreamItem
from mediator import Mediator

Answer = Callable[[str], str]


class ScriptedBackend(ThreadedBackend):
    """Answers by a function of the prompt's text and keeps what it was asked."""

    type = "scripted"
    local = True

    def __init__(self, answer: Answer, id: str = "scripted") -> None:
        super().__init__(id)
        self.asked: list[str] = []
        self._answer = answer

    def _complete(self, request: Request) -> Completion:
        self.asked.append(request.text)
        return Completion(text=self._answer(request.text), provider=self.id)

    def _stream(self, request: Request) -> Iterator[StreamItem]:
        yield self._complete(request)

    def health(self) -> Health:
        return Health(ok=True, detail="scripted", provider=self.id)

    def close(self) -> None:
        """Nothing is open."""


def failing(_prompt: str) -> str:
    """What a service that is down does."""
    raise ProviderUnavailableError("the service is down", provider="scripted")


def verdict(applies: bool, *quotes: str) -> str:
    """An answer to one check."""
    return json.dumps({"applies": "yes" if applies else "no", "quotes": list(quotes), "elements": []})


@pytest.fixture
def state_dir(tmp_path: Path) -> Path:
    return tmp_path / "state"


@pytest.fixture
def mediator(state_dir: Path) -> Iterator[Mediator]:
    with Mediator(backends=[ScriptedBackend(failing)], state_dir=state_dir) as made:
        yield made
