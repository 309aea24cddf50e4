"""A real time-stamping authority (OpenSSL's) stamps the custody log, and the stamp holds only for that log."""

import base64
import json
import shutil
import sqlite3
import subprocess
import threading
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from mediator.evidence import EvidenceStore, PublishRefusedError, TimestampError
from mediator.evidence.timestamps import Rfc3161

pytestmark = pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl plays the authority")

CONFIG = """
[req]
distinguished_name = name
[name]
[ca]
basicConstraints = critical,CA:TRUE
keyUsage = critical,keyCertSign
subjectKeyIdentifier = hash
[leaf]
basicConstraints = critical,CA:FALSE
keyUsage = critical,digitalSignature
extendedKeyUsage = critical,timeStamping
[tsa]
default_tsa = one
[one]
serial = {here}/serial
signer_cert = {here}/tsa.pem
signer_key = {here}/tsa.key
signer_digest = sha256
default_policy = 1.2.3.4
digests = sha256
ess_cert_id_alg = sha256
"""


def openssl(*arguments):
    subprocess.run(["openssl", *map(str, arguments)], check=True, capture_output=True)


def make_authority(here):
    config = here / "openssl.cnf"
    config.write_text(CONFIG.format(here=here))
    new = ["req", "-config", config, "-newkey", "rsa:2048", "-nodes"]
    openssl(*new, "-x509", "-days", 2, "-subj", "/CN=test root", "-extensions", "ca",
            "-keyout", here / "ca.key", "-out", here / "ca.pem")  # fmt: skip
    openssl(*new, "-subj", "/CN=test authority", "-keyout", here / "tsa.key", "-out", here / "tsa.csr")
    openssl("x509", "-req", "-in", here / "tsa.csr", "-CA", here / "ca.pem", "-CAkey", here / "ca.key", "-days", 2,
            "-set_serial", 7, "-extfile", config, "-extensions", "leaf", "-out", here / "tsa.pem")  # fmt: skip
    return config


class Authority(BaseHTTPRequestHandler):
    def do_POST(self):
        here, query = self.server.here, self.rfile.read(int(self.headers["Content-Length"]))
        (here / "query").write_bytes(query)
        openssl("ts", "-reply", "-config", self.server.config, "-queryfile", here / "query", "-out", here / "reply")
        body = self.server.spoil((here / "reply").read_bytes())
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    here = tmp_path_factory.mktemp("tsa")
    server = ThreadingHTTPServer(("127.0.0.1", 0), Authority)
    server.here, server.config = here, make_authority(here)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


@pytest.fixture
def service(authority):
    authority.spoil = lambda reply: reply
    return Rfc3161(f"http://127.0.0.1:{authority.server_port}/", authority.here / "ca.pem", timeout=20)


def test_a_stamp_proves_when_the_log_stood_as_it_does(plain, service):
    plain.submit(b"x", type="document")
    plain.timestamp(service)
    plain.submit(b"y", type="document")

    (stamp,) = plain.timestamps(service)

    assert stamp.seq == 1
    assert abs(stamp.at - datetime.now(UTC)) < timedelta(minutes=5)
    assert [event.kind for event in plain.events()] == ["submitted", "time-stamped", "submitted"]
    assert plain.verify().ok


def test_a_log_that_was_rewritten_after_it_was_stamped_is_found(plain, service):
    plain.submit(b"x", type="document")
    plain.timestamp(service)
    connection = sqlite3.connect(plain.path / "catalog.sqlite3")
    connection.execute("update custody set hash = ? where seq = 1", ("0" * 64,))
    connection.commit()
    connection.close()

    with pytest.raises(TimestampError, match="does not hold"):
        plain.timestamps(service)


@pytest.mark.parametrize("spoil", [lambda r: b"", lambda r: b"<html>", lambda r: r[:-20], lambda r: r[:-1] + b"\0"])
def test_an_answer_that_is_no_good_stamp_is_not_recorded(plain, service, authority, spoil):
    plain.submit(b"x", type="document")
    authority.spoil = spoil

    with pytest.raises(TimestampError):
        plain.timestamp(service)
    assert [event.kind for event in plain.events()] == ["submitted"]


def test_a_stamp_for_another_request_is_refused(plain, service, authority):
    plain.submit(b"x", type="document")
    plain.timestamp(service)
    details = json.loads(json.dumps(dict(list(plain.events())[1].details)))
    authority.spoil = lambda reply: base64.b64decode(details["proof"])

    with pytest.raises(TimestampError, match="another request"):
        plain.timestamp(service)


def test_an_authority_that_nobody_trusts_is_refused(plain, service, tmp_path):
    make_authority(tmp_path)
    other = Rfc3161(service._url, tmp_path / "ca.pem", timeout=20)
    plain.submit(b"x", type="document")

    with pytest.raises(TimestampError, match="does not hold"):
        plain.timestamp(other)


def test_nothing_is_sent_when_everything_stays_here(tmp_path, service):
    with EvidenceStore(tmp_path / "s", privacy="local_only") as store, pytest.raises(PublishRefusedError):
        store.timestamp(service)


def test_a_service_that_is_away_or_trusts_nothing_is_a_typed_error(plain, authority, tmp_path):
    (tmp_path / "empty.pem").write_text("")
    with pytest.raises(TimestampError, match="PEM"):
        Rfc3161("http://127.0.0.1:1/", tmp_path / "empty.pem")
    with pytest.raises(TimestampError, match="failed"):
        plain.timestamp(Rfc3161("http://127.0.0.1:1/", authority.here / "ca.pem", timeout=2))
