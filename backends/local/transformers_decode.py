"""Decodes several rows at once on a transformers model: left-padded, one forward step for all, each on its own terms.

Our own loop instead of ``generate``, for what that cannot do: a random generator a row (so a seed gives the same text
alone and in a batch, and no global state changes), text while it comes without a second thread, an end between any two
tokens for a reader who left or a deadline that passed, and rows that leave the batch when they are done.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from backends.exceptions import BackendError, BackendTimeoutError, MalformedResponseError, ProviderUnavailableError
from backends.local.transformers_json import JsonConstraint
from backends.local.transformers_model import LoadedModel
from backends.local.transformers_sampling import Sampler
from backends.local.transformers_text import TextTail

__all__ = ["READ_AT_ONCE", "Row", "decode", "engine_failure"]

# A long prompt is read in parts, so that a deadline is noticed and other callers get their turn.
READ_AT_ONCE = 512


@dataclass(slots=True, eq=False)
class Row:
    """One prompt on its way to a text. ``error`` or ``finish`` is set when it is done."""

    prompt: list[int]
    room: int
    sampler: Sampler
    tail: TextTail
    constraint: JsonConstraint | None = None
    deadline: float | None = None
    gone: Callable[[], bool] = lambda: False
    made: int = 0
    last: int = 0
    finish: str | None = None
    error: BackendError | None = None

    @property
    def done(self) -> bool:
        return self.finish is not None or self.error is not None

    def check_time(self) -> None:
        """End the row if nobody waits for it any more."""
        if self.done:
            return
        if self.gone():
            self.finish = "cancelled"
        elif self.deadline is not None and time.monotonic() > self.deadline:
            self.error = BackendTimeoutError(
                f"the deadline came after {self.made} tokens; allow more time (timeout) or fewer tokens (max_tokens)"
            )


def decode(loaded: LoadedModel, rows: Sequence[Row]) -> Iterator[tuple[Row, str]]:
    """Yield (row, new text) until every row is done. Closing the iterator ends the work."""
    if not rows:
        return
    try:
        batch = _Batch(loaded, rows)
        scores = batch.read_prompts()
        while batch.rows:
            for row, token in zip(batch.rows, _draw(batch.rows, scores), strict=True):
                piece = "" if row.done else _advance(loaded, row, token)
                if piece:
                    yield row, piece
            if not batch.keep_unfinished():
                return
            scores = batch.step()
    except BackendError:
        raise
    except Exception as error:  # the engine's boundary: torch raises RuntimeError, IndexError and more
        raise engine_failure(error) from error


def engine_failure(error: Exception) -> BackendError:
    """What torch raised, in our words."""
    told = " ".join(str(error).split())[:200]
    if isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError" or "can't allocate memory" in told:
        return ProviderUnavailableError(
            f"there is not enough memory for this prompt and batch; lower max_tokens or max_workers ({told})"
        )
    return ProviderUnavailableError(f"the model failed while computing: {told}", retryable=False)


class _Batch:
    """The rows that are still going, with their cache and mask, one line each."""

    def __init__(self, loaded: LoadedModel, rows: Sequence[Row]) -> None:
        import torch
        from transformers import DynamicCache

        self._torch = torch
        self._loaded = loaded
        self.rows = list(rows)
        longest = max(len(row.prompt) for row in rows)
        ids = [[loaded.pad] * (longest - len(row.prompt)) + row.prompt for row in rows]
        mask = [[0] * (longest - len(row.prompt)) + [1] * len(row.prompt) for row in rows]
        self._ids = torch.tensor(ids, device=loaded.device)
        self._mask = torch.tensor(mask, device=loaded.device)
        self._cache = DynamicCache(config=loaded.model.config)

    def read_prompts(self) -> Any:
        """Evaluate the prompts; return the scores of each row's first token."""
        positions = (self._mask.cumsum(-1) - 1).clamp(min=0)
        scores = None
        for start in range(0, self._ids.shape[1], READ_AT_ONCE):
            end = min(start + READ_AT_ONCE, self._ids.shape[1])
            for row in self.rows:
                row.check_time()
            if all(row.done for row in self.rows):
                self.rows = []
                return None
            scores = self._forward(self._ids[:, start:end], self._mask[:, :end], positions[:, start:end])
        return scores

    def keep_unfinished(self) -> bool:
        """Let the rows that are done leave; say whether any is left."""
        for row in self.rows:
            row.check_time()
        kept = [index for index, row in enumerate(self.rows) if not row.done]
        if len(kept) < len(self.rows) and kept:
            lines = self._torch.tensor(kept, device=self._loaded.device)
            self._cache.batch_select_indices(lines)
            self._mask = self._mask[lines]
        self.rows = [self.rows[index] for index in kept]
        return bool(kept)

    def step(self) -> Any:
        """Evaluate each row's last token; return the scores of the next."""
        last = self._torch.tensor([[row.last] for row in self.rows], device=self._loaded.device)
        self._mask = self._torch.cat([self._mask, self._mask.new_ones(len(self.rows), 1)], dim=1)
        return self._forward(last, self._mask, self._mask.sum(-1, keepdim=True) - 1)

    def _forward(self, ids: Any, mask: Any, positions: Any) -> Any:
        return self._loaded.forward(ids, mask, positions, self._cache)[:, -1]


def _draw(rows: Sequence[Row], scores: Any) -> list[int]:
    """The next token of each row; of no meaning for a row that is done."""
    import torch

    if bool(torch.isnan(scores).any()):
        raise MalformedResponseError(
            f"the model's scores are not numbers in {scores.dtype}; try dtype float32", retryable=False
        )
    if all(row.sampler.takes_the_best and row.constraint is None for row in rows):
        return [int(token) for token in scores.argmax(-1).tolist()]
    return [_draw_one(row, line) for row, line in zip(rows, scores.float().cpu(), strict=True)]


def _draw_one(row: Row, scores: Any) -> int:
    if row.done:
        return 0
    shaped = row.sampler.penalised(scores)
    if row.constraint is not None:
        try:
            shaped = row.constraint.narrow(shaped)
        except BackendError as error:
            row.error = error
            return 0
    return row.sampler.pick(shaped)


def _advance(loaded: LoadedModel, row: Row, token: int) -> str:
    """Give the row its token; return the text that can be shown."""
    row.made += 1
    row.last = token
    if token in loaded.eos:
        row.finish = "stop"
        return row.tail.finish()
    row.sampler.took(token)
    piece = row.tail.push(token)
    if row.constraint is not None:
        try:
            row.constraint.took(token)
        except BackendError as error:
            row.error = error
            return piece
        if row.constraint.finished:
            row.finish = "stop"
    if row.tail.stopped:
        row.finish = "stop"
    elif row.finish is None and row.made >= row.room:
        row.finish = "length"
    return piece + row.tail.finish() if row.finish else piece
