"""Content identifiers: parse every form people write, compare as values, print the canonical one.

`multiformats` is the authority for bases, codecs and names. The two forms that make up nearly all
traffic (CIDv1 base32 and CIDv0, both SHA-256) have a path of their own here, about thirty times as
fast, held equal to `multiformats` by a property test.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from collections.abc import Callable
from typing import Final

from mediator.evidence.errors import InvalidCidError, UnsupportedCidError

__all__ = ["DAG_PB", "RAW", "Cid", "dag_pb_cid", "raw_cid", "read_varint", "write_varint"]

RAW: Final = 0x55
DAG_PB: Final = 0x70
_CODECS: Final = {RAW: "raw", DAG_PB: "dag-pb"}

IDENTITY: Final = 0x00
_SHA2_256: Final = 0x12
# Code -> (digest size, function). What hashlib has; a CID with another hash cannot be verified here.
_HASHES: Final[dict[int, tuple[int, Callable[[bytes], bytes]]]] = {
    _SHA2_256: (32, lambda data: hashlib.sha256(data).digest()),
    0x13: (64, lambda data: hashlib.sha512(data).digest()),
    0x16: (32, lambda data: hashlib.sha3_256(data).digest()),
    0x14: (64, lambda data: hashlib.sha3_512(data).digest()),
    0xB220: (32, lambda data: hashlib.blake2b(data, digest_size=32).digest()),
    0xB240: (64, lambda data: hashlib.blake2b(data, digest_size=64).digest()),
}
_MAX_IDENTITY: Final = 128
_MAX_TEXT: Final = 1024

_SHA2_256_PREFIX: Final = b"\x12\x20"
_V1_BASE32: Final = re.compile(r"bafybei[a-z2-7]{52}|bafkrei[a-z2-7]{52}")
_DIGITS: Final = str.maketrans("abcdefghijklmnopqrstuvwxyz234567", "0123456789abcdefghijklmnopqrstuv")


def write_varint(number: int) -> bytes:
    """Return ``number`` as an unsigned LEB128 integer."""
    if number < 0x80:
        return bytes((number,))
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)


def read_varint(data: bytes | memoryview, offset: int) -> tuple[int, int]:
    """Return the integer at ``offset`` and the offset after it; ValueError when there is none.

    Minimal encodings only, and no more than 64 bits.
    """
    value = shift = 0
    for position in range(offset, min(offset + 10, len(data))):
        byte = data[position]
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            if (byte == 0 and shift) or value >> 64:
                break
            return value, position + 1
        shift += 7
    raise ValueError("no varint there")


class Cid:
    """One content identifier. Immutable.

    Equal means: the same codec and the same hash. A CIDv0 and its CIDv1 form name the same content
    and are equal; the version only decides how it is printed.
    """

    __slots__ = ("_text", "codec", "multihash", "version")

    version: int
    codec: int
    multihash: bytes
    _text: str | None

    def __init__(self, version: int, codec: int, multihash: bytes) -> None:
        self.version = version
        self.codec = codec
        self.multihash = multihash
        self._text = None

    @classmethod
    def parse(cls, value: Cid | str | bytes) -> Cid:
        """Return the CID that ``value`` writes: v0 or v1, any multibase, ``ipfs://``, ``/ipfs/``, binary."""
        if isinstance(value, Cid):
            return value
        if isinstance(value, bytes):
            return _from_binary(value)
        return _from_text(value)

    def __bytes__(self) -> bytes:
        if self.version == 0:
            return self.multihash
        return b"\x01" + write_varint(self.codec) + self.multihash

    def __str__(self) -> str:
        text = self._text
        if text is None:
            text = self._text = _to_text(self)
        return text

    def __repr__(self) -> str:
        return f"Cid({str(self)!r})"

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Cid):
            return NotImplemented
        return self.multihash == other.multihash and self.codec == other.codec

    def __hash__(self) -> int:
        return hash((self.codec, self.multihash))

    def __reduce__(self) -> tuple[object, ...]:
        return (Cid, (self.version, self.codec, self.multihash))

    @property
    def is_identity(self) -> bool:
        """Whether the CID holds its content instead of a hash of it."""
        return self.multihash[0] == IDENTITY

    @property
    def identity_data(self) -> bytes:
        """The content inside an identity CID."""
        _, offset = read_varint(self.multihash, 1)
        return self.multihash[offset:]

    def spellings(self) -> tuple[str, ...]:
        """Return the canonical texts of this content: one, or two where a CIDv0 exists."""
        if self.codec == DAG_PB and self.multihash[:2] == _SHA2_256_PREFIX:
            return (str(Cid(1, DAG_PB, self.multihash)), str(Cid(0, DAG_PB, self.multihash)))
        return (str(self),)

    def matches(self, data: bytes) -> bool:
        """Whether ``data`` is what this CID names."""
        multihash = self.multihash
        if multihash[:2] == _SHA2_256_PREFIX:
            return hashlib.sha256(data).digest() == multihash[2:]
        if multihash[0] == IDENTITY:
            return self.identity_data == data
        code, offset = read_varint(multihash, 0)
        _, offset = read_varint(multihash, offset)
        return _HASHES[code][1](data) == multihash[offset:]


def raw_cid(data: bytes | memoryview) -> Cid:
    """Return the CIDv1 of a raw block."""
    return Cid(1, RAW, _SHA2_256_PREFIX + hashlib.sha256(data).digest())


def dag_pb_cid(data: bytes, version: int = 1) -> Cid:
    """Return the CID of a dag-pb block."""
    return Cid(version, DAG_PB, _SHA2_256_PREFIX + hashlib.sha256(data).digest())


def _to_text(cid: Cid) -> str:
    if cid.version == 0:
        return _base58(cid.multihash)
    return "b" + base64.b32encode(bytes(cid)).decode("ascii").rstrip("=").lower()


def _from_text(text: str) -> Cid:
    shown = repr(text if len(text) <= 80 else text[:77] + "...")
    if len(text) > _MAX_TEXT:
        raise InvalidCidError(f"{shown} is no CID: {len(text)} characters")
    bare = text.strip()
    for prefix in ("ipfs://", "/ipfs/", "ipfs/"):
        if bare.lower().startswith(prefix):
            bare = bare[len(prefix) :].removesuffix("/")
            break
    if not bare:
        raise InvalidCidError(f"{shown} is no CID: nothing follows the prefix" if text else "an empty text is no CID")
    if "/" in bare and bare[0] not in "mMuU":
        raise InvalidCidError(f"{shown} is a path inside a CID; give the CID of the file itself")
    if _V1_BASE32.fullmatch(bare):
        return _from_base32(bare, shown)
    try:
        binary = _decode_base(bare)
    except InvalidCidError as error:
        raise InvalidCidError(f"{shown} is no CID: {error}") from error.__cause__
    return _from_binary(binary, shown)


def _from_base32(text: str, shown: str) -> Cid:
    # 58 digits are 290 bits, two more than 36 bytes; `int` reads them an order of magnitude faster than base64 does.
    number = int(text[1:].translate(_DIGITS), 32)
    if number & 3:
        raise InvalidCidError(f"{shown} is no CID: its last character has bits that mean nothing")
    binary = (number >> 2).to_bytes(36, "big")
    cid = Cid(1, binary[1], binary[2:])
    cid._text = text
    return cid


def _decode_base(text: str) -> bytes:
    # A CIDv0 has no multibase prefix: 46 base58 characters that start with Qm.
    if len(text) == 46 and text.startswith("Qm"):
        text = "z" + text
    elif len(text) == 1:
        raise InvalidCidError("too short")
    from bases.encoding.errors import EncodingError, Error  # 35 ms, for rare forms only
    from multiformats import multibase

    try:
        return bytes(multibase.decode(text))
    except KeyError as error:
        raise InvalidCidError("its first character names no base") from error
    except (Error, EncodingError, ValueError, IndexError, binascii.Error) as error:
        raise InvalidCidError("it does not decode in the base that its first character names") from error


def _from_binary(binary: bytes, shown: str = "the binary value") -> Cid:
    if len(binary) == 34 and binary[:2] == _SHA2_256_PREFIX:
        return Cid(0, DAG_PB, binary)
    try:
        version, offset = read_varint(binary, 0)
        codec, start = read_varint(binary, offset)
        code, offset = read_varint(binary, start)
        size, offset = read_varint(binary, offset)
    except ValueError as error:
        raise InvalidCidError(f"{shown} is no CID: it ends early or holds no version, codec and hash") from error
    if version != 1:
        raise InvalidCidError(f"{shown} is no CID: version {version} does not exist")
    if len(binary) - offset != size:
        raise InvalidCidError(
            f"{shown} is no CID: a hash of {size} bytes is announced and {len(binary) - offset} follow"
        )
    if codec not in _CODECS:
        raise UnsupportedCidError(
            f"{shown} has codec {_codec_name(codec)}; this store has raw and dag-pb (files and directories)"
        )
    _check_hash(code, size, shown)
    return Cid(1, codec, binary[start:])


def _check_hash(code: int, size: int, shown: str) -> None:
    if code == IDENTITY:
        if size > _MAX_IDENTITY:
            raise UnsupportedCidError(f"{shown} is an identity CID of {size} bytes; at most {_MAX_IDENTITY} are taken")
        return
    known = _HASHES.get(code)
    if known is None:
        raise UnsupportedCidError(f"{shown} has hash {_codec_name(code)}, which this store cannot compute")
    if known[0] != size:
        raise InvalidCidError(f"{shown} is no CID: {_codec_name(code)} has {known[0]} bytes, not {size}")


def _codec_name(code: int) -> str:
    from multiformats import multicodec  # for an error message only

    try:
        return f"{multicodec.get(code=code).name} (0x{code:x})"
    except KeyError:
        return f"0x{code:x}, which no table knows"


_BASE58: Final = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"


def _base58(data: bytes) -> str:
    number = int.from_bytes(data, "big")
    out = []
    while number:
        number, digit = divmod(number, 58)
        out.append(_BASE58[digit])
    zeros = len(data) - len(data.lstrip(b"\0"))
    return "1" * zeros + "".join(reversed(out))
