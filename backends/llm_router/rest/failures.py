"""Which HTTP status a failure is, and how it is told: problem details (RFC 9457), or OpenAI's error object."""

from __future__ import annotations

import math
from typing import Any

from backends.exceptions import (
    AllProvidersFailedError,
    AuthenticationError,
    BackendError,
    BackendTimeoutError,
    BudgetExceededError,
    ConfigurationError,
    ContentFilteredError,
    InvalidRequestError,
    MalformedResponseError,
    ModelNotFoundError,
    PermissionDeniedError,
    PrivacyError,
    ProviderUnavailableError,
    RateLimitError,
    redact,
)
from backends.plain_text import clean_document

__all__ = [
    "EVENTS",
    "OPENAI_ERRORS",
    "PROBLEMS",
    "headers_of",
    "openai_error",
    "problem",
    "status_of",
    "unknown_provider",
]

#: The first that fits; the family's tree is in backends.exceptions.
_STATUS: tuple[tuple[type[BackendError], int], ...] = (
    (ModelNotFoundError, 404),
    (InvalidRequestError, 422),
    (ContentFilteredError, 422),
    (AuthenticationError, 401),
    (PermissionDeniedError, 403),
    (BudgetExceededError, 402),
    (RateLimitError, 429),
    (BackendTimeoutError, 504),
    (MalformedResponseError, 502),
    (ProviderUnavailableError, 503),
    (PrivacyError, 403),
    (ConfigurationError, 500),
)
_OPENAI_TYPE = {
    401: "authentication_error",
    402: "insufficient_quota",
    403: "permission_error",
    404: "not_found_error",
    429: "rate_limit_error",
}


_TEXT = {"type": "string"}
_NOTHING_OR_TEXT = {"anyOf": [_TEXT, {"type": "null"}]}
_PROBLEM_SCHEMA = {
    "type": "object",
    "required": ["title", "status", "detail", "request_id"],
    "properties": {"title": _TEXT, "status": {"type": "integer"}, "detail": _TEXT, "request_id": _TEXT},
}
_OPENAI_SCHEMA = {
    "type": "object",
    "required": ["error"],
    "properties": {
        "error": {
            "type": "object",
            "required": ["message", "type"],
            "properties": {"message": _TEXT, "type": _TEXT, "param": _NOTHING_OR_TEXT, "code": _NOTHING_OR_TEXT},
        }
    },
}
_MEANING = {
    400: "A value is wrong.",
    401: "The token, or the provider's key, is refused.",
    402: "The budget is spent.",
    403: "Not allowed.",
    404: "No such provider or model.",
    413: "The body is too large.",
    422: "A value is wrong; the detail names it.",
    429: "Too many calls; see Retry-After.",
    500: "The server is set up wrongly.",
    502: "The provider's answer could not be read.",
    503: "Nobody could answer.",
    504: "No answer in time.",
}


def _described(media_type: str, schema: dict[str, Any], without: int) -> dict[int | str, dict[str, Any]]:
    content = {media_type: {"schema": schema}}
    return {status: {"description": text, "content": content} for status, text in _MEANING.items() if status != without}


#: What the OpenAPI description says of failures, for each face. OpenAI tells a wrong value by 400, we by 422.
PROBLEMS = _described("application/problem+json", _PROBLEM_SCHEMA, without=400)
OPENAI_ERRORS = _described("application/json", _OPENAI_SCHEMA, without=422)
#: With ``stream``, the answer has another type.
EVENTS: dict[int | str, dict[str, Any]] = {200: {"content": {"text/event-stream": {"schema": _TEXT}}}}


class _UnknownProviderError(ConfigurationError):
    """The request names a provider that does not exist; that is the caller's mistake, not the server's."""


def unknown_provider(error: ConfigurationError) -> ConfigurationError:
    """The same error, told as 404."""
    return _UnknownProviderError(error.message, provider=error.provider)


def status_of(error: BackendError) -> int:
    """The status of ``error``; that of the last failure for a whole chain."""
    if isinstance(error, _UnknownProviderError):
        return 404
    if isinstance(error, AllProvidersFailedError):
        return status_of(error.errors[-1][1]) if error.errors else 503
    return next((status for kind, status in _STATUS if isinstance(error, kind)), 500)


def headers_of(error: BackendError) -> dict[str, str]:
    """Retry-After when the provider said so."""
    seconds = getattr(error, "retry_after", None)
    if isinstance(error, AllProvidersFailedError) and error.errors:
        seconds = getattr(error.errors[-1][1], "retry_after", None)
    return {} if seconds is None else {"Retry-After": str(math.ceil(seconds))}


def problem(error: BackendError, request_id: str) -> dict[str, Any]:
    """Problem details."""
    told: dict[str, Any] = {
        "type": "about:blank",
        "title": type(error).__name__.lstrip("_").removesuffix("Error"),
        "status": status_of(error),
        "detail": redact(error.message),
        "request_id": request_id,
    }
    if error.provider:
        told["provider"] = error.provider
    if error.model:
        told["model"] = error.model
    if isinstance(error, AllProvidersFailedError):
        told["attempts"] = [
            {"provider": name, "error": type(each).__name__, "detail": redact(each.message)}
            for name, each in error.errors
        ]
    return dict(clean_document(told))


def openai_error(message: str, status: int, code: str | None = None, param: str | None = None) -> dict[str, Any]:
    """OpenAI's error object."""
    kind = _OPENAI_TYPE.get(status, "invalid_request_error" if status < 500 else "server_error")
    told = {"message": redact(message), "type": kind, "param": param, "code": code}
    return {"error": clean_document(told)}
