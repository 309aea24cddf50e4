"""One prompt, one JSON document of a known shape: constrained where the engine can, validated always.

Written as a generator that asks for completions, so that the synchronous and the asynchronous
face share it.
"""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Generator
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from backends.exceptions import MalformedResponseError
from backends.types import Completion, Message

__all__ = ["find_json", "structured_steps"]

M = TypeVar("M", bound=BaseModel)
# An answer that is not JSON by then is not JSON; without a bound, "[[[[..." costs a square.
_PLACES_TRIED = 32


def structured_steps(
    messages: tuple[Message, ...], schema: type[M], constrained: bool
) -> Generator[tuple[Message, ...], Completion, M]:
    """Yield the messages to send, take the completion, return the model. One repair at most."""
    if not constrained:
        shape = json.dumps(schema.model_json_schema(), separators=(",", ":"))
        rule = "Answer with one JSON document and nothing else. It must fit this JSON Schema:\n" + shape
        messages = ({"role": "system", "content": rule}, *messages)
    completion = yield messages
    try:
        return _validated(completion.text, schema)
    except (ValidationError, ValueError) as first:
        problem = _brief(first)
    repair: tuple[Message, ...] = (
        *messages,
        {"role": "assistant", "content": completion.text},
        {"role": "user", "content": f"That was not a fitting JSON document: {problem}. Send the corrected one only."},
    )
    completion = yield repair
    try:
        return _validated(completion.text, schema)
    except (ValidationError, ValueError) as second:
        raise MalformedResponseError(
            f"the answer does not fit the schema {schema.__name__} after one repair: {_brief(second)}",
            provider=completion.provider,
            model=completion.model,
            partial=completion.text,
            retryable=False,
        ) from second


def _validated(text: str, schema: type[M]) -> M:
    return schema.model_validate(find_json(text))


def find_json(text: str) -> Any:
    """The first whole JSON object or array in ``text``; models like to wrap it in prose or fences."""
    decoder = json.JSONDecoder()
    stripped = text.strip()
    try:
        return decoder.decode(stripped)
    except (ValueError, RecursionError):
        pass
    for opening in itertools.islice(re.finditer(r"[{\[]", stripped), _PLACES_TRIED):
        try:
            return decoder.raw_decode(stripped, opening.start())[0]
        except (ValueError, RecursionError):
            continue
    raise ValueError("there is no JSON document in the answer")


def _brief(error: Exception) -> str:
    if isinstance(error, ValidationError):
        return "; ".join(
            f"{'.'.join(str(part) for part in item['loc']) or 'document'}: {item['msg']}" for item in error.errors()[:5]
        )
    return str(error)
