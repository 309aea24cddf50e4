"""Draws the next token of one row on transformers: penalties, temperature, top-k, top-p, min-p, seed.

Each row has a generator of its own, so a seed gives the same text alone or in a batch, and torch's
global random state is neither read nor changed.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from backends.exceptions import InvalidRequestError

__all__ = ["Sampler", "Sampling", "sampling_of"]

# Below this the division overflows float32; the draw is the best token anyway.
_COLDEST = 1e-4


@dataclass(frozen=True, slots=True)
class Sampling:
    """How to draw. The values are those of a model whose author left no advice: the best token."""

    temperature: float = 0.0
    top_p: float = 1.0
    top_k: int = 0
    min_p: float = 0.0
    repeat_penalty: float = 1.0
    frequency_penalty: float = 0.0
    presence_penalty: float = 0.0
    seed: int | None = None


def sampling_of(options: Mapping[str, Any], advice: Sampling, owner: str) -> Sampling:
    """``options`` over the model author's ``advice``; a 0 that was set is a 0."""
    names = Sampling.__dataclass_fields__
    chosen = {name: options.get(name, getattr(advice, name)) for name in names}
    if chosen["repeat_penalty"] == 0:
        raise InvalidRequestError(
            'option "repeat_penalty" divides by its value here, so it must be above 0 (1 means none)', provider=owner
        )
    return Sampling(**chosen)


class Sampler:
    """Draws tokens for one row; not shared between rows."""

    def __init__(self, sampling: Sampling, prompt: list[int]) -> None:
        import torch
        from transformers.generation import logits_process as processors

        self._torch = torch
        self._seen = list(prompt)
        self._made: Counter[int] = Counter()
        self._frequency = sampling.frequency_penalty
        self._presence = sampling.presence_penalty
        self._repeat: Any = None
        if sampling.repeat_penalty != 1.0:
            self._repeat = processors.RepetitionPenaltyLogitsProcessor(float(sampling.repeat_penalty))
        self._warpers: list[Any] = []
        self._generator: Any = None
        if sampling.temperature >= _COLDEST:
            self._generator = torch.Generator(device="cpu")
            if sampling.seed is None:
                self._generator.seed()
            else:
                self._generator.manual_seed(sampling.seed % 2**64)
            self._warpers.append(processors.TemperatureLogitsWarper(float(sampling.temperature)))
            if sampling.top_k > 0:
                self._warpers.append(processors.TopKLogitsWarper(sampling.top_k))
            if sampling.top_p < 1.0:
                self._warpers.append(processors.TopPLogitsWarper(float(sampling.top_p)))
            if sampling.min_p > 0.0:
                self._warpers.append(processors.MinPLogitsWarper(float(sampling.min_p)))

    @property
    def takes_the_best(self) -> bool:
        """Whether the token is the best one of the plain scores, so that nobody needs to look at the rest."""
        return self._generator is None and self._repeat is None and not self._frequency and not self._presence

    def penalised(self, scores: Any) -> Any:
        """The scores (one row, float32, on the CPU) after the penalties."""
        rows = scores.unsqueeze(0)
        if self._repeat is not None and self._seen:
            rows = self._repeat(self._torch.tensor([self._seen]), rows)
        if self._made and (self._frequency or self._presence):
            tokens = self._torch.tensor(list(self._made))
            counts = self._torch.tensor(list(self._made.values()), dtype=rows.dtype)
            rows = rows.clone()
            rows[0, tokens] -= counts * self._frequency + self._presence
        return rows[0]

    def pick(self, scores: Any) -> int:
        """The next token from scores that penalties and constraints have shaped."""
        if self._generator is None:
            return int(scores.argmax())
        rows = scores.unsqueeze(0)
        for warp in self._warpers:
            rows = warp(None, rows)
        chances = self._torch.softmax(rows, dim=-1)
        return int(self._torch.multinomial(chances, 1, generator=self._generator))

    def took(self, token: int) -> None:
        """Remember a token of this row for the penalties."""
        if self._repeat is not None:
            self._seen.append(token)
        self._made[token] += 1
