"""What the engine has done since its start."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["EngineStats"]


@dataclass(frozen=True, slots=True)
class EngineStats:
    """Counts since the start. ``seconds`` is time spent decoding."""

    jobs: int = 0
    prompt_tokens: int = 0
    reused_tokens: int = 0
    generated_tokens: int = 0
    decodes: int = 0
    restarts: int = 0
    seconds: float = 0.0

    @property
    def tokens_per_second(self) -> float:
        """Evaluated and generated tokens for each second of decoding."""
        return (self.prompt_tokens + self.generated_tokens) / self.seconds if self.seconds else 0.0
