"""How likely a transformers model is to begin its answer with each of some texts.

The prompt is evaluated once; the candidates follow it together, padded on the right, where the model does not look.
"""

from __future__ import annotations

import copy
import time
from collections.abc import Sequence
from typing import Any

from backends.exceptions import BackendError, BackendTimeoutError
from backends.local.transformers_decode import READ_AT_ONCE, engine_failure
from backends.local.transformers_model import LoadedModel

__all__ = ["log_likelihoods"]

# Candidate tokens evaluated at once in a row, and how many scores a step may give: a big vocabulary makes them large.
_TOKENS_AT_ONCE = 128
_SCORES_AT_ONCE = 2**25


def log_likelihoods(
    loaded: LoadedModel, prompt: list[int], answers: Sequence[list[int]], deadline: float | None = None
) -> list[float]:
    """The natural logarithm of each answer's likelihood after ``prompt``; no answer may be empty."""
    if not answers:
        return []
    try:
        return _Scorer(loaded, prompt, deadline).all(answers)
    except BackendError:
        raise
    except Exception as error:  # the engine's boundary, as in decoding
        raise engine_failure(error) from error


class _Scorer:
    def __init__(self, loaded: LoadedModel, prompt: list[int], deadline: float | None) -> None:
        import torch
        from transformers import DynamicCache

        self._torch = torch
        self._loaded = loaded
        self._deadline = deadline
        self._length = len(prompt)
        self._cache = DynamicCache(config=loaded.model.config)
        ids = torch.tensor([prompt], device=loaded.device)
        for start in range(0, self._length, READ_AT_ONCE):
            part = ids[:, start : start + READ_AT_ONCE]
            scores = self._step(part, start, torch.ones_like(ids[:, : start + part.shape[1]]), self._cache, 1)
        self._first = scores[0, -1].double().log_softmax(-1)

    def all(self, answers: Sequence[list[int]]) -> list[float]:
        # Neighbours of like length need little padding.
        order = sorted(range(len(answers)), key=lambda place: len(answers[place]))
        found = [0.0] * len(answers)
        for group in self._groups(order, answers):
            for place, likelihood in zip(group, self._group([answers[place] for place in group]), strict=True):
                found[place] = likelihood
        return found

    def _groups(self, order: list[int], answers: Sequence[list[int]]) -> list[list[int]]:
        vocabulary = self._first.numel()
        groups: list[list[int]] = []
        for place in order:
            rows = max(1, _SCORES_AT_ONCE // (vocabulary * min(len(answers[place]), _TOKENS_AT_ONCE)))
            if not groups or len(groups[-1]) >= rows:
                groups.append([])
            groups[-1].append(place)
        return groups

    def _group(self, answers: list[list[int]]) -> list[float]:
        """``answers`` together. Each token is scored by what stood before it, so the last one is not evaluated."""
        torch = self._torch
        longest = max(map(len, answers))
        ids = torch.tensor(
            [answer + [self._loaded.pad] * (longest - len(answer)) for answer in answers], device=self._loaded.device
        )
        real = torch.tensor([[1] * len(a) + [0] * (longest - len(a)) for a in answers], device=self._loaded.device)
        mask = torch.cat([real.new_ones(len(answers), self._length), real], dim=1)
        totals = self._first[ids[:, 0]]
        cache = copy.deepcopy(self._cache)
        cache.batch_repeat_interleave(len(answers))
        for start in range(0, longest - 1, _TOKENS_AT_ONCE):
            end = min(start + _TOKENS_AT_ONCE, longest - 1)
            scores = self._step(
                ids[:, start:end], self._length + start, mask[:, : self._length + end], cache, end - start
            )
            following = ids[:, start + 1 : end + 1].unsqueeze(-1)
            likely = scores.double().log_softmax(-1).gather(-1, following).squeeze(-1)
            totals = totals + (likely * real[:, start + 1 : end + 1]).sum(-1)
        return [float(total) for total in totals.tolist()]

    def _step(self, ids: Any, start: int, mask: Any, cache: Any, kept: int) -> Any:
        if self._deadline is not None and time.monotonic() > self._deadline:
            raise BackendTimeoutError("the deadline came before the candidates were scored; allow more time (timeout)")
        positions = self._torch.arange(start, start + ids.shape[1], device=ids.device).expand_as(ids)
        return self._loaded.forward(ids, mask, positions, cache, kept)
