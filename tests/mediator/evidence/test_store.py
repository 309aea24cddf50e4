"""What is submitted comes back, is listed for whoever it belongs to, and is never recorded by halves."""

import io
import os
import socket
import sys
import threading
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from hashlib import sha256

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mediator.evidence import (
    ANY,
    Cid,
    ContentNotFoundError,
    EmptySourceError,
    EvidenceStore,
    InvalidCidError,
    InvalidInputError,
    SourceChangedError,
    SourceIsDirectoryError,
    SourceNotFoundError,
    SpecialFileError,
    StorageReadOnlyError,
    StoreClosedError,
    StoreFormatError,
    Submission,
    SubmissionNotFoundError,
)
from mediator.evidence.unixfs import PROFILES, file_cid


def test_what_was_submitted_reads_back(store):
    record = store.submit(b"the letter", type="document")

    assert store.read(record.cid) == b"the letter"


def test_a_record_names_the_bytes_by_cid_and_sha256(store):
    record = store.submit(b"the letter", type="document")

    assert record.cid == str(file_cid([b"the letter"], PROFILES["unixfs-v1-2025"]))
    assert record.sha256 == sha256(b"the letter").hexdigest()
    assert record.size == 10


def test_everything_said_about_evidence_is_kept(store):
    said = {
        "type": "email",
        "owner": "ana",
        "complaint": "c1",
        "claim_type": "retaliation",
        "element": "adverse action",
        "description": "The mail that ended it: 'as of today'",
        "file_name": "mail.eml",
        "media_type": "message/rfc822",
        "metadata": {"pages": 2, "tags": ["a", "ü"], "none": None},
    }
    record = store.submit(b"From: boss", **said)

    assert store.record(record.submission_id) == record
    assert {name: getattr(record, name) for name in said} == said


def test_the_callers_metadata_is_not_changed_and_later_changes_do_not_reach_the_record(store):
    metadata = {"tags": ["a"]}
    record = store.submit(b"x", type="document", metadata=metadata)
    metadata["tags"].append("b")

    assert record.metadata == {"tags": ["a"]}
    assert metadata == {"tags": ["a", "b"]}


def test_the_same_bytes_twice_are_one_content_and_two_submissions(store):
    first = store.submit(b"same", type="document", owner="ana")
    second = store.submit(b"same", type="photo", owner="ben")

    assert first.cid == second.cid
    assert first.stored_cid == second.stored_cid
    assert first.submission_id != second.submission_id
    assert [r.owner for r in store.records(cid=first.cid)] == ["ana", "ben"]
    assert store.stat().contents == 1


def test_what_belongs_to_nobody_in_particular_is_listed(store):
    mine = store.submit(b"mine", type="document")
    store.submit(b"hers", type="document", owner="ana")

    assert [r.submission_id for r in store.records(owner=None)] == [mine.submission_id]
    assert len(store.records(owner=ANY)) == 2


def test_records_are_found_by_any_of_their_fields(store):
    wanted = store.submit(
        b"wanted",
        type="photo",
        owner="ana",
        complaint="c1",
        claim_type="wage theft",
        element="hours",
        description="pay slip of 100% of May_2",
        file_name="slip\udcff.png",
        metadata={"pages": 2, "extra": True},
    )
    store.submit(b"other", type="document", owner="ben", metadata={"pages": 3})
    found = [
        store.records(cid=wanted.cid),
        store.records(owner="ana"),
        store.records(complaint="c1"),
        store.records(claim_type="wage theft"),
        store.records(element="hours"),
        store.records(type="photo"),
        store.records(file_name="slip\udcff.png"),
        store.records(sha256=wanted.sha256),
        store.records(stored_cid=wanted.stored_cid),
        store.records(text="100% of May_2"),
        store.records(metadata={"pages": 2}),
        store.records(owner="ana", type="photo"),
    ]

    assert [[r.submission_id for r in page] for page in found] == [[wanted.submission_id]] * len(found)
    assert len(store.records(owner="ana", type="document")) == 0
    assert len(store.records(text="%")) == 1


def test_records_are_found_by_time(tmp_path):
    day = datetime(2026, 1, 1, tzinfo=UTC)
    times = iter(day + timedelta(days=n) for n in range(3))
    with EvidenceStore(tmp_path / "s", clock=lambda: next(times)) as store:
        records = [store.submit(bytes([n]), type="document") for n in range(3)]

        found = store.records(since=day + timedelta(days=1), until=day + timedelta(days=2))

    assert [r.submission_id for r in found] == [records[1].submission_id]
    assert records[1].submitted_at == day + timedelta(days=1)


def test_pages_follow_each_other_without_gaps(plain):
    made = [r.submission_id for r in plain.submit_many(Submission(bytes([n]), "document") for n in range(25))]
    pages, after = [], None
    for _ in range(4):
        page = plain.records(limit=7, after=after)
        pages.append([r.submission_id for r in page])
        after = page.next

    assert [len(page) for page in pages] == [7, 7, 7, 4]
    assert [one for page in pages for one in page] == made
    assert after is None
    assert [r.submission_id for r in plain.all_records()] == made


@pytest.mark.parametrize("limit", [0, -1, 10_001])
def test_a_page_of_an_impossible_size_is_refused(plain, limit):
    with pytest.raises(InvalidInputError, match="limit"):
        plain.records(limit=limit)


def test_a_place_to_continue_from_that_no_page_gave_is_refused(plain):
    with pytest.raises(InvalidInputError, match="continue"):
        plain.records(after="'; drop table submissions --")


def test_every_spelling_of_a_cid_finds_the_content(tmp_path):
    with EvidenceStore(tmp_path / "s", profile="kubo-legacy") as store:
        record = store.submit(b"old", type="document")
        newer = Cid.parse(record.cid).spellings()[0]

        assert record.cid.startswith("Qm")
        assert store.read(newer) == b"old"
        assert store.read(f"ipfs://{record.cid}") == b"old"
        assert store.records(cid=newer).records == (record,)


def test_a_file_is_named_as_it_is_on_disk(store, tmp_path):
    path = tmp_path / os.fsdecode(b"new\nline\xff.txt")
    path.write_bytes(b"text")

    record = store.submit(path, type="document")

    assert store.record(record.submission_id).file_name == path.name
    assert record.media_type == "text/plain"


def test_a_stream_that_gives_bytes_in_dribs_is_read_to_its_end(store):
    class Dribs(io.RawIOBase):
        left = 3_000_000

        def readable(self):
            return True

        def read(self, size=-1):
            take = min(self.left, 70_001, size)
            self.left -= take
            return b"x" * take

    record = store.submit(Dribs(), type="document")

    assert record.size == 3_000_000
    assert store.read(record.cid) == b"x" * 3_000_000


@pytest.fixture(scope="module")
def content_and_streams(tmp_path_factory):
    """A content of several blocks, open in a plain and in an encrypted store."""
    content = os.urandom(2_500_000)
    with ExitStack() as open_stores:
        streams = []
        for key_source in (None, lambda new: "ab" * 32):
            path = tmp_path_factory.mktemp("store")
            store = open_stores.enter_context(EvidenceStore(path, key_source=key_source, profile="kubo-v1"))
            streams.append(store.open(store.submit(content, type="document").cid))
        yield content, streams


@settings(max_examples=40, deadline=None)
@given(which=st.sampled_from([0, 1]), places=st.lists(st.tuples(st.integers(0, 2_500_010), st.integers(0, 200_000))))
def test_any_part_of_a_content_reads_as_from_a_file(content_and_streams, which, places):
    content, streams = content_and_streams
    expected = io.BytesIO(content)

    for offset, size in places:
        assert streams[which].seek(offset) == expected.seek(offset)
        assert streams[which].read(size) == expected.read(size)


@pytest.mark.slow
def test_going_far_back_in_an_encrypted_content_reads_the_same(tmp_path):
    content = os.urandom(40 * 1024 * 1024)
    with EvidenceStore(tmp_path / "s", key_source=lambda new: "ab" * 32) as store:
        stream = store.open(store.submit(content, type="video").cid)

        stream.seek(-100, io.SEEK_END)
        end = stream.read()
        stream.seek(17 * 1024 * 1024 + 5)

        assert end == content[-100:]
        assert stream.read(10) == content[17 * 1024 * 1024 + 5 :][:10]


@pytest.mark.slow
def test_a_file_of_more_than_2_gib_is_kept_whole(plain, tmp_path):
    # Mostly a hole: what matters are the sizes and offsets, and equal blocks are stored once.
    size = 2**31 + 1_500_001
    with (tmp_path / "large").open("wb") as out:
        out.truncate(size - 3)
        out.seek(size - 3)
        out.write(b"end")

    record = plain.submit(tmp_path / "large", type="video")

    assert record.size == size
    with plain.open(record.cid) as stream:
        assert stream.seek(-5, io.SEEK_END) == size - 5
        assert stream.read() == b"\0\0end"
        stream.seek(2**31 - 2)
        assert stream.read(4) == bytes(4)


class TestBadSources:
    def test_an_empty_file_is_refused_unless_meant(self, store, tmp_path):
        (tmp_path / "empty").touch()

        with pytest.raises(EmptySourceError, match="0 bytes"):
            store.submit(tmp_path / "empty", type="document")
        assert store.submit(tmp_path / "empty", type="document", allow_empty=True).size == 0
        assert store.read(store.records().records[0].cid) == b""

    def test_a_missing_file_is_refused(self, plain, tmp_path):
        with pytest.raises(SourceNotFoundError, match="nowhere"):
            plain.submit(tmp_path / "nowhere", type="document")

    def test_a_directory_given_as_a_file_is_refused(self, plain, tmp_path):
        with pytest.raises(SourceIsDirectoryError):
            plain.submit(tmp_path, type="document")

    def test_a_pipe_is_refused_without_waiting_for_a_writer(self, plain, tmp_path):
        os.mkfifo(tmp_path / "pipe")

        with pytest.raises(SpecialFileError):
            plain.submit(tmp_path / "pipe", type="document")

    def test_a_device_is_refused(self, plain):
        with pytest.raises(SpecialFileError):
            plain.submit("/dev/zero", type="document")

    def test_a_socket_is_refused(self, plain, tmp_path, monkeypatch):
        monkeypatch.chdir(tmp_path)
        with socket.socket(socket.AF_UNIX) as server:
            server.bind("socket")

            with pytest.raises(SpecialFileError):
                plain.submit("socket", type="document")

    @pytest.mark.skipif(sys.platform != "linux", reason="files that say they have 0 bytes and do not are Linux's")
    def test_a_file_that_does_not_say_its_size_is_not_taken_for_an_empty_one(self, plain):
        with pytest.raises(SpecialFileError, match="how large"):
            plain.submit("/proc/self/status", type="document", allow_empty=True)

    def test_text_is_a_path_and_never_content(self, plain):
        with pytest.raises(SourceNotFoundError):
            plain.submit("My boss fired me.\0", type="document")

    def test_a_stream_of_text_is_refused(self, plain):
        with pytest.raises(InvalidInputError, match="binary"):
            plain.submit(io.StringIO("text"), type="document")

    def test_what_is_no_source_is_refused(self, plain):
        with pytest.raises(InvalidInputError, match="int"):
            plain.submit(5, type="document")

    @pytest.mark.parametrize("change", [b"longer than before", b"s", b"SAME LENGTH"])
    def test_a_file_that_changes_while_it_is_read_is_refused(self, plain, tmp_path, change):
        path = tmp_path / "file"
        path.write_bytes(b"same length")
        os.utime(path, ns=(1, 1))

        with pytest.raises(SourceChangedError):
            plain.submit(path, type="document", progress=lambda done, total: path.write_bytes(change))
        assert len(plain.records()) == 0

    @pytest.mark.parametrize(
        "said",
        [
            {"description": "a\0b"},
            {"owner": "half \ud800"},
            {"type": ""},
            {"complaint": 5},
            {"metadata": {"a": object()}},
            {"metadata": {"a": float("nan")}},
            {"metadata": ["no mapping"]},
            {"metadata": {"a": "x" * 2_000_000}},
            {"file_name": "a\0b"},
        ],
    )
    def test_what_cannot_be_recorded_is_refused_before_anything_is_stored(self, plain, said):
        with pytest.raises(InvalidInputError):
            plain.submit(b"x", **({"type": "document"} | said))
        assert plain.stat().blocks == 0


def test_a_bulk_submission_records_everything_in_order(store):
    data = [os.urandom(50) for _ in range(600)]

    records = list(store.submit_many(Submission(item, "document") for item in data))

    assert [store.read(record.cid) for record in records[::50]] == data[::50]
    assert len(list(store.all_records())) == 600
    assert store.verify().ok


def test_a_bulk_submission_leaves_out_what_cannot_be_read_and_says_so(plain, tmp_path):
    (tmp_path / "good").write_bytes(b"good")
    paths = [tmp_path / "good", tmp_path / "missing", tmp_path]
    failed = []

    records = list(
        plain.submit_many(
            (Submission(p, "document") for p in paths), on_error=lambda item, error: failed.append(item.source)
        )
    )

    assert [record.file_name for record in records] == ["good"]
    assert failed == paths[1:]


def test_a_bulk_submission_without_someone_to_tell_raises_and_records_nothing_of_the_group(plain, tmp_path):
    items = [Submission(b"a", "document"), Submission(tmp_path / "missing", "document")]

    with pytest.raises(SourceNotFoundError):
        list(plain.submit_many(items))
    assert len(plain.records()) == 0


def test_progress_is_told_as_bytes_are_read(plain, tmp_path):
    (tmp_path / "file").write_bytes(bytes(3 << 20))
    told = []

    plain.submit(tmp_path / "file", type="document", progress=lambda done, total: told.append((done, total)))

    assert told == [(n << 20, 3 << 20) for n in (1, 2, 3)]


def test_an_unknown_cid_is_told_apart_from_what_is_no_cid(plain):
    with pytest.raises(ContentNotFoundError):
        plain.read("bafkreihdwdcefgh4dqkjv67uzcmw7ojee6xedzdetojuzjevtenxquvyku")
    with pytest.raises(InvalidCidError):
        plain.read("letter.pdf")
    with pytest.raises(SubmissionNotFoundError):
        plain.record("letter.pdf")


def test_two_stores_never_see_each_other(tmp_path):
    with EvidenceStore(tmp_path / "a") as a, EvidenceStore(tmp_path / "b") as b:
        a.submit(b"x", type="document")

        assert len(b.records()) == 0


def test_a_store_that_is_opened_again_has_everything(tmp_path, key_source):
    with EvidenceStore(tmp_path / "s", key_source=key_source) as store:
        record = store.submit(b"kept", type="document")
    with EvidenceStore(tmp_path / "s", key_source=key_source) as store:
        assert store.read(record.cid) == b"kept"
        assert store.records().records == (record,)


def test_a_closed_store_says_so(tmp_path):
    store = EvidenceStore(tmp_path / "s")
    store.close()
    store.close()

    with pytest.raises(StoreClosedError):
        store.submit(b"x", type="document")


def test_a_store_opened_for_reading_reads_and_refuses_to_write(tmp_path):
    with EvidenceStore(tmp_path / "s") as store:
        record = store.submit(b"x", type="document")
    with EvidenceStore(tmp_path / "s", read_only=True) as store:
        assert store.read(record.cid) == b"x"
        assert store.verify().ok
        with pytest.raises(StorageReadOnlyError):
            store.submit(b"y", type="document")


def test_a_file_in_the_place_of_the_store_is_refused(tmp_path):
    (tmp_path / "s").write_text("a file")

    with pytest.raises(StoreFormatError):
        EvidenceStore(tmp_path / "s")


def test_threads_that_submit_at_once_are_all_recorded(store):
    errors = []

    def work(number):
        try:
            for n in range(10):
                store.submit(b"shared %d" % n, type="document", owner=str(number))
                store.submit(b"own %d %d" % (number, n), type="document", owner=str(number))
        except Exception as error:  # the assertion below reports whatever a thread met
            errors.append(error)

    threads = [threading.Thread(target=work, args=(n,)) for n in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert errors == []
    assert len(list(store.all_records())) == 100
    assert store.verify().ok
    assert store.gc().blocks == 0


def test_a_content_is_there_for_its_owner_and_for_nobody_else(store):
    mine = store.submit(b"mine", type="document", owner="ana")
    nobodys = store.submit(b"nobody's", type="document")

    assert store.read(mine.cid, owner="ana") == b"mine"
    assert store.read(mine.cid) == b"mine"
    assert store.read(nobodys.cid, owner=None) == b"nobody's"
    for cid, owner in ((mine.cid, "eve"), (mine.cid, None), (nobodys.cid, "ana")):
        with pytest.raises(ContentNotFoundError):
            store.open(cid, owner=owner)
    assert [event.kind for event in store.events(cid=mine.cid)] == ["submitted", "read", "read"]


def test_each_person_of_an_office_is_named_in_the_custody_log(store):
    ana = store.acting_as("ana")
    record = ana.submit(b"x", type="document")
    store.acting_as("ben").read(record.cid)
    ana.close()
    store.read(record.cid)

    assert [event.actor for event in store.events()] == ["ana", "ben", None]
    store.close()
    with pytest.raises(StoreClosedError):
        ana.read(record.cid)
