"""From status and code to the error family; the message's words decide nothing."""

from __future__ import annotations

import json
from typing import Any

import pytest

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
)
from backends.http_errors import error_from_answer, read_error_body, retry_after

NOON = 1_445_412_480.0  # Wed, 21 Oct 2015 07:28:00 GMT


def error(status: int, document: Any = None, **headers: str) -> BackendError:
    body = read_error_body(json.dumps(document).encode())
    return error_from_answer(status, headers, body, provider="p", model="m", clock=lambda: NOON)


@pytest.mark.parametrize(
    ("status", "expected", "retryable"),
    [
        (400, InvalidRequestError, False),
        (401, AuthenticationError, False),
        (402, RateLimitError, False),
        (403, PermissionDeniedError, False),
        (404, ModelNotFoundError, False),
        (405, InvalidRequestError, False),
        (408, BackendTimeoutError, True),
        (409, ProviderUnavailableError, True),
        (410, ModelNotFoundError, False),
        (413, InvalidRequestError, False),
        (422, InvalidRequestError, False),
        (429, RateLimitError, True),
        (500, ProviderUnavailableError, True),
        (501, ProviderUnavailableError, False),
        (502, ProviderUnavailableError, True),
        (503, ProviderUnavailableError, True),
        (504, ProviderUnavailableError, True),
        (529, ProviderUnavailableError, True),
    ],
)
@pytest.mark.parametrize(
    "message",
    ["plain", "rate limit exceeded, timeout, HTTP 503, invalid api key, model not found, context length"],
    ids=["plain", "misleading"],
)
def test_the_status_decides_whatever_the_message_says(
    status: int, expected: type[BackendError], retryable: bool, message: str
) -> None:
    found = error(status, {"error": {"message": message}})

    assert (type(found), found.retryable, found.status) == (expected, retryable, status)


@pytest.mark.parametrize(
    ("status", "document", "expected", "retryable"),
    [
        (400, {"error": {"code": "context_length_exceeded"}}, ContextLengthError, False),
        (400, {"error": {"type": "exceed_context_size_error"}}, ContextLengthError, False),
        (400, {"error": {"code": "content_filter"}}, ContentFilteredError, False),
        (
            400,
            {"error": {"code": "x", "innererror": {"code": "ResponsibleAIPolicyViolation"}}},
            ContentFilteredError,
            False,
        ),
        (403, {"error": {"code": 403, "metadata": {"flagged_input": "..."}}}, ContentFilteredError, False),
        (403, {"error": {"code": "model_not_found"}}, ModelNotFoundError, False),
        (429, {"error": {"code": "insufficient_quota"}}, RateLimitError, False),
        (429, {"error": {"type": "insufficient_quota", "code": None}}, RateLimitError, False),
        (413, {"error": {"code": "rate_limit_exceeded"}}, RateLimitError, True),
        (
            400,
            {"error": {"status": "INVALID_ARGUMENT", "details": [{"reason": "API_KEY_INVALID"}]}},
            AuthenticationError,
            False,
        ),
        (200, {"error": {"code": 502, "message": "down"}}, ProviderUnavailableError, True),
        (200, {"error": {"code": 429, "message": "busy"}}, RateLimitError, True),
        (200, {"error": {"type": "overloaded_error"}}, ProviderUnavailableError, True),
        (200, {"error": "something"}, ProviderUnavailableError, True),
    ],
)
def test_the_code_decides_before_the_status(
    status: int, document: Any, expected: type[BackendError], retryable: bool
) -> None:
    found = error(status, document)

    assert (type(found), found.retryable) == (expected, retryable)


def test_an_error_inside_a_good_answer_has_its_own_status_or_none() -> None:
    assert error(200, {"error": {"code": 502}}).status == 502
    assert error(200, {"error": {"type": "overloaded_error"}}).status is None


@pytest.mark.parametrize(
    ("document", "message"),
    [
        ({"error": {"message": "one\n two"}}, "one two"),
        ({"error": "plain text"}, "plain text"),
        ({"detail": "not here"}, "not here"),
        ({"message": "top level"}, "top level"),
        ([{"error": {"message": "in a list"}}], "in a list"),
        ({"error": {"message": {"nested": 1}}}, '{"nested": 1}'),
        ({"error": {"message": "x" * 1000}}, "…"),
    ],
)
def test_the_servers_words_are_kept_in_one_line(document: Any, message: str) -> None:
    text = str(error(400, document))

    assert message in text
    assert "\n" not in text
    assert len(text) < 420


def test_a_body_that_is_no_json_is_kept_as_text() -> None:
    assert read_error_body(b"<h1>Bad gateway</h1>").message == "<h1>Bad gateway</h1>"


def test_a_context_that_is_too_small_says_by_how_much() -> None:
    found = error(400, {"error": {"type": "exceed_context_size_error", "n_prompt_tokens": 900, "n_ctx": 512}})

    assert isinstance(found, ContextLengthError)
    assert (found.tokens, found.limit) == (900, 512)


def test_no_message_holds_a_key() -> None:
    body = read_error_body({"error": {"message": "Incorrect API key provided: my-own-key, sk-abcdefgh12345678"}})

    found = error_from_answer(401, {}, body, provider="p", model=None, secret="my-own-key")

    assert "my-own-key" not in str(found)
    assert "sk-abcdefgh" not in str(found)


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"Retry-After": "7"}, 7.0),
        ({"Retry-After": "0"}, 0.0),
        ({"Retry-After": "1.5"}, 1.5),
        ({"Retry-After": "-3"}, None),
        ({"Retry-After": "nan"}, None),
        ({"Retry-After": "soon"}, None),
        ({"Retry-After": "Wed, 21 Oct 2015 07:28:30 GMT"}, 30.0),
        ({"Retry-After": "Wed, 21 Oct 2015 07:28:30 -0000"}, 30.0),
        ({"Retry-After": "Wed, 21 Oct 2015 07:00:00 GMT"}, 0.0),
        ({"retry-after-ms": "250", "Retry-After": "9"}, 0.25),
    ],
)
def test_retry_after_is_seconds_or_a_date(headers: dict[str, str], seconds: float | None) -> None:
    assert retry_after(headers, lambda: NOON) == seconds


def test_retry_after_reaches_the_error() -> None:
    assert error(429, {}, **{"Retry-After": "7"}).retry_after == 7.0  # type: ignore[attr-defined]  # RateLimitError
    assert error(503, {}, **{"Retry-After": "7"}).retry_after == 7.0  # type: ignore[attr-defined]  # as above


def test_googles_retry_delay_counts_where_there_is_no_header() -> None:
    details = [{"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "34.5s"}]

    found = error(429, {"error": {"code": 429, "status": "RESOURCE_EXHAUSTED", "details": details}})

    assert isinstance(found, RateLimitError)
    assert found.retry_after == 34.5
