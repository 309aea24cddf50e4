"""Failures as problem details (RFC 9457). One table says which status an error of our families is."""

from __future__ import annotations

import json
from http import HTTPStatus
from typing import Any

from starlette.responses import Response

from backends.exceptions import BackendError, redact
from backends.llm_router.rest.failures import headers_of, status_of
from mediator import exceptions as told
from mediator.evidence import errors as kept
from mediator.office.room import NoRoomError

__all__ = ["MEDIA_TYPE", "PROBLEM_SCHEMA", "TooLargeError", "WrongTypeError", "problem", "status_for"]

MEDIA_TYPE = "application/problem+json"


class TooLargeError(told.MediatorError):
    """More bytes than are taken here."""


class WrongTypeError(told.MediatorError):
    """A kind of content that is not taken here."""


#: The first that fits.
_STATUS: tuple[tuple[type[Exception], int], ...] = (
    (TooLargeError, 413),
    (NoRoomError, 413),
    (WrongTypeError, 415),
    (told.NotFoundError, 404),
    (told.StepChangedError, 409),
    (told.SessionBusyError, 409),
    (told.SessionError, 500),
    (told.SetupError, 501),
    (told.MediatorError, 422),
    (kept.NotFoundError, 404),
    (kept.LegalHoldError, 409),
    (kept.InvalidCidError, 422),
    (kept.InvalidInputError, 422),
    (kept.SourceError, 422),
    (kept.StorageFullError, 507),
    (kept.StoreBusyError, 503),
    (kept.EvidenceError, 500),
)
PROBLEM_SCHEMA: dict[str, Any] = {
    "type": "object",
    "required": ["type", "title", "status", "detail", "request_id"],
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "request_id": {"type": "string"},
        "errors": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {"field": {"type": "string"}, "message": {"type": "string"}},
                "required": ["field", "message"],
            },
        },
    },
}


def status_for(error: Exception) -> int | None:
    """The status of an error of our families; None for one that nobody foresaw."""
    if isinstance(error, BackendError):
        return status_of(error)
    return next((status for kind, status in _STATUS if isinstance(error, kind)), None)


def problem(status: int, detail: str, request_id: str, **more: Any) -> Response:
    """The answer that tells what went wrong, without a secret and without a word of a story."""
    headers = more.pop("headers", {})
    document = {
        "type": "about:blank",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": redact(detail),
        "request_id": request_id,
        **more,
    }
    return Response(json.dumps(document), status, headers, MEDIA_TYPE)


def problem_of(error: Exception, status: int, request_id: str) -> Response:
    """The answer to an error of our families."""
    headers = headers_of(error) if isinstance(error, BackendError) else {}
    detail = error.message if isinstance(error, BackendError) else str(error)
    return problem(status, detail, request_id, headers=headers)
