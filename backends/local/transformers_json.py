"""Holds a transformers model to a JSON Schema, token by token, with llguidance.

A keyword that cannot be held is refused by name before the first token; nothing is fetched from a network.
"""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Iterable, Mapping
from typing import Any

from backends.exceptions import InvalidRequestError

__all__ = ["JsonConstraint", "can_constrain", "constraint_vocabulary", "schema_grammar"]

# One line of JSON: small models lose themselves in white space. No \\u escapes: they can spell half a surrogate pair.
_STYLE = {
    "whitespace_flexible": False,
    "item_separator": ", ",
    "key_separator": ": ",
    "json_allow_general_unicode_escapes": False,
}
# Keywords whose value is data, keywords whose value maps names to schemas, keywords that speak of unnamed members.
_VALUES = frozenset({"const", "default", "enum", "examples", "required"})
_SCHEMAS_BY_NAME = frozenset({"$defs", "definitions", "patternProperties", "properties"})
_OPENERS = frozenset({"additionalProperties", "minProperties", "patternProperties", "unevaluatedProperties"})


def can_constrain() -> bool:
    """Whether the library is installed."""
    return importlib.util.find_spec("llguidance") is not None


def constraint_vocabulary(tokenizer: Any, size: int, eos: Iterable[int]) -> Any:
    """What llguidance must know of a tokenizer: made once a model, as it takes a third of a second."""
    from llguidance.hf import from_tokenizer

    return from_tokenizer(tokenizer, n_vocab=size, eos_token=sorted(eos))


def schema_grammar(schema: Mapping[str, Any], owner: str) -> str:
    """The grammar of ``schema``, or InvalidRequestError that names the keyword."""
    from llguidance import LLMatcher

    try:
        text = json.dumps(_closed(schema), allow_nan=False)
        grammar: str = LLMatcher.grammar_from_json_schema(text, overrides=_STYLE)
    except (TypeError, ValueError, RecursionError) as error:
        raise InvalidRequestError(f"the JSON Schema cannot be read: {error}", provider=owner) from error
    failed, messages = LLMatcher.validate_grammar_with_warnings(grammar)
    if failed:
        raise InvalidRequestError(
            f"the JSON Schema asks for what decoding cannot hold: {' '.join(messages[0].split())}", provider=owner
        )
    return grammar


class JsonConstraint:
    """The state of one row. ``narrow`` before a token is drawn, ``took`` after."""

    def __init__(self, vocabulary: Any, grammar: str, owner: str) -> None:
        from llguidance import LLMatcher
        from llguidance import numpy as masks

        self._owner = owner
        self._masks = masks
        self._matcher = LLMatcher(vocabulary, grammar, log_level=0)
        self._bits = masks.allocate_token_bitmask(1, vocabulary.vocab_size)
        self._check()

    @property
    def finished(self) -> bool:
        """Whether the document is whole and nothing can follow."""
        return bool(self._matcher.is_stopped())

    def narrow(self, scores: Any) -> Any:
        """The scores (one row, on the CPU) with every token ruled out that cannot come next."""
        import numpy as np
        import torch

        self._masks.fill_next_token_bitmask(self._matcher, self._bits)
        self._check()
        allowed = np.zeros(scores.shape[-1], dtype=bool)
        known = np.unpackbits(self._bits.view(np.uint8), bitorder="little")[: allowed.size]
        allowed[: known.size] = known
        return scores.masked_fill(torch.from_numpy(~allowed), float("-inf"))

    def took(self, token: int) -> None:
        """Advance by the token that was drawn."""
        self._matcher.consume_token(token)
        self._check()

    def _check(self) -> None:
        if self._matcher.is_error():
            raise InvalidRequestError(
                f"the JSON Schema is too much for constrained decoding: {' '.join(self._matcher.get_error().split())}",
                provider=self._owner,
            )


def _closed(schema: Any) -> Any:
    """The schema with objects that take no unnamed members unless it says so.

    JSON Schema lets any member in where nothing is said, and a model then invents some. What comes out still fits
    the schema that was asked for. Under ``allOf`` a closed part would shut out the other parts' members.
    """
    return schema if "allOf" in json.dumps(schema) else _close(schema)


def _close(node: Any) -> Any:
    if isinstance(node, list | tuple):
        return [_close(item) for item in node]
    if not isinstance(node, Mapping):
        return node
    closed = {key: _closed_keyword(key, value) for key, value in node.items()}
    if isinstance(node.get("properties"), Mapping) and not _OPENERS & node.keys():
        closed["additionalProperties"] = False
    return closed


def _closed_keyword(key: str, value: Any) -> Any:
    if key in _VALUES:
        return value
    if key in _SCHEMAS_BY_NAME and isinstance(value, Mapping):
        return {name: _close(schema) for name, schema in value.items()}
    return _close(value)
