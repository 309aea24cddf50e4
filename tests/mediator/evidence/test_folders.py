"""A directory comes back as one, from any store; an imported archive is as protected as everything else."""

import os
import random

import pytest

from mediator.evidence import (
    EvidenceStore,
    InvalidCarError,
    InvalidDagError,
    InvalidInputError,
    LegalHoldError,
    NotFoundError,
    Submission,
)
from mediator.evidence.blockstores import MemoryBlockstore
from mediator.evidence.car import CarReader, write_car
from mediator.evidence.cid import dag_pb_cid, raw_cid
from mediator.evidence.dagpb import Kind, Link, UnixFs, encode_node, encode_unixfs
from mediator.evidence.folders import tree
from mediator.evidence.unixfs import PROFILES, FileBuilder

SECRET = "5e" * 32
MARK = b"MARKED CONTENT " * 10
FILES = {
    "a.txt": b"a",
    "empty": b"",
    "deep/er/b.bin": random.Random(1).randbytes(600_000),
    "deep/new\nline": MARK,
    os.fsdecode(b"deep/\xff\xfe"): b"no text",
}


def write(path, files):
    for name, data in files.items():
        (path / name).parent.mkdir(parents=True, exist_ok=True)
        (path / name).write_bytes(data)
    return path


def found_in(path):
    return {str(file.relative_to(path)): file.read_bytes() for file in path.rglob("*") if file.is_file()}


def submit(store, path):
    cid, _ = store.submit_directory(path, Submission(b"", "document"), on_skip=print)
    return cid


@pytest.mark.parametrize("profile", sorted(PROFILES))
def test_a_directory_comes_back_as_it_was(tmp_path, key_source, profile):
    write(tmp_path / "tree", FILES)
    with EvidenceStore(tmp_path / "s", profile=profile, key_source=key_source) as store:
        cid = submit(store, tmp_path / "tree")
        assert store.is_directory(cid)
        store.gc(dry_run=False)

        report = store.restore(cid, tmp_path / "out")

        assert found_in(tmp_path / "out") == FILES
        assert (report.files, report.bytes) == (len(FILES), sum(map(len, FILES.values())))
        assert store.verify().ok
        assert [pinned.cid for pinned in store.pins()] == [str(cid)]
        assert [event.kind for event in store.events(cid=cid)] == ["directory submitted", "exported"]


def test_a_hundred_levels_come_back(store, tmp_path):
    deep = {"/".join(["d"] * 100) + "/bottom": b"100 levels"}
    cid = submit(store, write(tmp_path / "tree", deep))

    store.restore(cid, tmp_path / "out")

    assert found_in(tmp_path / "out") == deep


def test_a_directory_that_is_swapped_for_a_link_while_it_is_read_leads_nowhere(plain, tmp_path):
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "file").write_bytes(b"secret of somebody else")
    tree_path = write(tmp_path / "tree", {"a": b"first", "below/file": b"second"})
    skipped = []

    def swap(done, total):
        if not (tree_path / "below").is_symlink():
            (tree_path / "below").rename(tmp_path / "moved")
            (tree_path / "below").symlink_to(tmp_path / "elsewhere")

    _, records = plain.submit_directory(
        tree_path,
        Submission(b"", "document"),
        on_skip=lambda path, error: skipped.append(os.path.relpath(path, tree_path)),
        progress=swap,
    )

    assert [record.file_name for record in records] == ["tree/a"]
    assert skipped == ["below/file"]


def test_empty_directories_are_part_of_what_comes_back(store, tmp_path):
    tree_path = write(tmp_path / "tree", {"with/file": b"x"})
    (tree_path / "empty").mkdir()
    (tree_path / "with" / "nothing" / "below").mkdir(parents=True)

    cid = submit(store, tree_path)
    store.restore(cid, tmp_path / "out")

    below = {str(path.relative_to(tmp_path / "out")) for path in (tmp_path / "out").rglob("*")}
    assert below == {"empty", "with", "with/file", "with/nothing", "with/nothing/below"}
    assert store.verify().ok


def test_a_directory_with_nothing_in_it_has_the_cid_that_everybody_knows(tmp_path):
    (tmp_path / "nothing").mkdir()
    with EvidenceStore(tmp_path / "s", profile="kubo-legacy") as store:
        assert str(submit(store, tmp_path / "nothing")) == "QmUNLLsPACCz1vLxQVkXqqLX5R1X345qqfHbsf67hvA3Nn"
    with EvidenceStore(tmp_path / "t") as store:
        assert submit(store, tmp_path / "nothing").version == 1


@pytest.mark.slow
def test_a_directory_that_is_spread_over_nodes_comes_back(plain, tmp_path):
    files = {f"evidence with a rather long name, number {n}.txt": b"%d" % (n % 7) for n in range(4_000)}
    cid = submit(plain, write(tmp_path / "tree", files))

    plain.restore(cid, tmp_path / "out")

    assert found_in(tmp_path / "out") == files


def test_a_directory_travels_in_an_archive(tmp_path, key_source):
    write(tmp_path / "tree", FILES)
    with (
        EvidenceStore(tmp_path / "a", key_source=key_source) as store,
        EvidenceStore(tmp_path / "b", key_source=lambda new: SECRET) as other,
    ):
        cid = submit(store, tmp_path / "tree")
        store.export_car([cid], tmp_path / "tree.car")
        other.import_car(tmp_path / "tree.car")

        other.restore(cid, tmp_path / "out")

        assert found_in(tmp_path / "out") == FILES
        assert other.verify().ok
        other.gc(dry_run=False)
        assert other.verify().ok
    with (tmp_path / "tree.car").open("rb") as stream:
        assert CarReader(stream).roots == (cid,)


def all_bytes_of(path):
    return b"".join(file.read_bytes() for file in path.rglob("*") if file.is_file())


def blocks_in(path):
    with path.open("rb") as stream:
        reader = CarReader(stream)
        return reader.roots, dict(reader)


def archive_of(data, path):
    blocks = {}
    builder = FileBuilder(PROFILES["kubo-v1"], lambda cid, block: blocks.update({cid: block}))
    for start in range(0, len(data), 262_144):
        builder.add(data[start : start + 262_144])
    root = builder.finish()
    with path.open("wb") as stream:
        write_car(stream, [root], blocks.items())
    return root


def test_what_is_imported_into_an_encrypted_store_is_encrypted(tmp_path):
    data = MARK * 40_000
    root = archive_of(data, tmp_path / "x.car")
    with EvidenceStore(tmp_path / "s", key_source=lambda new: SECRET) as store:
        store.import_car(tmp_path / "x.car")
        store.gc(dry_run=False)

        with store.open(root) as stream:
            stream.seek(3_000_001)
            assert stream.read(100) == data[3_000_001:3_000_101]
        assert store.read(root) == data
        assert store.verify().ok
        store.export_car([root], tmp_path / "again.car")
    assert MARK[:30] not in all_bytes_of(tmp_path / "s")
    assert blocks_in(tmp_path / "again.car") == blocks_in(tmp_path / "x.car")


def test_an_incomplete_archive_is_refused_by_an_encrypted_store_too(tmp_path):
    archive_of(os.urandom(600_000), tmp_path / "x.car")
    (tmp_path / "cut.car").write_bytes((tmp_path / "x.car").read_bytes()[:-700])
    with EvidenceStore(tmp_path / "s", key_source=lambda new: SECRET) as store:
        with pytest.raises(InvalidCarError):
            store.import_car(tmp_path / "cut.car")
        assert store.pins() == ()


def test_damage_to_what_was_imported_is_found_with_the_key_and_without(tmp_path):
    root = archive_of(os.urandom(600_000), tmp_path / "x.car")
    with EvidenceStore(tmp_path / "s", key_source=lambda new: SECRET) as store:
        store.import_car(tmp_path / "x.car")
        (block, *_) = sorted(store.path.glob("blocks/*/*.data"))
        block.write_bytes(block.read_bytes()[:-1] + b"x")
        assert {fault.kind for fault in store.verify().faults} == {"block"}
    with EvidenceStore(tmp_path / "s") as locked:
        assert {fault.kind for fault in locked.verify().faults} == {"block"}
        assert locked.pins()[0].cid == str(root)


def test_encrypting_what_is_there_leaves_no_pinned_block_in_the_clear(tmp_path):
    data = MARK * 20_000
    root = archive_of(data, tmp_path / "x.car")
    write(tmp_path / "tree", FILES)
    with EvidenceStore(tmp_path / "s", profile="kubo-v1") as store:
        store.import_car(tmp_path / "x.car")
        cid = submit(store, tmp_path / "tree")
        store.enable_encryption(lambda new: SECRET)
        store.encrypt_existing()
        store.rotate_key(reencrypt=True)
        store.gc(dry_run=False)

        assert store.read(root) == data
        store.restore(cid, tmp_path / "out")
        assert found_in(tmp_path / "out") == FILES
        assert store.verify().ok
        assert store.gc().blocks == 0
    assert MARK[:30] not in all_bytes_of(tmp_path / "s" / "blocks")


def test_a_file_of_a_kept_directory_stays_until_the_directory_goes(store, tmp_path):
    write(tmp_path / "tree", FILES)
    cid, records = store.submit_directory(tmp_path / "tree", Submission(b"", "document"), on_skip=print)
    for record in records:
        store.remove(record.submission_id, "settled")
    assert store.gc(dry_run=False).blocks == 0
    store.restore(cid, tmp_path / "out")
    assert found_in(tmp_path / "out") == FILES

    store.unpin(cid, "settled")
    store.gc(dry_run=False)

    assert list(store.path.glob("blocks/*/*.data")) == []
    assert store.verify().ok
    with pytest.raises(NotFoundError):
        store.restore(cid, tmp_path / "gone")


def test_a_hold_keeps_a_directory_and_logs_the_attempt(store, tmp_path):
    cid = submit(store, write(tmp_path / "tree", FILES))
    hold = store.hold("court order", cid=cid)
    with pytest.raises(LegalHoldError):
        store.unpin(cid, "tidying up")
    store.release(hold.hold_id, "over")
    store.unpin(cid, "tidying up")

    kinds = [event.kind for event in store.events(cid=cid)]
    assert kinds == ["directory submitted", "removal refused", "removed"]
    assert store.verify().ok


def test_nothing_is_overwritten_by_a_directory(plain, tmp_path):
    cid = submit(plain, write(tmp_path / "tree", FILES))

    with pytest.raises(InvalidInputError, match="exists"):
        plain.restore(cid, tmp_path / "tree")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["plain", "tree"]


def node(kind, *links, data=b""):
    return encode_node([Link(cid, name, 1) for name, cid in links], encode_unixfs(UnixFs(kind, data)))


def import_nodes(store, blocks):
    """Import dag-pb blocks; the last is the root."""
    archive = store.path.parent / "hostile.car"
    cids = [(dag_pb_cid(block), block) for block in blocks]
    with archive.open("wb") as stream:
        write_car(stream, [cids[-1][0]], cids)
    store.import_car(archive)
    return cids[-1][0]


FILE = node(Kind.FILE, data=b"x")


@pytest.mark.parametrize("name", [b"..", b".", b"", b"a/b", b"/etc/passwd", b"nul\0"])
def test_a_name_that_leads_out_of_the_directory_is_refused(store, tmp_path, name):
    root = import_nodes(store, [FILE, node(Kind.DIRECTORY, (name, dag_pb_cid(FILE)))])

    with pytest.raises(InvalidDagError, match="no file can have"):
        store.restore(root, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_name_that_is_there_twice_is_refused(plain, tmp_path):
    other = node(Kind.FILE, data=b"y")
    links = [(b"a", dag_pb_cid(FILE)), (b"a", dag_pb_cid(other))]
    root = import_nodes(plain, [FILE, other, node(Kind.DIRECTORY, *links)])

    with pytest.raises(InvalidDagError, match="twice"):
        plain.restore(root, tmp_path / "out")


def test_a_link_inside_a_directory_is_left_out_and_named(plain, tmp_path):
    link = node(Kind.SYMLINK, data=b"/etc/passwd")
    root = import_nodes(
        plain, [FILE, link, node(Kind.DIRECTORY, (b"f", dag_pb_cid(FILE)), (b"link", dag_pb_cid(link)))]
    )

    report = plain.restore(root, tmp_path / "out")

    assert report.left_out == ("link",)
    assert found_in(tmp_path / "out") == {"f": b"x"}
    assert not os.path.lexists(tmp_path / "out" / "link")


def test_a_directory_that_never_ends_is_given_up(monkeypatch):
    monkeypatch.setattr("mediator.evidence.folders._MOST_ENTRIES", 1000)
    blocks = MemoryBlockstore()
    below = FILE
    blocks.put(dag_pb_cid(below), below)
    for _ in range(60):
        cid = dag_pb_cid(below)
        below = node(Kind.DIRECTORY, *((b"%d" % n, cid) for n in range(10)))
        blocks.put(dag_pb_cid(below), below)

    with pytest.raises(InvalidDagError, match="more than"):
        list(tree(blocks.get, dag_pb_cid(below)))


def test_a_spread_directory_that_leads_into_a_file_is_refused():
    shard = encode_node(
        [Link(dag_pb_cid(FILE), b"00", 1)],
        encode_unixfs(UnixFs(Kind.HAMT_SHARD, b"\x01", hash_type=0x22, fanout=256)),
    )
    blocks = MemoryBlockstore()
    for block in (FILE, shard):
        blocks.put(dag_pb_cid(block), block)

    with pytest.raises(InvalidDagError, match="do not belong"):
        list(tree(blocks.get, dag_pb_cid(shard)))


def test_a_file_is_no_directory(plain):
    record = plain.submit(b"x", type="document")

    assert not plain.is_directory(record.cid)
    assert not plain.is_directory(raw_cid(b"never seen"))
