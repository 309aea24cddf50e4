"""The same bytes give the CID that Kubo gives, and come back from its blocks, whole or in parts."""

import io
import json
import struct
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from mediator.evidence import BlockCorruptError, BlockNotFoundError, Cid, InvalidDagError
from mediator.evidence.blockstores import MemoryBlockstore
from mediator.evidence.cid import dag_pb_cid, raw_cid
from mediator.evidence.dagpb import Kind, Link, UnixFs, decode_node, encode_node, encode_unixfs
from mediator.evidence.reader import open_dag, walk
from mediator.evidence.unixfs import PROFILES, Profile, file_cid, import_chunks, profile_named

VECTORS = json.loads((Path(__file__).parents[2] / "data" / "cid_vectors.json").read_text())["profiles"]
OUR_NAMES = {"unixfs-v1-2025": "unixfs-v1-2025", "kubo-v1-raw-256k-174": "kubo-v1", "kubo-legacy-v0": "kubo-legacy"}
CASES = [(OUR_NAMES[p], int(name[4:]), cid) for p, profile in VECTORS.items() for name, cid in profile["cids"].items()]
# Small enough that a few hundred bytes make a tree of several levels.
TINY = st.builds(Profile, st.just("tiny"), st.integers(1, 7), st.integers(2, 4), st.sampled_from([0, 1]), st.booleans())


def counters(size):
    """The deterministic file that the vectors were made from, in pieces."""
    start = 0
    while size > 0:
        take = min(size, 1 << 20)
        count = (take + 7) // 8
        yield struct.pack(f">{count}Q", *range(start, start + count))[:take]
        start += count
        size -= take


def stored(data, profile):
    blocks = MemoryBlockstore()
    with blocks.batch() as batch:
        root = import_chunks([data], profile, batch.put)
    return blocks, root


@pytest.mark.parametrize(("profile", "size", "cid"), [case for case in CASES if case[1] <= 2 << 20])
def test_a_file_gets_the_cid_that_kubo_gave_it(profile, size, cid):
    assert str(file_cid(counters(size), PROFILES[profile])) == cid


@pytest.mark.slow
@pytest.mark.parametrize(("profile", "size", "cid"), [case for case in CASES if case[1] > 2 << 20])
def test_a_large_file_gets_the_cid_that_kubo_gave_it(profile, size, cid):
    assert str(file_cid(counters(size), PROFILES[profile])) == cid


@given(st.binary(max_size=300), TINY)
def test_what_was_imported_reads_back(data, profile):
    blocks, root = stored(data, profile)

    with open_dag(blocks.get, root) as stream:
        assert stream.read() == data


@given(st.binary(max_size=300), TINY, st.lists(st.tuples(st.integers(0, 320), st.integers(0, 40)), max_size=8))
def test_any_part_reads_as_from_a_file(data, profile, places):
    blocks, root = stored(data, profile)
    expected = io.BytesIO(data)

    with open_dag(blocks.get, root) as stream:
        for offset, size in places:
            assert stream.seek(offset) == expected.seek(offset)
            assert stream.read(size) == expected.read(size)
            assert stream.tell() == expected.tell()
        assert stream.seek(0, io.SEEK_END) == len(data)


@given(st.lists(st.binary(max_size=20), max_size=20), TINY)
def test_how_the_bytes_arrive_does_not_change_the_cid(pieces, profile):
    assert file_cid(pieces, profile) == file_cid([b"".join(pieces)], profile)


@given(st.binary(max_size=200), TINY)
def test_a_walk_sees_every_block_once(data, profile):
    blocks, root = stored(data, profile)

    seen = [cid.multihash for cid, _ in walk(blocks.get, root)]

    assert sorted(seen) == sorted(blocks.multihashes())


@given(st.binary(min_size=20, max_size=200), TINY, st.data())
def test_a_lost_block_is_reported_and_never_read_over(data, profile, draw):
    blocks, root = stored(data, profile)
    lost = draw.draw(st.sampled_from(sorted(blocks.multihashes())))
    blocks.delete(Cid(1, 0x55, lost))

    with pytest.raises(BlockNotFoundError):
        open_dag(blocks.get, root).read()


def test_a_damaged_block_is_reported_and_never_returned():
    blocks, root = stored(b"evidence" * 100, PROFILES["kubo-v1"])
    blocks._blocks[root.multihash] = b"something else"

    with pytest.raises(BlockCorruptError, match=str(root)):
        open_dag(blocks.get, root)


def file_node(children, sizes, filesize):
    links = [Link(cid, b"", size) for cid, size in children]
    return encode_node(links, encode_unixfs(UnixFs(Kind.FILE, filesize=filesize, blocksizes=tuple(sizes))))


@pytest.mark.parametrize(
    ("sizes", "filesize", "reason"),
    [
        ((5,), 6, "its parts have 5"),
        ((5, 5), 10, "1 links and 2 sizes"),
        ((6,), 6, "covers 5 bytes where its parent announces 6"),
        ((2**63,), 2**63, "more than any file has"),
    ],
)
def test_sizes_that_do_not_add_up_are_refused(sizes, filesize, reason):
    blocks = MemoryBlockstore()
    leaf = raw_cid(b"12345")
    blocks.put(leaf, b"12345")
    node = file_node([(leaf, 5)], sizes, filesize)
    blocks.put(dag_pb_cid(node), node)

    with pytest.raises(InvalidDagError, match=reason):
        open_dag(blocks.get, dag_pb_cid(node)).read()


def test_a_tree_without_a_bottom_is_refused():
    blocks = MemoryBlockstore()
    cid, size = raw_cid(b"x"), 1
    blocks.put(cid, b"x")
    for _ in range(100):
        node = file_node([(cid, size)], (1,), 1)
        cid = dag_pb_cid(node)
        blocks.put(cid, node)

    with pytest.raises(InvalidDagError, match="deeper than 64"):
        open_dag(blocks.get, cid).read()


def test_a_directory_is_not_read_as_a_file():
    blocks = MemoryBlockstore()
    node = encode_node((), encode_unixfs(UnixFs(Kind.DIRECTORY)))
    blocks.put(dag_pb_cid(node), node)

    with pytest.raises(InvalidDagError, match="is a directory"):
        open_dag(blocks.get, dag_pb_cid(node))


@settings(max_examples=500)
@given(st.binary(max_size=200))
@example(b"\x12\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01")
@example(b"\x0a\x02\x08\x63")
def test_a_block_from_anywhere_is_a_node_or_our_error(block):
    try:
        node = decode_node(block)
    except InvalidDagError:
        return
    assert isinstance(node.unixfs.kind, Kind)


@settings(max_examples=300)
@given(st.binary(min_size=9, max_size=120), TINY, st.data())
def test_a_changed_byte_in_a_node_never_crashes_the_reader(data, profile, draw):
    blocks, root = stored(data, profile)
    block = bytearray(blocks.get(root))
    block[draw.draw(st.integers(0, len(block) - 1))] ^= draw.draw(st.integers(1, 255))
    changed = Cid(1, root.codec, raw_cid(bytes(block)).multihash)
    blocks.put(changed, bytes(block))

    try:
        open_dag(blocks.get, changed).read()
    except (InvalidDagError, BlockNotFoundError):
        return


@given(
    st.lists(st.tuples(st.binary(max_size=5), st.binary(max_size=9), st.integers(0, 2**40)), max_size=5),
    st.binary(max_size=20),
)
def test_a_node_decodes_to_what_was_encoded(links, data):
    made = tuple(Link(raw_cid(content), name, size) for content, name, size in links)
    message = UnixFs(Kind.FILE, data, len(data), (1, 2, 300))

    node = decode_node(encode_node(made, encode_unixfs(message)))

    assert node.links == made
    assert node.unixfs == message


def test_an_unknown_profile_is_refused_with_the_names_there_are():
    with pytest.raises(Exception, match="kubo-legacy"):
        profile_named("kubo-v9")
