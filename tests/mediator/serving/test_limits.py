"""What ends, and what is refused because it is too much: on real sockets."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections import Counter
from collections.abc import Iterator

import pytest

from mediator.interfaces.serving.api import events
from mediator.interfaces.serving.patience import PatientProtocol
from tests.mediator.serving.conftest import LOGIN, csrf, served
from tests.support.uvicorn_server import running


@contextlib.contextmanager
def following(client, case) -> Iterator[Iterator[str]]:
    """The lines of a stream of events, once it has begun."""
    with client.stream("GET", f"/api/v1/cases/{case.id}/events") as answer:
        assert answer.status_code == 200, answer.read()
        lines = answer.iter_lines()
        assert next(lines) == ": following"
        yield lines


def test_a_stream_of_events_ends_when_its_browser_is_logged_out(site):
    case, browser = site.case("ana", told=False), site.browser("ana")
    with following(browser, case) as lines:
        browser.post("/logout", data={"csrf_token": csrf(browser)})
        case.rename("something that happened after")
        left = list(lines)  # it ends

    assert left.count("event: exhibit") <= 1


@pytest.mark.parametrize("how", ["revoked", "disabled"])
def test_a_stream_of_events_ends_with_its_token(tmp_path, how):
    with served(tmp_path / "s", LOGIN) as site:
        case, program = site.case("ana", told=False), site.program("ana")
        with following(program, case) as lines:
            if how == "revoked":
                site.accounts.revoke(site.accounts.tokens()[0].id)
            else:
                site.accounts.disable("ana")
            case.rename("something that happened after")
            list(lines)  # it ends
        assert program.get("/api/v1/me").status_code == 401


def test_a_quiet_stream_ends_too(site, monkeypatch):
    monkeypatch.setattr(events, "_HEARTBEAT_SECONDS", 0.05)
    case, browser = site.case("ana", told=False), site.browser("ana")
    with following(browser, case) as lines:
        browser.post("/logout", data={"csrf_token": csrf(browser)})
        list(lines)  # it ends


def test_an_open_stream_does_not_count_as_use(site):
    browser = site.browser("ana")
    value = dict(browser.cookies)["session"]
    with site.accounts._db() as db:
        db.execute("UPDATE logins SET seen = seen - 600")
        before = db.execute("SELECT seen FROM logins").fetchall()
    assert site.accounts.login(value, note=False) is not None
    with site.accounts._db() as db:
        assert db.execute("SELECT seen FROM logins").fetchall() == before


def test_streams_that_come_at_once_do_not_pass_their_limit():
    streams, together, given = events._OpenStreams(), threading.Barrier(40), Counter()

    def one() -> None:
        together.wait(60)
        given[streams.take("ana")] += 1

    threads = [threading.Thread(target=one) for _ in range(40)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert given[True] == 20
    assert streams.take("ben")
    streams.give_back("ana")
    assert streams.take("ana")
    assert not streams.take("ana")


def test_a_stream_gives_its_place_back(site):
    case, program = site.case("ana", told=False), site.program("ana")
    for _ in range(25):
        with following(program, case):
            pass


def test_nobody_sends_much_to_the_sign_in_page(site):
    client = site.client(origin=site.url)
    form = {"name": "ana", "password": "x" * 20_000, "csrf_token": csrf(client, "/login")}

    assert client.post("/login", data=form).status_code == 413
    form["password"] = "x" * 10_000
    assert client.post("/login", data=form).status_code == 401


def test_somebody_who_is_known_sends_a_long_story(site):
    case = site.office.person("ana").create()
    answer = site.program("ana").post(f"/api/v1/cases/{case.id}/story", json={"text": "They did not pay. " * 2000})

    assert answer.status_code == 202
    case.undo()


def test_no_book_is_read_at_a_glance(local):
    assert local.client().post("/api/v1/glance", json={"text": "x" * 20_001}).status_code == 422


def test_more_evidence_than_a_person_may_have_is_refused(tmp_path):
    from dataclasses import replace

    with served(tmp_path / "s", replace(LOGIN, max_person_bytes=1000)) as site:
        case, program = site.case("ana", told=False), site.program("ana")
        answer = program.post(f"/api/v1/cases/{case.id}/evidence", files={"file": ("b.txt", b"b" * 1000)})
        assert answer.status_code == 413
        assert "delete a case first" in answer.json()["detail"]


def test_the_same_request_of_a_program_sent_again_adds_nothing(site):
    program, again = site.program("ana"), {"Idempotency-Key": "8e03978e-40d5"}
    first = program.post("/api/v1/cases", json={"title": "Once"}, headers=again).json()
    assert program.post("/api/v1/cases", json={"title": "Once"}, headers=again).json()["id"] == first["id"]
    for _ in range(2):
        told = program.post(f"/api/v1/cases/{first['id']}/story", json={"text": "They did not pay."}, headers=again)
        assert told.status_code == 202
    assert program.get(f"/api/v1/cases/{first['id']}/story").json()["text"] == "They did not pay."
    answer = program.post("/api/v1/cases", json={"title": "x"}, headers={"Idempotency-Key": "two words"})
    assert answer.status_code == 422


class _Hasty(PatientProtocol):
    head_seconds = 0.3


async def _hello(scope, receive, send) -> None:
    if scope["type"] == "http":
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
        await send({"type": "http.response.body", "body": b"ok"})


@pytest.mark.parametrize("head", [b"", b"GET / HTTP/1.1\r\n", b"GET / HTTP/1.1\r\nHost: localhost\r\nX-A: "])
def test_a_head_that_does_not_come_to_its_end_ends_the_connection(head):
    with running(_hello, http=_Hasty, lifespan="off") as url, _wire(url) as wire:
        wire.sendall(head)
        assert wire.recv(100) == b""


def test_a_head_that_trickles_in_ends_the_connection():
    with running(_hello, http=_Hasty, lifespan="off") as url, _wire(url) as wire:
        wire.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\nX-A: ")
        wire.settimeout(0.05)
        for _ in range(200):
            try:
                wire.sendall(b"a")
                if wire.recv(100) == b"":
                    return
            except TimeoutError:
                continue
            except OSError:
                return  # it was closed while we sent
        raise AssertionError("it waits for ever")


def test_the_second_request_of_a_connection_has_its_time_too():
    with running(_hello, http=_Hasty, lifespan="off") as url, _wire(url) as wire:
        wire.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
        answer = b""
        while not answer.endswith(b"ok"):
            answer += wire.recv(1000)
        wire.sendall(b"GET / HTTP/1.1\r\n")
        assert wire.recv(100) == b""


def test_who_is_in_time_is_answered():
    with running(_hello, http=PatientProtocol, lifespan="off") as url, _wire(url) as wire:
        for piece in (b"GET / HTTP/1.1\r\n", b"Host: localhost\r\n", b"\r\n"):
            wire.sendall(piece)
        assert wire.recv(1000).startswith(b"HTTP/1.1 200")


def _wire(url: str) -> socket.socket:
    host, port = url.removeprefix("http://").split(":")
    return socket.create_connection((host, int(port)), timeout=30)
