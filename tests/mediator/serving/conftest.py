"""The whole server on a real loopback socket, with two people, their tokens, and a few pages for the tests."""

from __future__ import annotations

import contextlib
import html
import io
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import httpx2
import pytest
from fastapi import APIRouter, Form, Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

import mediator.mediator
import mediator.office.office
from mediator.claims.head import HeadScorer, load_head
from mediator.interfaces.serving import (
    Accounts,
    Pages,
    ServerSettings,
    book_of,
    create_app,
    read_upload,
    sign_in,
    sign_out,
    take_in,
)
from mediator.interfaces.serving.passwords import Passwords
from mediator.office import Office
from tests.mediator.office.conftest import STORY, open_office
from tests.support.uvicorn_server import running

PASSWORDS = {"ana": "four sober horses 9", "ben": "seven green lamps 4"}
#: Made once: each takes as long as guessing one should.
HASHES = {name: Passwords().hash(password) for name, password in PASSWORDS.items()}


@dataclass
class Site:
    """A running server, as a test sees it."""

    url: str
    office: Office
    accounts: Accounts
    app: Any

    def client(self, **headers: str) -> httpx2.Client:
        """A program without a token."""
        return httpx2.Client(base_url=self.url, headers=headers, timeout=60, trust_env=False)

    def program(self, person: str, *scopes: str) -> httpx2.Client:
        """A program with a token of that person."""
        _, token = self.accounts.add_token("test", person, scopes or ("cases", "llm"))
        return self.client(authorization=f"Bearer {token}")

    def browser(self, person: str) -> httpx2.Client:
        """A browser in which that person is logged in; its forms need `csrf`."""
        client = self.client(origin=self.url)
        answer = client.post(
            "/login", data={"name": person, "password": PASSWORDS[person], "csrf_token": csrf(client, "/login")}
        )
        assert answer.status_code == 303, answer.text
        return client

    def case(self, person: str, *, told: bool = True) -> Any:
        """A case of that person, read, with one file in it."""
        case = self.office.person(person).create("Harbor Foods")
        if told:
            case.tell(STORY)
            assert case.wait_read(60)
        case.add_evidence(io.BytesIO(f"a letter of {person}".encode()), file_name="letter.txt")
        return case


def csrf(client: httpx2.Client, page: str = "/page") -> str:
    """The token that the forms of a page carry."""
    found = re.search(r'name="csrf_token" value="([0-9a-f]{64})"', client.get(page).text)
    assert found is not None
    return found[1]


def test_pages() -> Pages:
    """A few pages as the real ones use the serving package."""
    routes = APIRouter()

    @routes.get("/login")
    @routes.get("/page")
    def page(request: Request) -> Response:
        return HTMLResponse(f'<input type="hidden" name="csrf_token" value="{request.state.csrf}">')

    @routes.post("/login")
    def log_in(request: Request, name: str = Form(""), password: str = Form("")) -> Response:
        done = sign_in(request, name, password)
        if not done.ok:
            headers = {} if done.retry_after is None else {"Retry-After": str(done.retry_after)}
            return HTMLResponse(done.message, 429 if done.retry_after else 401, headers)
        response = RedirectResponse("/page", 303)
        done.attach(response)
        return response

    @routes.post("/logout")
    def log_out(request: Request) -> Response:
        response = RedirectResponse("/login", 303)
        sign_out(request, response)
        return response

    @routes.post("/rename/{case_id}")
    def rename(request: Request, case_id: str, title: str = Form()) -> Response:
        book_of(request).open(case_id).rename(title)
        return HTMLResponse("renamed")

    @routes.post("/cases/{case_id}/evidence")
    async def add(request: Request, case_id: str) -> Response:
        with await read_upload(request) as upload:
            case = book_of(request).open(case_id)
            for file in upload.files:
                take_in(book_of(request), case, file, upload.fields, 10**9)
        return HTMLResponse("kept")

    @routes.get("/fault")
    def fault() -> Response:
        raise TypeError("Harbor Foods did not pay")

    @routes.get("/headers")
    def headers(value: str) -> Response:
        return Response("x", headers={"X-Text": value})

    def error_page(request: Request, status: int, detail: str) -> Response:
        return HTMLResponse(f"<p>{status} {html.escape(detail)}</p>", status)

    return Pages(routes, error_page)


@contextlib.contextmanager
def served(
    folder: Path, settings: ServerSettings | None = None, *, pages: Pages | None = None, **more: Any
) -> Iterator[Site]:
    """The server with everything that it keeps in ``folder``."""
    office = open_office(folder)
    accounts = Accounts(folder / "accounts.sqlite3")
    if not accounts.people():
        with accounts._db() as db:
            for name, hashed in HASHES.items():
                db.execute("INSERT INTO people VALUES (?, ?, 0, NULL)", (name, hashed))
    settings = settings or ServerSettings()
    app = create_app(office, accounts, settings, pages=pages or test_pages(), **more)
    with running(app) as url:
        yield Site(url, office, accounts, app)


@pytest.fixture(scope="session", autouse=True)
def _one_scorer() -> Iterator[None]:
    """The head alone, loaded once: what is found in a story is tested elsewhere."""
    scorer = HeadScorer(load_head(), None)
    with pytest.MonkeyPatch.context() as patched:
        for user in (mediator.mediator, mediator.office.office):
            patched.setattr(user, "default_scorer", lambda: scorer)
        yield


LOGIN = ServerSettings(always_login=True, requests_per_minute=100_000)


@pytest.fixture(scope="module")
def local(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A server on this machine alone: one person, no login."""
    with served(tmp_path_factory.mktemp("local"), replace(LOGIN, always_login=False)) as site:
        yield site


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A server that asks everybody to log in."""
    with served(tmp_path_factory.mktemp("site"), LOGIN) as site:
        yield site
