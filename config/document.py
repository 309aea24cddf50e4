"""Reads a JSON file so that every part of it can be named by line and column.

Stricter than ``json``: a key that stands twice, NaN and Infinity are problems, and so is a file that is
nested deeper than any configuration is.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path as FilePath
from typing import Any

from config.problems import ConfigProblems, Path, Problem, nearest, path_text

__all__ = ["Document", "read_document"]

_TOKEN = re.compile(r'[{}\[\],:]|"(?:[^"\\]|\\.)*"|[^\s{}\[\],:"]+')
_NUMBERS_THAT_ARE_NONE = frozenset({"NaN", "Infinity", "-Infinity"})
_DEEPEST = 32


@dataclass(frozen=True, slots=True)
class Document:
    """The data of a file, and where its parts begin."""

    data: Any
    file: str
    text: str = ""
    offsets: Mapping[Path, int] = field(default_factory=dict)

    def problem(self, path: Path, message: str, *, value: str | None = None, near_miss: str | None = None) -> Problem:
        """A problem with what stands at ``path``, or with the nearest thing around it that the file has."""
        place = path
        while place and place not in self.offsets:
            place = place[:-1]
        line, column = _line_and_column(self.text, self.offsets.get(place, 0)) if self.text else (None, None)
        return Problem(message, path_text(path), self.file, line, column, value, near_miss)


def read_document(file: FilePath) -> Document:
    """Read and parse ``file``; raise ConfigProblems when that cannot be done."""
    name = str(file)
    text = _text_of(file, name)
    fault: Problem | None = None
    data: Any = None
    try:
        data = json.loads(text)
    except json.JSONDecodeError as error:
        fault = Problem(_advice(error), "", name, error.lineno, error.colno)
    except RecursionError:
        fault = Problem(f"the JSON is nested deeper than {_DEEPEST} levels", "", name)
    except ValueError:
        fault = Problem("the JSON holds a number of too many digits", "", name)
    if fault is not None:
        # Raised here, where the parser's error (which holds the whole text) is not its context.
        raise ConfigProblems([fault])
    if not isinstance(data, dict):
        raise ConfigProblems(
            [Problem('the file must hold one JSON object with "BACKENDS" and "MEDIATOR"', "", name, 1, 1)]
        )
    walk = _Walk(text, name)
    offsets = walk.offsets()
    if walk.problems:
        raise ConfigProblems(walk.problems)
    return Document(data, name, text, offsets)


def _text_of(file: FilePath, name: str) -> str:
    try:
        raw = file.read_bytes()
    except FileNotFoundError as error:
        stem = nearest(file.stem, _neighbours(file))
        near = None if stem is None else f"{stem}.json"
        raise ConfigProblems([Problem("there is no such file", "", name, near_miss=near)]) from error
    except IsADirectoryError as error:
        raise ConfigProblems([Problem("this is a directory; name a JSON file in it", "", name)]) from error
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise ConfigProblems([Problem(f"the file cannot be read: {reason}", "", name)]) from error
    if raw.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise ConfigProblems([Problem("the file is UTF-16; save it as UTF-8", "", name, 1, 1)])
    raw = raw.removeprefix(b"\xef\xbb\xbf")
    text, bad = _decoded(raw)
    if bad is not None:
        line, column = _line_and_column(text, len(text))
        raise ConfigProblems([Problem(f"the file is not UTF-8 (byte 0x{bad:02x} here)", "", name, line, column)])
    if not text.strip():
        raise ConfigProblems([Problem("the file is empty; see config/examples/ for what it may say", "", name)])
    return text


def _neighbours(file: FilePath) -> list[str]:
    """The JSON files that stand where ``file`` was looked for, by their names without the ending."""
    try:
        return [other.stem for other in file.parent.iterdir() if other.suffix == ".json"]
    except OSError:
        return []  # no such folder, or one that may not be listed: there is nothing to suggest


def _decoded(raw: bytes) -> tuple[str, int | None]:
    """The text, or the text before the first byte that is no UTF-8, and that byte."""
    try:
        return raw.decode("utf-8"), None
    except UnicodeDecodeError as error:
        return raw[: error.start].decode("utf-8"), raw[error.start]


def _advice(error: json.JSONDecodeError) -> str:
    """The parser's message, or a better one for the mistakes that people make."""
    rest = error.doc[error.pos :].lstrip()
    before = error.doc[: error.pos].rstrip()
    if rest.startswith(("//", "/*", "#")):
        return "the JSON is broken here: it may hold no comments"
    if (rest.startswith(("}", "]")) and before.endswith(",")) or re.match(r",\s*[}\]]", rest):
        return "the JSON is broken here: there is a comma before the closing bracket"
    if rest.startswith("'"):
        return 'the JSON is broken here: strings stand in double quotes ("), not single ones'
    if not rest:
        return "the JSON is broken here: the file ends too early"
    message = error.msg.removesuffix(" at").removesuffix(" starting")
    return f"the JSON is broken here: {message[:1].lower()}{message[1:]}"


def _line_and_column(text: str, offset: int) -> tuple[int, int]:
    line_start = text.rfind("\n", 0, offset) + 1
    return text.count("\n", 0, offset) + 1, offset - line_start + 1


class _Walk:
    """Goes over the tokens of a text that is known to be JSON."""

    def __init__(self, text: str, file: str) -> None:
        self._text = text
        self._file = file
        self.problems: list[Problem] = []

    def offsets(self) -> dict[Path, int]:
        return dict(self._values())

    def _values(self) -> Iterator[tuple[Path, int]]:
        """Each value's path and offset, outer before inner."""
        path: list[str | int] = []
        keys: list[set[str] | None] = []  # the keys seen in each open object; None for a list
        expects_key = False
        for token in _TOKEN.finditer(self._text):
            sign = token[0]
            if sign in "}]":
                keys.pop()
                if path and len(path) > len(keys):
                    path.pop()
                expects_key = False
            elif sign == ",":
                if keys[-1] is None:
                    path[-1] = int(path[-1]) + 1
                else:
                    path.pop()
                    expects_key = True
            elif sign == ":":
                expects_key = False
            elif expects_key:
                key = json.loads(sign)
                self._note_key(path, key, keys[-1], token.start())
                path.append(key)
            else:
                yield tuple(path), token.start()
                if sign in _NUMBERS_THAT_ARE_NONE:
                    self._note(path, f"{path_text(tuple(path))} is {sign}, which is no JSON number", token.start())
                if sign in "{[":
                    if len(keys) == _DEEPEST:
                        self._note(path, f"the JSON is nested deeper than {_DEEPEST} levels", token.start())
                        return
                    keys.append(set() if sign == "{" else None)
                    expects_key = sign == "{"
                    if sign == "[":
                        path.append(0)

    def _note_key(self, path: list[str | int], key: str, seen: set[str] | None, offset: int) -> None:
        if seen is None:
            return
        if key in seen:
            whole = (*path, key)
            self._note(list(whole), f"{path_text(whole)} stands twice", offset)
        seen.add(key)

    def _note(self, path: list[str | int], message: str, offset: int) -> None:
        line, column = _line_and_column(self._text, offset)
        self.problems.append(Problem(message, path_text(tuple(path)), self._file, line, column))
