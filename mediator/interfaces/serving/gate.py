"""What every request passes before anything looks at it, and every answer before it leaves.

In: host, origin, size and time of the body, who is asking, how fast, and for what changes something the form's token.
Nobody gets further than the sign-in page without a login where one is needed: a new route is closed until it is
named here as open. Out: the headers that keep a browser from running, framing, guessing or keeping what it got.
"""

from __future__ import annotations

import asyncio
import hmac
import re
from collections.abc import Awaitable, Callable
from urllib.parse import parse_qs, urlsplit

from anyio import CapacityLimiter, to_thread
from starlette.responses import RedirectResponse, Response

from backends.llm_router.rest.bodies import Receive, Replayed, whole_body
from backends.llm_router.rest.guard import is_loopback_host
from mediator.interfaces.serving.exchange import (
    CONTENT_SECURITY_POLICY,
    ErrorPage,
    Exchange,
    Message,
    Scope,
    Send,
    Sender,
)
from mediator.interfaces.serving.pace import Pace, Turns
from mediator.interfaces.serving.people import Doorkeeper, Person
from mediator.interfaces.serving.pieces import Pieces
from mediator.interfaces.serving.settings import ServerSettings

__all__ = ["CONTENT_SECURITY_POLICY", "MAX_BODY_BYTES", "Gate"]

App = Callable[[Scope, Receive, Send], Awaitable[None]]

#: Of what is no upload: a story of half a million characters, in whatever script, fits.
MAX_BODY_BYTES = 4 * 2**20
#: Of a visitor whom nobody knows, who can send nothing but a name and a password.
_NOBODYS_BYTES = 16 * 2**10
#: What a visitor whom nobody knows may see where a login is needed.
_OPEN = re.compile(r"/(?:login|leave|back|calendar|health|favicon\.ico|static/.*|api/v1/openapi\.json)", re.DOTALL)
#: Where files are handed in: the body is read by ``read_upload`` and by nothing else.
_UPLOADS = re.compile(r"(?:/api/v1)?/cases/[^/]+/evidence")
#: Answers without end: they hold no thread, and have a limit of their own.
_STREAMS = re.compile(r"/api/v1/cases/[^/]+/events")
_MODELS = re.compile(r"/(?:api/v0|v1)(?:/.*)?", re.DOTALL)
_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
_FORWARDED = ("forwarded", "x-forwarded-for", "x-forwarded-host", "x-forwarded-proto", "x-real-ip", "via")
_BODY_SECONDS = 30.0
#: An upload may take as long as its line is slow, but not stand still.
_STALL_SECONDS = 30.0


class Gate:
    """ASGI middleware; see the module."""

    def __init__(
        self,
        app: App,
        *,
        settings: ServerSettings,
        keeper: Doorkeeper,
        body_seconds: float = _BODY_SECONDS,
        stall_seconds: float = _STALL_SECONDS,
        error_page: ErrorPage | None = None,
    ) -> None:
        self._app = app
        self._error_page = error_page
        self._settings = settings
        self._keeper = keeper
        self._pace = Pace(settings.requests_per_minute)
        self._turns = Turns()
        # Its own threads: telling who somebody is never waits for what others do.
        self._asking = CapacityLimiter(4)
        self._body_seconds = body_seconds
        self._stall_seconds = stall_seconds
        self._own_origin = None if settings.origin is None else settings.origin.rstrip("/")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        if scope["type"] != "http":
            await send({"type": "websocket.close", "code": 1008})
            return
        visit = Exchange(scope, self._error_page)
        sender = Sender(send, visit, secure=self._settings.secure)
        try:
            refusal = await self._admit(scope, visit, sender)
            if refusal is not None:
                await refusal(scope, receive, sender)
                return
            if _STREAMS.fullmatch(visit.path):
                await self._answer(scope, visit, receive, sender)
                return
            async with self._turns.one(_key(scope, visit)) as admitted:
                if admitted:
                    await self._answer(scope, visit, receive, sender)
                else:
                    await _told_to_wait(visit, 1)(scope, receive, sender)
        finally:
            sender.log()

    async def _answer(self, scope: Scope, visit: Exchange, receive: Receive, sender: Sender) -> None:
        receive, refusal = await self._body(scope, visit, receive)
        await (self._app if refusal is None else refusal)(scope, receive, sender)

    # -- coming in

    async def _admit(self, scope: Scope, visit: Exchange, sender: Sender) -> Response | None:
        """The refusal, or None and the person is known."""
        refusal = self._refused_by_address(scope, visit)
        if refusal is not None:
            return refusal
        try:
            person = await to_thread.run_sync(
                self._keeper.who, visit.cookies, visit.header("authorization"), limiter=self._asking
            )
        except PermissionError:
            answer = visit.refusal(401, "this token lets nobody in; `serve token list` shows those that do")
            answer.headers["www-authenticate"] = "Bearer"
            return answer
        if person is None and self._keeper.visit_cookie not in visit.cookies:
            name, value = self._keeper.new_visit()
            visit.cookies[name] = value
            sender.new_cookie = _cookie(name, value, self._settings.secure)
        scope["state"].update(
            person=person, csrf=self._keeper.csrf(person, visit.cookies), csrf_checked=False, settings=self._settings
        )
        wait = self._pace.wait_for(_key(scope, visit))
        if wait > 0:
            return _told_to_wait(visit, int(wait) + 1)
        return self._refused_to(person, visit)

    def _refused_by_address(self, scope: Scope, visit: Exchange) -> Response | None:
        if any(sign < " " or sign == "\x7f" for sign in visit.path):
            # A pattern's "$" stands before a line break too, so such a path could be two things at once.
            return visit.refusal(404, "there is no such address")
        host = visit.header("host") or ""
        if not self._answers_to(host):
            return visit.refusal(421, "this server does not answer under that host name")
        if self._keeper.local is not None:
            if any(visit.header(name) is not None for name in _FORWARDED):
                return visit.refusal(
                    421, "a proxy stands before this server and nobody said so; set SERVER.origin and add a user"
                )
            if not is_loopback_host(visit.address):
                return visit.refusal(403, "without a login this server answers this machine alone")
        origin = visit.header("origin")
        if origin is not None and origin != self._origin_of(scope, host):
            return visit.refusal(403, "requests from pages of other sites are refused")
        site = visit.header("sec-fetch-site")
        if visit.method not in _SAFE and site not in (None, "same-origin", "none"):
            return visit.refusal(403, "requests from pages of other sites are refused")
        return None

    def _answers_to(self, host: str) -> bool:
        try:
            parts = urlsplit(f"//{host}")
            name, _ = parts.hostname or "", parts.port
        except ValueError:
            return False
        if self._own_origin is not None and host.lower() == urlsplit(self._own_origin).netloc.lower():
            return True
        return not self._settings.public and is_loopback_host(name)

    def _origin_of(self, scope: Scope, host: str) -> str:
        if self._own_origin is not None and host.lower() == urlsplit(self._own_origin).netloc.lower():
            return self._own_origin
        return f"{'https' if self._settings.certificate else 'http'}://{host}"

    def _refused_to(self, person: Person | None, visit: Exchange) -> Response | None:
        if person is None:
            if _OPEN.fullmatch(visit.path):
                return None
            if visit.method in ("GET", "HEAD") and not visit.for_programs:
                return RedirectResponse("/login", 303)
            answer = visit.refusal(401, "sign in first, or send a token: Authorization: Bearer ...")
            answer.headers["www-authenticate"] = "Bearer"
            return answer
        if person.how == "token" and not visit.for_programs:
            return visit.refusal(403, "a token is for programs; open this page in a browser")
        if not visit.for_programs:
            return None
        scope_needed = "llm" if _MODELS.fullmatch(visit.path) else "cases"
        if scope_needed == "llm" and person.how == "login":
            return visit.refusal(403, "language models are called with a token of the scope llm, not with a cookie")
        if scope_needed not in person.scopes:
            return visit.refusal(403, f"this token does not have the scope {scope_needed}")
        return None

    # -- the body

    async def _body(self, scope: Scope, visit: Exchange, receive: Receive) -> tuple[Receive, Response | None]:
        """What the application may read, checked; or the refusal."""
        kind = (visit.header("content-type") or "").partition(";")[0].strip().lower()
        uploading = bool(_UPLOADS.fullmatch(visit.path)) and visit.method == "POST" and kind == "multipart/form-data"
        most = MAX_BODY_BYTES if scope["state"]["person"] is not None else _NOBODYS_BYTES
        if uploading:
            most += self._settings.max_upload_bytes
        length = visit.header("content-length") or "0"
        if not length.isascii() or not length.isdigit():
            return receive, visit.refusal(400, "Content-Length is not a number")
        if int(length) > most:
            return receive, visit.refusal(413, f"the body is larger than {most} bytes")
        if uploading:
            scope["state"]["csrf_checked"] = not self._needs_csrf(visit) or self._fits(
                visit.header("x-csrf-token"), visit
            )
            scope["state"]["upload"] = Pieces(receive, most, self._stall_seconds)
            return _nothing, None
        if kind == "multipart/form-data" and visit.method not in _SAFE:
            return receive, visit.refusal(415, "files are handed in at /cases/{id}/evidence")
        try:
            body = await asyncio.wait_for(whole_body(receive, most), self._body_seconds)
        except TimeoutError:
            return receive, visit.refusal(408, "the body did not arrive in time")
        if body is None:
            return receive, visit.refusal(413, f"the body is larger than {most} bytes")
        if self._needs_csrf(visit) and not self._fits(visit.header("x-csrf-token") or _form_token(kind, body), visit):
            return receive, visit.refusal(403, "this form is not from this server, or is too old; load the page again")
        scope["state"]["csrf_checked"] = True
        return Replayed(body, receive), None

    def _needs_csrf(self, visit: Exchange) -> bool:
        """A browser sends cookies and reaches this machine by itself; a program must be told to do either."""
        if visit.method in _SAFE:
            return False
        person: Person | None = visit.scope["state"]["person"]
        if person is not None and person.how == "token":
            return False
        from_browser = any(visit.header(name) is not None for name in ("origin", "sec-fetch-site", "cookie"))
        return from_browser or not visit.for_programs

    @staticmethod
    def _fits(given: str | None, visit: Exchange) -> bool:
        wanted: str = visit.scope["state"]["csrf"]
        return given is not None and hmac.compare_digest(given.encode("utf-8", "replace"), wanted.encode())


def _key(scope: Scope, visit: Exchange) -> str:
    """Whose pace it is: the person's, or the address's of who is nobody yet."""
    person: Person | None = scope["state"]["person"]
    return visit.address if person is None else person.id


def _told_to_wait(visit: Exchange, seconds: int) -> Response:
    answer = visit.refusal(429, "too many requests; wait a moment and try again")
    answer.headers["retry-after"] = str(seconds)
    return answer


async def _nothing() -> Message:
    """What a handler gets that reads an upload past ``read_upload``, which checks the form's token."""
    return {"type": "http.request", "body": b"", "more_body": False}


def _form_token(kind: str, body: bytes) -> str | None:
    if kind != "application/x-www-form-urlencoded":
        return None
    try:
        fields = parse_qs(body.decode("ascii"), max_num_fields=1000)
    except ValueError:
        return None
    return fields.get("csrf_token", [None])[0]


def _cookie(name: str, value: str, secure: bool) -> bytes:
    return f"{name}={value}; Path=/; HttpOnly; SameSite=Strict{'; Secure' if secure else ''}".encode()
