"""Passwords as Argon2id hashes. Checking takes as long for a name that nobody has as for one that somebody has."""

from __future__ import annotations

import functools
import threading

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from mediator.exceptions import MediatorError

__all__ = ["MIN_LENGTH", "check_password", "hash_password"]

#: Length is what keeps a password from being guessed; rules about digits only annoy (NIST SP 800-63B).
MIN_LENGTH = 12
_MAX_LENGTH = 1024
#: Each check takes 64 MiB for a moment; more at once than this wait their turn.
_TURNS = threading.BoundedSemaphore(2)


def hash_password(password: str) -> str:
    """The hash to keep; MediatorError when the password is too short."""
    if len(password) < MIN_LENGTH:
        raise MediatorError(f"a password needs {MIN_LENGTH} characters or more; three or four words are easy to keep")
    if len(password) > _MAX_LENGTH:
        raise MediatorError(f"a password has {_MAX_LENGTH} characters at most")
    with _TURNS:
        return _hasher().hash(password)


def check_password(kept: str | None, password: str) -> bool:
    """Whether that is the password; ``kept`` is None for a name that nobody has."""
    with _TURNS:
        try:
            return _hasher().verify(_nobodys() if kept is None else kept, password[:_MAX_LENGTH]) and kept is not None
        except (VerificationError, InvalidHashError):
            return False


@functools.cache
def _hasher() -> PasswordHasher:
    return PasswordHasher()  # Argon2id with the parameters of RFC 9106 for memory-constrained machines


@functools.cache
def _nobodys() -> str:
    return _hasher().hash("the password of nobody")
