"""Every way to write a CID is read, compared as a value and printed one way."""

import json
import pickle
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from multiformats import CID, multibase, multihash

from mediator.evidence import Cid, InvalidCidError, UnsupportedCidError
from mediator.evidence.cid import DAG_PB, RAW, dag_pb_cid, raw_cid, read_varint, write_varint

VECTORS = json.loads((Path(__file__).parents[2] / "data" / "cid_vectors.json").read_text())
KNOWN = [cid for profile in VECTORS["profiles"].values() for cid in profile["cids"].values()]
BASES = ["base16", "base16upper", "base32", "base32upper", "base32z", "base36", "base58btc", "base64", "base64url"]


@pytest.mark.parametrize("text", sorted(set(KNOWN)))
def test_a_real_cid_is_printed_as_it_was_written(text):
    assert str(Cid.parse(text)) == text


@given(st.binary(max_size=100), st.sampled_from(["raw", "dag-pb"]))
def test_the_fast_path_prints_and_reads_what_multiformats_does(data, codec):
    ours = raw_cid(data) if codec == "raw" else dag_pb_cid(data)
    theirs = CID("base32", 1, codec, ("sha2-256", ours.multihash[2:]))

    assert str(ours) == str(theirs)
    assert bytes(ours) == bytes(theirs)
    assert Cid.parse(str(theirs)) == ours


@given(st.binary(max_size=100))
def test_a_version_0_cid_is_what_multiformats_makes_of_it(data):
    ours = dag_pb_cid(data, 0)
    theirs = CID("base58btc", 0, "dag-pb", ours.multihash)

    assert str(ours) == str(theirs)
    assert Cid.parse(str(theirs)) == ours


@given(st.binary(max_size=50), st.sampled_from(BASES), st.sampled_from(["", "ipfs://", "/ipfs/", "IPFS://"]))
def test_every_base_and_prefix_names_the_same_content(data, base, prefix):
    cid = raw_cid(data)

    assert Cid.parse(prefix + multibase.encode(bytes(cid), base)) == cid


def test_both_versions_of_a_cid_are_equal_and_hash_alike():
    old, new = dag_pb_cid(b"x", 0), dag_pb_cid(b"x", 1)

    assert old == new
    assert len({old, new}) == 1
    assert str(old) != str(new)


def test_the_same_hash_under_another_codec_is_another_cid():
    assert Cid(1, RAW, raw_cid(b"x").multihash) != Cid(1, DAG_PB, raw_cid(b"x").multihash)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "empty"),
        ("z", "too short"),
        ("hello", "does not decode"),
        ("ähm", "names no base"),
        ("Qm123", "names no base"),
        ("bafkreia", "0 follow"),
        ("/ipfs/", "nothing follows"),
        ("x" * 2000, "2000 characters"),
        (KNOWN[0] + "/a.txt", "path inside"),
        (KNOWN[0][:-1] + "z", "bits that mean nothing"),
        ("f01551220" + "00" * 31, "32 bytes is announced and 31 follow"),
        ("f02701220" + "00" * 32, "version 2"),
        ("f01551214" + "00" * 20, "has 32 bytes, not 20"),
    ],
)
def test_what_is_no_cid_is_refused_with_the_reason(text, reason):
    with pytest.raises(InvalidCidError, match=reason):
        Cid.parse(text)


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("bafyreigdyrzt5sfp7udm7hu76uh7y26nf3efuylqabf3oclgtqy55fbzdi", "dag-cbor"),
        ("f01551b20" + "00" * 32, "keccak-256"),
        ("f0155ffff0320" + "00" * 32, "no table knows"),
    ],
)
def test_a_codec_or_hash_that_is_not_built_in_is_named(text, name):
    with pytest.raises(UnsupportedCidError, match=name):
        Cid.parse(text)


@given(st.text(max_size=80) | st.binary(max_size=80))
def test_no_input_raises_anything_but_our_error(value):
    try:
        cid = Cid.parse(value)
    except InvalidCidError:
        return
    assert Cid.parse(str(cid)) == cid


@given(st.integers(min_value=0, max_value=2**64 - 1))
def test_a_varint_reads_back(number):
    encoded = write_varint(number)

    assert read_varint(encoded + b"\x01", 0) == (number, len(encoded))


@pytest.mark.parametrize("data", [b"", b"\x80", b"\x80\x00", b"\xff" * 10, b"\xff" * 9 + b"\x7f"])
def test_a_varint_that_is_cut_padded_or_too_large_is_refused(data):
    with pytest.raises(ValueError, match="varint"):
        read_varint(data, 0)


@pytest.mark.parametrize(
    "name", ["sha2-256", "sha2-512", "sha3-256", "sha3-512", "blake2b-256", "blake2b-512", "identity"]
)
def test_every_hash_that_is_built_in_is_checked_as_multiformats_computes_it(name):
    theirs = CID("base32", 1, "raw", multihash.digest(b"evidence", name))

    cid = Cid.parse(str(theirs))

    assert cid.matches(b"evidence")
    assert not cid.matches(b"evidence!")


def test_a_cid_survives_pickling():
    cid = Cid.parse(KNOWN[-1])

    assert pickle.loads(pickle.dumps(cid)) == cid
