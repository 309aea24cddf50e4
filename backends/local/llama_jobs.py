"""Turns checked requests into the engine's jobs: tokens that fit, sampling, grammar, deadline."""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from typing import Any

from backends.exceptions import ContextLengthError, InvalidRequestError
from backends.local.jobs import Generation, Scoring
from backends.local.json_grammar import json_grammar
from backends.local.llama_runtime import LlamaRuntime
from backends.local.sampling import Sampling
from backends.types import Request, message_text
from backends.vectors import check_candidates

__all__ = ["generation", "scorings"]

#: Tokens of an answer when nobody says otherwise.
DEFAULT_MAX_TOKENS = 1024
# Characters for each token of the context from which on a prompt's size is looked at.
_SURELY_SMALL = 16


def generation(
    llama: LlamaRuntime, request: Request, chat_format: str | None, *, streaming: bool = False
) -> Generation:
    """The job that answers ``request``; ContextLengthError when the prompt leaves no room."""
    tokens = _prompt_tokens(llama, request, chat_format, 1)
    options = dict(request.options)
    return Generation(
        tokens=tokens,
        max_tokens=min(options.pop("max_tokens", DEFAULT_MAX_TOKENS), llama.n_ctx - len(tokens)),
        stop=options.pop("stop", ()),
        sampling=_sampling(options),
        grammar=None if request.json_schema is None else json_grammar(request.json_schema),
        deadline=request.deadline,
        streaming=streaming,
    )


def scorings(
    llama: LlamaRuntime, request: Request, candidates: Sequence[str], chat_format: str | None
) -> list[Scoring]:
    """A job for each candidate answer to ``request``."""
    answers = [llama.model.tokenize(text, special=False) for text in check_candidates(candidates)]
    prompt = _prompt_tokens(llama, request, chat_format, max(map(len, answers), default=0))
    return [Scoring((*prompt, *answer), len(prompt), request.deadline) for answer in answers]


def _prompt_tokens(llama: LlamaRuntime, request: Request, chat_format: str | None, answer: int) -> tuple[int, ...]:
    """The prompt, which leaves room for at least ``answer`` more tokens."""
    size = sum(len(message_text(message)) for message in request.messages)
    # Tokenising megabytes takes seconds, so what cannot fit by its size alone is not tokenised.
    if size > _SURELY_SMALL * llama.n_ctx and (least := size // llama.model.longest_token) >= llama.n_ctx:
        raise ContextLengthError(
            f"the prompt has at least {least:,} tokens and the context holds {llama.n_ctx:,}: at least "
            f"{least + answer - llama.n_ctx:,} too many; shorten the prompt or set a larger n_ctx",
            tokens=least,
            limit=llama.n_ctx,
        )
    tokens = tuple(llama.chat(chat_format).tokens(request.messages))
    excess = len(tokens) + answer - llama.n_ctx
    if excess > 0:
        raise ContextLengthError(
            f"the prompt has {len(tokens):,} tokens and the context holds {llama.n_ctx:,}, of which the answer "
            f"needs {answer:,}: {excess:,} too many; shorten the prompt or set a larger n_ctx",
            tokens=len(tokens),
            limit=llama.n_ctx,
        )
    return tokens


def _sampling(options: Mapping[str, Any]) -> Sampling:
    if options.get("repeat_penalty", 1.0) == 0:
        raise InvalidRequestError("repeat_penalty 0 would divide by zero; 1 switches it off")
    seed = options.get("seed")
    # llama.cpp takes 32 bits and reads the highest value as "random".
    seed = secrets.randbelow(0xFFFFFFFF) if seed is None else seed % 0xFFFFFFFF
    return Sampling(**{**options, "seed": seed})
