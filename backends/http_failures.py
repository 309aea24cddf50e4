"""What went wrong on the way, as errors of our family. No message and no chained error holds a key."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import SplitResult

from backends.exceptions import (
    BackendError,
    BackendTimeoutError,
    ConfigurationError,
    MalformedResponseError,
    ProviderUnavailableError,
    redact,
)

if TYPE_CHECKING:
    import aiohttp

__all__ = ["HttpFailures", "without_headers"]


class HttpFailures:
    """Words the failures of one client: who (``provider``) and where (``base``)."""

    def __init__(self, provider: str, base: SplitResult) -> None:
        self._provider = provider
        self._place = base.netloc
        self._host = base.hostname or ""

    def timed_out(self) -> BackendTimeoutError:
        return BackendTimeoutError(
            f"no whole answer from {self._place} before the deadline; raise timeout or try later",
            provider=self._provider,
        )

    def broken(self) -> MalformedResponseError:
        return MalformedResponseError(
            f"the connection to {self._place} broke before the answer was complete", provider=self._provider
        )

    def damaged(self) -> MalformedResponseError:
        return MalformedResponseError("the compressed answer is damaged", provider=self._provider)

    def not_asked_for(self, encoding: str) -> MalformedResponseError:
        return MalformedResponseError(
            f'the answer is compressed with "{encoding[:20]}", which was not asked for',
            provider=self._provider,
            retryable=False,
        )

    def too_large(self, limit: int) -> MalformedResponseError:
        return MalformedResponseError(
            f"the answer is larger than the limit of {limit} bytes", provider=self._provider, retryable=False
        )

    def redirected(self, answer: aiohttp.ClientResponse) -> ConfigurationError:
        target = redact(answer.headers.get("Location", "elsewhere").partition("?")[0])[:200]
        return ConfigurationError(
            f"{self._host} redirects to {target}; redirects are not followed with a key, set base_url to the new place",
            provider=self._provider,
            status=answer.status,
        )

    def before_the_answer(self, error: Exception) -> BackendError:
        """The failure of a request that got no answer."""
        import aiohttp

        place = self._place
        if isinstance(error, aiohttp.ClientProxyConnectionError | aiohttp.ClientHttpProxyError):
            return self._unavailable("the proxy of the environment does not serve; check HTTPS_PROXY and NO_PROXY")
        if isinstance(error, aiohttp.ClientSSLError | aiohttp.ServerFingerprintMismatch):
            return self._unavailable(
                f"no trusted TLS connection to {place}: {_reason(error)}; for a private authority set SSL_CERT_FILE",
                retryable=False,
            )
        if isinstance(error, aiohttp.ClientConnectorDNSError):
            return self._unavailable(f"the name {self._host} cannot be resolved; check base_url and the network")
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


def without_headers(error: Exception) -> Exception:
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
