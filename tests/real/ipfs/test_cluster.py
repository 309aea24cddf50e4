"""The address of an IPFS Cluster instead of a node: the cluster pins what is handed in, on every machine it has."""

import base64
import os

import pytest

from mediator.evidence import EvidenceStore, Submission
from mediator.evidence.cid import Cid
from mediator.evidence.kubo import KuboReplica
from tests.real.ipfs.cluster import Cluster
from tests.real.ipfs.daemon import Daemon

pytestmark = [pytest.mark.ipfs, pytest.mark.timeout(600)]


@pytest.fixture(scope="module")
def second(tmp_path_factory):
    daemon = Daemon(tmp_path_factory.mktemp("second"))
    daemon.start()
    yield daemon
    daemon.stop()


@pytest.fixture
def cluster(node, second):
    proxy = Cluster(node, second)
    yield proxy
    proxy.stop()


def open_with(cluster, path, **options):
    return EvidenceStore(path, replicas=["local", "kubo"], kubo_address=cluster.address, in_background=False, **options)


@pytest.mark.parametrize("secret", [None, "5e" * 32], ids=["plain", "encrypted"])
def test_a_submission_is_pinned_by_the_cluster_and_lies_on_every_machine(cluster, node, second, tmp_path, secret):
    source = None if secret is None else lambda new: secret
    with open_with(cluster, tmp_path / "s", key_source=source) as store:
        record = store.submit(os.urandom(3_000_000), type="document")

        (report,) = store.replicate()

        assert (report.confirmed, report.waiting, report.last_error) == (1, 0, None)
        assert [event.kind for event in store.events()] == ["submitted", "replicated"]
    assert cluster.pins == {record.stored_cid}
    for daemon in (node, second):
        replica = KuboReplica(daemon.address)
        assert replica.has_pinned(Cid.parse(record.stored_cid))
        assert replica.get(Cid.parse(record.stored_cid))
        replica.close()


def test_a_pin_of_the_node_alone_is_not_taken_for_one_of_the_cluster(cluster, node, tmp_path):
    with open_with(cluster, tmp_path / "s") as store:
        record = store.submit(os.urandom(100), type="document")
        KuboReplica(node.address).push(
            Cid.parse(record.cid), [(Cid.parse(record.cid), store._parts.blocks.get(Cid.parse(record.cid)))]
        )
        assert cluster.pins == set()

        store.replicate()

    assert cluster.pins == {record.cid}


def test_what_is_damaged_here_is_repaired_through_the_cluster(cluster, tmp_path):
    data = os.urandom(4_000_000)
    with open_with(cluster, tmp_path / "s") as store:
        record = store.submit(data, type="document")
        store.replicate()
        for file in (tmp_path / "s").glob("blocks/*/*.data"):
            file.write_bytes(b"damaged")

        assert store.repair().lost == ()
        assert store.read(record.cid) == data


def test_a_directory_is_pinned_by_the_cluster_as_one(cluster, tmp_path):
    (tmp_path / "tree").mkdir()
    (tmp_path / "tree" / "a").write_bytes(b"a")
    with open_with(cluster, tmp_path / "s") as store:
        cid, _ = store.submit_directory(tmp_path / "tree", Submission(b"", "document"), on_skip=print)
        store.replicate()

    assert str(cid) in cluster.pins


def test_a_name_and_password_in_the_address_are_sent_and_never_shown(cluster):
    replica = KuboReplica(f"http://clerk:hunter2@127.0.0.1:{cluster.port}")
    assert replica.version()
    assert not replica.has_pinned(Cid.parse("bafkreihdwdcefgh4dqkjv67uzcmw7ojee6xedzdetojuzjevtenxquvyku"))
    replica.close()

    expected = "Basic " + base64.b64encode(b"clerk:hunter2").decode()
    assert cluster.authorized == [expected] * len(cluster.calls)
    assert "hunter2" not in replica.address
