"""What all HTTP backends share: key, retries, rate limit, deadline, errors, streaming. A wire format fills the rest.

A subclass is declarative: where the provider lives, what its key is called, which :class:`Wire` it speaks.
"""

from __future__ import annotations

import abc
import asyncio
import contextlib
import json
import logging
import os
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping, Sequence
from typing import Any, ClassVar, TypeVar
from urllib.parse import urlsplit

from pydantic import SecretStr

from backends.base import AsyncBackend
from backends.exceptions import BackendError, ConfigurationError, InvalidRequestError, redact
from backends.http import MAX_BODY_BYTES, HttpClient, HttpResponse
from backends.http_address import is_loopback
from backends.http_answers import AnswerReader
from backends.http_errors import read_error_body
from backends.http_key import ApiKey
from backends.http_wire import Answer, Wire
from backends.rate_limit import RateLimiter
from backends.retries import RetryPolicy, call_with_retries
from backends.types import Attempt, Completion, Health, Request, StreamItem, Usage, message_text

__all__ = ["HTTP_SETTINGS", "HttpBackend"]

log = logging.getLogger("backends.http")

T = TypeVar("T")

#: What the constructors take beside the options of a call.
HTTP_SETTINGS = frozenset(
    {
        "api_key",
        "base_url",
        "headers",
        "max_body_bytes",
        "max_retries",
        "model",
        "rate_limit",
        "rate_limit_window",
        "retry_base_delay",
        "retry_max_delay",
        "verbose",
    }
)
# json.dumps makes an encoder for every call that has other settings than its own.
_to_json = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode


class HttpBackend(AsyncBackend):
    """A backend behind an HTTP API. See the module."""

    #: The provider's name; the id of an instance when it gets none.
    provider: ClassVar[str] = "http"
    #: Where the provider lives when nobody says otherwise.
    base_url: str = ""
    #: Variables that may hold the key, and one that may hold another base URL; first found wins.
    api_key_env: ClassVar[tuple[str, ...]] = ()
    base_url_env: ClassVar[tuple[str, ...]] = ()
    #: The variable to name to a person who has no key.
    key_hint: ClassVar[str] = ""
    default_model: ClassVar[str | None] = None
    default_headers: ClassVar[Mapping[str, str]] = {}
    request_id_headers: ClassVar[tuple[str, ...]] = ("x-request-id",)
    #: What a health check asks for; it must cost nothing.
    health_path: ClassVar[str] = "models"
    constrains_json = True

    def __init__(
        self,
        id: str | None = None,
        *,
        model: str | None = None,
        api_key: str | SecretStr | None = None,
        base_url: str | None = None,
        headers: Mapping[str, str] | None = None,
        max_retries: int | None = None,
        retry_base_delay: float | None = None,
        retry_max_delay: float | None = None,
        rate_limit: int | None = None,
        rate_limit_window: float = 60.0,
        max_body_bytes: int = MAX_BODY_BYTES,
        verbose: bool = False,
        env: Mapping[str, str] | None = None,
        **options: Any,
    ) -> None:
        """``env`` stands in for the environment. Everything else is as in the configuration."""
        super().__init__(id or self.provider, **options)
        if isinstance(max_body_bytes, bool) or not isinstance(max_body_bytes, int) or max_body_bytes < 1:
            raise ConfigurationError(f"max_body_bytes must be 1 or more, not {max_body_bytes!r}", provider=self.id)
        self._env: Mapping[str, str] = os.environ if env is None else env
        own_home = type(self).base_url
        from_env = next((url for name in self.base_url_env if (url := self._env.get(name, "").strip())), None)
        self.base_url = base_url or from_env or own_home
        self._client = HttpClient(self.base_url, provider=self.id, max_body_bytes=max_body_bytes, env=env)
        self._key = ApiKey(
            api_key,
            self._env,
            self.api_key_env,
            from_env=self.base_url in (own_home, from_env),
            required=self._client.host == urlsplit(own_home).hostname,
            hint=self.key_hint,
            owner=self.id,
        )
        self.local = is_loopback(self._client.host)
        self.model = model or self._default_model()
        self._fixed_headers = {
            "Content-Type": "application/json",
            "Accept-Encoding": "gzip, deflate",
            "User-Agent": "complaint-generator",
            **self.default_headers,
            **(headers or {}),
        }
        self._retries = RetryPolicy.from_settings(
            max_retries=max_retries, retry_base_delay=retry_base_delay, retry_max_delay=retry_max_delay, owner=self.id
        )
        self._limiter = None if rate_limit is None else RateLimiter(rate_limit, rate_limit_window, owner=self.id)
        self._log_level = logging.INFO if verbose else logging.DEBUG
        self._wire = self._make_wire()
        self._answers = AnswerReader(
            self._wire,
            owner=self.id,
            host=self._client.host,
            key_names=self._key.names,
            request_id_headers=self.request_id_headers,
            key=self._key.value,
        )

    # -- what a provider fills in -------------------------------------------------------------

    @abc.abstractmethod
    def _make_wire(self) -> Wire:
        """The wire format that this instance speaks."""

    def _authorization(self, key: str) -> Mapping[str, str]:
        """The headers that carry the key."""
        return {"Authorization": f"Bearer {key}"}

    def _default_model(self) -> str | None:
        return self.default_model

    # -- calls --------------------------------------------------------------------------------

    async def _acomplete(self, request: Request) -> Completion:
        tries: list[Attempt] = []
        while True:
            started = time.perf_counter()
            try:
                return await self._complete_once(request, started, tries)
            except BackendError as error:
                await self._wait_or_raise(error, request, tries, started)

    async def _astream(self, request: Request) -> AsyncIterator[StreamItem]:
        tries: list[Attempt] = []
        while True:
            begun = False
            started = time.perf_counter()
            try:
                async with contextlib.aclosing(self._stream_once(request, started, tries)) as items:
                    async for item in items:
                        begun = True
                        yield item
                return
            except BackendError as error:
                if begun:
                    raise
                await self._wait_or_raise(error, request, tries, started)

    async def _wait_or_raise(self, error: BackendError, request: Request, tries: list[Attempt], started: float) -> None:
        wait = self._retries.wait_before_retry(len(tries), error, remaining=request.remaining)
        if wait is None:
            raise error
        seconds = time.perf_counter() - started
        tries.append(Attempt(self.id, self._model_of(request), type(error).__name__, seconds, error.message))
        log.log(self._log_level, "%s: %s; trying again in %.2f s", self.id, error.message, wait)
        await asyncio.sleep(wait)

    async def _complete_once(self, request: Request, started: float, tries: list[Attempt]) -> Completion:
        model = self._model_of(request)
        body = self._body(self._wire.payload(request, model, False))
        headers = self._headers()
        if self._limiter is not None:
            await self._limiter.aacquire(request.deadline)
        try:
            response = await self._client.request(
                "POST", self._wire.path(model, False), headers=headers, body=body, deadline=request.deadline
            )
            answer = self._answers.read(response, model)
        except BackendError as error:
            self._name(error, model)
            raise
        return self._completion(answer, request, model, response.headers, started, tries)

    async def _stream_once(
        self, request: Request, started: float, tries: list[Attempt]
    ) -> AsyncGenerator[StreamItem, None]:
        model = self._model_of(request)
        body = self._body(self._wire.payload(request, model, True))
        headers = self._headers()
        if self._limiter is not None:
            await self._limiter.aacquire(request.deadline)
        pieces: list[str] = []
        try:
            async with self._client.stream(
                self._wire.path(model, True), headers=headers, body=body, deadline=request.deadline
            ) as stream:
                if stream.status >= 400 or stream.media_type == "application/json":
                    # An error, or a server that does not stream and sends the whole.
                    answer = self._answers.read(await stream.read(), model)
                    if answer.text:
                        yield answer.text
                else:
                    reader = self._wire.reader()
                    async with contextlib.aclosing(self._answers.pieces(stream, reader, model)) as texts:
                        async for text in texts:
                            pieces.append(text)
                            yield text
                    answer = self._answers.accepted(reader.answer(), stream.headers, model)
                yield self._completion(answer, request, model, stream.headers, started, tries)
                await stream.drain()
        except BackendError as error:
            self._name(error, model, pieces)
            raise

    async def _post_document(
        self, path: str, payload: Mapping[str, Any], model: str | None, deadline: float
    ) -> Mapping[str, Any]:
        """One request beside the completions, with the same retries, limit and errors; its answer is an object."""
        return await self._post(self._client, path, payload, model, deadline, self._answers.document)

    async def _post(
        self,
        client: HttpClient,
        path: str,
        payload: Mapping[str, Any],
        model: str | None,
        deadline: float,
        read: Callable[[HttpResponse, str | None], T],
    ) -> T:
        async def once() -> T:
            if self._limiter is not None:
                await self._limiter.aacquire(deadline)
            try:
                response = await client.request(
                    "POST", path, headers=self._headers(), body=self._body(payload), deadline=deadline
                )
                return read(response, model)
            except BackendError as error:
                self._name(error, model)
                raise

        return await call_with_retries(once, self._retries, deadline=deadline)

    def _completion(
        self,
        answer: Answer,
        request: Request,
        model: str | None,
        headers: Mapping[str, str],
        started: float,
        tries: list[Attempt],
    ) -> Completion:
        seconds = time.perf_counter() - started
        if log.isEnabledFor(self._log_level):
            log.log(self._log_level, "%s: %s answered in %.3f s", self.id, answer.model or model, seconds)
        return Completion(
            text=answer.text,
            provider=self.id,
            model=answer.model or model,
            usage=answer.usage or _estimated(request, answer.text),
            finish_reason=answer.finish_reason,
            latency=seconds,
            attempts=(*tries, Attempt(self.id, model, None, seconds)),
            request_id=self._answers.request_id(headers) or answer.id,
            tool_calls=answer.tool_calls,
        )

    def _name(self, error: BackendError, model: str | None, pieces: Sequence[str] = ()) -> None:
        """Complete an error of the layers below: whose it is, and what had arrived."""
        error.provider = error.provider or self.id
        error.model = error.model or model
        if pieces:
            error.partial = "".join(pieces)

    # -- request ------------------------------------------------------------------------------

    def _model_of(self, request: Request) -> str | None:
        model: str | None = request.options.get("model", self.model)
        return model

    def _body(self, payload: Mapping[str, Any]) -> bytes:
        try:
            return _to_json(payload).encode()
        except (TypeError, ValueError) as error:  # UnicodeEncodeError is a ValueError
            raise InvalidRequestError(
                f"the request cannot be sent as JSON: {redact(str(error))[:200]}", provider=self.id
            ) from error

    def _headers(self) -> dict[str, str]:
        key = self._key.needed()
        return self._fixed_headers if key is None else {**self._fixed_headers, **self._authorization(key)}

    # -- health, end --------------------------------------------------------------------------

    async def ahealth(self, within: float = 5.0) -> Health:
        """``health`` for asynchronous callers."""
        started = time.perf_counter()
        try:
            response = await self._client.request(
                "GET", self.health_path, headers=self._headers(), deadline=time.monotonic() + within
            )
            # A server without this path is there all the same.
            if response.status >= 400 and response.status not in (404, 405, 501):
                raise self._answers.error(response.status, response.headers, read_error_body(response.body), self.model)
        except BackendError as error:
            return Health(False, error.message, self.id, self.model, self.local, host=self._client.host)
        seconds = time.perf_counter() - started
        detail = f"{self._client.host} answers"
        return Health(True, detail, self.id, self.model, self.local, seconds, self._client.host)

    def health(self) -> Health:
        return self._loop_thread.run(self.ahealth())

    def preflight(self) -> Health:
        """Whether a key is there where one is needed, and which host gets the text."""
        host, ok = self._client.host, True
        detail = f"talks to {host}"
        try:
            self._headers()
        except BackendError as error:
            detail, ok = error.message, False
        return Health(ok, detail, self.id, self.model, self.local, host=host)

    async def aclose(self) -> None:
        await self._client.aclose()

    def close(self) -> None:
        super().close()
        self._client.close()


def _estimated(request: Request, text: str) -> Usage:
    """About four characters are a token in English; marked as estimated."""
    prompt = sum(len(message_text(message)) for message in request.messages)
    return Usage(prompt_tokens=(prompt + 3) // 4, completion_tokens=(len(text) + 3) // 4, estimated=True)
