"""What a wire format is: one provider's documents, as pure functions of a request and an answer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from backends.types import Request, ToolCall, Usage

__all__ = ["Answer", "StreamReader", "Wire"]


@dataclass(frozen=True, slots=True)
class Answer:
    """What a wire format reads out of a provider's document. ``usage`` is None when the provider gave none."""

    text: str
    model: str | None = None
    usage: Usage | None = None
    finish_reason: str | None = None
    tool_calls: tuple[ToolCall, ...] = ()
    id: str | None = None
    #: Why the provider declined, when it did.
    declined: str | None = None


class StreamReader(Protocol):
    """Puts one streamed answer together."""

    @property
    def finished(self) -> bool:
        """Whether the provider has said that the answer is complete."""

    def feed(self, document: Mapping[str, Any]) -> str:
        """Take one event's document; return the text that it adds."""

    def answer(self) -> Answer:
        """The whole, as far as it came."""


class Wire(Protocol):
    """One wire format."""

    def path(self, model: str | None, stream: bool) -> str:
        """Where to send a request, relative to the base URL."""

    def payload(self, request: Request, model: str | None, stream: bool) -> dict[str, Any]:
        """The document to send."""

    def read(self, document: Mapping[str, Any]) -> Answer:
        """Read a whole answer. Any of KeyError, TypeError, ValueError... means a wrong shape."""

    def reader(self) -> StreamReader:
        """A reader for one streamed answer."""
