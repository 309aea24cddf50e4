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

from backends.exceptions import BackendError
from backends.http_address import check_base_url, join_url, proxy_for
from backends.http_failures import HttpFailures, without_headers
from backends.http_pool import SessionPool

if TYPE_CHECKING:
    import aiohttp
    from yarl import URL

__all__ = ["MAX_BODY_BYTES", "HttpClient", "HttpResponse", "HttpStream"]

#: More than any completion; a body beyond it is refused, not read.
MAX_BODY_BYTES = 32 * 2**20
#: aiohttp warns about bigger bodies given as bytes, because it writes them in one piece.
_LARGE_REQUEST = 2**20


@dataclass(frozen=True, slots=True)
class HttpResponse:
    """A whole answer, of any status. ``headers`` takes names in any case."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def media_type(self) -> str:
        return _media_type(self.headers)


class HttpStream:
    """An answer whose body is still coming."""

    def __init__(self, status: int, headers: Mapping[str, str], chunks: AsyncIterator[bytes]) -> None:
        self.status = status
        self.headers = headers
        self.chunks = chunks

    @property
    def media_type(self) -> str:
        return _media_type(self.headers)

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
        self._failures = HttpFailures(provider, self._base)
        self._max_body = max_body_bytes
        self._env = env
        self._proxy: str | None = None
        self._proxy_known = False
        self._urls: dict[str, URL] = {}
        self._sessions = SessionPool()

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
        await self._sessions.aclose()

    def close(self) -> None:
        """Ask every other event loop that still runs to close its connections."""
        self._sessions.close()

    # -- inner works --------------------------------------------------------------------------

    async def _send(
        self, method: str, path: str, headers: Mapping[str, str], body: bytes | None, deadline: float | None
    ) -> aiohttp.ClientResponse:
        import aiohttp

        total = None if deadline is None else deadline - time.monotonic()
        if total is not None and total <= 0:
            raise self._failures.timed_out()
        session = await self._session()
        try:
            answer = await session.request(
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
            raise self._failures.timed_out() from error
        except (aiohttp.ClientError, OSError, ValueError) as error:
            raise self._failures.before_the_answer(error) from without_headers(error)
        if 300 <= answer.status < 400:
            answer.close()
            raise self._failures.redirected(answer)
        return answer

    async def _bounded(self, answer: aiohttp.ClientResponse) -> AsyncGenerator[bytes, None]:
        """The body in pieces as they come, decompressed, never more than the limit."""
        if (answer.content_length or 0) > self._max_body:
            raise self._failures.too_large(self._max_body)
        decode = self._decoder(answer.headers.get("Content-Encoding", ""))
        total = 0
        async for raw in self._raw(answer):
            piece = raw
            if decode is not None:
                # One byte more than allowed is enough to know that it is too large.
                try:
                    piece = decode.decompress(raw, self._max_body - total + 1)
                except zlib.error as error:
                    raise self._failures.damaged() from error
            room = self._max_body - total
            total += len(piece)
            if piece:
                yield piece[:room] if len(piece) > room else piece
            if total > self._max_body:
                raise self._failures.too_large(self._max_body)
        if decode is not None and total and not decode.eof:
            raise self._failures.broken()

    def _decoder(self, encoding: str) -> Any:
        """What undoes the Content-Encoding; None when there is none. zlib's object has no public type."""
        encoding = encoding.strip().lower()
        if encoding in ("", "identity"):
            return None
        if encoding in ("gzip", "x-gzip", "deflate"):
            return zlib.decompressobj(wbits=zlib.MAX_WBITS | 32)
        raise self._failures.not_asked_for(encoding)

    async def _whole(self, answer: aiohttp.ClientResponse) -> bytes:
        import aiohttp

        try:
            return await answer.content.read()
        except TimeoutError as error:
            raise self._failures.timed_out() from error
        except (aiohttp.ClientError, OSError) as error:
            raise self._failures.broken() from without_headers(error)

    async def _raw(self, answer: aiohttp.ClientResponse) -> AsyncGenerator[bytes, None]:
        import aiohttp

        try:
            async for chunk in answer.content.iter_any():
                yield chunk
        except TimeoutError as error:
            raise self._failures.timed_out() from error
        except (aiohttp.ClientError, OSError) as error:
            raise self._failures.broken() from without_headers(error)

    async def _session(self) -> aiohttp.ClientSession:
        session = self._sessions.at_hand()
        if session is None:
            if not self._proxy_known:
                self._proxy = proxy_for(self._base, os.environ if self._env is None else self._env)
                self._proxy_known = True
            session = await self._sessions.opened()
        return session

    def _url(self, path: str) -> URL:
        url = self._urls.get(path)
        if url is None:
            from yarl import URL

            if len(self._urls) > 256:  # paths hold model names, which a long run may have many of
                self._urls.clear()
            url = self._urls[path] = URL(join_url(self._base, path), encoded=True)
        return url


def _media_type(headers: Mapping[str, str]) -> str:
    return headers.get("Content-Type", "").partition(";")[0].strip().lower()


async def _in_pieces(body: bytes) -> AsyncIterator[bytes]:
    for start in range(0, len(body), _LARGE_REQUEST // 4):
        yield body[start : start + _LARGE_REQUEST // 4]
