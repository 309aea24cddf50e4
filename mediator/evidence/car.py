"""CAR v1, the archive format of IPFS: write it, and read it from anywhere in bounded memory.

Every block is verified while it is read; a file that lies about its lengths is refused before memory is set aside.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import BinaryIO, Final

from mediator.evidence.blockstores.base import verified
from mediator.evidence.cid import Cid, read_varint, write_varint
from mediator.evidence.dagpb import MAX_BLOCK
from mediator.evidence.errors import BlockCorruptError, InvalidCarError, InvalidCidError

__all__ = ["CarReader", "car_header", "car_section", "write_car"]

_MAX_HEADER: Final = 1024 * 1024
_MAX_CID: Final = 256
_MAX_DEPTH: Final = 8


def write_car(out: BinaryIO, roots: Sequence[Cid], blocks: Iterable[tuple[Cid, bytes]]) -> int:
    """Write an archive; return how many blocks it has."""
    out.write(car_header(roots))
    count = 0
    for cid, data in blocks:
        out.write(car_section(cid, data))
        count += 1
    return count


def car_header(roots: Sequence[Cid]) -> bytes:
    """Return the header: DAG-CBOR of the roots and the version."""
    body = b"\xa2\x65roots" + _cbor_head(4, len(roots))
    for root in roots:
        binary = b"\x00" + bytes(root)
        body += b"\xd8\x2a" + _cbor_head(2, len(binary)) + binary
    body += b"\x67version\x01"
    return write_varint(len(body)) + body


def car_section(cid: Cid, data: bytes) -> bytes:
    """Return one block as it stands in an archive."""
    binary = bytes(cid)
    return write_varint(len(binary) + len(data)) + binary + data


def _cbor_head(major: int, size: int) -> bytes:
    if size < 24:
        return bytes((major << 5 | size,))
    if size < 256:
        return bytes((major << 5 | 24, size))
    if size < 65536:
        return bytes((major << 5 | 25,)) + size.to_bytes(2, "big")
    return bytes((major << 5 | 26,)) + size.to_bytes(4, "big")


class CarReader:
    """The roots and, once, the verified blocks of an archive."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        header = self._piece(_MAX_HEADER, "header")
        if header is None:
            raise InvalidCarError("the archive is empty")
        self.roots = _roots(header)

    def __iter__(self) -> Iterator[tuple[Cid, bytes]]:
        while (section := self._piece(MAX_BLOCK + _MAX_CID, "block")) is not None:
            cid, data = _split(section)
            try:
                yield cid, verified(cid, data)
            except BlockCorruptError as error:
                raise InvalidCarError(f"block {cid} of the archive is damaged: it has another hash") from error

    def _piece(self, limit: int, what: str) -> bytes | None:
        size = self._length()
        if size is None:
            return None
        if not 0 < size <= limit:
            raise InvalidCarError(f"the archive announces a {what} of {size} bytes; from 1 to {limit} are taken")
        data = _read_full(self._stream, size)
        if len(data) < size:
            raise InvalidCarError(f"the archive ends inside a {what}: {size} bytes announced, {len(data)} there")
        return data

    def _length(self) -> int | None:
        data = b""
        while byte := self._stream.read(1):
            data += byte
            if byte[0] < 0x80:
                try:
                    return read_varint(data, 0)[0]
                except ValueError:
                    break
            if len(data) > 9:
                break
        if not data:
            return None
        raise InvalidCarError("the archive is cut or is no CAR: a length cannot be read")


def _read_full(stream: BinaryIO, size: int) -> bytes:
    parts = []
    while size and (part := stream.read(min(size, 1 << 20))):
        parts.append(part)
        size -= len(part)
    return b"".join(parts)


def _split(section: bytes) -> tuple[Cid, bytes]:
    try:
        if section[:2] == b"\x12\x20":
            end = 34
        else:
            _, offset = read_varint(section, 0)
            _, offset = read_varint(section, offset)
            _, offset = read_varint(section, offset)
            size, offset = read_varint(section, offset)
            end = offset + size
        if end > len(section):
            raise InvalidCarError("the archive has a block that is shorter than its CID")
        return Cid.parse(section[:end]), section[end:]
    except (ValueError, InvalidCidError) as error:
        raise InvalidCarError(f"the archive has a block without a usable CID: {error}") from error


def _roots(header: bytes) -> tuple[Cid, ...]:
    try:
        value, offset = _cbor(header, 0, 0)
    except (ValueError, IndexError) as error:
        raise InvalidCarError("the header of the archive is not DAG-CBOR; this is no CAR") from error
    except InvalidCidError as error:
        raise InvalidCarError(f"the header of the archive names a root that is no usable CID: {error}") from error
    if offset != len(header) or not isinstance(value, dict):
        raise InvalidCarError("the header of the archive is not one map; this is no CAR")
    if value.get("version") != 1:
        raise InvalidCarError(f"the archive is CAR version {value.get('version')!r}; only version 1 is read")
    roots = value.get("roots")
    if not isinstance(roots, list) or not all(isinstance(root, Cid) for root in roots):
        raise InvalidCarError("the header of the archive has no list of roots")
    return tuple(roots)


def _cbor(data: bytes, offset: int, depth: int) -> tuple[object, int]:
    """Return the DAG-CBOR value at ``offset``: the kinds that a CAR header can hold."""
    if depth > _MAX_DEPTH:
        raise ValueError("nested too deep")
    major, size, offset = _cbor_size(data, offset)
    if major == 0:
        return size, offset
    if major in (2, 3):
        if size > len(data) - offset:
            raise ValueError("cut")
        piece = data[offset : offset + size]
        return piece if major == 2 else piece.decode("utf-8"), offset + size
    if major in (4, 5) and size > len(data):
        raise ValueError("cut")
    if major == 4:
        items = []
        for _ in range(size):
            item, offset = _cbor(data, offset, depth + 1)
            items.append(item)
        return items, offset
    if major == 5:
        pairs: dict[str, object] = {}
        for _ in range(size):
            key, offset = _cbor(data, offset, depth + 1)
            if not isinstance(key, str) or key in pairs:
                raise ValueError("a key that is no text, or twice")
            pairs[key], offset = _cbor(data, offset, depth + 1)
        return pairs, offset
    if major == 6 and size == 42:
        binary, offset = _cbor(data, offset, depth + 1)
        if not isinstance(binary, bytes) or binary[:1] != b"\x00":
            raise ValueError("a link that is no CID")
        return Cid.parse(binary[1:]), offset
    raise ValueError("a kind that a header does not have")


def _cbor_size(data: bytes, offset: int) -> tuple[int, int, int]:
    first = data[offset]
    major, small = first >> 5, first & 31
    offset += 1
    if small < 24:
        return major, small, offset
    if small > 27:
        raise ValueError("no definite length")
    width = 1 << (small - 24)
    if offset + width > len(data):
        raise ValueError("cut")
    return major, int.from_bytes(data[offset : offset + width], "big"), offset + width
