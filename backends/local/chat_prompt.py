"""Turns chat messages into the tokens of a prompt, by the model's own template.

Promise: what a message says is data. Text that looks like a control token (``<|im_end|>`` in a
story) is read as those characters and can neither end a turn nor begin one.
"""

from __future__ import annotations

import ctypes
import datetime as dt
import json
import re
import secrets
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from backends.exceptions import ConfigurationError, InvalidRequestError
from backends.options import near_miss
from backends.types import Message, message_text

if TYPE_CHECKING:
    from backends.local.llama_model import LlamaModel

__all__ = ["ChatPrompt", "builtin_chat_formats"]


class ChatPrompt:
    """Messages to tokens, for one model and one format."""

    def __init__(self, model: LlamaModel, chat_format: str | None = None) -> None:
        """``chat_format`` names one of llama.cpp's own formats; by default the model file's template is used."""
        self._model = model
        self._format = chat_format
        if chat_format is not None and chat_format not in builtin_chat_formats():
            known = builtin_chat_formats()
            raise ConfigurationError(
                f'unknown chat_format "{chat_format}"{near_miss(chat_format, known)}; '
                f"llama.cpp knows {', '.join(known)}"
            )
        self._template = None
        if chat_format is None and model.header.chat_template is not None:
            self._template = _compiled(model.header.chat_template)

    def tokens(self, messages: Sequence[Message]) -> list[int]:
        """The prompt's tokens, ready for the model's answer."""
        guard = _Guard(self._model.special_text)
        guarded = [guard.hide(_plain(message)) for message in messages]
        if self._format is not None:
            text, beginning = _apply_builtin(self._format, guarded), True
        elif self._template is not None:
            text, beginning = self._render(guarded), False
        else:
            text, beginning = _untemplated(guarded), True
        tokens: list[int] = []
        for piece, special in guard.pieces(text):
            first = beginning and not tokens
            tokens += self._model.tokenize(piece, special=special, beginning=first)
        return (
            tokens
            or self._model.tokenize("", special=False, beginning=True)
            or self._model.tokenize("\n", special=False)
        )

    def _render(self, messages: list[dict[str, Any]]) -> str:
        import jinja2

        assert self._template is not None
        try:
            text: str = self._template.render(
                messages=messages,
                add_generation_prompt=True,
                bos_token=self._model.token_text("bos"),
                eos_token=self._model.token_text("eos"),
                tools=None,
                documents=None,
            )
        except jinja2.TemplateError as error:
            raise InvalidRequestError(f"the model's chat template refuses these messages: {error}") from error
        except Exception as error:  # a template is a foreign program, which may raise anything
            raise InvalidRequestError(f"the model's chat template fails on these messages: {error!r}") from error
        return text


def builtin_chat_formats() -> tuple[str, ...]:
    """The names that llama.cpp has templates for."""
    import llama_cpp

    count = llama_cpp.llama_chat_builtin_templates(None, 0)
    names = (ctypes.c_char_p * count)()
    llama_cpp.llama_chat_builtin_templates(names, count)
    return tuple(sorted(name.decode() for name in names if name))


class _Guard:
    """Takes control-token texts out of messages before a template sees them, and puts them back as data."""

    def __init__(self, special: re.Pattern[str]) -> None:
        self._special = special
        # Nobody can guess the mark, so no message can hold one.
        self._mark = secrets.token_hex(8)
        self._hidden: list[str] = []

    def hide(self, value: Any) -> Any:
        if isinstance(value, str):
            return self._special.sub(self._replace, value)
        if isinstance(value, Mapping):
            return {key: self.hide(item) for key, item in value.items()}
        if isinstance(value, list | tuple):
            return [self.hide(item) for item in value]
        return value

    def pieces(self, text: str) -> list[tuple[str, bool]]:
        """The rendered text in order; True marks what the template may have put control tokens in."""
        parts = re.split(f"\ue000{self._mark}:([0-9]+)\ue001", text)
        pieces = [(self._hidden[int(part)], False) if index % 2 else (part, True) for index, part in enumerate(parts)]
        return [(piece, special) for piece, special in pieces if piece]

    def _replace(self, found: re.Match[str]) -> str:
        self._hidden.append(found.group())
        return f"\ue000{self._mark}:{len(self._hidden) - 1}\ue001"


def _plain(message: Message) -> dict[str, Any]:
    """The message with its content as one text; templates join strings and know no parts."""
    plain = {key: value for key, value in message.items() if key != "content" and value is not None}
    return {**plain, "role": str(message["role"]), "content": message_text(message)}


def _untemplated(messages: Sequence[Mapping[str, Any]]) -> str:
    """For models without a chat template: they continue text, so give them the text."""
    return "\n\n".join(message["content"] for message in messages)


def _apply_builtin(name: str, messages: Sequence[Mapping[str, Any]]) -> str:
    import llama_cpp

    # The C strings end at a NUL; U+2400 is its visible stand-in.
    rows = [
        (str(m["role"]).encode("utf-8", "replace"), m["content"].replace("\0", "\u2400").encode("utf-8", "replace"))
        for m in messages
    ]
    chat = (llama_cpp.llama_chat_message * len(rows))(
        *(llama_cpp.llama_chat_message(role=role, content=content) for role, content in rows)
    )
    room = 2 * sum(len(role) + len(content) for role, content in rows) + 1024
    buffer = ctypes.create_string_buffer(room)
    size = llama_cpp.llama_chat_apply_template(name.encode(), chat, len(rows), True, buffer, room)
    if size > room:
        buffer = ctypes.create_string_buffer(size)
        size = llama_cpp.llama_chat_apply_template(name.encode(), chat, len(rows), True, buffer, size)
    if size < 0:
        raise InvalidRequestError(f'the chat format "{name}" refuses these messages')
    return buffer.raw[:size].decode("utf-8", "replace")


def _compiled(source: str) -> Any:
    """The template, in a sandbox: it comes with the model file and is not ours."""
    import jinja2
    from jinja2.sandbox import ImmutableSandboxedEnvironment

    environment = ImmutableSandboxedEnvironment(
        trim_blocks=True, lstrip_blocks=True, extensions=["jinja2.ext.loopcontrols"], autoescape=False
    )
    environment.globals["raise_exception"] = _raise_template_error
    environment.globals["strftime_now"] = _strftime_now
    environment.filters["tojson"] = _to_json
    try:
        return environment.from_string(source)
    except jinja2.TemplateError as error:
        raise ConfigurationError(
            f"the model's chat template cannot be read: {error}; choose a chat_format instead"
        ) from error


def _raise_template_error(message: str) -> None:
    import jinja2

    raise jinja2.TemplateError(message)


def _strftime_now(pattern: str) -> str:
    return dt.datetime.now().astimezone().strftime(pattern)


def _to_json(value: Any, indent: int | None = None, **_options: Any) -> str:
    # Jinja's own filter escapes for HTML, which no model was trained on.
    return json.dumps(value, ensure_ascii=False, indent=indent)
