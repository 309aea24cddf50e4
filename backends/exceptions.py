"""The error family of all backends and of the router.

    BackendError
    ├── ConfigurationError           the settings cannot work as they stand
    │   └── PrivacyError             text would leave the machine and privacy is local_only
    ├── AuthenticationError          no key, or a key that is refused (HTTP 401)
    ├── PermissionDeniedError        the key is good, the thing is not allowed (HTTP 403)
    ├── RateLimitError               too many requests, or no quota left (HTTP 429); ``retry_after``
    ├── ModelNotFoundError           no such model, file or endpoint (HTTP 404)
    ├── InvalidRequestError          the request itself is wrong (HTTP 400, 422)
    │   └── ContextLengthError       the prompt does not fit; ``tokens``, ``limit``
    ├── ContentFilteredError         the provider declined to answer
    ├── BackendTimeoutError          no answer before the deadline
    ├── ProviderUnavailableError     not reachable, not running, overloaded (HTTP 5xx)
    ├── MalformedResponseError       an answer that cannot be read; ``partial``
    ├── BudgetExceededError          the configured budget would be passed
    ├── BatchError                   some prompts of a batch failed; ``results``
    └── AllProvidersFailedError      a whole chain failed; ``errors``

Every error knows ``provider``, ``model``, ``status`` (HTTP status), ``exit_code`` (of a program),
``request_id`` and ``retryable``; its cause is chained. No message holds a key: text that comes from
outside passes through :func:`redact` first.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, ClassVar

__all__ = [
    "AllProvidersFailedError",
    "AuthenticationError",
    "BackendError",
    "BackendTimeoutError",
    "BatchError",
    "BudgetExceededError",
    "ConfigurationError",
    "ContentFilteredError",
    "ContextLengthError",
    "InvalidRequestError",
    "MalformedResponseError",
    "ModelNotFoundError",
    "PermissionDeniedError",
    "PrivacyError",
    "ProviderUnavailableError",
    "RateLimitError",
    "redact",
]

_REDACTED = "[redacted]"
# Shapes of the keys that the providers hand out, and of headers and URLs that carry one.
_SECRET_SHAPES = re.compile(
    r"(?:sk|pk|rk)-[A-Za-z0-9_-]{8,}"
    r"|hf_[A-Za-z0-9]{8,}"
    r"|gh[opsur]_[A-Za-z0-9]{8,}|github_pat_[A-Za-z0-9_]{8,}"
    r"|AIza[A-Za-z0-9_-]{10,}"
    r"|(?<=[Bb]earer )[^\s\"',;]+"
    r"|(?<=[?&]key=)[^&\s\"']+"
    r"|(?<=://)[^/\s:@]+:[^/\s@]+(?=@)"
)


def redact(text: str, *secrets: str | None) -> str:
    """Return ``text`` without the given secrets and without anything shaped like a key."""
    for secret in secrets:
        if secret and len(secret) >= 4:
            text = text.replace(secret, _REDACTED)
    return _SECRET_SHAPES.sub(_REDACTED, text)


class BackendError(Exception):
    """Something went wrong between a prompt and its completion."""

    #: Whether the same request may succeed when it is sent again, if the instance does not say.
    default_retryable: ClassVar[bool] = False
    #: Text that had arrived when it went wrong; a stream has some.
    partial: str = ""

    def __init__(
        self,
        message: str,
        *,
        provider: str | None = None,
        model: str | None = None,
        status: int | None = None,
        exit_code: int | None = None,
        request_id: str | None = None,
        retryable: bool | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.provider = provider
        self.model = model
        self.status = status
        self.exit_code = exit_code
        self.request_id = request_id
        self.retryable = self.default_retryable if retryable is None else retryable

    def __str__(self) -> str:
        where = "/".join(part for part in (self.provider, self.model) if part)
        return f"{where}: {self.message}" if where else self.message

    def __reduce__(self) -> tuple[Any, ...]:
        return (_rebuild, (type(self), self.args, dict(self.__dict__)))


def _rebuild(kind: type[BackendError], args: tuple[Any, ...], state: dict[str, Any]) -> BackendError:
    error = kind.__new__(kind, *args)
    error.args = args
    error.__dict__.update(state)
    return error


class ConfigurationError(BackendError):
    """The settings cannot work as they stand."""


class PrivacyError(ConfigurationError):
    """Text would leave the machine, and privacy is local_only. Nothing was sent."""


class AuthenticationError(BackendError):
    """There is no key, or the provider refuses it."""


class PermissionDeniedError(BackendError):
    """The key is good; what was asked is not allowed with it."""


class RateLimitError(BackendError):
    """Too many requests, or no quota left. ``retry_after`` is in seconds when known."""

    default_retryable = True

    def __init__(self, message: str, *, retry_after: float | None = None, **details: Any) -> None:
        super().__init__(message, **details)
        self.retry_after = retry_after


class ModelNotFoundError(BackendError):
    """The model, its file or its endpoint does not exist."""


class InvalidRequestError(BackendError):
    """The request is wrong in itself; no provider and no retry will help."""


class ContextLengthError(InvalidRequestError):
    """The prompt does not fit into the model's context."""

    def __init__(self, message: str, *, tokens: int | None = None, limit: int | None = None, **details: Any) -> None:
        super().__init__(message, **details)
        self.tokens = tokens
        self.limit = limit


class ContentFilteredError(BackendError):
    """The provider declined to answer this prompt."""


class BackendTimeoutError(BackendError):
    """There was no answer before the deadline."""

    default_retryable = True


class ProviderUnavailableError(BackendError):
    """The provider cannot be reached, does not run, or says that it cannot serve now."""

    default_retryable = True

    def __init__(self, message: str, *, retry_after: float | None = None, **details: Any) -> None:
        super().__init__(message, **details)
        self.retry_after = retry_after


class MalformedResponseError(BackendError):
    """The answer cannot be read. ``partial`` is the text that arrived before the break."""

    default_retryable = True

    def __init__(self, message: str, *, partial: str = "", **details: Any) -> None:
        super().__init__(message, **details)
        self.partial = partial


class BudgetExceededError(BackendError):
    """The call would pass the configured budget; it was not made."""


class BatchError(BackendError):
    """Some prompts of a batch failed.

    ``results`` has one entry a prompt, in order: the text, or the error of that prompt.
    """

    def __init__(self, message: str, *, results: Sequence[str | BackendError], **details: Any) -> None:
        super().__init__(message, **details)
        self.results = list(results)

    @property
    def errors(self) -> dict[int, BackendError]:
        """The failures by position."""
        return {i: r for i, r in enumerate(self.results) if isinstance(r, BackendError)}


class AllProvidersFailedError(BackendError):
    """Every provider of a chain failed. ``errors`` holds (provider name, error) in order."""

    def __init__(self, message: str, *, errors: Sequence[tuple[str, BackendError]], **details: Any) -> None:
        super().__init__(message, **details)
        self.errors = list(errors)

    @property
    def one_line(self) -> str:
        """Who failed how, for places that hold no table."""
        reasons = (f"{name}: {type(error).__name__}: {' '.join(error.message.split())}" for name, error in self.errors)
        return f"{self.message.rstrip(':')}: {'; '.join(reasons)}" if self.errors else self.message

    def __str__(self) -> str:
        if not self.errors:
            return super().__str__()
        width = max(len(name) for name, _ in self.errors)
        rows = [
            f"  {name:<{width}}  {type(error).__name__}: {' '.join(error.message.split())}"
            for name, error in self.errors
        ]
        return "\n".join([super().__str__(), *rows])
