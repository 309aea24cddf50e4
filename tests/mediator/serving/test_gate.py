"""Every sentence about who gets in, over real sockets: host, origin, login, cookies, form tokens, limits, headers."""

from __future__ import annotations

import socket
import threading
from concurrent import futures
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import httpx2
import pytest

from mediator.interfaces.serving import ServerSettings
from mediator.interfaces.serving.accounts import Accounts
from tests.mediator.serving.conftest import LOGIN, PASSWORDS, csrf, served


def raw(url: str, request: bytes) -> bytes:
    """Send those bytes and return the answer."""
    host, port = url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=30) as wire:
        wire.sendall(request)
        pieces = []
        while piece := wire.recv(65536):
            pieces.append(piece)
    return b"".join(pieces)


# -- host, origin, proxies


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:80", "127.0.0.1.evil.example", "", "[", "localhost.evil"]
)
def test_another_host_name_gets_no_answer(local, host):
    answer = raw(local.url, f"GET /api/v1/me HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode())
    assert answer.startswith((b"HTTP/1.1 421", b"HTTP/1.1 400"))
    assert b"local" not in answer.split(b"\r\n\r\n")[1]


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "[::1]", "LOCALHOST"])
def test_this_machines_own_names_are_answered(local, host):
    answer = raw(local.url, f"GET /api/v1/me HTTP/1.1\r\nHost: {host}:80\r\nConnection: close\r\n\r\n".encode())
    assert answer.startswith(b"HTTP/1.1 200")


@pytest.mark.parametrize("origin", ["https://evil.example", "null", "http://127.0.0.1:1", "http://localhost", ""])
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_page_of_another_site_is_refused(local, origin, method):
    answer = local.client(origin=origin).request(method, "/api/v1/cases", json={"title": "x"})
    assert answer.status_code == 403
    assert local.office.person("local").cases() == ()


def test_a_request_that_a_browser_says_is_from_elsewhere_is_refused(local):
    answer = local.client(**{"sec-fetch-site": "cross-site"}).post("/api/v1/cases", json={})
    assert answer.status_code == 403


@pytest.mark.parametrize("header", ["X-Forwarded-For", "X-Forwarded-Host", "Forwarded", "X-Real-IP", "Via"])
def test_a_proxy_that_nobody_named_opens_nothing(local, header):
    answer = local.client(**{header: "203.0.113.7"}).get("/api/v1/me")
    assert answer.status_code == 421
    assert "SERVER.origin" in answer.json()["detail"]


def test_a_forwarded_address_does_not_count_as_an_address(site):
    tries = [
        site.client(**{"x-forwarded-for": f"203.0.113.{n}"}).post(
            "/login", data={"name": "nobody-here", "password": "x", "csrf_token": "y"}
        )
        for n in range(3)
    ]
    assert {answer.status_code for answer in tries} == {403}


# -- login


def test_without_a_login_only_the_open_paths_answer(site):
    client = site.client()
    assert client.get("/page").headers["location"] == "/login"
    assert client.get("/api/v1/cases").status_code == 401
    assert client.get("/login").status_code == 200
    assert client.get("/api/v1/openapi.json").status_code == 200
    assert client.get("/nothing-like-this").headers["location"] == "/login"


def test_a_right_password_lets_in_and_the_cookie_is_locked_down(site):
    client = site.client(origin=site.url)
    token = csrf(client, "/login")
    answer = client.post("/login", data={"name": " Ana ", "password": PASSWORDS["ana"], "csrf_token": token})

    (cookie,) = answer.headers.get_list("set-cookie")
    assert "HttpOnly" in cookie
    assert "SameSite=strict" in cookie
    assert "Path=/" in cookie
    assert "Max-Age" not in cookie
    assert client.get("/api/v1/me").json()["name"] == "ana"


def test_over_tls_cookies_are_bound_to_the_host(tmp_path):
    settings = replace(LOGIN, origin="https://cases.example.org")
    with served(tmp_path / "s", settings) as site:
        client = site.client(host="cases.example.org", origin="https://cases.example.org")
        page = client.get("/login")
        (cookie,) = page.headers.get_list("set-cookie")
        assert cookie.startswith("__Host-visit=")
        assert "; Secure" in cookie
        assert page.headers["strict-transport-security"] == "max-age=31536000"
        token = page.text.split('value="')[1].split('"')[0]
        answer = client.post(
            "/login",
            data={"name": "ana", "password": PASSWORDS["ana"], "csrf_token": token},
            headers={"cookie": cookie.split(";")[0]},
        )
        assert answer.headers["set-cookie"].startswith("__Host-session=")
        assert "; Secure" in answer.headers["set-cookie"]
        assert site.client().get("/login").status_code == 421  # not under this machine's own name


@pytest.mark.parametrize(
    ("name", "password"),
    [
        ("ana", "wrong"),
        ("nobody", "x"),
        ("", ""),
        ("ana", ""),
        ("ana'--", "x"),
        ("a\0b", "x"),
        ("x" * 7000, "y" * 7000),
    ],
)
def test_a_wrong_password_and_an_unknown_name_get_the_same_answer(site, name, password):
    client = site.client(origin=site.url)
    answer = client.post("/login", data={"name": name, "password": password, "csrf_token": csrf(client, "/login")})
    assert (answer.status_code, answer.text) == (401, "name and password do not fit together")
    assert "set-cookie" not in answer.headers


def test_an_unknown_name_costs_the_same_check(tmp_path):
    accounts = Accounts(tmp_path / "a.sqlite3")
    passwords, verified = accounts._passwords, []
    passwords._hasher = _Counting(passwords._hasher, verified)
    assert accounts.check("nobody", "the password of nobody") is False
    assert len(verified) == 1


class _Counting:
    def __init__(self, real, verified):
        self._real, self._verified = real, verified

    def verify(self, kept, given):
        self._verified.append(kept)
        return self._real.verify(kept, given)

    def hash(self, password):
        return self._real.hash(password)


def test_guessing_is_stopped_and_the_wait_is_told(tmp_path):
    with served(tmp_path / "s", LOGIN) as site:
        client = site.client(origin=site.url)
        token = csrf(client, "/login")
        wrong = {"name": "ana", "password": "x", "csrf_token": token}
        assert [client.post("/login", data=wrong).status_code for _ in range(6)] == [401] * 5 + [429]
        right = client.post("/login", data={**wrong, "password": PASSWORDS["ana"]})
        assert right.status_code == 429
        assert int(right.headers["retry-after"]) > 60


def test_guesses_that_come_at_once_are_counted_too(tmp_path):
    with served(tmp_path / "s", LOGIN) as site:
        client = site.client(origin=site.url)
        wrong = {"name": "ana", "password": "x", "csrf_token": csrf(client, "/login")}
        with ThreadPoolExecutor(16) as pool:
            answers = list(pool.map(lambda _: client.post("/login", data=wrong).status_code, range(16)))
        assert sorted(answers) == [401] * 5 + [429] * 11


def test_right_passwords_use_up_no_tries(tmp_path):
    with served(tmp_path / "s", LOGIN) as site:
        for _ in range(25):
            site.browser("ana")


def test_each_login_is_another_session_and_the_one_before_ends(site):
    browser = site.browser("ana")
    first = browser.cookies["session"]
    browser.post("/login", data={"name": "ana", "password": PASSWORDS["ana"], "csrf_token": csrf(browser, "/page")})
    assert browser.cookies["session"] != first
    assert site.client(cookie=f"session={first}").get("/api/v1/me").status_code == 401


def test_logging_out_ends_the_session_on_the_server(site):
    browser = site.browser("ana")
    cookie = browser.cookies["session"]
    browser.post("/logout", data={"csrf_token": csrf(browser)})
    assert site.client(cookie=f"session={cookie}").get("/api/v1/me").status_code == 401


def test_a_session_ends_by_itself(tmp_path):
    now = [1000.0]
    accounts = Accounts(tmp_path / "a.sqlite3", session_hours=2, idle_minutes=30, clock=lambda: now[0])
    accounts.add("ana", PASSWORDS["ana"])
    idle = accounts.log_in("ana")
    now[0] += 31 * 60
    assert accounts.login(idle) is None
    used = accounts.log_in("ana")
    for _ in range(8):
        now[0] += 14 * 60
        assert accounts.login(used) is not None
    now[0] += 14 * 60
    assert accounts.login(used) is None  # used all the time, but two hours are over


def test_a_disabled_person_is_out_at_once_with_all_tokens(tmp_path):
    with served(tmp_path / "s", LOGIN) as site:
        browser, program = site.browser("ben"), site.program("ben")
        site.accounts.disable("ben")
        assert browser.get("/api/v1/me").status_code == 401
        assert program.get("/api/v1/me").status_code == 401
        site.accounts.enable("ben")
        assert program.get("/api/v1/me").status_code == 200


def test_a_new_password_logs_out_everywhere(tmp_path):
    with served(tmp_path / "s", LOGIN) as site:
        browser = site.browser("ben")
        site.accounts.set_password("ben", "a new long password")
        assert browser.get("/api/v1/me").status_code == 401


def test_nothing_in_the_file_of_accounts_lets_anybody_in(tmp_path):
    accounts = Accounts(tmp_path / "a.sqlite3")
    accounts.add("ana", PASSWORDS["ana"])
    _, token = accounts.add_token("t", "ana", ("cases",))
    cookie = accounts.log_in("ana")
    accounts.close()
    kept = b"".join(file.read_bytes() for file in tmp_path.iterdir())
    assert [secret for secret in (PASSWORDS["ana"], token, cookie) if secret.encode() in kept] == []
    assert b"$argon2id$" in kept
    assert (tmp_path / "a.sqlite3").stat().st_mode & 0o077 == 0


# -- form tokens


@pytest.mark.parametrize("token", ["", "0" * 64, "é", None])
def test_a_form_without_this_servers_token_changes_nothing(site, token):
    case = site.case("ana", told=False)
    fields = {"title": "stolen"} | ({} if token is None else {"csrf_token": token})
    answer = site.browser("ana").post(f"/rename/{case.id}", data=fields)
    assert answer.status_code == 403
    assert case.info.title == "Harbor Foods"


def test_a_form_with_the_token_works_and_the_header_does_too(site):
    case, browser = site.case("ana", told=False), site.browser("ana")
    token = csrf(browser)
    assert browser.post(f"/rename/{case.id}", data={"title": "a", "csrf_token": token}).text == "renamed"
    assert browser.post(f"/rename/{case.id}", data={"title": "b"}, headers={"x-csrf-token": token}).text == "renamed"
    assert case.info.title == "b"


def test_the_token_of_another_person_does_not_fit(site):
    case = site.case("ana", told=False)
    answer = site.browser("ana").post(
        f"/rename/{case.id}", data={"title": "x", "csrf_token": csrf(site.browser("ben"))}
    )
    assert answer.status_code == 403


def test_a_browser_needs_the_token_for_the_api_too(site, local):
    browser = site.browser("ana")
    assert browser.post("/api/v1/cases", json={}).status_code == 403
    token = csrf(browser)
    assert browser.post("/api/v1/cases", json={}, headers={"x-csrf-token": token}).status_code == 201
    assert local.client(origin=local.url).post("/api/v1/cases", json={}).status_code == 403
    assert local.client().post("/api/v1/glance", json={"text": "They never paid me."}).status_code == 200


def test_a_multipart_form_does_not_get_past_the_token(site):
    case, browser = site.case("ana", told=False), site.browser("ana")
    assert browser.post(f"/rename/{case.id}", files={"title": (None, "x")}).status_code == 415
    before = len(case.evidence())
    for fields in ({}, {"csrf_token": "0" * 64}):
        answer = browser.post(f"/cases/{case.id}/evidence", data=fields, files={"file": ("a.txt", b"text")})
        assert answer.status_code == 403
    assert len(case.evidence()) == before
    answer = browser.post(
        f"/cases/{case.id}/evidence", data={"csrf_token": csrf(browser)}, files={"file": ("a.txt", b"text")}
    )
    assert (answer.status_code, len(case.evidence())) == (200, before + 1)


def test_a_form_that_was_open_while_the_server_restarted_can_still_be_sent(tmp_path):
    with served(tmp_path / "s", LOGIN) as site:
        case = site.case("ana", told=False)
        browser = site.browser("ana")
        token, cookie = csrf(browser), browser.cookies["session"]
    with served(tmp_path / "s", LOGIN) as site:
        again = site.client(cookie=f"session={cookie}", origin=site.url)
        assert again.post(f"/rename/{case.id}", data={"title": "kept", "csrf_token": token}).text == "renamed"


# -- tokens of programs


def test_a_token_opens_the_api_and_no_page(site):
    program = site.program("ana")
    assert program.get("/api/v1/me").json() == {
        "name": "ana",
        "local": False,
        "how": "token",
        "scopes": ["cases", "llm"],
    }
    assert program.get("/page").status_code == 403


@pytest.mark.parametrize("value", ["Bearer x", "bearer", "", "Basic YW5hOng=", "Bearer cg_" + "A" * 43, "Bearer é"])
def test_a_wrong_token_lets_nobody_in_even_where_no_login_is_needed(site, local, value):
    for place in (site, local):
        answer = place.client(authorization=value.encode()).get("/api/v1/me")
        assert answer.status_code == 401
        assert answer.headers["www-authenticate"] == "Bearer"


def test_a_revoked_or_expired_token_is_no_token(tmp_path):
    now = [0.0]
    accounts = Accounts(tmp_path / "a.sqlite3", clock=lambda: now[0])
    kept, value = accounts.add_token("t", "ana", ("cases",), days=1)
    assert accounts.token(value) is not None
    now[0] += 86401
    assert accounts.token(value) is None
    now[0] = 0.0
    accounts.revoke(kept.id)
    assert accounts.token(value) is None


def test_a_token_does_what_its_scope_says(site):
    assert site.program("ana", "llm").get("/api/v1/cases").status_code == 403
    assert site.program("ana", "cases").get("/v1/models").status_code == 403
    assert site.browser("ana").get("/v1/models").status_code == 403


def test_the_token_of_the_configuration_is_the_local_person(tmp_path):
    with served(tmp_path / "s", replace(LOGIN, token="a-token-of-the-file")) as site:
        answer = site.client(authorization="Bearer a-token-of-the-file").get("/api/v1/me")
        assert answer.json()["name"] == "local"


def test_a_line_break_in_a_path_opens_no_other_way_in(site):
    browser = site.browser("ana")
    headers = {"x-csrf-token": csrf(browser)}
    assert browser.post("/v1/chat/completions%0a", json={}, headers=headers).status_code == 404
    assert browser.get("/v1/models%0a").status_code == 404


# -- limits


def test_too_many_requests_are_told_to_wait_and_others_are_not(tmp_path):
    with served(tmp_path / "s", replace(LOGIN, requests_per_minute=60)) as site:
        ana, ben = site.program("ana"), site.program("ben")
        statuses = [ana.get("/api/v1/me").status_code for _ in range(25)]
        refused = ana.get("/api/v1/me")
        assert statuses[:20] == [200] * 20
        assert refused.status_code == 429
        assert int(refused.headers["retry-after"]) >= 1
        assert ben.get("/api/v1/me").status_code == 200


def test_one_person_cannot_take_all_threads(site, monkeypatch):
    slow, done, found = threading.Event(), ThreadPoolExecutor(70), site.office.glance("They did not pay me.")
    monkeypatch.setattr(site.office, "glance", lambda text: slow.wait(60) and found)
    ana, ben = site.program("ana"), site.program("ben")
    ana.timeout = ben.timeout = httpx2.Timeout(20)
    try:
        asked = [done.submit(ana.post, "/api/v1/glance", json={"text": "They did not pay me."}) for _ in range(64)]
        assert next(futures.as_completed(asked, 15)).result().status_code == 429
        assert ben.get("/api/v1/cases").status_code == 200
    finally:
        slow.set()
    answers = [one.result().status_code for one in asked]
    assert sorted(answers) == [200] * 60 + [429] * 4
    assert ana.get("/api/v1/cases").status_code == 200
    done.shutdown()


def test_a_body_that_is_too_large_is_refused_whatever_its_headers_say(local):
    answer = local.client().post("/api/v1/cases", content=b'{"title": "' + b"x" * 5 * 2**20 + b'"}')
    assert answer.status_code == 413

    def pieces():
        for _ in range(80):
            yield b"x" * 65536

    assert local.client().post("/api/v1/cases", content=pieces()).status_code == 413


def test_a_body_that_does_not_come_ends_the_request(tmp_path):
    with served(tmp_path / "s", ServerSettings(), gate={"body_seconds": 0.2}) as site:
        host, port = site.url.removeprefix("http://").split(":")
        with socket.create_connection((host, int(port)), timeout=30) as wire:
            wire.sendall(b"POST /api/v1/cases HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\n{")
            assert wire.recv(4096).startswith(b"HTTP/1.1 408")


# -- what goes out


def test_every_answer_carries_the_headers_that_lock_a_browser_down(local):
    for path in ("/page", "/nothing", "/api/v1/me", "/api/v1/nothing", "/fault"):
        headers = local.client().get(path).headers
        assert headers["content-security-policy"].startswith("default-src 'none'; ")
        assert "unsafe" not in headers["content-security-policy"]
        assert "frame-ancestors 'none'" in headers["content-security-policy"]
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "same-origin"
        assert "microphone=()" in headers["permissions-policy"]
        assert headers["cache-control"] == "no-store"


@pytest.mark.parametrize("value", ["a\r\nSet-Cookie: session=x", "a\nb", "a\rb"])
def test_a_line_break_cannot_enter_a_header(local, value):
    answer = local.client().get("/headers", params={"value": value})
    assert answer.status_code == 500
    assert "set-cookie" not in answer.headers


def test_a_request_id_is_taken_over_only_when_it_is_one(local):
    assert local.client(**{"x-request-id": "abc-1"}).get("/api/v1/me").headers["x-request-id"] == "abc-1"
    odd = local.client(**{"x-request-id": "a b<script>"}).get("/api/v1/me").headers["x-request-id"]
    assert odd.isalnum()


def test_a_fault_says_where_and_not_what(local, caplog):
    caplog.set_level("DEBUG")
    answer = local.client().get("/fault")
    assert answer.status_code == 500
    assert "TypeError" in answer.text
    assert "Harbor" not in answer.text + caplog.text
    assert "conftest.py" in caplog.text


def test_the_log_has_a_line_a_request_and_no_word_of_a_story(site, caplog):
    caplog.set_level("DEBUG")
    program = site.program("ana")
    token = program.headers["authorization"].split()[1]
    case = site.office.person("ana").create("secret title")
    program.post(f"/api/v1/cases/{case.id}/story?note=secretquery", json={"text": "secret story about wages"})
    case.wait_read(60)
    ours = "\n".join(r.getMessage() for r in caplog.records if not r.name.startswith(("httpx", "httpcore")))
    assert f"POST /api/v1/cases/{case.id}/story 202" in ours
    assert [word for word in ("secret", token) if word in ours] == []


def test_a_websocket_is_refused(local):
    head = (
        b"GET /api/v1/me HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
        b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\nConnection: close\r\n\r\n"
    )
    assert b" 101 " not in raw(local.url, head)


def test_idle_connections_keep_nobody_out(local):
    host, port = local.url.removeprefix("http://").split(":")
    wires = [socket.create_connection((host, int(port)), timeout=30) for _ in range(50)]
    assert local.client().get("/api/v1/me").status_code == 200
    for wire in wires:
        wire.close()
