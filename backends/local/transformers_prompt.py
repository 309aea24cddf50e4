"""Turns messages into the token ids of a transformers model.

What people wrote is data: text that spells a special token is encoded as plain letters, with a chat template and
without. Halves of surrogate pairs, which no tokenizer takes, become U+FFFD.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from backends.exceptions import InvalidRequestError
from backends.plain_text import clean_text
from backends.types import Message, Request

__all__ = ["encode_prompt", "encode_text"]

_TEXT_KEYS = frozenset({"role", "content", "name"})


def encode_prompt(tokenizer: Any, request: Request, owner: str) -> list[int]:
    """The ids to start from; at least one. Not thread-safe: the tokenizer is switched between two modes."""
    messages = [_plain_message(message, owner) for message in request.messages]
    if getattr(tokenizer, "chat_template", None):
        ids = _through_template(tokenizer, messages, owner)
    else:
        text = Request(messages=tuple(messages), options={}).text
        ids = _ids(tokenizer, text, as_data=True, frame=True)
    if not ids:
        opening = [token for token in (tokenizer.bos_token_id, tokenizer.eos_token_id) if token is not None]
        if not opening:
            raise InvalidRequestError(
                "the prompt is empty and this model has no token to begin with; send some text", provider=owner
            )
        ids = opening[:1]
    return ids


def encode_text(tokenizer: Any, text: str) -> list[int]:
    """The ids of text alone, special tokens spelled out. Not thread-safe, as above."""
    return _ids(tokenizer, clean_text(text), as_data=True)


def _plain_message(message: Message, owner: str) -> dict[str, str]:
    role = message.get("role")
    if not isinstance(role, str) or not role.replace("_", "").isalnum():
        raise InvalidRequestError(f"a message's role must be a word such as user, not {role!r:.60}", provider=owner)
    unknown = sorted(key for key, value in message.items() if key not in _TEXT_KEYS and value is not None)
    if unknown:
        raise InvalidRequestError(
            f'local transformers models take text only; the message has "{unknown[0]}"', provider=owner
        )
    return {"role": role, "content": clean_text(_text(message.get("content"), owner))}


def _text(content: Any, owner: str) -> str:
    if content is None:
        return ""
    if isinstance(content, str):
        return content
    if not isinstance(content, Sequence):
        raise InvalidRequestError(f"a message's content must be text or parts, not {content!r:.60}", provider=owner)
    pieces = []
    for part in content:
        text = part.get("text") if isinstance(part, Mapping) else None
        if not isinstance(text, str):
            kind = part.get("type") if isinstance(part, Mapping) else type(part).__name__
            raise InvalidRequestError(f"local transformers models take text only, not {kind!r:.40}", provider=owner)
        pieces.append(text)
    return "".join(pieces)


def _ids(tokenizer: Any, text: str, *, as_data: bool, frame: bool = False) -> list[int]:
    encoded = tokenizer(
        text, add_special_tokens=frame, split_special_tokens=as_data, truncation=False, padding=False, verbose=False
    )
    return list(encoded["input_ids"])


def _through_template(tokenizer: Any, messages: list[dict[str, str]], owner: str) -> list[int]:
    held: dict[str, str] = {}
    shown = []
    for position, message in enumerate(messages):
        content = message["content"]
        if _ids(tokenizer, content, as_data=True) != _ids(tokenizer, content, as_data=False):
            mark = _mark(position, messages)
            held[mark] = content
            content = mark
        shown.append({**message, "content": content})
    ids: list[int] = []
    for piece in _split_at(_rendered(tokenizer, shown, owner), list(held)):
        ids += _ids(tokenizer, held.get(piece, piece), as_data=piece in held)
    return ids


def _mark(position: int, messages: list[dict[str, str]]) -> str:
    """A word that stands for a message's text in the template and occurs in none of them."""
    mark = f"HELD{position}TEXT"
    while any(mark in message["content"] for message in messages):
        mark = f"X{mark}X"
    return mark


def _split_at(text: str, marks: list[str]) -> list[str]:
    pieces = [text]
    for mark in marks:
        split: list[str] = []
        for piece in pieces:
            before, *after = piece.split(mark)
            split.append(before)
            for part in after:
                split += [mark, part]
        pieces = split
    return [piece for piece in pieces if piece]


def _rendered(tokenizer: Any, messages: list[dict[str, str]], owner: str) -> str:
    try:
        return _render(tokenizer, messages, owner)
    except InvalidRequestError:
        merged = _without_system(messages)
        if merged == messages:
            raise
    # Some templates (Gemma, the first Mistrals) know no system role: its text goes before the next message's.
    return _render(tokenizer, merged, owner)


def _render(tokenizer: Any, messages: list[dict[str, str]], owner: str) -> str:
    from jinja2 import TemplateError

    try:
        return str(tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=True))
    except TemplateError as error:
        raise InvalidRequestError(
            f"the model's chat template refuses these messages: {error}", provider=owner
        ) from error
    except (TypeError, ValueError, LookupError, ArithmeticError) as error:  # a template is a program of its author's
        raise InvalidRequestError(
            f"the model's chat template fails on these messages: {error!r:.200}", provider=owner
        ) from error


def _without_system(messages: list[dict[str, str]]) -> list[dict[str, str]]:
    merged: list[dict[str, str]] = []
    waiting = ""
    for message in messages:
        if message["role"] == "system":
            waiting += message["content"] + "\n\n"
        else:
            merged.append({**message, "content": waiting + message["content"]})
            waiting = ""
    return [*merged, {"role": "user", "content": waiting.strip()}] if waiting else merged
