"""Every HTTP provider x every failure: the right error, within the deadline, and nothing left behind."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import pytest

from backends.base import Backend
from backends.exceptions import (
    AuthenticationError,
    BackendError,
    BackendTimeoutError,
    MalformedResponseError,
    ModelNotFoundError,
    PermissionDeniedError,
    ProviderUnavailableError,
    RateLimitError,
)
from tests.support import wire
from tests.support.http_server import Act, Reply, ScriptedServer, closed_port, json_reply

pytestmark = [
    pytest.mark.usefixtures("nothing_left"),
    pytest.mark.filterwarnings("error::ResourceWarning", "error::pytest.PytestUnraisableExceptionWarning"),
    pytest.mark.timeout(20),
]

_JSON = {"Content-Type": "application/json"}
LIMIT = 4096
#: Long enough for a busy machine, and short where waiting for it is the test.
_PATIENT, _SHORT = 15.0, 0.15


@dataclass(frozen=True)
class Fault:
    """What the server does, and what the caller must see."""

    reply: Callable[[wire.Dialect], Reply]
    error: type[BackendError]
    retryable: bool
    status: int | None = None
    retry_after: float | None = None

    @property
    def deadline(self) -> float:
        return _SHORT if self.error is BackendTimeoutError else _PATIENT


def _error(status: int, code: str, **headers: str) -> Callable[[wire.Dialect], Reply]:
    return lambda dialect: json_reply(dialect.error(status, code), status, **headers)


def _half(dialect: wire.Dialect) -> bytes:
    return json.dumps(dialect.whole("hello")).encode()[:20]


FAULTS: Mapping[str, Fault] = {
    "reset-mid-body": Fault(
        lambda dialect: Reply(200, _JSON, [_half(dialect), Act.RESET], length=900), MalformedResponseError, True
    ),
    "closed-mid-body": Fault(
        lambda dialect: Reply(200, _JSON, [_half(dialect), Act.CLOSE], length=900), MalformedResponseError, True
    ),
    "closed-without-answer": Fault(lambda _: Reply(instead=Act.CLOSE), ProviderUnavailableError, True),
    "reset-without-answer": Fault(lambda _: Reply(instead=Act.RESET), ProviderUnavailableError, True),
    "slow-headers": Fault(lambda _: Reply(instead=Act.HANG), BackendTimeoutError, True),
    "slow-body": Fault(
        lambda dialect: Reply(200, _JSON, [_half(dialect), Act.HANG], length=900), BackendTimeoutError, True
    ),
    "401": Fault(_error(401, "authentication_error"), AuthenticationError, False, 401),
    "403": Fault(_error(403, "permission_error"), PermissionDeniedError, False, 403),
    "404": Fault(_error(404, "not_found_error"), ModelNotFoundError, False, 404),
    "429": Fault(_error(429, "rate_limit_error"), RateLimitError, True, 429),
    "429-retry-after": Fault(
        _error(429, "rate_limit_error", Retry_After="7"), RateLimitError, True, 429, retry_after=7.0
    ),
    "500": Fault(_error(500, "api_error"), ProviderUnavailableError, True, 500),
    "503": Fault(_error(503, "unavailable"), ProviderUnavailableError, True, 503),
    "529": Fault(_error(529, "overloaded_error"), ProviderUnavailableError, True, 529),
    "500-no-json": Fault(
        lambda _: Reply(500, {"Content-Type": "text/html"}, [b"<h1>Bad gateway</h1>"]),
        ProviderUnavailableError,
        True,
        500,
    ),
    "invalid-json": Fault(lambda _: Reply(200, _JSON, [b'{"choices": [']), MalformedResponseError, True),
    "wrong-shape": Fault(lambda _: json_reply({"hello": "world"}), MalformedResponseError, True),
    "no-object": Fault(lambda _: json_reply(["hello"]), MalformedResponseError, True),
    "empty-body": Fault(lambda _: Reply(200, _JSON), MalformedResponseError, True),
    "wrong-content-type": Fault(
        lambda _: Reply(200, {"Content-Type": "text/html"}, [b"<h1>Welcome</h1>"]), MalformedResponseError, False
    ),
    "huge-body": Fault(lambda dialect: json_reply(dialect.whole("x" * (LIMIT + 1))), MalformedResponseError, False),
    "huge-body-of-unknown-length": Fault(
        lambda _: Reply(200, _JSON, [b" " * 1024] * 8, length=None), MalformedResponseError, False
    ),
    "no-http": Fault(lambda _: Reply(99, {"Content-Length": "-1"}), MalformedResponseError, True),
}


def _sync(backend: Backend, timeout: float) -> None:
    backend.generate("hi", timeout=timeout)


def _streamed(backend: Backend, timeout: float) -> None:
    list(backend.stream("hi", timeout=timeout))


def _asynchronous(backend: Backend, timeout: float) -> None:
    async def call() -> None:
        try:
            await backend.agenerate("hi", timeout=timeout)
        finally:
            assert asyncio.all_tasks() == {asyncio.current_task()}

    asyncio.run(call())


FACES = {"sync": _sync, "stream": _streamed, "async": _asynchronous}
DIALECTS: Mapping[str, tuple[str, wire.Dialect, Mapping[str, Any]]] = {
    **{name: (name, dialect, {}) for name, dialect in wire.HOSTED.items()},
    "openai-responses": ("openai", wire.RESPONSES, {"api": "responses"}),
}

every_provider = pytest.mark.parametrize(("name", "dialect", "settings"), DIALECTS.values(), ids=list(DIALECTS))


@pytest.mark.parametrize("face", FACES.values(), ids=list(FACES))
@pytest.mark.parametrize("fault", FAULTS.values(), ids=list(FAULTS))
@every_provider
def test_a_failure_is_the_right_error(
    server: ScriptedServer,
    name: str,
    dialect: wire.Dialect,
    settings: Mapping[str, Any],
    fault: Fault,
    face: Callable[[Backend, float], None],
) -> None:
    server.always = fault.reply(dialect)

    with (
        wire.provider(name, server.url, max_body_bytes=LIMIT, **settings) as backend,
        pytest.raises(fault.error) as caught,
    ):
        face(backend, fault.deadline)

    error = caught.value
    assert (type(error), error.retryable, error.status) == (fault.error, fault.retryable, fault.status)
    assert getattr(error, "retry_after", None) == fault.retry_after
    assert (error.provider, error.model) == (name, "m")
    assert len(server.requests) == 1
    assert wire.KEY not in f"{error} {error!r} {vars(error)} {error.__cause__!r} {error.__context__!r}"


@pytest.mark.parametrize("face", FACES.values(), ids=list(FACES))
@every_provider
def test_a_refused_connection_is_unavailable(
    server: ScriptedServer,
    name: str,
    dialect: wire.Dialect,
    settings: Mapping[str, Any],
    face: Callable[[Backend, float], None],
) -> None:
    with (
        wire.provider(name, f"http://127.0.0.1:{closed_port()}", **settings) as backend,
        pytest.raises(ProviderUnavailableError, match=r"cannot connect.*is the server running") as caught,
    ):
        face(backend, _PATIENT)

    assert caught.value.retryable


BREAKS: Mapping[str, tuple[Callable[[wire.Dialect], Reply], type[BackendError]]] = {
    "reset": (lambda dialect: dialect.broken("hel", "lo", then=Act.RESET), MalformedResponseError),
    "closed": (lambda dialect: dialect.broken("hel", "lo", then=Act.CLOSE), MalformedResponseError),
    "slow": (lambda dialect: dialect.broken("hel", "lo", then=Act.HANG), BackendTimeoutError),
    "no-end": (lambda dialect: dialect.cut("hel", "lo"), MalformedResponseError),
    "no-json": (lambda dialect: dialect.cut("hel", "lo", "data: {oops\n\n"), MalformedResponseError),
    "error-event": (
        lambda dialect: dialect.cut("hel", "lo", dialect.error(429, "rate_limit_error")),
        RateLimitError,
    ),
    "huge": (lambda dialect: dialect.cut("hel", "lo", ": " + "x" * LIMIT + "\n"), MalformedResponseError),
}


@pytest.mark.parametrize(("reply", "error"), BREAKS.values(), ids=list(BREAKS))
@every_provider
def test_a_stream_that_breaks_keeps_what_had_arrived(
    server: ScriptedServer,
    name: str,
    dialect: wire.Dialect,
    settings: Mapping[str, Any],
    reply: Callable[[wire.Dialect], Reply],
    error: type[BackendError],
) -> None:
    server.always = reply(dialect)
    pieces: list[str] = []

    with (
        wire.provider(name, server.url, max_retries=2, max_body_bytes=LIMIT, **settings) as backend,
        pytest.raises(error) as caught,
    ):
        pieces.extend(backend.stream("hi", timeout=3 * _SHORT if error is BackendTimeoutError else _PATIENT))

    assert caught.value.partial == "hello"
    assert len(server.requests) == 1  # text was given out: nothing may be tried again


@every_provider
def test_a_reader_that_stops_early_leaves_no_connection(
    server: ScriptedServer, name: str, dialect: wire.Dialect, settings: Mapping[str, Any]
) -> None:
    server.always = dialect.broken("hel", "lo", then=Act.HANG)

    with wire.provider(name, server.url, **settings) as backend:
        stream = backend.stream("hi")
        assert next(stream) == "hel"
        stream.close()  # type: ignore[attr-defined]  # it is a generator

        assert server.wait_until_open(0)


@every_provider
def test_a_cancelled_call_leaves_no_connection(
    server: ScriptedServer, name: str, dialect: wire.Dialect, settings: Mapping[str, Any]
) -> None:
    server.always = Reply(instead=Act.HANG)

    async def cancel(backend: Backend) -> None:
        task = asyncio.create_task(backend.agenerate("hi"))
        assert await asyncio.to_thread(server.wait_until_received, 1)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert await asyncio.to_thread(server.wait_until_open, 0)

    with wire.provider(name, server.url, **settings) as backend:
        asyncio.run(cancel(backend))
