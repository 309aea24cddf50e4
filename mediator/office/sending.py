"""One sending of a form or a request, by name: whoever gets no answer sends again, and nothing is there twice."""

from __future__ import annotations

import hashlib
import re

from mediator.exceptions import MediatorError

__all__ = ["case_suffix", "checked_once"]

_NAME = re.compile(r"[!-~]{1,100}")


def checked_once(name: str | None) -> str | None:
    """The name, None for no name; MediatorError for one that cannot be kept."""
    if not name:
        return None
    if not _NAME.fullmatch(name):
        raise MediatorError("the name of a sending has at most 100 printable ASCII characters without blanks")
    return name


def case_suffix(once: str | None) -> str | None:
    """The end of the id of the case that this sending begins, so that it is found when it is sent again."""
    return None if once is None else hashlib.sha256(once.encode()).hexdigest()[:16]
