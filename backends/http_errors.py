"""From an HTTP answer to the error family: decided by status and error code, never by the message's words."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC
from typing import Any

from backends.exceptions import (
    AuthenticationError,
    BackendError,
    BackendTimeoutError,
    ContentFilteredError,
    ContextLengthError,
    InvalidRequestError,
    ModelNotFoundError,
    PermissionDeniedError,
    ProviderUnavailableError,
    RateLimitError,
    redact,
)

__all__ = ["ErrorBody", "error_from_answer", "read_error_body", "retry_after"]

_CONTEXT_LENGTH = frozenset({"context_length_exceeded", "exceed_context_size_error", "string_above_max_length"})
_FILTERED = frozenset(
    {"content_filter", "content_policy_violation", "moderation_blocked", "responsibleaipolicyviolation"}
)
_NO_MODEL = frozenset(
    {
        "model_not_found",
        "deploymentnotfound",
        "not_found_error",
        "not_found",
        "model_not_available",
        "model_not_supported",
    }
)
_NO_KEY = frozenset({"invalid_api_key", "api_key_invalid", "authentication_error", "unauthenticated"})
_NOT_ALLOWED = frozenset({"permission_error", "permission_denied", "insufficient_permissions"})
_NO_QUOTA = frozenset(
    {"insufficient_quota", "billing_hard_limit_reached", "billing_not_active", "billing_error", "insufficient_credits"}
)
_TOO_MANY = frozenset({"rate_limit_exceeded", "rate_limit_error", "resource_exhausted", "tokens_per_min"})
_OVERLOADED = frozenset({"overloaded_error", "overloaded", "unavailable"})


@dataclass(frozen=True, slots=True)
class ErrorBody:
    """What an error answer says about itself. ``codes`` are lower case: code, type, status, reasons."""

    message: str = ""
    codes: frozenset[str] = frozenset()
    #: A number in place of a code: the HTTP status that the provider means.
    status: int | None = None
    tokens: int | None = None
    limit: int | None = None
    moderated: bool = False
    #: Seconds to wait, when the body rather than a header says so.
    retry_after: float | None = None


def read_error_body(body: bytes | Mapping[str, Any]) -> ErrorBody:
    """Read any of the shapes: {"error": {...}}, {"error": "..."}, {"detail": ...}, {"message": ...}, [{...}]."""
    document: Any = body
    if isinstance(body, bytes):
        try:
            document = json.loads(body)
        except (ValueError, RecursionError):
            return ErrorBody(message=body[:300].decode("utf-8", "replace"))
    if isinstance(document, list) and document:
        document = document[0]
    if not isinstance(document, Mapping):
        return ErrorBody()
    error = document.get("error", document)
    if isinstance(error, str):
        return ErrorBody(message=error, codes=_codes(document))
    if not isinstance(error, Mapping):
        error = document
    code = error.get("code")
    message = next((error[key] for key in ("message", "detail", "error_description") if error.get(key)), "")
    metadata = error.get("metadata")
    return ErrorBody(
        message=message if isinstance(message, str) else json.dumps(message)[:300],
        codes=_codes(error),
        status=code if isinstance(code, int) and not isinstance(code, bool) and 400 <= code < 600 else None,
        tokens=_count(error.get("n_prompt_tokens")),
        limit=_count(error.get("n_ctx")),
        moderated=isinstance(metadata, Mapping) and "flagged_input" in metadata,
        retry_after=_retry_delay(error.get("details")),
    )


def error_from_answer(
    status: int,
    headers: Mapping[str, str],
    body: ErrorBody,
    *,
    provider: str,
    model: str | None,
    request_id: str | None = None,
    key_names: str = "api_key",
    secret: str | None = None,
    clock: Callable[[], float] = time.time,
) -> BackendError:
    """The error that an answer stands for. An error inside an answer of status 200 counts by its own status."""
    known = status if status >= 400 else body.status
    details: dict[str, Any] = {"provider": provider, "model": model, "status": known, "request_id": request_id}
    status = known or 500
    said = ": ".join(
        part for part in (f"HTTP {known}" if known else "", _one_line(redact(body.message, secret))) if part
    )
    tail = f" ({said})" if said else ""
    wait = retry_after(headers, clock)
    if wait is None:
        wait = body.retry_after
    codes = body.codes

    if codes & _CONTEXT_LENGTH:
        return ContextLengthError(
            f"the prompt does not fit into the model's context{tail}", tokens=body.tokens, limit=body.limit, **details
        )
    if codes & _FILTERED or body.moderated:
        return ContentFilteredError(f"the provider's content filter declined the prompt{tail}", **details)
    if codes & _NO_QUOTA or status == 402:
        return RateLimitError(
            f"no quota or credit left; top up or use another provider{tail}",
            retry_after=wait,
            retryable=False,
            **details,
        )
    if codes & _NO_KEY or status == 401:
        return AuthenticationError(f"the key was refused; check {key_names}{tail}", **details)
    if status == 404 or status == 410 or codes & _NO_MODEL:
        return ModelNotFoundError(f"no such model or endpoint; check model and base_url{tail}", **details)
    if status == 429 or codes & _TOO_MANY:
        return RateLimitError(f"too many requests{tail}", retry_after=wait, **details)
    if status == 403 or codes & _NOT_ALLOWED:
        return PermissionDeniedError(f"the key does not allow this{tail}", **details)
    if status == 408:
        return BackendTimeoutError(f"the server waited too long for the request{tail}", **details)
    if status >= 500 or status in (409, 425) or codes & _OVERLOADED:
        return ProviderUnavailableError(
            f"the provider cannot serve now{tail}", retry_after=wait, retryable=status not in (501, 505), **details
        )
    return InvalidRequestError(f"the provider refuses the request{tail}", **details)


def retry_after(headers: Mapping[str, str], clock: Callable[[], float] = time.time) -> float | None:
    """Seconds to wait, from ``retry-after-ms`` or ``Retry-After`` (seconds or a date); None when not said."""
    milliseconds = _number(headers.get("retry-after-ms"))
    if milliseconds is not None:
        return milliseconds / 1000
    value = headers.get("Retry-After")
    seconds = _number(value)
    if seconds is not None or not value:
        return seconds
    from email.utils import parsedate_to_datetime  # here, because dates are rare and the import is not free

    try:
        moment = parsedate_to_datetime(value)
    except (TypeError, ValueError):
        return None
    # "-0000" gives a time without a zone; HTTP dates are UTC.
    return max(0.0, (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() - clock())


def _retry_delay(details: Any) -> float | None:
    """Google's RetryInfo: {"retryDelay": "34s"}."""
    for item in details if isinstance(details, list) else ():
        delay = item.get("retryDelay") if isinstance(item, Mapping) else None
        if isinstance(delay, str) and delay.endswith("s"):
            return _number(delay[:-1])
    return None


def _number(value: str | None) -> float | None:
    try:
        number = float(value or "")
    except ValueError:
        return None
    return number if math.isfinite(number) and number >= 0 else None


def _codes(error: Mapping[str, Any]) -> frozenset[str]:
    found = [error.get("code"), error.get("type"), error.get("status"), error.get("error_type")]
    inner = error.get("innererror")
    if isinstance(inner, Mapping):
        found.append(inner.get("code"))
    details = error.get("details")
    if isinstance(details, list):
        found += [item.get("reason") for item in details if isinstance(item, Mapping)]
    return frozenset(item.lower() for item in found if isinstance(item, str))


def _count(value: Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _one_line(text: str) -> str:
    text = " ".join(text.split())
    return text if len(text) <= 300 else text[:299] + "…"
