"""Evidence leaves as CAR and BagIt and comes back; a malformed archive is an error, never a crash or a hang."""

import csv
import io
import json
import os
from html.parser import HTMLParser

import bagit
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from mediator.evidence import (
    Cid,
    ContentNotFoundError,
    EvidenceStore,
    InvalidCarError,
    InvalidInputError,
    PublishRefusedError,
)
from mediator.evidence.blockstores import MemoryBlockstore
from mediator.evidence.car import CarReader, car_header, car_section, write_car
from mediator.evidence.cid import dag_pb_cid, raw_cid


def archive(blocks, roots):
    out = io.BytesIO()
    write_car(out, roots, ((cid, data) for cid, data in blocks))
    return out.getvalue()


@given(st.lists(st.binary(max_size=50), max_size=8), st.integers(0, 3))
def test_an_archive_reads_back(data, roots):
    blocks = [(raw_cid(item), item) for item in data]
    named = [cid for cid, _ in blocks][:roots]

    reader = CarReader(io.BytesIO(archive(blocks, named)))

    assert list(reader.roots) == named
    assert list(reader) == blocks


def test_the_bytes_are_those_that_the_format_prescribes():
    # The header of the specification's own example shape: {"roots": [link], "version": 1} as DAG-CBOR.
    cid = raw_cid(b"x")

    assert (
        car_header([cid])
        == bytes([58 - 1 + 1]) + b"\xa2\x65roots\x81\xd8\x2a\x58\x25\x00" + bytes(cid) + b"\x67version\x01"
    )
    assert car_section(cid, b"x") == bytes([37]) + bytes(cid) + b"x"


BAD = {
    "empty": (b"", "empty"),
    "not an archive": (b"\x05hello", "no CAR"),
    "cut in the header": (car_header([raw_cid(b"x")])[:-3], "ends inside"),
    "cut in a block": (archive([(raw_cid(b"hello"), b"hello")], [])[:-1], "ends inside"),
    "a length without end": (car_header([]) + b"\xff" * 12, "length"),
    "a huge block": (car_header([]) + b"\xff\xff\xff\xff\x0f", "announces"),
    "a huge header": (b"\xff\xff\xff\xff\x0f", "announces"),
    "a block of no length": (car_header([]) + b"\x00", "announces"),
    "a damaged block": (car_header([]) + car_section(raw_cid(b"a"), b"b"), "damaged"),
    "version 2": (bytes.fromhex("0aa16776657273696f6e02"), "version 2"),
    "no roots": (bytes.fromhex("0aa16776657273696f6e01"), "no list of roots"),
    "a block that is all CID": (car_header([]) + b"\x05\x01\x55\x12\x20\x00", "shorter than its CID"),
    "a block without CID": (car_header([]) + b"\x02\x09\x09", "usable CID"),
}


@pytest.mark.parametrize("name", BAD)
def test_a_malformed_archive_is_refused_with_the_reason(name):
    data, reason = BAD[name]

    with pytest.raises(InvalidCarError, match=reason):
        list(CarReader(io.BytesIO(data)))


@settings(max_examples=500)
@given(st.binary(max_size=150))
@example(b"\x02\x9f\xff")
@example(b"\x0a" + b"\x81" * 10)
def test_any_bytes_are_an_archive_or_our_error(data):
    try:
        list(CarReader(io.BytesIO(data)))
    except InvalidCarError:
        return


@settings(max_examples=300)
@given(st.integers(0, 400), st.integers(0, 255))
def test_a_changed_byte_is_an_error_or_another_archive(place, value):
    blocks = [(raw_cid(b"%d" % n), b"%d" % n) for n in range(4)]
    data = bytearray(archive(blocks, [blocks[0][0]]))
    data[place % len(data)] = value
    try:
        for cid, block in CarReader(io.BytesIO(bytes(data))):
            assert cid.matches(block)
    except InvalidCarError:
        return


def test_a_content_exported_from_one_store_opens_in_another(store, tmp_path):
    content = os.urandom(2_500_000)
    record = store.submit(content, type="document")

    report = store.export_car([record.cid], tmp_path / "x.car")
    with EvidenceStore(tmp_path / "other") as other:
        assert other.import_car(tmp_path / "x.car").roots == (record.cid,)
        assert other.read(record.cid) == content
        assert other.verify().ok
        assert other.gc(dry_run=False).blocks == 0
    assert report.blocks == 4
    assert [event.kind for event in store.events()] == ["submitted", "exported"]


def test_a_sealed_export_holds_no_plain_text_and_heals_the_store_it_came_from(tmp_path):
    with EvidenceStore(tmp_path / "s", key_source=lambda new: "5e" * 32) as store:
        record = store.submit(b"secret words", type="document")
        store.export_car([record.cid], tmp_path / "x.car", sealed=True)
        (block,) = store.path.glob("blocks/*/*.data")
        block.unlink()

        store.import_car(tmp_path / "x.car")

        assert store.read(record.cid) == b"secret words"
        assert b"secret words" not in (tmp_path / "x.car").read_bytes()


def test_an_incomplete_archive_is_refused_and_pins_nothing(plain):
    node = MemoryBlockstore()
    from mediator.evidence.unixfs import PROFILES, import_chunks

    with node.batch() as batch:
        root = import_chunks([os.urandom(600_000)], PROFILES["kubo-v1"], batch.put)

    with pytest.raises(InvalidCarError, match="not complete"):
        plain.import_car(archive([(root, node.get(root))], [root]))
    assert plain.stat().pins == 0
    assert plain.gc().blocks == 1


def test_a_damaged_archive_stores_no_damaged_block(plain):
    good, bad = b"good", b"bad!"
    data = archive([(raw_cid(good), good)], [raw_cid(good)]) + car_section(raw_cid(b"what it should be"), bad)

    with pytest.raises(InvalidCarError, match="damaged"):
        plain.import_car(data)
    assert plain.verify().ok


def test_an_export_never_overwrites_and_leaves_nothing_half_written(plain, tmp_path):
    record = plain.submit(b"x" * 100, type="document")
    (tmp_path / "x.car").write_text("mine")

    with pytest.raises(InvalidInputError, match="exists"):
        plain.export_car([record.cid], tmp_path / "x.car")
    plain.settle()
    (block,) = plain.path.glob("blocks/*/*.data")
    block.write_bytes(b"damaged")
    with pytest.raises(Exception, match="damaged"):
        plain.export_car([record.cid], tmp_path / "y.car")

    assert (tmp_path / "x.car").read_text() == "mine"
    assert sorted(path.name for path in tmp_path.iterdir() if path.is_file()) == ["x.car"]


def test_a_bag_of_a_case_is_valid_and_holds_all_of_it(store, tmp_path):
    big = os.urandom(1_500_000)
    store.submit(big, type="photo", complaint="c1", file_name="../../etc/pass wd.png", description="=cmd()")
    store.submit(
        b"letter", type="document", complaint="c1", file_name="<b>.txt", description="<script>alert(1)</script>"
    )
    store.submit(b"other", type="document", complaint="c2")

    report = store.export_bag(tmp_path / "bag", complaint="c1")

    bag = bagit.Bag(str(tmp_path / "bag"))
    bag.validate()
    names = sorted(path.name for path in (tmp_path / "bag" / "data").iterdir())
    assert names == [
        "0001-pass_wd.png",
        "0002-b_.txt",
        "custody.jsonl",
        "exhibits.csv",
        "exhibits.html",
        "exhibits.json",
    ]
    assert (tmp_path / "bag" / "data" / "0001-pass_wd.png").read_bytes() == big
    assert report.exhibits == 2
    events = [json.loads(line) for line in (tmp_path / "bag" / "data" / "custody.jsonl").read_text().splitlines()]
    assert [event["kind"] for event in events] == ["submitted", "submitted"]


def test_the_exhibit_index_runs_nothing_that_people_wrote(plain, tmp_path):
    plain.submit(b"a", type="document", description="=HYPERLINK(1)", file_name="+a\n.txt")
    plain.submit(b"b", type="document", description="<script>alert(1)</script>")
    plain.export_bag(tmp_path / "bag")
    tags = []

    class Tags(HTMLParser):
        def handle_starttag(self, tag, attrs):
            tags.append(tag)

    Tags().feed((tmp_path / "bag" / "data" / "exhibits.html").read_text())
    rows = list(csv.reader((tmp_path / "bag" / "data" / "exhibits.csv").open(newline="")))

    assert "script" not in tags
    assert rows[1][1:3] == ["'+a\\n.txt", "'=HYPERLINK(1)"]
    assert json.loads((tmp_path / "bag" / "data" / "exhibits.json").read_text())[0]["file_name"] == "+a\n.txt"


def test_an_empty_bag_is_refused(plain, tmp_path):
    with pytest.raises(ContentNotFoundError):
        plain.export_bag(tmp_path / "bag", complaint="nothing")


def test_nothing_is_published_without_a_yes_or_against_the_privacy_setting(tmp_path):
    with EvidenceStore(tmp_path / "s", privacy="local_only") as store:
        record = store.submit(b"x", type="document")
        with pytest.raises(PublishRefusedError, match="local_only"):
            store.publish(record.cid, agreed=True)
    with EvidenceStore(tmp_path / "s") as store, pytest.raises(PublishRefusedError, match="yes"):
        store.publish(record.cid)
    with pytest.raises(PublishRefusedError, match="replica"):
        EvidenceStore(tmp_path / "s", privacy="local_only", replicas=["local", "kubo"])


def test_a_version_0_cid_is_archived_as_such():
    cid = dag_pb_cid(b"\x0a\x02\x08\x01", 0)

    reader = CarReader(io.BytesIO(archive([(cid, b"\x0a\x02\x08\x01")], [cid])))

    assert reader.roots[0].version == 0
    assert [str(found) for found, _ in reader] == [str(cid)]
    assert Cid.parse(str(cid)) == cid
