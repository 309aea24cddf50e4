"""What every request passes before it is looked at: an id, a token, a size limit, and no foreign web page.

A page on another site can make a browser send requests to this machine. So the Host must be one of ours, and an
Origin, which only browsers send, must be the same host and port: another port is another program.
"""

from __future__ import annotations

import asyncio
import hmac
import ipaddress
import json
import re
import secrets
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any
from urllib.parse import urlsplit

from backends.exceptions import ConfigurationError
from backends.llm_router.rest.bodies import Receive, Replayed, whole_body

__all__ = ["Guard", "is_loopback_host", "usable_token"]

Scope = MutableMapping[str, Any]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")


def is_loopback_host(host: str) -> bool:
    """Whether the name or address is this machine's own."""
    name = host.strip("[]").lower()
    if name == "localhost":
        return True
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False


def usable_token(token: str | None) -> str | None:
    """The token without outer blanks, None when there is none; ConfigurationError for one that no client can send."""
    text = (token or "").strip()
    if not text.isascii() or not text.isprintable() or " " in text:
        raise ConfigurationError(
            "the server's token must be printable ASCII without blanks, because it travels in an HTTP header; "
            'make one by: python -c "import secrets; print(secrets.token_urlsafe())"'
        )
    return text or None


class Guard:
    """ASGI middleware; see the module."""

    def __init__(
        self, app: App, *, token: str | None, max_body_bytes: int, hosts: frozenset[str], body_seconds: float = 30.0
    ) -> None:
        self._app = app
        self._token = token.encode() if token else None
        self._max = max_body_bytes
        self._body_seconds = body_seconds
        self._hosts = hosts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        given = headers.get("x-request-id", "")
        request_id = given if _REQUEST_ID.fullmatch(given) else secrets.token_hex(8)
        scope.setdefault("state", {})["request_id"] = request_id

        async def send_with_id(message: MutableMapping[str, Any]) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [
                    *message["headers"],
                    (b"x-request-id", request_id.encode()),
                    (b"x-content-type-options", b"nosniff"),
                    (b"cache-control", b"no-store"),
                ]
            await send(message)

        refusal = self._refusal(scope["path"], headers)
        if refusal is not None:
            await _refuse(send_with_id, scope["path"], *refusal, request_id=request_id)
            return
        try:
            body = await asyncio.wait_for(whole_body(receive, self._max), self._body_seconds)
        except TimeoutError:
            await _refuse(send_with_id, scope["path"], 408, "the body did not arrive in time", request_id=request_id)
            return
        if body is None:
            detail = f"the body is larger than {self._max} bytes"
            await _refuse(send_with_id, scope["path"], 413, detail, request_id=request_id)
            return
        await self._app(scope, Replayed(body, receive), send_with_id)

    def _refusal(self, path: str, headers: MutableMapping[str, str]) -> tuple[int, str] | None:
        place = headers.get("host", "").lower()
        host = _name(place)
        if host not in self._hosts and not (is_loopback_host(host) and "localhost" in self._hosts):
            return 421, "this server does not answer under that host name"
        origin = headers.get("origin")
        if origin is not None and origin.lower().partition("://")[2] != place:
            return 403, "requests from web pages of other sites are refused"
        if self._token is not None and not self._let_in(headers.get("authorization", "")):
            return 401, "a token is needed: Authorization: Bearer ..."
        length = headers.get("content-length", "0")
        if not length.isascii() or not length.isdigit():
            return 400, "Content-Length is not a number"
        if int(length) > self._max:
            return 413, f"the body is larger than {self._max} bytes"
        return None

    def _let_in(self, authorization: str) -> bool:
        scheme, _, given = authorization.partition(" ")
        assert self._token is not None
        return scheme.lower() == "bearer" and hmac.compare_digest(given.strip().encode(), self._token)


def _name(place: str) -> str:
    try:
        return urlsplit(f"//{place}").hostname or ""
    except ValueError:
        return ""


async def _refuse(send: Send, path: str, status: int, detail: str, *, request_id: str) -> None:
    if path.startswith("/v1/"):
        from backends.llm_router.rest.failures import openai_error

        document: dict[str, Any] = openai_error(detail, status)
        media_type = b"application/json"
    else:
        document = {
            "type": "about:blank",
            "status": status,
            "title": "Refused",
            "detail": detail,
            "request_id": request_id,
        }
        media_type = b"application/problem+json"
    body = json.dumps(document).encode()
    headers = [(b"content-type", media_type), (b"content-length", str(len(body)).encode())]
    if status == 401:
        headers.append((b"www-authenticate", b"Bearer"))
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
