"""Files in and out: streamed, limited, never run, never shown as a page; a killed upload leaves nothing."""

from __future__ import annotations

import io
import json
import os
import signal
import socket
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import httpx2
import pytest

from mediator.interfaces.serving.downloads import content_disposition
from mediator.interfaces.serving.uploads import safe_file_name
from tests.mediator.serving.conftest import LOGIN, served

HOME = Path(__file__).resolve().parents[3]


def hand_in(client, case, name="a.txt", data=b"text", **fields):
    return client.post(f"/api/v1/cases/{case.id}/evidence", files={"file": (name, data)}, data=fields)


def test_a_file_comes_back_as_it_was(site):
    case, program = site.case("ana", told=False), site.program("ana")
    data = os.urandom(3_000_000)
    zipped = b"PK\x03\x04" + data
    record = hand_in(program, case, "photos.zip", zipped, description="from my phone", type="photo").json()

    answer = program.get(f"/api/v1/cases/{case.id}/evidence/{record['cid']}")
    assert answer.content == zipped
    assert answer.headers["x-content-sha256"] == record["sha256"]
    assert (record["file_name"], record["description"], record["type"]) == ("photos.zip", "from my phone", "photo")
    assert not list((site.office.state_dir / "uploads").iterdir())


@pytest.mark.parametrize(
    ("asked", "status", "got"),
    [
        ("bytes=0-3", 206, b"0123"),
        ("bytes=4-", 206, b"456789"),
        ("bytes=-2", 206, b"89"),
        ("bytes=8-99", 206, b"89"),
        ("bytes=10-", 416, b""),
        ("bytes=-0", 416, b""),
        *((wrong, 200, b"0123456789") for wrong in ("bytes=5-2", "bytes=-", "items=0-1", "bytes=0-1,3-4")),
        ("bytes=" + "9" * 40 + "-", 200, b"0123456789"),
    ],
)
def test_ranges_give_the_part_that_is_asked_for(site, asked, status, got):
    case, program = site.case("ana", told=False), site.program("ana")
    cid = hand_in(program, case, data=b"0123456789").json()["cid"]
    answer = program.get(f"/api/v1/cases/{case.id}/evidence/{cid}", headers={"range": asked})
    assert (answer.status_code, answer.content) == (status, got)
    head = program.head(f"/api/v1/cases/{case.id}/evidence/{cid}", headers={"range": asked})
    assert (head.status_code, head.content) == (status, b"")


def test_an_unchanged_file_is_not_sent_again(site):
    case, program = site.case("ana", told=False), site.program("ana")
    cid = hand_in(program, case).json()["cid"]
    answer = program.get(f"/api/v1/evidence/{cid}", headers={"if-none-match": f'"{cid}"'})
    assert answer.status_code == 304


@pytest.mark.parametrize(
    "name",
    [
        "page.html",
        "x.svg",
        "<script>alert(1)</script>.html",
        "a.js",
        'q".html',
        "evil.html\r\nSet-Cookie: a=b",
        "../../x.html",
    ],
)
def test_a_page_that_was_handed_in_is_never_a_page_again(site, name):
    case, program = site.case("ana", told=False), site.program("ana")
    page = b"<!doctype html><script>alert(document.cookie)</script>"
    record = hand_in(program, case, name.replace("\r\n", " "), page).json()
    answer = program.get(f"/api/v1/cases/{case.id}/evidence/{record['cid']}")
    assert answer.headers["content-type"] == "application/octet-stream"
    assert answer.headers["content-disposition"].startswith("attachment; ")
    assert answer.headers["content-security-policy"].startswith("sandbox; default-src 'none'")
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert "set-cookie" not in answer.headers
    assert "/" not in record["file_name"]


@pytest.mark.parametrize(
    "name", ["a\r\nSet-Cookie: x=1", 'a"; filename="b.exe', "é\u202etxt.exe", "a\0b", "", "\ud800", "%0d%0a"]
)
def test_no_name_can_leave_its_header(name):
    header = content_disposition(name)
    assert header.isascii()
    assert not set(header) & set("\r\n\0")
    assert header.count('"') == 2


@pytest.mark.parametrize(
    ("given", "kept"),
    [("../../etc/passwd", "passwd"), ("C:\\Users\\a\\b.txt", "b.txt"), ("..", "file"), ("", "file"), ("a\nb\0c", "abc"),
     ("\u202egpj.exe", "gpj.exe"), ("  x  ", "x"), ("a" * 500, "a" * 200)],
)  # fmt: skip
def test_a_files_name_is_a_name(given, kept):
    assert safe_file_name(given) == kept


@pytest.mark.parametrize(
    "data", [b"\x7fELF" + b"\0" * 60, b"MZ" + b"\0" * 200, b"\x00\x01\x02\x03" * 30, b"\xca\xfe\xba\xbe" + b"\0" * 30]
)
def test_a_program_is_no_evidence_whatever_it_is_called(site, data):
    case, program = site.case("ana", told=False), site.program("ana")
    answer = hand_in(program, case, "holiday.jpg", data)
    assert answer.status_code == 415
    assert len(case.evidence()) == 1


def test_a_file_that_is_too_large_is_refused_and_nothing_is_kept(tmp_path):
    with served(tmp_path / "s", replace(LOGIN, max_upload_bytes=10_000)) as site:
        case, program = site.case("ana", told=False), site.program("ana")
        assert hand_in(program, case, data=b"x" * 10_001).status_code == 413
        assert hand_in(program, case, data=b"x" * 10_000).status_code == 201
        huge = program.post(
            f"/api/v1/cases/{case.id}/evidence",
            content=iter(
                [b'--b\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\n', *[b"x" * 65536] * 90]
            ),
            headers={"content-type": "multipart/form-data; boundary=b"},
        )
        assert huge.status_code == 413
        assert not list((site.office.state_dir / "uploads").iterdir())


def test_a_person_has_room_for_so_much(tmp_path):
    with served(tmp_path / "s", replace(LOGIN, max_person_bytes=100)) as site:
        case, program = site.case("ana", told=False), site.program("ana")
        assert hand_in(program, case, data=b"x" * 80).status_code == 201
        assert hand_in(program, case, data=b"y" * 80).status_code == 413
        assert hand_in(site.program("ben"), site.case("ben", told=False), data=b"y" * 80).status_code == 201


FORM = "multipart/form-data; boundary=b"
FILE = b'--b\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\n'
FIELD = b'--b\r\nContent-Disposition: form-data; name="x"\r\n\r\n'


@pytest.mark.parametrize(
    ("content", "kind", "status"),
    [
        (b"", FORM, 422),
        (b"--b--\r\n", FORM, 422),
        (b"nonsense", FORM, 422),
        (FILE + b"cut", FORM, 422),
        (FIELD + b"text\r\n--b--\r\n", FORM, 422),
        (FILE + b"\r\n--b--\r\n", FORM, 422),
        (b"--b\r\nX: " + b"y" * 10_000 + b"\r\n\r\n\r\n--b--\r\n", FORM, 422),
        (FIELD + b"y" * 70_000 + b"\r\n--b--\r\n", FORM, 422),
        ((FIELD + b"y\r\n") * 30 + b"--b--\r\n", FORM, 422),
        ((FILE + b"y\r\n") * 30 + b"--b--\r\n", FORM, 422),
        (b"x", "multipart/form-data", 415),
        (b"x", "text/plain", 415),
        (b"{}", "application/json", 415),
    ],
)
def test_a_broken_form_is_one_line(site, content, kind, status):
    case, program = site.case("ana", told=False), site.program("ana")
    answer = program.post(f"/api/v1/cases/{case.id}/evidence", content=content, headers={"content-type": kind})
    assert answer.status_code == status
    assert len(case.evidence()) == 1


def test_stored_script_stays_text(site):
    script = "<script>alert(1)</script>"
    case, program = site.office.person("ana").create(script), site.program("ana")
    program.post(f"/api/v1/cases/{case.id}/story", json={"text": f"They never paid me for overtime {script}."})
    case.wait_read(60)
    hand_in(program, case, "a.txt", b"x", description=script)
    answer = program.get(f"/api/v1/cases/{case.id}/view")
    assert answer.headers["content-type"] == "application/json"
    assert script in answer.json()["story"]["text"]
    page = program.get(f"/api/v1/cases/{case.id}/draft/html")
    assert script not in page.text
    assert page.headers["content-disposition"].startswith("attachment")


# -- killed in the middle


def start(folder: Path) -> tuple[subprocess.Popen[str], str]:
    """`run.py serve` as a person starts it; returns the process and its address."""
    config = folder / "config.json"
    if not config.exists():
        config.write_text(
            json.dumps(
                {
                    "BACKENDS": [{"id": "mock", "type": "llm_router", "provider": "mock"}],
                    "MEDIATOR": {"backends": ["mock"], "state_dir": "state"},
                    "EVIDENCE": {"path": "evidence"},
                }
            )
        )
    process = subprocess.Popen(
        [sys.executable, "run.py", "--config", str(config), "serve", "--port", "0"],
        cwd=HOME, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stdout is not None
    return process, process.stdout.readline().strip().rstrip("/")


def test_a_kill_in_an_upload_and_in_an_answer_loses_nothing_that_was_told(tmp_path):
    process, url = start(tmp_path)
    try:
        client = httpx2.Client(base_url=url, timeout=60, trust_env=False)
        case_id = client.post("/api/v1/cases", json={"title": "killed"}).json()["id"]
        kept = client.post(f"/api/v1/cases/{case_id}/evidence", files={"file": ("a.txt", b"kept")}).json()["cid"]
        client.post(f"/api/v1/cases/{case_id}/story", json={"text": "They never paid me for overtime at the market."})
        # Half an upload is on its way when the process dies.
        host, port = url.removeprefix("http://").split(":")
        wire = socket.create_connection((host, int(port)), timeout=30)
        form = b'--b\r\nContent-Disposition: form-data; name="file"; filename="half.txt"\r\n\r\n' + b"x" * 2_000_000
        wire.sendall(
            f"POST /api/v1/cases/{case_id}/evidence HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9000000\r\n"
            "Content-Type: multipart/form-data; boundary=b\r\n\r\n".encode()
            + form
        )
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait(30)
    wire.close()

    process, url = start(tmp_path)
    try:
        client = httpx2.Client(base_url=url, timeout=60, trust_env=False)
        names = [item["file_name"] for item in client.get(f"/api/v1/cases/{case_id}/evidence").json()["evidence"]]
        assert names == ["a.txt"]
        assert client.get(f"/api/v1/evidence/{kept}").content == b"kept"
        assert client.get(f"/api/v1/cases/{case_id}/story").json()["text"].startswith("They never paid me")
        assert list((tmp_path / "state" / "uploads").glob("*")) == []
        # The reading that the kill ended is done again; the events tell when.
        with client.stream("GET", f"/api/v1/cases/{case_id}/events") as events:
            for line in events.iter_lines():
                if line == "event: found":
                    break
        step = client.get(f"/api/v1/cases/{case_id}/step").json()
        assert step["kind"] == "question"
        said = {"claim": step["claim"], "element": step["element"], "text": "I was an employee."}
        client.post(f"/api/v1/cases/{case_id}/answers", json=said)
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait(30)

    process, url = start(tmp_path)
    try:
        client = httpx2.Client(base_url=url, timeout=60, trust_env=False)
        answers = client.get(f"/api/v1/cases/{case_id}/view").json()["answers"]
        assert [answer["text"] for answer in answers] == ["I was an employee."]
        # A program that was cut off sends its answer once more: it stands once.
        client.post(f"/api/v1/cases/{case_id}/answers", json=said)
        assert len(client.get(f"/api/v1/cases/{case_id}/view").json()["answers"]) == 1
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(30)


def test_events_go_on_where_a_connection_broke(site):
    case, program = site.case("ana"), site.program("ana")
    numbers = [event.seq for event in case.events()]
    with program.stream("GET", f"/api/v1/cases/{case.id}/events", headers={"last-event-id": str(numbers[0])}) as events:
        lines = events.iter_lines()
        seen = [int(next(line for line in lines if line.startswith("id: "))[4:]) for _ in numbers[1:]]
        case.undo()
        assert next(line for line in lines if line.startswith("event: ")) in ("event: exhibit", "event: undo")
    assert seen == numbers[1:]


def test_a_deleted_case_ends_its_events(site):
    case, program = site.case("ana", told=False), site.program("ana")
    with program.stream("GET", f"/api/v1/cases/{case.id}/events") as events:
        lines = events.iter_lines()
        next(lines)
        assert program.delete(f"/api/v1/cases/{case.id}").status_code == 204
        assert "event: gone" in list(lines)


def test_a_legal_hold_is_told(site):
    case, program = site.case("ana", told=False), site.program("ana")
    site.office._evidence_store().hold("the court asked", complaint=case.id)
    answer = program.delete(f"/api/v1/cases/{case.id}")
    assert answer.status_code == 409
    assert "the court asked" in answer.json()["detail"]
    assert program.get(f"/api/v1/cases/{case.id}").status_code == 200


def test_a_read_of_one_byte_does_not_read_the_file(site):
    case, program = site.case("ana", told=False), site.program("ana")
    record = case.add_evidence(io.BytesIO(b"PK\x03\x04" + bytes(20_000_000)), file_name="big.zip")
    answer = program.get(f"/api/v1/evidence/{record.cid}", headers={"range": "bytes=0-0"})
    assert (answer.status_code, answer.content) == (206, b"P")
