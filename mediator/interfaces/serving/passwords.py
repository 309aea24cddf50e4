"""Passwords as Argon2id hashes. Checking takes as long for a name that nobody has as for one that somebody has."""

from __future__ import annotations

import threading

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from mediator.exceptions import MediatorError

__all__ = ["MIN_LENGTH", "Passwords"]

#: Length is what keeps a password from being guessed; rules about digits only annoy (NIST SP 800-63B).
MIN_LENGTH = 12
_MAX_LENGTH = 1024
#: Each check takes 64 MiB for a moment; more at once than this wait their turn.
_AT_ONCE = 2


class Passwords:
    """Hashes and checks, a few at a time."""

    def __init__(self) -> None:
        self._turns = threading.BoundedSemaphore(_AT_ONCE)
        self._hasher = PasswordHasher()  # Argon2id with the parameters of RFC 9106 for memory-constrained machines
        self._nobodys: str | None = None

    def hash(self, password: str) -> str:
        """The hash to keep; MediatorError when the password is too short."""
        if len(password) < MIN_LENGTH:
            raise MediatorError(
                f"a password needs {MIN_LENGTH} characters or more; three or four words are easy to keep"
            )
        if len(password) > _MAX_LENGTH:
            raise MediatorError(f"a password has {_MAX_LENGTH} characters at most")
        with self._turns:
            return self._hasher.hash(password)

    def check(self, kept: str | None, password: str) -> bool:
        """Whether that is the password; ``kept`` is None for a name that nobody has."""
        with self._turns:
            if self._nobodys is None:
                # Whoever asks first, so that the time tells nothing about a name.
                self._nobodys = self._hasher.hash("the password of nobody")
            try:
                right = self._hasher.verify(self._nobodys if kept is None else kept, password[:_MAX_LENGTH])
            except (VerificationError, InvalidHashError):
                return False
        return right and kept is not None
