"""An OpenTimestamps calendar on loopback, which speaks the documented protocol; no real one can be reached from here.

`POST /digest` takes a hash and answers with a timestamp that waits; `GET /timestamp/HEX` answers 404 until the hash
is in a block. The proofs are read and written by the reference library.
"""

import hashlib
import threading
from dataclasses import dataclass
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from click.testing import CliRunner
from opentimestamps.core.notary import BitcoinBlockHeaderAttestation, PendingAttestation
from opentimestamps.core.op import OpAppend, OpPrepend, OpSHA256
from opentimestamps.core.serialize import BytesDeserializationContext, BytesSerializationContext
from opentimestamps.core.timestamp import DetachedTimestampFile, Timestamp

from mediator.evidence import EvidenceStore, PublishRefusedError, TimestampError
from mediator.evidence.calendars import OpenTimestamps
from mediator.evidence.cli import evidence

# The first block of Bitcoin. Its merkle root is the double SHA-256 of its one transaction, so the transaction is
# a file that block 0 stamps: a complete, real proof that fits into a test.
FIRST_HEADER = bytes.fromhex(
    "0100000000000000000000000000000000000000000000000000000000000000000000003ba3edfd7a7b12b27ac72c3e67768f617fc81bc3"
    "888a51323a9fb8aa4b1e5e4a29ab5f49ffff001d1dac2b7c"
)
FIRST_TRANSACTION = bytes.fromhex(
    "01000000010000000000000000000000000000000000000000000000000000000000000000ffffffff4d04ffff001d0104455468652054696d"
    "65732030332f4a616e2f32303039204368616e63656c6c6f72206f6e206272696e6b206f66207365636f6e64206261696c6f757420666f72"
    "2062616e6b73ffffffff0100f2052a01000000434104678afdb0fe5548271967f1a67130b7105cd6a828e03909a67962e0ea1f61deb649f6"
    "bc3f4cef38c4f35504e51ec112de5c384df7ba0b8d578a4c702b6bf11d5fac00000000"
)


def serialized(timestamp):
    context = BytesSerializationContext()
    timestamp.serialize(context)
    return context.getbytes()


class Calendar(BaseHTTPRequestHandler):
    def do_POST(self):
        digest = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.seen.append((self.path, digest, self.headers["Accept"]))
        timestamp = Timestamp(digest)
        commitment = timestamp.ops.add(OpPrepend(b"calendar")).ops.add(OpSHA256())
        commitment.attestations.add(PendingAttestation(self.server.uri))
        self.answer(200, serialized(timestamp))

    def do_GET(self):
        self.server.seen.append((self.path, b"", self.headers["Accept"]))
        timestamp = Timestamp(bytes.fromhex(self.path.rpartition("/")[2]))
        if not self.server.mined:
            self.answer(404, b"Pending confirmation in Bitcoin blockchain")
            return
        root = timestamp.ops.add(OpAppend(b"the rest of the tree")).ops.add(OpSHA256())
        root.attestations.add(BitcoinBlockHeaderAttestation(900_000))
        self.answer(200, serialized(timestamp))

    def answer(self, status, body):
        body = self.server.spoil(body)
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


@pytest.fixture
def calendar():
    server = ThreadingHTTPServer(("127.0.0.1", 0), Calendar)
    server.uri = f"http://127.0.0.1:{server.server_port}"
    server.seen, server.mined, server.spoil = [], False, lambda body: body
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


@pytest.fixture
def service(calendar):
    return OpenTimestamps(calendar.uri, timeout=20)


def test_a_stamp_waits_for_bitcoin_and_says_so(plain, service, calendar):
    plain.submit(b"x", type="document")
    plain.timestamp(service)

    (stamp,) = plain.timestamps(service)

    assert (stamp.seq, stamp.at) == (1, None)
    assert stamp.says == f"waits for Bitcoin at {calendar.uri}; it proves no time yet"
    assert [event.kind for event in plain.events()] == ["submitted", "time-stamped"]
    assert plain.verify().ok


def test_the_calendar_sees_a_hash_that_it_cannot_connect_with_the_log(plain, service, calendar):
    plain.submit(b"x", type="document")
    plain.timestamp(service)
    plain.timestamp(service)

    (path, first, accepts), (_, second, _) = calendar.seen
    head = next(iter(plain.events())).hash
    assert (path, len(first), accepts) == ("/digest", 32, "application/vnd.opentimestamps.v1")
    assert first not in (bytes.fromhex(head), hashlib.sha256(head.encode()).digest())
    assert first != second


def test_the_reference_library_reads_the_proof_as_a_detached_timestamp_of_the_logs_hash(plain, service):
    plain.submit(b"x", type="document")
    plain.timestamp(service)
    (stamp,) = plain.timestamps(service)

    detached = DetachedTimestampFile.deserialize(BytesDeserializationContext(stamp.proof))

    assert detached.file_digest == hashlib.sha256(stamp.log_hash.encode()).digest()
    assert stamp.log_hash == next(iter(plain.events())).hash


def test_a_stamp_is_completed_when_a_block_has_it_and_an_unseen_block_proves_no_time(plain, service, calendar):
    plain.submit(b"x", type="document")
    plain.timestamp(service)
    assert plain.upgrade_timestamps(service) == ()
    calendar.mined = True

    (upgraded,) = plain.upgrade_timestamps(service)

    (stamp,) = plain.timestamps(service)
    assert stamp == upgraded
    assert stamp.at is None
    assert "names Bitcoin block 900000, which was not looked at: no network is used here" in stamp.says
    assert [event.kind for event in plain.events()] == ["submitted", "time-stamped", "time-stamped"]


def first_block_proof():
    timestamp = Timestamp(hashlib.sha256(FIRST_TRANSACTION).digest())
    timestamp.ops.add(OpSHA256()).attestations.add(BitcoinBlockHeaderAttestation(0))
    context = BytesSerializationContext()
    DetachedTimestampFile(OpSHA256(), timestamp).serialize(context)
    return context.getbytes()


def test_with_the_header_of_its_block_a_stamp_proves_the_time():
    service = OpenTimestamps("http://127.0.0.1:1", headers={0: FIRST_HEADER})

    proven = service.verify(FIRST_TRANSACTION, first_block_proof())

    assert proven.at == datetime(2009, 1, 3, 18, 15, 5, tzinfo=UTC)
    assert proven.says == "Bitcoin block 0"


def test_without_the_header_the_root_to_compare_with_is_named():
    proven = OpenTimestamps("http://127.0.0.1:1").verify(FIRST_TRANSACTION, first_block_proof())

    assert proven.at is None
    assert "4a5e1e4baab89f3a32518a88c31bc87f618f76673e2cc77ab2127b7afdeda33b" in proven.says


@pytest.mark.parametrize(
    ("header", "complaint"),
    [
        (FIRST_HEADER[:-1], "79 bytes"),
        (FIRST_HEADER[:-1] + b"x", "no proof of work"),
        (FIRST_HEADER[:72] + b"\xff\xff\x7f\x20" + FIRST_HEADER[76:], "no proof of work"),
        (b"\x02" + FIRST_HEADER[1:], "no proof of work"),
    ],
    ids=["cut", "another nonce", "easier than Bitcoin ever was", "changed"],
)
def test_a_header_that_bitcoin_did_not_make_proves_nothing(header, complaint):
    with pytest.raises(TimestampError, match=complaint):
        OpenTimestamps("http://127.0.0.1:1", headers={0: header}).verify(FIRST_TRANSACTION, first_block_proof())


def test_a_block_that_commits_to_something_else_proves_nothing():
    timestamp = Timestamp(hashlib.sha256(b"data").digest())
    timestamp.attestations.add(BitcoinBlockHeaderAttestation(0))
    context = BytesSerializationContext()
    DetachedTimestampFile(OpSHA256(), timestamp).serialize(context)

    with pytest.raises(TimestampError, match="commits to something else"):
        OpenTimestamps("http://127.0.0.1:1", headers={0: FIRST_HEADER}).verify(b"data", context.getbytes())


def test_a_stamp_for_other_bytes_does_not_hold():
    with pytest.raises(TimestampError, match="other bytes"):
        OpenTimestamps("http://127.0.0.1:1").verify(b"other", first_block_proof())


@pytest.mark.parametrize(
    "spoil", [lambda b: b"", lambda b: b"<html>", lambda b: b[:-3], lambda b: b + b"x", lambda b: b * 2000]
)
def test_an_answer_that_is_no_timestamp_is_not_recorded(plain, service, calendar, spoil):
    plain.submit(b"x", type="document")
    calendar.spoil = spoil

    with pytest.raises(TimestampError):
        plain.timestamp(service)
    assert [event.kind for event in plain.events()] == ["submitted"]


@pytest.mark.parametrize("proof", [b"", b"\0OpenTimestamps", first_block_proof()[:-1], first_block_proof() + b"x"])
def test_a_proof_that_is_damaged_is_a_typed_error(proof):
    with pytest.raises(TimestampError, match="no detached timestamp"):
        OpenTimestamps("http://127.0.0.1:1").verify(FIRST_TRANSACTION, proof)


def test_a_calendar_that_a_proof_names_is_not_asked_unless_it_is_the_one_that_was_configured(plain, service, calendar):
    plain.submit(b"x", type="document")
    calendar.uri = "http://169.254.169.254/latest"
    plain.timestamp(service)
    before = len(calendar.seen)

    assert plain.upgrade_timestamps(service) == ()
    assert len(calendar.seen) == before


def test_nothing_is_sent_when_everything_stays_here(tmp_path, service, calendar):
    with EvidenceStore(tmp_path / "s", privacy="local_only") as store:
        with pytest.raises(PublishRefusedError):
            store.timestamp(service)
        with pytest.raises(PublishRefusedError):
            store.upgrade_timestamps(service)
    assert calendar.seen == []


def test_a_calendar_that_is_away_is_a_typed_error(plain):
    with pytest.raises(TimestampError, match="failed"):
        plain.timestamp(OpenTimestamps("http://127.0.0.1:1", timeout=2))


def test_the_command_line_stamps_checks_and_saves(tmp_path, calendar):
    @dataclass
    class App:
        def open_store(self):
            return EvidenceStore(tmp_path / "s", env={})

    def run(*arguments):
        options = ["timestamp", "--opentimestamps", calendar.uri, *map(str, arguments)]
        return CliRunner().invoke(evidence, options, obj=App())

    (tmp_path / "letter").write_bytes(b"x")
    CliRunner().invoke(evidence, ["add", str(tmp_path / "letter")], obj=App())

    assert run().stdout == f"up to event 1: no time yet; waits for Bitcoin at {calendar.uri}; it proves no time yet\n"
    calendar.mined = True
    assert "names Bitcoin block 900000" in run("--upgrade", "--save", tmp_path / "out").stdout
    proof = (tmp_path / "out" / "log-1.ots").read_bytes()
    log = (tmp_path / "out" / "log-1").read_bytes()
    assert OpenTimestamps(calendar.uri).verify(log, proof).at is None
    assert run("--check", "--save", tmp_path / "out").exit_code == 2
