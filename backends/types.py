"""What crosses the backend boundary: prompts, options, completions. All frozen, all typed."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

__all__ = ["Attempt", "Completion", "Health", "Message", "Prompt", "Request", "StreamItem", "ToolCall", "Usage"]

#: One chat message, as the OpenAI chat format has it: ``role``, ``content`` (text or parts), more.
Message = Mapping[str, Any]
Prompt = str | Sequence[Message]


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens and money of one call. ``estimated`` marks numbers that the provider did not give."""

    prompt_tokens: int = 0
    completion_tokens: int = 0
    cost_usd: float | None = None
    estimated: bool = False

    @property
    def total_tokens(self) -> int:
        return self.prompt_tokens + self.completion_tokens


@dataclass(frozen=True, slots=True)
class Attempt:
    """One try at one provider. ``error`` is the name of the error class, None for the one that answered."""

    provider: str
    model: str | None
    error: str | None
    seconds: float
    detail: str | None = None


@dataclass(frozen=True, slots=True)
class ToolCall:
    """A call that the model asks for; ``arguments`` is the JSON text as it came."""

    id: str
    name: str
    arguments: str


@dataclass(frozen=True, slots=True)
class Completion:
    """One answer and how it came about."""

    text: str
    provider: str
    model: str | None = None
    usage: Usage = field(default_factory=Usage)
    finish_reason: str | None = None
    latency: float = 0.0
    attempts: tuple[Attempt, ...] = ()
    cached: bool = False
    request_id: str | None = None
    tool_calls: tuple[ToolCall, ...] = ()

    def but(
        self,
        *,
        provider: str | None = None,
        usage: Usage | None = None,
        latency: float | None = None,
        attempts: tuple[Attempt, ...] | None = None,
        cached: bool | None = None,
    ) -> Completion:
        """The same answer with another story. ``dataclasses.replace`` would take four times as long, at every call."""
        return Completion(
            self.text,
            self.provider if provider is None else provider,
            self.model,
            self.usage if usage is None else usage,
            self.finish_reason,
            self.latency if latency is None else latency,
            self.attempts if attempts is None else attempts,
            self.cached if cached is None else cached,
            self.request_id,
            self.tool_calls,
        )

    def document(self) -> dict[str, Any]:
        """All of it as plain data for JSON, the total of the tokens too."""
        return {**asdict(self), "usage": {**asdict(self.usage), "total_tokens": self.usage.total_tokens}}


#: A stream yields pieces of text and ends with one Completion that holds the whole.
StreamItem = str | Completion


@dataclass(frozen=True, slots=True)
class Health:
    """Whether a backend could answer now, told without spending a generation where possible."""

    ok: bool
    detail: str
    provider: str
    model: str | None = None
    local: bool = False
    latency: float | None = None
    #: The server that would get the text; None when no single one is known, or when none gets it.
    host: str | None = None


@dataclass(frozen=True, slots=True)
class Request:
    """One validated call: the messages, every option that was set, and the deadline.

    ``options`` holds only what was set, by constructor or call; an explicit 0 stays 0.
    ``json_schema`` asks for a JSON document of that shape.
    """

    messages: tuple[Message, ...]
    options: Mapping[str, Any]
    json_schema: Mapping[str, Any] | None = None
    deadline: float | None = None

    @property
    def remaining(self) -> float | None:
        """Seconds left until the deadline, never negative; None without one."""
        return None if self.deadline is None else max(0.0, self.deadline - time.monotonic())

    @property
    def text(self) -> str:
        """The prompt as plain text, for engines and programs that know no roles."""
        if len(self.messages) == 1 and self.messages[0].get("role") == "user":
            return message_text(self.messages[0])
        return "\n\n".join(
            f"{str(message.get('role', 'user')).capitalize()}: {message_text(message)}" for message in self.messages
        )


def message_text(message: Message) -> str:
    """The text of a message; parts that are not text (images) are left out."""
    content = message.get("content")
    if content is None:
        return ""
    if isinstance(content, str):
        return content
    return "".join(str(part.get("text", "")) for part in content if isinstance(part, Mapping))
