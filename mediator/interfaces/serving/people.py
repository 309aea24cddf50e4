"""Who is asking: the local person, a browser that is logged in, a program with a token, or nobody yet."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from dataclasses import dataclass
from http.cookies import CookieError, SimpleCookie
from typing import Literal

from starlette.requests import Request
from starlette.responses import Response

from backends.exceptions import ConfigurationError
from mediator.interfaces.serving.accounts import SCOPES, Accounts
from mediator.interfaces.serving.pace import Failures
from mediator.interfaces.serving.settings import ServerSettings

__all__ = ["Doorkeeper", "Person", "SignIn", "read_cookies", "sign_in", "sign_out", "still_here"]


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody who may have cases here. ``id`` is the owner of their cases and evidence."""

    id: str
    name: str
    #: Uses this machine itself, without a login.
    local: bool
    how: Literal["local", "login", "token"]
    scopes: tuple[str, ...] = SCOPES


@dataclass(frozen=True, slots=True)
class SignIn:
    """What became of a try to sign in. ``attach`` gives the browser its cookie."""

    ok: bool
    message: str = ""
    #: Seconds until another try is looked at.
    retry_after: int | None = None
    cookie: str | None = None
    name: str = ""
    secure: bool = True

    def attach(self, response: Response) -> None:
        """Set the cookie on the answer; nothing when the sign-in was refused."""
        if self.cookie is not None:
            response.set_cookie(self.name, self.cookie, path="/", secure=self.secure, httponly=True, samesite="strict")


class Doorkeeper:
    """Tells people by cookie and token, and makes the tokens that forms carry."""

    def __init__(self, settings: ServerSettings, accounts: Accounts, local_owner: str) -> None:
        self.settings = settings
        self.accounts = accounts
        self.local = None if settings.needs_login else Person(local_owner, local_owner, True, "local")
        self._local_owner = local_owner
        self._secret = accounts.secret("csrf")
        self._failures = Failures()
        prefix = "__Host-" if settings.secure else ""
        self.login_cookie = f"{prefix}session"
        self.visit_cookie = f"{prefix}visit"

    def who(self, cookies: dict[str, str], authorization: str | None, *, note: bool = True) -> Person | None:
        """The person; None when nobody was recognised. PermissionError when a token lets nobody in.

        ``note=False`` looks only, so that a page which is left open does not count as use.
        """
        if authorization is not None:
            return self._by_token(authorization, note=note)
        if self.local is not None:
            return self.local
        value = cookies.get(self.login_cookie)
        login = None if value is None else self.accounts.login(value, note=note)
        return None if login is None else Person(login.person, login.person, False, "login")

    def csrf(self, person: Person | None, cookies: dict[str, str]) -> str:
        """What a form of this visitor must carry. Another site can neither read nor compute it."""
        if person is not None and person.how == "login":
            bound = "login:" + cookies.get(self.login_cookie, "")
        elif person is not None:
            bound = "local:" + person.id
        else:
            bound = "visit:" + cookies.get(self.visit_cookie, "")
        return hmac.new(self._secret, bound.encode("utf-8", "replace"), hashlib.sha256).hexdigest()

    def sign_in(self, name: str, password: str, address: str, before: str | None) -> SignIn:
        """Check a password and begin a login; an earlier one of this browser ends."""
        name = name.strip().lower()[:200]
        pair, whole, alone = ("both", name, address), ("address", address), ("name", name)
        wait = self._failures.wait_for({pair: 5, whole: 20, alone: 50})
        if wait > 0:
            seconds = int(wait) + 1
            return SignIn(False, f"too many wrong tries; wait {(seconds + 59) // 60} minutes and try again", seconds)
        if not self.accounts.check(name, password):
            return SignIn(False, "name and password do not fit together")
        self._failures.forgive((whole, alone))
        self._failures.forget(pair)
        if before is not None:
            self.accounts.log_out(before)
        return SignIn(True, "", None, self.accounts.log_in(name), self.login_cookie, self.settings.secure)

    def new_visit(self) -> tuple[str, str]:
        """The name and value of a cookie for a visitor whom nobody knows yet, to bind the sign-in form to."""
        return self.visit_cookie, secrets.token_urlsafe(16)

    def _by_token(self, authorization: str, *, note: bool) -> Person:
        scheme, _, value = authorization.partition(" ")
        value = value.strip()
        if scheme.lower() == "bearer" and value:
            fixed = self.settings.token
            if fixed is not None and hmac.compare_digest(value.encode("utf-8", "replace"), fixed.encode()):
                return Person(self._local_owner, self._local_owner, True, "token")
            info = self.accounts.token(value, note=note)
            if info is not None:
                return Person(info.person, info.person, False, "token", info.scopes)
        raise PermissionError


def read_cookies(header: str) -> dict[str, str]:
    """The cookies of a request; what is malformed is nobody's."""
    try:
        return {name: morsel.value for name, morsel in SimpleCookie(header[:8192]).items()}
    except CookieError:
        return {}


def sign_in(request: Request, name: str, password: str) -> SignIn:
    """Check a password; ``attach`` the result to the answer. Takes as long for a name that nobody has."""
    keeper = _keeper(request)
    address = request.client.host if request.client else ""
    return keeper.sign_in(name, password, address, request.cookies.get(keeper.login_cookie))


def sign_out(request: Request, response: Response) -> None:
    """End the login of this browser, here and there."""
    keeper = _keeper(request)
    value = request.cookies.get(keeper.login_cookie)
    if value is not None:
        keeper.accounts.log_out(value)
    response.delete_cookie(keeper.login_cookie, path="/", secure=keeper.settings.secure, httponly=True)


def still_here(request: Request) -> bool:
    """Whether who sent this request would still be let in: an answer without end must end when they would not."""
    before = request.state.person
    cookies = read_cookies(request.headers.get("cookie", ""))
    try:
        now = _keeper(request).who(cookies, request.headers.get("authorization"), note=False)
    except PermissionError:
        return False
    return bool(now == before)


def _keeper(request: Request) -> Doorkeeper:
    keeper = request.app.state.keeper
    if not isinstance(keeper, Doorkeeper):
        raise ConfigurationError("this application has no doorkeeper; make it with serving.create_app")
    return keeper
