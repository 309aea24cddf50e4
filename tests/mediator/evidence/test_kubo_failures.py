"""A node that is slow, broken, confused or gone: our errors, a queue that keeps everything, nothing lost here."""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from mediator.evidence import (
    BlockCorruptError,
    EvidenceStore,
    InvalidInputError,
    ReplicaRejectedError,
    ReplicaTimeoutError,
    ReplicaUnavailableError,
)
from mediator.evidence.car import car_header, car_section
from mediator.evidence.cid import raw_cid
from mediator.evidence.kubo import KuboReplica

CONTENT = b"the letter"
CID = raw_cid(CONTENT)
PINNED = json.dumps({"Keys": {str(CID): {"Type": "recursive"}}}).encode()
WHOLE = car_header([CID]) + car_section(CID, CONTENT)
IMPORTED = json.dumps({"Root": {"Cid": {"/": str(CID)}, "PinErrorMsg": ""}}).encode()


class Node(BaseHTTPRequestHandler):
    """Answers each call with what the test put into `answers`: (status, body), or None to break off."""

    protocol_version = "HTTP/1.1"

    def do_POST(self):
        self.server.calls.append(self.path)
        self._read_body()
        name = self.path.partition("?")[0].removeprefix("/api/v0/")
        answer = self.server.answers.get(name, (404, b""))
        if answer == "silence":
            self.server.released.wait(30)
            self.close_connection = True
            return
        status, body, announced = (*answer, None)[:3]
        self.send_response(status)
        self.send_header("Content-Length", str(announced if announced is not None else len(body)))
        self.send_header("Content-Type", "application/json")
        self.end_headers()
        self.wfile.write(body)
        self.close_connection = announced is not None

    def _read_body(self):
        if self.headers.get("Transfer-Encoding") == "chunked":
            while size := int(self.rfile.readline(), 16):
                self.rfile.read(size + 2)
            self.rfile.readline()
        else:
            self.rfile.read(int(self.headers.get("Content-Length", 0)))

    def log_message(self, *_):
        pass


@pytest.fixture
def node():
    server = ThreadingHTTPServer(("127.0.0.1", 0), Node)
    server.daemon_threads = True
    server.calls, server.released = [], threading.Event()
    server.answers = {"dag/import": (200, IMPORTED), "pin/ls": (200, PINNED), "dag/export": (200, WHOLE)}
    server.address = f"http://127.0.0.1:{server.server_port}"
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.released.set()
    server.shutdown()
    server.server_close()


@pytest.fixture
def replica(node):
    made = KuboReplica(node.address, timeout=5)
    yield made
    made.close()


def push(replica):
    replica.push(CID, [(CID, CONTENT)])


def test_a_node_that_proves_what_it_has_is_believed(replica, node):
    push(replica)

    assert [path.partition("?")[0].rpartition("v0/")[2] for path in node.calls] == [
        "dag/import",
        "pin/ls",
        "dag/export",
    ]


@pytest.mark.parametrize(
    ("answers", "error", "words"),
    [
        ({"dag/import": (500, b'{"Message": "disk full"}')}, ReplicaRejectedError, "disk full"),
        ({"dag/import": (403, b"<html>forbidden")}, ReplicaRejectedError, "403"),
        ({"dag/import": (200, IMPORTED.replace(b'Msg": "', b'Msg": "no room'))}, ReplicaRejectedError, "no room"),
        ({"dag/export": (200, car_header([CID]))}, ReplicaRejectedError, "does not have 1"),
        ({"dag/export": (200, WHOLE[:-1] + b"X")}, ReplicaUnavailableError, "damaged"),
        ({"dag/export": (200, WHOLE[:-4])}, ReplicaUnavailableError, "broke off"),
        ({"dag/export": (200, WHOLE[:-4], len(WHOLE))}, ReplicaUnavailableError, "reached"),
        ({"dag/export": (500, b"oops")}, ReplicaRejectedError, "500"),
        ({"pin/ls": (500, b'{"Message": "not pinned", "Code": 0, "Type": "error"}')}, ReplicaRejectedError, "refused"),
    ],
)
def test_a_node_that_fails_or_cannot_prove_it_is_not_believed(replica, node, answers, error, words):
    node.answers |= answers

    with pytest.raises(error, match=words):
        push(replica)


def test_a_node_that_says_nothing_is_given_up_on(node):
    node.answers["dag/import"] = "silence"
    replica = KuboReplica(node.address, timeout=0.3)

    with pytest.raises(ReplicaTimeoutError, match="in time"):
        push(replica)
    replica.close()


def test_damaged_bytes_from_a_node_are_never_taken(replica, node):
    node.answers["block/get"] = (200, b"something else")

    with pytest.raises(BlockCorruptError):
        replica.get(CID)


def test_reading_is_tried_a_second_time_and_importing_is_not(node):
    address = node.address
    node.shutdown()
    node.server_close()
    replica = KuboReplica(address, timeout=1)

    with pytest.raises(ReplicaUnavailableError, match="start it"):
        replica.get(CID)
    with pytest.raises(ReplicaUnavailableError):
        push(replica)
    replica.close()


def open_store(path, node):
    return EvidenceStore(path, replicas=["local", "kubo"], kubo_address=node.address, in_background=False)


def test_what_a_node_refuses_stays_in_the_queue_with_the_reason(tmp_path, node):
    node.answers["dag/import"] = (500, b'{"Message": "disk full"}')
    with open_store(tmp_path / "s", node) as store:
        record = store.submit(CONTENT, type="document")
        (failed,) = store.replicate()
        node.answers["dag/import"] = (200, IMPORTED)
        (passed,) = store.replicate()

        assert (failed.confirmed, failed.waiting) == (0, 1)
        assert "disk full" in failed.last_error
        assert (passed.confirmed, passed.waiting) == (1, 0)
        assert store.read(record.cid) == CONTENT
        assert store.verify().ok


def test_the_same_content_twice_waits_once(tmp_path, node):
    with open_store(tmp_path / "s", node) as store:
        store.submit(CONTENT, type="document")
        store.submit(CONTENT, type="document")

        assert store.stat().waiting == 1


def test_gc_takes_what_is_not_needed_out_of_the_queue(tmp_path, node):
    with open_store(tmp_path / "s", node) as store:
        record = store.submit(CONTENT, type="document")
        store.remove(record.submission_id, "mistake")
        store.gc(dry_run=False)

        assert store.stat().waiting == 0


def test_the_password_of_a_node_is_in_no_message(tmp_path):
    replica = KuboReplica("http://me:hunter2@127.0.0.1:1", timeout=1)

    with pytest.raises(ReplicaUnavailableError) as caught:
        push(replica)
    assert "hunter2" not in str(caught.value)
    replica.close()


@pytest.mark.parametrize("replicas", [[], ["kubo"], ["local", "s3"], ["local", "kubo", "kubo"]])
def test_replicas_that_make_no_sense_are_refused(tmp_path, replicas):
    with pytest.raises(InvalidInputError):
        EvidenceStore(tmp_path / "s", replicas=replicas, env={})


@pytest.mark.parametrize("address", ["127.0.0.1:5001", "/ip4/127.0.0.1", "ftp://x", "/unix/x", "/ip4/1.1.1.1/tcp/x"])
def test_an_address_that_names_no_node_is_refused(address):
    with pytest.raises(InvalidInputError, match="no node address"):
        KuboReplica(address)
