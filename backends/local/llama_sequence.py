"""One job on its way through the engine: its tokens, how it draws the next one, what it has given out.

For the engine's thread only.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from backends.local.jobs import Generation, Job, Outcome, Scoring, Ticket
from backends.local.sampling import Sampler
from backends.local.stop_strings import TextOutput

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from backends.local.llama_context import LlamaContext
    from backends.local.llama_model import LlamaModel
    from backends.local.llama_slots import Slot

__all__ = ["LlamaSequence"]

# Cells kept free for the growth of a sequence when another one is let in.
_GROWTH = 64


class LlamaSequence:
    """``tokens`` grow; the slot's tokens are those already evaluated."""

    def __init__(self, ticket: Ticket) -> None:
        self.ticket = ticket
        self.job: Job = ticket.job
        self.tokens = list(ticket.job.tokens)
        self.slot: Slot[LlamaSequence] | None = None
        self.reused = 0
        self._sampler: Sampler | None = None
        self._output = TextOutput(self.job.stop if isinstance(self.job, Generation) else ())
        self._text: list[str] = []
        self._log_likelihood = 0.0

    @property
    def pending(self) -> list[int]:
        """The tokens that are still to be evaluated. A scored sequence's last token never is."""
        assert self.slot is not None
        end = len(self.tokens) - 1 if isinstance(self.job, Scoring) else len(self.tokens)
        return self.tokens[len(self.slot.tokens) : end]

    @property
    def sharable(self) -> int:
        """How many tokens may come from elsewhere: the logits of the others are needed."""
        return self.job.first - 1 if isinstance(self.job, Scoring) else len(self.tokens) - 1

    @property
    def generated(self) -> int:
        return len(self.tokens) - len(self.job.tokens)

    @property
    def room_needed(self) -> int:
        """The cells that it takes now and soon."""
        growth = self.job.max_tokens - self.generated if isinstance(self.job, Generation) else 0
        return len(self.tokens) + min(growth, _GROWTH)

    def prepare(self, model: LlamaModel) -> None:
        """Make ready to draw; raises when llama.cpp refuses the job's grammar."""
        if self._sampler is None and isinstance(self.job, Generation):
            self._sampler = Sampler(model, self.job.sampling, self.job.grammar)

    def wanted(self, start: int, count: int) -> list[bool] | bool:
        """For which of the ``count`` tokens from position ``start`` on the logits are needed."""
        if isinstance(self.job, Scoring):
            return [position >= self.job.first - 1 for position in range(start, start + count)]
        return start + count == len(self.tokens)

    def advance(
        self, model: LlamaModel, context: LlamaContext, scratch: NDArray[Any], count: int, last: int
    ) -> Outcome | None:
        """Use the logits of its ``count`` tokens in the batch, up to index ``last``; return the outcome at the end."""
        if isinstance(self.job, Scoring):
            self._score(self.job, context, count, last)
            return None if self.pending else self._outcome("stop")
        if self.pending:
            return None
        assert self._sampler is not None
        token = self._sampler.choose(context.logits(last), scratch)
        self.tokens.append(token)
        if token in model.end_tokens:
            return self._outcome("stop")
        self._give_out(self.job, self._output.feed(model.piece(token)))
        if self._output.stopped:
            return self._outcome("stop")
        return self._outcome("length") if self.generated >= self.job.max_tokens else None

    def start_over(self) -> None:
        """What was evaluated is lost; what was drawn and given out stays."""
        self.slot = None
        self._log_likelihood = 0.0

    def close(self) -> None:
        """Free what llama.cpp allocated for it."""
        if self._sampler is not None:
            self._sampler.close()

    def _give_out(self, job: Generation, text: str) -> None:
        if text:
            self._text.append(text)
            if job.streaming:
                self.ticket.put(text)

    def _score(self, job: Scoring, context: LlamaContext, count: int, last: int) -> None:
        assert self.slot is not None
        end = len(self.slot.tokens)
        for position in range(max(end - count, job.first - 1), end):
            logits = context.logits(last - (end - 1 - position)).astype(np.float64)
            top = logits.max()
            likelihood = logits[self.tokens[position + 1]] - top - np.log(np.exp(logits - top).sum())
            self._log_likelihood += float(likelihood)

    def _outcome(self, reason: str) -> Outcome:
        if isinstance(self.job, Generation):
            self._give_out(self.job, self._output.finish())
        return Outcome(
            text="".join(self._text),
            finish_reason=reason,
            prompt_tokens=len(self.job.tokens),
            completion_tokens=self.generated,
            reused_tokens=self.reused,
            log_likelihood=self._log_likelihood,
        )
