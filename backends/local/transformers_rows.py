"""Turns checked requests into rows that transformers decodes: ids that fit, sampling, constraint, deadline."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from backends.exceptions import ConfigurationError, ContextLengthError
from backends.local.transformers_decode import Row
from backends.local.transformers_json import JsonConstraint, can_constrain, schema_grammar
from backends.local.transformers_model import LoadedModel
from backends.local.transformers_sampling import Sampler, sampling_of
from backends.local.transformers_text import TextTail
from backends.types import Request

__all__ = ["make_row", "prompt_ids"]

#: How long an answer may get when nobody says: enough for a long one, an end for a model that never stops.
DEFAULT_MAX_TOKENS = 1024


def make_row(loaded: LoadedModel, request: Request, gone: Callable[[], bool], owner: str) -> Row:
    """The row that answers ``request``; ``gone`` tells whether its caller has left."""
    sampling = sampling_of(request.options, loaded.advice, owner)
    grammar = None if request.json_schema is None else _grammar(request.json_schema, owner)
    prompt, left = prompt_ids(loaded, request, owner, 1)
    room = request.options.get("max_tokens", DEFAULT_MAX_TOKENS)
    return Row(
        prompt=prompt,
        room=room if left is None else min(room, left),
        sampler=Sampler(sampling, prompt),
        tail=TextTail(loaded.decode, request.options.get("stop", ())),
        constraint=None if grammar is None else JsonConstraint(loaded.vocabulary, grammar, owner),
        deadline=request.deadline,
        gone=gone,
    )


def prompt_ids(loaded: LoadedModel, request: Request, owner: str, answer: int) -> tuple[list[int], int | None]:
    """The prompt's ids, and what the context leaves for the answer, which needs ``answer`` of it."""
    prompt = loaded.encode(request, owner)
    if loaded.context is None:
        return prompt, None
    left = loaded.context - len(prompt)
    if left < answer:
        raise ContextLengthError(
            f"the prompt has {len(prompt)} tokens, {answer - left} more than fit into this model's context of "
            f"{loaded.context} with {answer or 'none'} left for the answer; shorten it",
            tokens=len(prompt),
            limit=loaded.context,
        )
    return prompt, left


def _grammar(schema: Mapping[str, Any], owner: str) -> str:
    if not can_constrain():
        raise ConfigurationError(
            'holding an answer to a json_schema needs the package llguidance: pip install -e ".[huggingface]"'
        )
    return schema_grammar(schema, owner)
