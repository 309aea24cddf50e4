"""``${NAME}``, ``${NAME:-default}`` and ``env:NAME`` in the strings of a configuration.

``${NAME:-default}`` takes the default when the variable is unset or empty, and a default may hold further
references. ``$${`` stands for a literal ``${``. ``env:NAME`` is a reference only as the whole string. What a
variable holds is data: it is never expanded again.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

__all__ = ["Expanded", "ReferenceFormError", "UnsetVariableError", "expand", "variables_of"]

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_MENTION = re.compile(r"(?:(?<!\$)\$\{|^env:)([A-Za-z_][A-Za-z0-9_]*)")
_WHOLE_ENV = re.compile(r"env:(\S*)")
_MAX_DEPTH = 8


class Expanded(str):
    """Text that an expansion made. ``source`` is what stands in the file; only that may be shown to people."""

    __slots__ = ("source",)
    source: str

    def __new__(cls, text: str, source: str) -> Expanded:
        made = super().__new__(cls, text)
        made.source = source
        return made


class UnsetVariableError(ValueError):
    """A variable is not set and its reference has no default. ``names`` holds all such variables.

    ``A or B`` is one name that two variables could have filled.
    """

    def __init__(self, names: tuple[str, ...], *, empty: bool = False) -> None:
        self.names = names
        listed = ", ".join(names)
        super().__init__(f"needs the environment variable {listed}, which is {'empty' if empty else 'not set'}")


class ReferenceFormError(ValueError):
    """Something looks like a reference and is none."""


def expand(text: str, env: Mapping[str, str]) -> str:
    """Return ``text`` with its references replaced: ``text`` itself when there are none, else an Expanded."""
    whole = _WHOLE_ENV.fullmatch(text)
    if whole:
        name = whole[1]
        if not _NAME.fullmatch(name):
            raise ReferenceFormError(f'"env:{name}" names no variable; write env:NAME')
        if name not in env:
            raise UnsetVariableError((name,))
        return Expanded(env[name], text)
    if "${" not in text:
        return text
    reader = _Reader(text, env)
    result = reader.read(0, depth=0, inside=False).text
    if reader.unset:
        raise UnsetVariableError(tuple(dict.fromkeys(reader.unset)))
    return Expanded(result, text)


def variables_of(source: str) -> tuple[str, ...]:
    """The variables that a text with references names, each once."""
    return tuple(dict.fromkeys(_MENTION.findall(source)))


@dataclass(frozen=True, slots=True)
class _Piece:
    text: str
    end: int
    unset: tuple[str, ...] = ()


class _Reader:
    def __init__(self, text: str, env: Mapping[str, str]) -> None:
        self._text = text
        self._env = env
        self.unset: list[str] = []

    def read(self, at: int, *, depth: int, inside: bool) -> _Piece:
        """Read to the end of the text, or ``inside`` a default to the brace that closes it."""
        text, braces = self._text, 0
        pieces: list[str] = []
        unset: list[str] = []
        while at < len(text):
            if text.startswith("$${", at):
                pieces.append("${")
                braces += 1
                at += 3
            elif text.startswith("${", at):
                piece = self._reference(at, depth)
                pieces.append(piece.text)
                unset.extend(piece.unset)
                at = piece.end
            elif inside and text[at] == "}" and braces == 0:
                return _Piece("".join(pieces), at, tuple(unset))
            else:
                braces += {"{": 1, "}": -1}.get(text[at], 0)
                pieces.append(text[at])
                at += 1
        if inside:
            raise ReferenceFormError('a "${" is not closed; write ${NAME} or ${NAME:-default}, or $${ for a literal ${')
        self.unset = unset
        return _Piece("".join(pieces), at)

    def _reference(self, at: int, depth: int) -> _Piece:
        text = self._text
        if depth >= _MAX_DEPTH:
            raise ReferenceFormError(f"references are nested deeper than {_MAX_DEPTH}")
        name = _NAME.match(text, at + 2)
        if name and text.startswith("}", name.end()):
            value = self._env.get(name[0])
            return _Piece(value or "", name.end() + 1, () if value is not None else (name[0],))
        if name and text.startswith(":-", name.end()):
            default = self.read(name.end() + 2, depth=depth + 1, inside=True)
            value = self._env.get(name[0])
            if value:
                return _Piece(value, default.end + 1)
            return _Piece(default.text, default.end + 1, tuple(f"{name[0]} or {other}" for other in default.unset))
        raise ReferenceFormError(
            'a "${" begins no reference; write ${NAME} or ${NAME:-default}, or $${ for a literal ${'
        )
