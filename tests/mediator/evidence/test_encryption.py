"""Encrypted evidence is unreadable without its key, and a wrong key is never taken for damage."""

import io
import json
import os
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mediator.evidence import (
    DecryptionError,
    EvidenceStore,
    InvalidInputError,
    KeyFileDamagedError,
    KeyRequiredError,
    WrongKeyError,
)
from mediator.evidence.keys import key_source
from mediator.evidence.sealing import StreamSealer, open_sealed, sealed_size

SECRET, OTHER = "5e" * 32, "0f" * 32
KEY, KEY_ID = b"k" * 32, "ab" * 16
MARK = b"a sentence that must not be on the disk in the clear"


def having(secret):
    return lambda new: secret


def all_bytes_below(path):
    return b"".join(file.read_bytes() for file in path.rglob("*") if file.is_file())


def test_nothing_of_an_encrypted_content_is_on_the_disk(tmp_path):
    with EvidenceStore(tmp_path / "s", key_source=having(SECRET)) as store:
        record = store.submit(MARK * 100, type="document")
        assert store.read(record.cid) == MARK * 100
    assert MARK not in all_bytes_below(tmp_path / "s")
    assert record.stored_cid != record.cid


def test_a_store_without_a_key_source_keeps_the_bytes_as_they_are(plain):
    record = plain.submit(MARK, type="document")

    assert record.stored_cid == record.cid
    assert MARK in all_bytes_below(plain.path)


def test_the_same_bytes_are_stored_once_although_each_encryption_differs(tmp_path):
    with EvidenceStore(tmp_path / "s", key_source=having(SECRET)) as store:
        first, second = (store.submit(MARK, type="document") for _ in range(2))

        assert first.stored_cid == second.stored_cid
        assert store.stat().blocks == 1
        assert store.gc().blocks == 0


def test_a_damaged_copy_is_replaced_when_the_bytes_are_submitted_again(tmp_path):
    with EvidenceStore(tmp_path / "s", key_source=having(SECRET)) as store:
        first = store.submit(MARK, type="document")
        store.settle()
        (block,) = store.path.glob("blocks/*/*.data")
        block.write_bytes(b"damaged")
        second = store.submit(MARK, type="document")

        assert second.stored_cid != first.stored_cid
        assert store.read(first.cid) == MARK


def test_a_wrong_key_is_told_apart_from_a_damaged_key_file_and_a_damaged_content(tmp_path):
    with EvidenceStore(tmp_path / "s", key_source=having(SECRET)) as store:
        cid = store.submit(MARK, type="document").cid
    keys = tmp_path / "s" / "keys.json"
    whole = keys.read_text()

    with EvidenceStore(tmp_path / "s", key_source=having(OTHER)) as store, pytest.raises(WrongKeyError):
        store.read(cid)
    keys.write_text(whole.replace('"wrapped": "', '"wrapped": "A'))
    with pytest.raises(KeyFileDamagedError):
        EvidenceStore(tmp_path / "s", key_source=having(SECRET))
    keys.write_text("{")
    with pytest.raises(KeyFileDamagedError):
        EvidenceStore(tmp_path / "s", key_source=having(SECRET))


def test_a_wrong_key_refuses_to_submit_and_to_verify(tmp_path):
    with EvidenceStore(tmp_path / "s", key_source=having(SECRET)) as store:
        store.submit(MARK, type="document")
    with EvidenceStore(tmp_path / "s", key_source=having(OTHER)) as store:
        with pytest.raises(WrongKeyError):
            store.submit(b"x", type="document")
        with pytest.raises(WrongKeyError):
            store.verify()


def test_an_encrypted_store_without_its_key_lists_and_checks_blocks_and_never_stores_in_the_clear(tmp_path):
    with EvidenceStore(tmp_path / "s", key_source=having(SECRET)) as store:
        record = store.submit(MARK, type="document")
    with EvidenceStore(tmp_path / "s") as store:
        assert store.records().records == (record,)
        report = store.verify()
        assert report.ok
        assert report.unopened == 1
        with pytest.raises(KeyRequiredError):
            store.read(record.cid)
        with pytest.raises(KeyRequiredError):
            store.submit(b"x", type="document")


@pytest.mark.slow  # three times Argon2 with a quarter of a gigabyte
def test_a_passphrase_opens_the_store_again(tmp_path):
    with EvidenceStore(tmp_path / "s", key_source=having("correct horse battery")) as store:
        cid = store.submit(MARK, type="document").cid
    with EvidenceStore(tmp_path / "s", key_source=having("correct horse battery")) as store:
        assert store.read(cid) == MARK
    with EvidenceStore(tmp_path / "s", key_source=having("incorrect horse")) as store, pytest.raises(WrongKeyError):
        store.read(cid)


def test_the_secret_is_nowhere_in_the_store(tmp_path):
    with EvidenceStore(tmp_path / "s", key_source="env:EVIDENCE_KEY", env={"EVIDENCE_KEY": SECRET}) as store:
        store.submit(MARK, type="document")

    stored = all_bytes_below(tmp_path / "s")
    assert SECRET.encode() not in stored
    assert bytes.fromhex(SECRET) not in stored


def test_a_key_source_given_by_name_is_remembered(tmp_path):
    env = {"EVIDENCE_KEY": SECRET}
    with EvidenceStore(tmp_path / "s", env=env) as store:
        store.enable_encryption("env:EVIDENCE_KEY")
        cid = store.submit(MARK, type="document").cid
    with EvidenceStore(tmp_path / "s", env=env) as store:
        assert store.read(cid) == MARK
    with EvidenceStore(tmp_path / "s", env={}) as store, pytest.raises(KeyRequiredError, match="EVIDENCE_KEY"):
        store.read(cid)


def test_a_new_key_encrypts_what_comes_and_the_old_one_still_opens_what_is_there(tmp_path):
    with EvidenceStore(tmp_path / "s", key_source=having(SECRET)) as store:
        old = store.submit(b"old", type="document")
        store.rotate_key()
        new = store.submit(b"new", type="document")
    with EvidenceStore(tmp_path / "s", key_source=having(SECRET)) as store:
        assert store.read(old.cid) == b"old"
        assert store.read(new.cid) == b"new"
        assert len(json.loads((tmp_path / "s" / "keys.json").read_text())["keys"]) == 2


def test_rotation_can_encrypt_everything_again(tmp_path):
    with EvidenceStore(tmp_path / "s", key_source=having(SECRET)) as store:
        record = store.submit(MARK, type="document")
        store.rotate_key(reencrypt=True)

        after = store.record(record.submission_id)
        assert after.stored_cid != record.stored_cid
        assert after.cid == record.cid
        assert store.read(record.cid) == MARK
        assert store.gc(dry_run=False).blocks == 1
        assert store.verify().ok


def test_what_was_stored_in_the_clear_can_be_encrypted_afterwards(tmp_path):
    with EvidenceStore(tmp_path / "s") as store:
        cid = store.submit(MARK, type="document").cid
    with EvidenceStore(tmp_path / "s", key_source=having(SECRET)) as store:
        assert store.encrypt_existing() == 1
        store.gc(dry_run=False)
        assert store.read(cid) == MARK
        assert store.verify().ok
    assert MARK not in all_bytes_below(tmp_path / "s" / "blocks")


def test_another_secret_opens_the_store_after_it_was_changed(tmp_path):
    with EvidenceStore(tmp_path / "s", key_source=having(SECRET)) as store:
        cid = store.submit(MARK, type="document").cid
        store.change_secret(having(OTHER))
    with EvidenceStore(tmp_path / "s", key_source=having(OTHER)) as store:
        assert store.read(cid) == MARK
    with EvidenceStore(tmp_path / "s", key_source=having(SECRET)) as store, pytest.raises(WrongKeyError):
        store.read(cid)


@pytest.mark.slow
def test_a_passphrase_that_nobody_can_be_asked_for_is_a_typed_error(tmp_path):
    script = "import pathlib, mediator.evidence.keys as k; k.key_source('passphrase', pathlib.Path())(False)"

    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", script],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        start_new_session=True,
        check=False,
    )

    assert "KeyRequiredError" in done.stderr


def test_a_short_passphrase_is_refused(tmp_path):
    with pytest.raises(InvalidInputError, match="fewer than 8"):
        EvidenceStore(tmp_path / "s", key_source=having("short"))


@pytest.mark.parametrize("spec", ["hunter2", "env:", "", "KEYRING"])
def test_a_key_source_that_is_no_source_is_refused_without_repeating_it(tmp_path, spec):
    with pytest.raises(InvalidInputError) as caught:
        key_source(spec, tmp_path)
    assert "hunter2" not in str(caught.value)


def test_the_systems_keyring_makes_and_keeps_a_key(tmp_path):
    keyring = pytest.importorskip("keyring")
    from keyring.backend import KeyringBackend

    class InMemory(KeyringBackend):
        priority = 1

        def __init__(self):
            self.kept = {}

        def get_password(self, service, username):
            return self.kept.get((service, username))

        def set_password(self, service, username, password):
            self.kept[service, username] = password

    before = keyring.get_keyring()
    keyring.set_keyring(InMemory())
    try:
        with EvidenceStore(tmp_path / "s", key_source="keyring") as store:
            cid = store.submit(MARK, type="document").cid
        with EvidenceStore(tmp_path / "s", key_source="keyring") as store:
            assert store.read(cid) == MARK
        keyring.set_keyring(InMemory())
        with EvidenceStore(tmp_path / "s", key_source="keyring") as store, pytest.raises(KeyRequiredError):
            store.read(cid)
    finally:
        keyring.set_keyring(before)


def sealed(data, pieces=7):
    size = max(1, len(data) // pieces)
    chunks = (data[start : start + size] for start in range(0, len(data), size))
    return b"".join(StreamSealer(KEY_ID, KEY).seal(chunks))


@pytest.mark.parametrize("size", [0, 1, 65535, 65536, 65537, 131072, 200_000])
def test_a_sealed_content_of_any_size_opens(size):
    data = os.urandom(size)

    assert len(sealed(data)) == sealed_size(size)
    assert open_sealed(io.BytesIO(sealed(data)), KEY, size).read() == data


@given(st.binary(max_size=2000), st.data())
def test_any_changed_byte_of_a_sealed_content_is_found(data, draw):
    stored = bytearray(sealed(data))
    stored[draw.draw(st.integers(0, len(stored) - 1))] ^= draw.draw(st.integers(1, 255))

    # An empty content has a mark of its end as well; reading it must look at that mark.
    with pytest.raises(DecryptionError):
        open_sealed(io.BytesIO(bytes(stored)), KEY, len(data)).read()


def test_chunks_that_changed_places_are_found():
    stored = sealed(os.urandom(3 * 65536))
    head, chunk = 48, 65536 + 17
    swapped = stored[:head] + stored[head + chunk : head + 2 * chunk] + stored[head : head + chunk]

    with pytest.raises(DecryptionError):
        open_sealed(io.BytesIO(swapped + stored[head + 2 * chunk :]), KEY, 3 * 65536).read()


def test_a_cut_content_is_found():
    stored = sealed(os.urandom(2 * 65536))

    with pytest.raises(DecryptionError, match="cut"):
        open_sealed(io.BytesIO(stored[:-10]), KEY, 2 * 65536)
    with pytest.raises(DecryptionError):
        open_sealed(io.BytesIO(stored[: 48 + 65536 + 17]), KEY, 65536).read()
