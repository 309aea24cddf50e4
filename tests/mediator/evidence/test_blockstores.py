"""One suite for every blockstore, and what only the one on disk promises."""

import base64
import os
import threading
from hashlib import sha256

import pytest

from mediator.evidence import BlockCorruptError, BlockNotFoundError, Cid, StoreFormatError
from mediator.evidence.blockstores import LocalBlockstore, MemoryBlockstore
from mediator.evidence.cid import dag_pb_cid, raw_cid

KINDS = {"local": lambda path: LocalBlockstore.create(path / "blocks"), "memory": lambda path: MemoryBlockstore()}


@pytest.fixture(params=sorted(KINDS))
def blocks(request, tmp_path):
    store = KINDS[request.param](tmp_path)
    yield store
    store.close()


@pytest.fixture
def local(tmp_path):
    store = LocalBlockstore.create(tmp_path / "blocks")
    yield store
    store.close()


def test_a_block_reads_back(blocks):
    blocks.put(raw_cid(b"one"), b"one")

    assert blocks.get(raw_cid(b"one")) == b"one"
    assert blocks.has(raw_cid(b"one"))


def test_a_block_that_was_never_stored_is_not_there(blocks):
    assert not blocks.has(raw_cid(b"one"))
    with pytest.raises(BlockNotFoundError, match=str(raw_cid(b"one"))):
        blocks.get(raw_cid(b"one"))


def test_both_versions_of_a_cid_find_the_block(blocks):
    blocks.put(dag_pb_cid(b"node", 0), b"node")

    assert blocks.get(dag_pb_cid(b"node", 1)) == b"node"


def test_an_identity_cid_is_always_there_and_never_stored(blocks):
    cid = Cid.parse("f0155000568656c6c6f")
    blocks.put(cid, b"hello")

    assert blocks.has(cid)
    assert blocks.get(cid) == b"hello"
    assert list(blocks.multihashes()) == []


def test_a_batch_of_many_sizes_is_all_there(blocks):
    data = [bytes([n]) * size for n, size in enumerate([0, 1, 4096, 1 << 20, 5, 1 << 20, 3 << 20] * 4)]
    with blocks.batch() as batch:
        for block in data:
            batch.put(raw_cid(block), block)

    assert [blocks.get(raw_cid(block)) for block in data] == data
    assert set(blocks.multihashes()) == {raw_cid(block).multihash for block in data}


def test_a_deleted_block_is_gone(blocks):
    blocks.put(raw_cid(b"one"), b"one")

    assert blocks.delete(raw_cid(b"one"))
    assert not blocks.delete(raw_cid(b"one"))
    assert not blocks.has(raw_cid(b"one"))


def test_threads_storing_the_same_and_other_blocks_all_succeed(blocks):
    errors = []

    def work(number):
        try:
            for n in range(20):
                for data in (b"shared %d" % n, b"own %d %d" % (number, n)):
                    blocks.put(raw_cid(data), data)
        except Exception as error:  # the assertion below reports whatever a thread met
            errors.append(error)

    threads = [threading.Thread(target=work, args=(n,)) for n in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert errors == []
    assert len(list(blocks.multihashes())) == 20 + 6 * 20


def test_blocks_lie_where_kubo_looks_for_them(local, tmp_path):
    local.put(raw_cid(b"hello"), b"hello")

    (shard,) = [p for p in (tmp_path / "blocks").iterdir() if p.is_dir() and p.name != ".temp"]
    (file,) = shard.iterdir()
    assert (tmp_path / "blocks" / "SHARDING").read_text() == "/repo/flatfs/shard/v1/next-to-last/2\n"
    assert file.name == base64.b32encode(b"\x12\x20" + sha256(b"hello").digest()).decode().rstrip("=") + ".data"
    assert shard.name == file.stem[-3:-1]


def test_a_damaged_block_is_an_error_and_storing_it_again_heals_it(local, tmp_path):
    local.put(raw_cid(b"hello"), b"hello")
    (file,) = (tmp_path / "blocks").glob("*/*.data")
    file.write_bytes(b"hellp")

    with pytest.raises(BlockCorruptError):
        local.get(raw_cid(b"hello"))
    local.put(raw_cid(b"hello"), b"hello")
    assert local.get(raw_cid(b"hello")) == b"hello"


def fail_after_thirty_blocks(store):
    with store.batch() as batch:
        for n in range(30):
            block = bytes([n]) * 100_000
            batch.put(raw_cid(block), block)
        raise RuntimeError("the caller changed its mind")


def test_a_failed_batch_leaves_no_temporary_file(local):
    with pytest.raises(RuntimeError):
        fail_after_thirty_blocks(local)

    assert local.leftovers() == []


def test_only_the_owner_can_read_the_files(local, tmp_path):
    local.put(raw_cid(b"hello"), b"hello")

    modes = {os.stat(p).st_mode & 0o077 for p in (tmp_path / "blocks").rglob("*")}

    assert modes == {0}


def test_another_layout_is_refused(tmp_path):
    (tmp_path / "SHARDING").write_text("/repo/flatfs/shard/v1/prefix/2\n")

    with pytest.raises(StoreFormatError, match="prefix/2"):
        LocalBlockstore.open(tmp_path)


def test_a_directory_that_is_no_blockstore_is_refused(tmp_path):
    with pytest.raises(StoreFormatError, match="no SHARDING"):
        LocalBlockstore.open(tmp_path)


def test_files_that_are_no_blocks_are_found(local, tmp_path):
    local.put(raw_cid(b"hello"), b"hello")
    (file,) = (tmp_path / "blocks").glob("*/*.data")
    (file.parent / "notes.txt").write_text("x")

    assert list(local.foreign_files()) == [file.parent / "notes.txt"]
    assert list(local.multihashes()) == [raw_cid(b"hello").multihash]
