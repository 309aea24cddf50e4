"""Server-sent events from bytes, by the WHATWG rules: any line end, comments, several data lines, any chunk borders."""

from __future__ import annotations

import codecs
from dataclasses import dataclass

from backends.exceptions import MalformedResponseError

__all__ = ["SseEvent", "SseParser"]

#: No event of any provider comes near; a line without an end must not fill the memory.
_MAX_EVENT_CHARS = 8 * 2**20


@dataclass(frozen=True, slots=True)
class SseEvent:
    """One event; ``name`` is "message" when the stream does not say."""

    data: str
    name: str = "message"


class SseParser:
    """Feed bytes, get the events that they complete."""

    def __init__(self) -> None:
        self._decoder = codecs.getincrementaldecoder("utf-8-sig")(errors="replace")
        self._rest = ""
        self._name = ""
        self._data: list[str] = []
        self._size = 0

    def feed(self, chunk: bytes) -> list[SseEvent]:
        """The events that end in ``chunk``."""
        return self._lines(self._decoder.decode(chunk), last=False)

    def close(self) -> list[SseEvent]:
        """The event that the stream's end cut off before its blank line, if it has data.

        The rules drop it; servers that forget the last line end would lose their final event so.
        """
        events = self._lines(self._decoder.decode(b"", final=True) + "\n\n", last=True)
        self._rest = ""
        return events

    def _lines(self, text: str, *, last: bool) -> list[SseEvent]:
        text = self._rest + text
        if text.endswith("\r") and not last:
            # Its "\n" may be the next chunk's first byte.
            text, held = text[:-1], "\r"
        else:
            held = ""
        if "\r" in text:
            text = text.replace("\r\n", "\n").replace("\r", "\n")
        lines = text.split("\n")
        self._rest = lines.pop() + held
        events: list[SseEvent] = []
        for line in lines:
            self._line(line, events)
        if self._size + len(self._rest) > _MAX_EVENT_CHARS:
            raise MalformedResponseError("an event of the stream is larger than 8 MiB", retryable=False)
        return events

    def _line(self, line: str, events: list[SseEvent]) -> None:
        if not line:
            if self._data:
                events.append(SseEvent("\n".join(self._data), self._name or "message"))
                self._data, self._size = [], 0
            self._name = ""
            return
        field, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if field == "data":
            self._data.append(value)
            self._size += len(value)
        elif field == "event":
            self._name = value
