"""Draws the next token from a model's logits, by one sequence's own settings, grammar and seed."""

from __future__ import annotations

import ctypes
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from backends.exceptions import InvalidRequestError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from backends.local.llama_model import LlamaModel

__all__ = ["Sampler", "Sampling"]

_PENALTY_WINDOW = 64
_CANDIDATE = np.dtype([("id", np.int32), ("logit", np.float32), ("p", np.float32)])

# A grammar is asked about this many tokens first: asking about all takes a hundred times as long.
_LIKELIEST = 512


@dataclass(frozen=True, slots=True)
class Sampling:
    """How tokens are drawn. The defaults are those of llama-cpp-python's chat calls."""

    temperature: float = 0.2
    top_p: float = 0.95
    top_k: int = 40
    min_p: float = 0.05
    repeat_penalty: float = 1.0
    frequency_penalty: float = 0.0
    presence_penalty: float = 0.0
    seed: int = 0

    @property
    def greedy(self) -> bool:
        return self.temperature == 0

    @property
    def penalises(self) -> bool:
        return self.repeat_penalty != 1.0 or self.frequency_penalty != 0.0 or self.presence_penalty != 0.0


class Sampler:
    """One sequence's draw. Owned and freed by the thread that owns the context."""

    def __init__(self, model: LlamaModel, sampling: Sampling, grammar: str | None) -> None:
        import llama_cpp

        self._api: Any = llama_cpp
        self._sampling = sampling
        self._grammar = None
        self._chain = None
        if grammar is not None:
            self._grammar = llama_cpp.llama_sampler_init_grammar(model.vocab, grammar.encode(), b"root")
            if not self._grammar:
                raise InvalidRequestError("llama.cpp does not accept the grammar of this JSON Schema")
        # Greedy without penalties is an argmax, which numpy does five times as fast as a chain.
        if not sampling.greedy or sampling.penalises:
            self._chain = self._make_chain(model)

    def choose(self, logits: NDArray[np.float32], scratch: NDArray[Any]) -> int:
        """The next token after ``logits``; it counts as taken. ``scratch`` comes from ``candidates``."""
        token = self._draw(logits, scratch)
        if self._grammar is not None:
            # Asking the grammar about one token is cheap, about the whole vocabulary is not.
            if not self._grammar_allows(token):
                token = self._draw_constrained(logits, scratch)
                # llama.cpp ends the process over a token that its grammar does not admit.
                if not self._grammar_allows(token):
                    raise InvalidRequestError("the grammar of this JSON Schema admits no token of the model here")
            self._api.llama_sampler_accept(self._grammar, token)
        if self._chain is not None:
            self._api.llama_sampler_accept(self._chain, token)
        return token

    @staticmethod
    def candidates(n_vocab: int) -> NDArray[Any]:
        """Working space for ``choose``, one for all the sequences of a context."""
        return np.zeros(n_vocab, dtype=_CANDIDATE)

    def close(self) -> None:
        """Free what llama.cpp allocated. May be called twice."""
        for name in ("_grammar", "_chain"):
            if getattr(self, name):
                self._api.llama_sampler_free(getattr(self, name))
                setattr(self, name, None)

    def _draw(self, logits: NDArray[np.float32], scratch: NDArray[Any]) -> int:
        if self._chain is None:
            return int(logits.argmax())
        _fill(scratch, np.arange(len(scratch), dtype=np.int32), logits)
        return self._pick(scratch)

    def _draw_constrained(self, logits: NDArray[np.float32], scratch: NDArray[Any]) -> int:
        """Among the tokens that the grammar allows: of the likeliest, or of all if it allows none of those."""
        count = min(_LIKELIEST, len(logits))
        likeliest = np.argpartition(logits, -count)[-count:].astype(np.int32)
        some = scratch[: len(likeliest)]
        _fill(some, np.sort(likeliest), logits)
        self._forbid(some)
        if not np.isfinite(some["logit"]).any():
            some = scratch
            _fill(some, np.arange(len(scratch), dtype=np.int32), logits)
            self._forbid(some)
        return self._pick(some)

    def _forbid(self, candidates: NDArray[Any]) -> None:
        """Give what the grammar does not allow no chance."""
        self._api.llama_sampler_apply(self._grammar, ctypes.byref(self._array(candidates)))

    def _pick(self, candidates: NDArray[Any]) -> int:
        if self._chain is None:
            return int(candidates["id"][candidates["logit"].argmax()])
        array = self._array(candidates)
        self._api.llama_sampler_apply(self._chain, ctypes.byref(array))
        return int(candidates["id"][array.selected])

    def _grammar_allows(self, token: int) -> bool:
        one = np.zeros(1, dtype=_CANDIDATE)
        one["id"] = token
        self._forbid(one)
        return bool(np.isfinite(one["logit"][0]))

    def _array(self, candidates: NDArray[Any]) -> Any:
        pointer = ctypes.cast(candidates.ctypes.data, self._api.llama_token_data_p)
        return self._api.llama_token_data_array(data=pointer, size=len(candidates), selected=-1, sorted=False)

    def _make_chain(self, model: LlamaModel) -> Any:
        api, how = self._api, self._sampling
        chain = api.llama_sampler_chain_init(api.llama_sampler_chain_default_params())
        if how.penalises:
            penalties = api.llama_sampler_init_penalties(
                model.n_vocab, _PENALTY_WINDOW, how.repeat_penalty, how.frequency_penalty, how.presence_penalty
            )
            api.llama_sampler_chain_add(chain, penalties)
        if how.greedy:
            api.llama_sampler_chain_add(chain, api.llama_sampler_init_greedy())
            return chain
        for part in (
            api.llama_sampler_init_top_k(how.top_k),
            api.llama_sampler_init_top_p(how.top_p, 1),
            api.llama_sampler_init_min_p(how.min_p, 1),
            api.llama_sampler_init_temp(how.temperature),
            api.llama_sampler_init_dist(how.seed),
        ):
            api.llama_sampler_chain_add(chain, part)
        return chain


def _fill(candidates: NDArray[Any], tokens: NDArray[np.int32], logits: NDArray[np.float32]) -> None:
    candidates["id"] = tokens
    candidates["logit"] = logits[tokens]
    candidates["p"] = 0.0
