"""What is wrong with a configuration: all of it at once, one line a problem, never a secret."""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from backends.exceptions import ConfigurationError, redact
from config.expand import Expanded

__all__ = ["ConfigProblems", "Path", "Problem", "is_secret", "nearest", "path_text", "show"]

#: Where something stands in a JSON document: keys and list positions from the top.
Path = tuple[str | int, ...]

_PLAIN_KEY = re.compile(r"[A-Za-z_$][A-Za-z0-9_$-]*")
_SECRET_KEY = re.compile(r"(?:.*[_-])?(?:key|token|secret|password|passphrase)|apikey|authorization", re.IGNORECASE)
#: Whatever stands below these may be one too.
_SECRET_PLACES = frozenset({"headers", "catalog", "kubo", "program_env", "settings", "copilot_sdk_provider"})
_LONGEST = 60


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong. ``path`` is where in the document, ``line`` and ``column`` where in the file."""

    message: str
    path: str = ""
    file: str = ""
    line: int | None = None
    column: int | None = None
    #: The offending value as it may be shown.
    value: str | None = None
    #: The nearest thing that would have been right.
    near_miss: str | None = None

    def __str__(self) -> str:
        place = ":".join(str(part) for part in (self.file, self.line, self.column) if part not in (None, ""))
        hint = f' (did you mean "{self.near_miss}"?)' if self.near_miss else ""
        return f"{place}: {self.message}{hint}" if place else f"{self.message}{hint}"


class ConfigProblems(ConfigurationError):  # noqa: N818  # it holds several
    """The configuration cannot be used. ``problems`` holds every reason; ``str`` is one line for each."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = list(problems)
        super().__init__("\n".join(str(problem) for problem in self.problems))


def is_secret(path: Path) -> bool:
    """Whether what stands at ``path`` may hold a key, a token or a password."""
    return any(isinstance(part, str) and (part in _SECRET_PLACES or _SECRET_KEY.fullmatch(part)) for part in path)


def nearest(name: str, known: Iterable[str]) -> str | None:
    """The known name that ``name`` was perhaps meant to be, whatever the case of its letters."""
    spelled = {item.lower(): item for item in known}
    close = difflib.get_close_matches(name.lower(), list(spelled), n=1, cutoff=0.6)
    return spelled[close[0]] if close else None


def path_text(path: Path) -> str:
    """``BACKENDS[1].temperature``; a key with odd characters is quoted."""
    text = ""
    for part in path:
        if isinstance(part, int):
            text += f"[{part}]"
        elif _PLAIN_KEY.fullmatch(part):
            text += f".{part}" if text else part
        else:
            text += f"[{json.dumps(part)}]"
    return text


def show(value: Any, *, secret: bool = False) -> str:
    """``value`` as a message may show it: short, on one line, and no secret."""
    if isinstance(value, dict):
        return "an object"
    if isinstance(value, list | tuple):
        return "a list"
    if secret and value not in ("", None):
        return "[redacted]"
    if isinstance(value, Expanded):
        return f"what {show(str.__str__(value.source))} stands for"
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) >= 10**_LONGEST:
        return "a number of very many digits"
    text = json.dumps(redact(value) if isinstance(value, str) else value)
    return text if len(text) <= _LONGEST else text[: _LONGEST - 4] + '..."'
