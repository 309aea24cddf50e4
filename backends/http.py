"""The one HTTP client of all backends: pooled, bounded, and silent about keys.

aiohttp is hidden here and imported at the first call. One session an event loop, closed with it or by
``aclose``. One deadline covers connecting, headers and body. Redirects are not followed (they would carry the
key elsewhere), bodies are bounded also after decompression, proxies of the environment are honoured but never
for loopback, TLS certificates are verified.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import time
import zlib
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import SplitResult, urlsplit

from backends.exceptions import (
    BackendError,
    BackendTimeoutError,
    ConfigurationError,
    MalformedResponseError,
    ProviderUnavailableError,
    redact,
)
from backends.http_proxies import proxy_for

if TYPE_CHECKING:
    import aiohttp
    from yarl import URL

__all__ = ["HttpClient", "HttpResponse", "HttpStream", "check_base_url"]

#: More than any completion; a body beyond it is refused, not read.
MAX_BODY_BYTES = 32 * 2**20
#: Idle connections are kept this long. Many servers drop theirs after 60 s, some after 5; a drop is noticed at once.
_KEEPALIVE_SECONDS = 30
#: aiohttp warns about bigger bodies given as bytes, because it writes them in one piece.
_LARGE_REQUEST = 2**20


@dataclass(frozen=True, slots=True)
class HttpResponse:
    """A whole answer, of any status. ``headers`` takes names in any case."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def content_type(self) -> str:
        return self.headers.get("Content-Type", "").partition(";")[0].strip().lower()


class HttpStream:
    """An answer whose body is still coming."""

    def __init__(self, status: int, headers: Mapping[str, str], chunks: AsyncIterator[bytes]) -> None:
        self.status = status
        self.headers = headers
        self.chunks = chunks

    async def read(self) -> HttpResponse:
        """Take the rest of the body as one answer."""
        return HttpResponse(self.status, self.headers, b"".join([chunk async for chunk in self.chunks]))

    async def drain(self, seconds: float = 0.1) -> None:
        """Read to the end if it is near, so that the connection can serve the next call."""
        with contextlib.suppress(TimeoutError, BackendError):
            async with asyncio.timeout(seconds):
                async for _ in self.chunks:
                    pass


class HttpClient:
    """POST and GET under one base URL. One object serves many threads and tasks, each on its own event loop."""

    def __init__(
        self,
        base_url: str,
        *,
        provider: str,
        max_body_bytes: int = MAX_BODY_BYTES,
        env: Mapping[str, str] | None = None,
    ) -> None:
        self._base = check_base_url(base_url, provider)
        self._provider = provider
        self._max_body = max_body_bytes
        self._env = env
        self._proxy: str | None = None
        self._proxy_known = False
        self._urls: dict[str, URL] = {}
        self._pools: dict[asyncio.AbstractEventLoop, _Pool] = {}

    @property
    def host(self) -> str:
        return self._base.hostname or ""

    def drop_path_suffix(self, suffix: str) -> None:
        """Leave out an ending of the base URL's path that the paths of the calls bring along."""
        path = self._base.path.rstrip("/")
        if path.endswith(suffix):
            self._base = self._base._replace(path=path.removesuffix(suffix))

    async def request(
        self,
        method: str,
        path: str,
        *,
        headers: Mapping[str, str],
        body: bytes | None = None,
        deadline: float | None = None,
    ) -> HttpResponse:
        """Send one request and read the whole answer. Every failure is a BackendError."""
        answer = await self._send(method, path, headers, body, deadline)
        try:
            length = answer.content_length
            if length is not None and length <= self._max_body and "Content-Encoding" not in answer.headers:
                data = await self._whole(answer)  # the usual case, without a generator's cost
            else:
                data = b"".join([chunk async for chunk in self._bounded(answer)])
            return HttpResponse(answer.status, answer.headers, data)
        finally:
            answer.release()  # to the pool if the body was read to its end; it is closed otherwise

    @contextlib.asynccontextmanager
    async def stream(
        self, path: str, *, headers: Mapping[str, str], body: bytes, deadline: float | None = None
    ) -> AsyncGenerator[HttpStream, None]:
        """POST and give the answer as soon as its headers are there."""
        answer = await self._send("POST", path, headers, body, deadline)
        try:
            async with contextlib.aclosing(self._bounded(answer)) as chunks:
                yield HttpStream(answer.status, answer.headers, chunks)
        finally:
            answer.release()  # to the pool if the body was read to its end; it is closed otherwise

    async def aclose(self) -> None:
        """Close the connections of the running event loop."""
        pool = self._pools.pop(asyncio.get_running_loop(), None)
        if pool is not None:
            await pool.lifetime.aclose()

    def close(self) -> None:
        """Ask every other event loop that still runs to close its connections."""
        for loop, pool in list(self._pools.items()):
            self._pools.pop(loop, None)
            # A loop that is closed, or closes just now, has closed its session at its own end.
            with contextlib.suppress(RuntimeError):
                loop.call_soon_threadsafe(_close_in_loop, loop, pool.lifetime)

    # -- inner works --------------------------------------------------------------------------

    async def _send(
        self, method: str, path: str, headers: Mapping[str, str], body: bytes | None, deadline: float | None
    ) -> aiohttp.ClientResponse:
        import aiohttp

        total = None if deadline is None else deadline - time.monotonic()
        if total is not None and total <= 0:
            raise self._timed_out()
        pool = await self._pool()
        try:
            answer = await pool.session.request(
                method,
                self._url(path),
                data=body if body is None or len(body) < _LARGE_REQUEST else _in_pieces(body),
                headers=headers,
                allow_redirects=False,
                proxy=self._proxy,
                # ceil_threshold: aiohttp would round deadlines above 5 s up to whole seconds.
                timeout=aiohttp.ClientTimeout(total=total, ceil_threshold=float("inf")),
            )
        except TimeoutError as error:
            raise self._timed_out() from error
        except (aiohttp.ClientError, OSError, ValueError) as error:
            raise self._failure(error) from _without_headers(error)
        if 300 <= answer.status < 400:
            answer.close()
            raise self._redirected(answer)
        return answer

    async def _bounded(self, answer: aiohttp.ClientResponse) -> AsyncGenerator[bytes, None]:
        """The body in pieces as they come, decompressed, never more than the limit."""
        if (answer.content_length or 0) > self._max_body:
            raise self._too_large()
        decode = _decoder(answer.headers.get("Content-Encoding", ""), self._provider)
        total = 0
        async for raw in self._raw(answer):
            piece = raw
            if decode is not None:
                # One byte more than allowed is enough to know that it is too large.
                try:
                    piece = decode.decompress(raw, self._max_body - total + 1)
                except zlib.error as error:
                    raise MalformedResponseError("the compressed answer is damaged", provider=self._provider) from error
            room = self._max_body - total
            total += len(piece)
            if piece:
                yield piece[:room] if len(piece) > room else piece
            if total > self._max_body:
                raise self._too_large()
        if decode is not None and total and not decode.eof:
            raise self._broken()

    async def _whole(self, answer: aiohttp.ClientResponse) -> bytes:
        import aiohttp

        try:
            return await answer.content.read()
        except TimeoutError as error:
            raise self._timed_out() from error
        except (aiohttp.ClientError, OSError) as error:
            raise self._broken() from _without_headers(error)

    async def _raw(self, answer: aiohttp.ClientResponse) -> AsyncGenerator[bytes, None]:
        import aiohttp

        try:
            async for chunk in answer.content.iter_any():
                yield chunk
        except TimeoutError as error:
            raise self._timed_out() from error
        except (aiohttp.ClientError, OSError) as error:
            raise self._broken() from _without_headers(error)

    async def _pool(self) -> _Pool:
        loop = asyncio.get_running_loop()
        pool = self._pools.get(loop)
        if pool is None:
            if not self._proxy_known:
                self._proxy = proxy_for(self._base, os.environ if self._env is None else self._env)
                self._proxy_known = True
            for old in [known for known in list(self._pools) if known.is_closed()]:
                self._pools.pop(old, None)
            lifetime = _session_lifetime()
            pool = self._pools[loop] = _Pool(await anext(lifetime), lifetime)
        return pool

    def _url(self, path: str) -> URL:
        url = self._urls.get(path)
        if url is None:
            from yarl import URL

            base = self._base
            addition, _, query = path.partition("?")
            queries = "&".join(part for part in (base.query, query) if part)
            full = base._replace(path=f"{base.path.rstrip('/')}/{addition.lstrip('/')}", query=queries)
            if len(self._urls) > 256:  # paths hold model names, which a long run may have many of
                self._urls.clear()
            url = self._urls[path] = URL(full.geturl(), encoded=True)
        return url

    # -- failures -----------------------------------------------------------------------------

    def _timed_out(self) -> BackendTimeoutError:
        return BackendTimeoutError(
            f"no whole answer from {self._base.netloc} before the deadline; raise timeout or try later",
            provider=self._provider,
        )

    def _broken(self) -> MalformedResponseError:
        return MalformedResponseError(
            f"the connection to {self._base.netloc} broke before the answer was complete", provider=self._provider
        )

    def _too_large(self) -> MalformedResponseError:
        return MalformedResponseError(
            f"the answer is larger than the limit of {self._max_body} bytes", provider=self._provider, retryable=False
        )

    def _redirected(self, answer: aiohttp.ClientResponse) -> ConfigurationError:
        target = redact(answer.headers.get("Location", "elsewhere").partition("?")[0])[:200]
        return ConfigurationError(
            f"{self.host} redirects to {target}; redirects are not followed with a key, set base_url to the new place",
            provider=self._provider,
            status=answer.status,
        )

    def _failure(self, error: Exception) -> BackendError:
        import aiohttp

        place = self._base.netloc
        if isinstance(error, aiohttp.ClientProxyConnectionError | aiohttp.ClientHttpProxyError):
            return self._unavailable("the proxy of the environment does not serve; check HTTPS_PROXY and NO_PROXY")
        if isinstance(error, aiohttp.ClientSSLError | aiohttp.ServerFingerprintMismatch):
            return self._unavailable(
                f"no trusted TLS connection to {place}: {_reason(error)}; for a private authority set SSL_CERT_FILE",
                retryable=False,
            )
        if isinstance(error, aiohttp.ClientConnectorDNSError):
            return self._unavailable(f"the name {self.host} cannot be resolved; check base_url and the network")
        if isinstance(error, aiohttp.ClientConnectorError):
            return self._unavailable(f"cannot connect to {place} ({_reason(error)}); is the server running?")
        if isinstance(error, aiohttp.ServerDisconnectedError | OSError):
            return self._unavailable(f"{place} closed the connection without an answer")
        if isinstance(error, aiohttp.ClientResponseError):
            return MalformedResponseError(f"{place} does not answer in HTTP", provider=self._provider)
        return ConfigurationError(
            f"the request to {place} cannot be made: {redact(str(error))[:200]}", provider=self._provider
        )

    def _unavailable(self, message: str, retryable: bool = True) -> ProviderUnavailableError:
        return ProviderUnavailableError(message, provider=self._provider, retryable=retryable)


@dataclass(frozen=True, slots=True)
class _Pool:
    session: aiohttp.ClientSession
    lifetime: AsyncGenerator[aiohttp.ClientSession, None]


async def _session_lifetime() -> AsyncGenerator[aiohttp.ClientSession, None]:
    """Hold one session open. The event loop closes its generators when it ends, and so the session."""
    import aiohttp

    connector = aiohttp.TCPConnector(limit=1024, keepalive_timeout=_KEEPALIVE_SECONDS)
    session = aiohttp.ClientSession(
        connector=connector,
        cookie_jar=aiohttp.DummyCookieJar(),
        auto_decompress=False,
    )
    try:
        yield session
    finally:
        await session.close()
        await asyncio.sleep(0)  # the transports close in the loop's next turn


def _close_in_loop(loop: asyncio.AbstractEventLoop, lifetime: AsyncGenerator[Any, None]) -> None:
    task = loop.create_task(lifetime.aclose())
    _closing.add(task)
    task.add_done_callback(_closing.discard)


#: A loop holds its tasks weakly; these are held until they are done.
_closing: set[asyncio.Task[Any]] = set()


async def _in_pieces(body: bytes) -> AsyncIterator[bytes]:
    for start in range(0, len(body), _LARGE_REQUEST // 4):
        yield body[start : start + _LARGE_REQUEST // 4]


def _decoder(encoding: str, provider: str) -> Any:
    """What undoes the Content-Encoding; None when there is none. zlib's object has no public type."""
    encoding = encoding.strip().lower()
    if encoding in ("", "identity"):
        return None
    if encoding in ("gzip", "x-gzip", "deflate"):
        return zlib.decompressobj(wbits=zlib.MAX_WBITS | 32)
    raise MalformedResponseError(
        f'the answer is compressed with "{encoding[:20]}", which was not asked for', provider=provider, retryable=False
    )


def _without_headers(error: Exception) -> Exception:
    """aiohttp's response errors carry the request's headers, the key among them, into their repr."""
    import aiohttp
    from multidict import CIMultiDict, CIMultiDictProxy

    if isinstance(error, aiohttp.ClientResponseError):
        known = error.request_info
        if known is not None:
            error.request_info = aiohttp.RequestInfo(
                known.url, known.method, CIMultiDictProxy(CIMultiDict()), known.real_url
            )
        error.args = (error.status, error.message)
    return error


def _reason(error: Exception) -> str:
    cause = getattr(error, "os_error", None) or getattr(error, "certificate_error", None) or error
    return redact(getattr(cause, "strerror", None) or getattr(cause, "verify_message", None) or str(cause))[:200]


def check_base_url(base_url: str, provider: str) -> SplitResult:
    """Return the parts of a usable base URL; raise ConfigurationError otherwise."""
    problem = None
    try:
        parts = urlsplit(base_url.strip())
        if parts.scheme not in ("http", "https"):
            problem = "must begin with http:// or https://"
        elif not parts.hostname or parts.port == 0:
            problem = "names no host"
        elif parts.username is not None or parts.password is not None:
            problem = "must not hold a user name or password; use api_key"
    except ValueError as error:
        raise ConfigurationError(f"base_url is no URL: {redact(base_url)!r:.120}", provider=provider) from error
    if problem:
        raise ConfigurationError(f"base_url {problem}: {redact(base_url)!r:.120}", provider=provider)
    return parts._replace(fragment="")
