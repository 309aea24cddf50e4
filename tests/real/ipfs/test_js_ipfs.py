"""Against a running daemon that speaks Kubo's RPC API: the same CIDs, and a second copy that survives its absence."""

import json
import os
import random

import httpx
import pytest

from mediator.evidence import (
    BlockNotFoundError,
    Cid,
    EvidenceStore,
    InvalidInputError,
    ReplicaUnavailableError,
    Submission,
)
from mediator.evidence.blockstores import MemoryBlockstore
from mediator.evidence.car import CarReader
from mediator.evidence.cid import dag_pb_cid, raw_cid
from mediator.evidence.kubo import KuboBlockstore, KuboReplica, kubo_address
from mediator.evidence.reader import blocks_of
from mediator.evidence.unixfs import PROFILES, file_cid, import_chunks

pytestmark = [pytest.mark.ipfs, pytest.mark.timeout(180)]

SIZES = [0, 1, 262_143, 262_144, 262_145, 1_048_576, 1_048_577, 5_000_000, 46_000_000]
OPTIONS = {
    "unixfs-v1-2025": {"cid-version": 1, "raw-leaves": "true", "chunker": "size-1048576"},
    "kubo-v1": {"cid-version": 1, "raw-leaves": "true", "chunker": "size-262144"},
    "kubo-legacy": {"cid-version": 0, "raw-leaves": "false", "chunker": "size-262144"},
}


def content_of(size):
    return random.Random(size).randbytes(size)


def call(node, name, files=None, **params):
    url = f"http://127.0.0.1:{node.port}/api/v0/{name}"
    return httpx.post(url, params=params, files=files, timeout=120, trust_env=False).raise_for_status()


def added(node, data, **params):
    lines = call(node, "add", {"file": ("data", data)}, pin="false", **params).text.splitlines()
    return Cid.parse(json.loads(lines[-1])["Hash"])


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("profile", ["kubo-v1", "kubo-legacy"])
def test_the_node_gives_a_file_the_same_cid(node, profile, size):
    data = content_of(size)

    assert file_cid([data], PROFILES[profile]) == added(node, data, **OPTIONS[profile])


@pytest.mark.parametrize("size", SIZES)
def test_the_node_gives_a_file_the_same_cid_with_the_chunks_of_today(node, size):
    data = content_of(size)

    assert file_cid([data], PROFILES["unixfs-v1-2025"]) == added(node, data, **OPTIONS["unixfs-v1-2025"])


@pytest.mark.parametrize("profile", sorted(PROFILES))
def test_the_node_reads_what_we_made_and_sends_it_back_the_same(node, profile):
    data = content_of(3_000_001)
    blocks = MemoryBlockstore()
    with blocks.batch() as batch:
        root = import_chunks([data], PROFILES[profile], batch.put)

    replica = KuboReplica(node.address)
    replica.push(root, blocks_of(blocks.get, root))

    assert call(node, "cat", arg=str(root)).content == data
    assert replica.has_pinned(root)
    assert replica.get(root) == blocks.get(root)
    replica.close()


def test_our_archive_imports_there_and_its_archive_imports_here(node, tmp_path):
    data = content_of(2_500_000)
    with EvidenceStore(tmp_path / "a", profile="kubo-v1") as store, EvidenceStore(tmp_path / "b") as other:
        record = store.submit(data, type="document")
        store.export_car([record.cid], tmp_path / "ours.car")
        call(node, "dag/import", {"path": ("x.car", (tmp_path / "ours.car").read_bytes())})
        theirs = call(node, "dag/export", arg=record.cid).content
        (tmp_path / "theirs.car").write_bytes(theirs)

        other.import_car(tmp_path / "theirs.car")

        assert other.read(record.cid) == data
    with (tmp_path / "ours.car").open("rb") as stream:
        ours = {cid.multihash: block for cid, block in CarReader(stream)}
    with (tmp_path / "theirs.car").open("rb") as stream:
        assert ours == {cid.multihash: block for cid, block in CarReader(stream)}


def test_the_blockstore_over_the_api_keeps_the_promises_of_every_blockstore(node):
    blocks = KuboBlockstore(node.address)
    data = [os.urandom(size) for size in (0, 1, 5000, 1 << 20)]
    with blocks.batch() as batch:
        for block in data:
            batch.put(raw_cid(block), block)
    blocks.put(dag_pb_cid(b"\x0a\x02\x08\x01", 0), b"\x0a\x02\x08\x01")

    assert [blocks.get(raw_cid(block)) for block in data] == data
    assert blocks.get(dag_pb_cid(b"\x0a\x02\x08\x01", 1)) == b"\x0a\x02\x08\x01"
    assert blocks.has(raw_cid(data[2]))
    assert blocks.delete(raw_cid(data[2]))
    assert not blocks.has(raw_cid(data[2]))
    with pytest.raises(BlockNotFoundError):
        blocks.get(raw_cid(data[2]))
    blocks.close()


def open_with_node(path, node, **options):
    return EvidenceStore(path, replicas=["local", "kubo"], kubo_address=node.address, in_background=False, **options)


@pytest.mark.parametrize("secret", [None, "5e" * 32], ids=["plain", "encrypted"])
def test_a_submission_gets_a_pinned_second_copy(node, tmp_path, secret):
    source = None if secret is None else lambda new: secret
    with open_with_node(tmp_path / "s", node, key_source=source) as store:
        record = store.submit(content_of(3_000_000), type="document")
        assert store.stat().waiting == 1

        (report,) = store.replicate()

        assert (report.confirmed, report.waiting, report.last_error) == (1, 0, None)
        assert store.stat().waiting == 0
        assert [event.kind for event in store.events()] == ["submitted", "replicated"]
    assert KuboReplica(node.address).has_pinned(Cid.parse(record.stored_cid))


def test_what_is_damaged_here_is_repaired_from_the_node(node, tmp_path):
    data = content_of(4_000_000)
    with open_with_node(tmp_path / "s", node) as store:
        record = store.submit(data, type="document")
        store.replicate()
        files = sorted((tmp_path / "s").glob("blocks/*/*.data"))
        files[0].write_bytes(b"damaged")
        for file in files[1:]:
            file.unlink()
        assert not store.verify().ok

        report = store.repair()

        assert len(report.restored) == len(files)
        assert report.lost == ()
        assert store.verify().ok
        assert store.read(record.cid) == data


def test_what_nobody_has_is_reported_as_lost(node, tmp_path):
    with open_with_node(tmp_path / "s", node) as store:
        record = store.submit(os.urandom(100), type="document")
        store.settle()
        (file,) = (tmp_path / "s").glob("blocks/*/*.data")
        file.unlink()

        report = store.repair()

    assert [cid for cid, _ in report.lost] == [record.cid]


def test_a_node_that_is_away_loses_nothing_and_catches_up(own_node, tmp_path):
    with open_with_node(tmp_path / "s", own_node) as store:
        own_node.start()
        before = store.submit(b"before", type="document")
        store.replicate()
        own_node.stop()
        during = list(store.submit_many(Submission(b"during %d" % n, "document") for n in range(3)))
        (report,) = store.replicate()
        assert (report.confirmed, report.waiting) == (0, 3)
        assert "cannot be reached" in report.last_error
        assert store.read(before.cid) == b"before"
    own_node.start()
    with open_with_node(tmp_path / "s", own_node) as store:
        (report,) = store.replicate()
        assert (report.confirmed, report.waiting) == (3, 0)
    replica = KuboReplica(own_node.address)
    assert all(replica.has_pinned(Cid.parse(record.cid)) for record in during)


def test_in_the_background_a_submission_reaches_the_node(node, tmp_path):
    with EvidenceStore(tmp_path / "s", replicas=["local", "kubo"], kubo_address=node.address) as store:
        record = store.submit(os.urandom(100), type="document")
        store._replicator.wait_idle(60)

        assert store.stat().waiting == 0
    assert KuboReplica(node.address).has_pinned(Cid.parse(record.cid))


def test_a_replica_that_joins_later_is_given_everything(node, tmp_path):
    with EvidenceStore(tmp_path / "s") as store:
        records = [store.submit(os.urandom(50), type="document") for _ in range(3)]
    with open_with_node(tmp_path / "s", node) as store:
        store.queue_everything()
        (report,) = store.replicate()

    assert report.confirmed == len(records)


@pytest.mark.parametrize("secret", [None, "5e" * 32], ids=["plain", "encrypted"])
def test_what_is_published_is_there_in_the_clear_under_its_own_cid(node, tmp_path, secret):
    data = content_of(1_500_000) + os.urandom(8)
    source = None if secret is None else lambda new: secret
    with EvidenceStore(tmp_path / "s", key_source=source, kubo_address=node.address) as store:
        record = store.submit(data, type="document")
        store.publish(record.cid, agreed=True)

        assert [event.kind for event in store.events()] == ["submitted", "published"]
    assert call(node, "cat", arg=record.cid).content == data


def test_a_node_that_is_not_there_is_a_typed_error(own_node, tmp_path):
    with EvidenceStore(tmp_path / "s", kubo_address=own_node.address) as store:
        record = store.submit(b"x", type="document")

        with pytest.raises(ReplicaUnavailableError, match=str(own_node.port)):
            store.publish(record.cid, agreed=True)
        assert store.read(record.cid) == b"x"


def test_the_address_comes_from_the_configuration_the_environment_or_the_nodes_own_file(tmp_path):
    (tmp_path / ".ipfs").mkdir()
    (tmp_path / ".ipfs" / "api").write_text("/ip4/127.0.0.1/tcp/4\n")

    assert kubo_address("http://a:1", {"IPFS_API": "x"}, tmp_path) == "http://a:1"
    assert kubo_address(None, {"IPFS_API": "/ip4/127.0.0.1/tcp/2"}, tmp_path) == "/ip4/127.0.0.1/tcp/2"
    assert kubo_address(None, {}, tmp_path) == "/ip4/127.0.0.1/tcp/4"
    assert kubo_address(None, {}, tmp_path / "nobody") == "/ip4/127.0.0.1/tcp/5001"
    with pytest.raises(InvalidInputError, match="no node address"):
        KuboReplica("127.0.0.1:5001")
