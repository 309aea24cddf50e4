"""Reads what a program prints: plain text, or one JSON event a line. Bytes come in any pieces."""

from __future__ import annotations

import codecs
import json
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from backends.exceptions import BackendError
from backends.types import Usage

__all__ = ["Answer", "EventReader", "Reader", "TextReader"]


@dataclass(slots=True)
class Answer:
    """What is known of the answer until now. ``error`` is what the program itself reports."""

    text: str = ""
    model: str | None = None
    session_id: str | None = None
    usage: Usage | None = None
    finish_reason: str | None = None
    error: BackendError | None = None
    #: Whether the program said that its answer is whole. Text has no such sign but the exit code.
    complete: bool = False
    #: Its last complaint while it goes on trying; for the message when the deadline passes.
    complaint: str = ""
    notes: dict[str, Any] = field(default_factory=dict)


class Reader(ABC):
    """``feed`` returns the pieces of the answer's text that the bytes brought."""

    def __init__(self) -> None:
        self._answer = Answer()
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")

    @property
    def answer(self) -> Answer:
        """What is known until now."""
        return self._answer

    @abstractmethod
    def feed(self, data: bytes) -> list[str]: ...

    @abstractmethod
    def close(self) -> list[str]:
        """The end of the output."""


class TextReader(Reader):
    """The output is the answer; the line end that programs put after it is not."""

    def __init__(self) -> None:
        super().__init__()
        self._held = ""
        self._said: list[str] = []
        self._joined = 0

    @property
    def answer(self) -> Answer:
        if len(self._said) > self._joined:  # joined when somebody looks: adding piece by piece would be quadratic
            self._answer.text = "".join(self._said)
            self._joined = len(self._said)
        return self._answer

    def feed(self, data: bytes) -> list[str]:
        return self._take(self._decoder.decode(data))

    def close(self) -> list[str]:
        pieces = self._take(self._decoder.decode(b"", final=True))
        self._held = ""
        return pieces

    def _take(self, new: str) -> list[str]:
        waiting = self._held + new
        piece = waiting.rstrip("\r\n")
        self._held = waiting[len(piece) :]
        if not piece:
            return []
        self._said.append(piece)
        return [piece]


class EventReader(Reader):
    """One JSON object a line; ``read`` looks at each and returns the text it brings. Other lines are noise."""

    def __init__(self, read: Callable[[Mapping[str, Any], Answer], str | None]) -> None:
        super().__init__()
        self._read = read
        self._line: list[str] = []

    def feed(self, data: bytes) -> list[str]:
        # Only "\n" ends a line: JSON strings may hold U+2028 and its like unescaped.
        first, *rest = self._decoder.decode(data).split("\n")
        self._line.append(first)
        if not rest:
            return []
        lines = ["".join(self._line), *rest]
        self._line = [lines.pop()]
        return self._events(lines)

    def close(self) -> list[str]:
        rest = "".join([*self._line, self._decoder.decode(b"", final=True)])
        self._line = []
        return self._events([rest])

    def _events(self, lines: list[str]) -> list[str]:
        pieces = []
        for line in lines:
            try:
                event = json.loads(line)
            except (ValueError, RecursionError):
                continue
            piece = self._read(event, self._answer) if isinstance(event, dict) else None
            if piece:
                pieces.append(piece)
        return pieces
