"""The error family of the mediator.

    MediatorError
    ├── SetupError            the mediator cannot work with what it was given
    ├── NothingToReadError    there is no story in the text
    ├── NotFoundError         no such session, claim, question or draft
    ├── StepChangedError      the step that this answers is not the one that is shown any more
    └── SessionError          a session file cannot be used
        ├── SessionBusyError  another process is writing to it
        └── SessionKeyError   it is encrypted, and the key is missing or another one

What goes wrong in a backend stays a ``backends.exceptions`` error; what goes wrong in the store
stays an error of ``mediator.evidence``.
"""

from __future__ import annotations

__all__ = [
    "MediatorError",
    "NotFoundError",
    "NothingToReadError",
    "SessionBusyError",
    "SessionError",
    "SessionKeyError",
    "SetupError",
    "StepChangedError",
]


class MediatorError(Exception):
    """Something went wrong between a story and its claims."""


class SetupError(MediatorError):
    """The mediator cannot work with what it was given."""


class NothingToReadError(MediatorError):
    """There is no story in the text."""


class NotFoundError(MediatorError):
    """No such session, claim, question or draft."""


class StepChangedError(MediatorError):
    """The case went on in another window since the person saw what this is about."""


class SessionError(MediatorError):
    """A session file cannot be used."""


class SessionBusyError(SessionError):
    """Another process is writing to this session."""


class SessionKeyError(SessionError):
    """This session is encrypted, and the key is missing or another one; the file itself may be whole."""
