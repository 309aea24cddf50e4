"""One request and its answer as the gate sees them: headers that cannot be two things, and those we add."""

from __future__ import annotations

import logging
import re
import secrets
import time
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from mediator.interfaces.serving.people import read_cookies
from mediator.interfaces.serving.problems import problem

__all__ = ["CONTENT_SECURITY_POLICY", "ErrorPage", "Exchange", "Message", "Scope", "Send", "Sender"]

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Send = Callable[[Message], Awaitable[None]]
#: How a refusal is shown to a person: the request, the status, what it says to programs.
ErrorPage = Callable[[Request, int, str], Response]

#: The name by which the gate has always logged.
log = logging.getLogger("mediator.interfaces.serving.gate")

CONTENT_SECURITY_POLICY = (
    "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' blob:; connect-src 'self'; "
    "form-action 'self'; frame-src 'self'; base-uri 'none'; frame-ancestors 'none'; "
    "require-trusted-types-for 'script'; trusted-types 'none'"
)
_HEADERS = (
    (b"content-security-policy", CONTENT_SECURITY_POLICY.encode()),
    (b"x-content-type-options", b"nosniff"),
    # Other sites are told nothing. With "no-referrer" a browser sends "Origin: null" with the forms of our own pages.
    (b"referrer-policy", b"same-origin"),
    (b"permissions-policy", b"camera=(self), geolocation=(), microphone=(), payment=(), usb=()"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"cache-control", b"no-store"),
)
_TRANSPORT = (b"strict-transport-security", b"max-age=31536000")
_PROGRAMS = re.compile(r"/(?:api|v1)(?:/.*)?", re.DOTALL)
_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")


class Exchange:
    """One request, as the gate reads it."""

    def __init__(self, scope: Scope, error_page: ErrorPage | None) -> None:
        self.scope = scope
        self._error_page = error_page
        self.method: str = scope["method"]
        self.path: str = scope["path"]
        self.address = scope["client"][0] if scope.get("client") else ""
        self._headers: dict[str, str] = {}
        for name, value in scope["headers"]:
            key = name.decode("latin-1").lower()
            # A header that stands twice is none of ours; the first one counts only where it cannot be a trick.
            self._headers[key] = value.decode("latin-1") if key not in self._headers else "\0twice"
        given = self._headers.get("x-request-id", "")
        self.request_id = given if _REQUEST_ID.fullmatch(given) else secrets.token_hex(8)
        self.cookies = read_cookies(self._headers.get("cookie", ""))
        self.for_programs = bool(_PROGRAMS.fullmatch(self.path))
        scope.setdefault("state", {})["request_id"] = self.request_id

    def header(self, name: str) -> str | None:
        return self._headers.get(name)

    def refusal(self, status: int, detail: str) -> Response:
        """For a program problem details, for a person a page; under a wrong host name one plain line only."""
        if self.for_programs:
            return problem(status, detail, self.request_id)
        if self._error_page is not None and status != 421:
            return self._error_page(Request(self.scope), status, detail)
        return Response(f"{detail}\n", status, media_type="text/plain; charset=utf-8")


class Sender:
    """Adds the headers that an answer lacks, and lets no line break into one."""

    def __init__(self, send: Send, visit: Exchange, *, secure: bool) -> None:
        self._send = send
        self._visit = visit
        self._secure = secure
        self._status = 0
        self._began = time.monotonic()
        self.new_cookie: bytes | None = None

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self._status = message["status"]
            message["headers"] = self._with_ours(message.get("headers", ()))
        await self._send(message)

    def log(self) -> None:
        """One line: no query, no body, no name."""
        path = self._visit.scope.get("raw_path", b"").split(b"?")[0].decode("latin-1")[:200]
        milliseconds = (time.monotonic() - self._began) * 1000
        log.info("%s %s %s %s %.0fms", self._visit.request_id, self._visit.method, path, self._status, milliseconds)

    def _with_ours(self, headers: Any) -> list[tuple[bytes, bytes]]:
        given = [(bytes(name), bytes(value)) for name, value in headers]
        for name, value in given:
            if any(sign in name + value for sign in (b"\r", b"\n", b"\0")):
                raise ValueError("a header of this answer holds a line break")
        names = {name.lower() for name, _ in given}
        ours = [(name, value) for name, value in _HEADERS if name not in names]
        ours.append((b"x-request-id", self._visit.request_id.encode()))
        if self._secure:
            ours.append(_TRANSPORT)
        if self.new_cookie is not None:
            ours.append((b"set-cookie", self.new_cookie))
        return [*given, *ours]
