"""The mediator: a story in, grounded claims, an interview, evidence by CID and a draft out.

Importing this loads no engine, opens no file and reads no environment.
"""

from mediator.claims.report import ClaimReport
from mediator.exceptions import (
    MediatorError,
    NotFoundError,
    NothingToReadError,
    SessionBusyError,
    SessionError,
    SessionKeyError,
    SetupError,
)
from mediator.mediator import Mediator
from mediator.view import CaseView

__all__ = [
    "CaseView",
    "ClaimReport",
    "Mediator",
    "MediatorError",
    "NotFoundError",
    "NothingToReadError",
    "SessionBusyError",
    "SessionError",
    "SessionKeyError",
    "SetupError",
]
