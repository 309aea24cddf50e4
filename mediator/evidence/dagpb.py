"""The dag-pb block format and the UnixFS message inside it: encode and decode, byte for byte as Kubo does.

Decoding takes bytes from anywhere: it never reads past the end, and memory stays in proportion to the block.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Final

from mediator.evidence.cid import Cid, read_varint, write_varint
from mediator.evidence.errors import InvalidCidError, InvalidDagError

__all__ = ["MAX_BLOCK", "Kind", "Link", "Node", "UnixFs", "decode_node", "encode_node", "encode_unixfs"]

#: Kubo refuses larger blocks on the wire; so do we, before they are parsed.
MAX_BLOCK: Final = 4 * 1024 * 1024

_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5


class Kind(IntEnum):
    """What a UnixFS node is."""

    RAW = 0
    DIRECTORY = 1
    FILE = 2
    METADATA = 3
    SYMLINK = 4
    HAMT_SHARD = 5


@dataclass(frozen=True, slots=True)
class Link:
    """A named, sized pointer to another block. ``tsize`` is the size of all blocks below, itself included."""

    cid: Cid
    name: bytes
    tsize: int


@dataclass(frozen=True, slots=True)
class UnixFs:
    """The UnixFS message of a node."""

    kind: Kind
    data: bytes = b""
    filesize: int | None = None
    blocksizes: tuple[int, ...] = ()
    hash_type: int | None = None
    fanout: int | None = None


@dataclass(frozen=True, slots=True)
class Node:
    """A decoded dag-pb block that holds UnixFS."""

    links: tuple[Link, ...]
    unixfs: UnixFs


def encode_node(links: Sequence[Link], data: bytes) -> bytes:
    """Return a dag-pb block: links first, then the data, as every IPFS implementation writes it."""
    out = bytearray()
    for link in links:
        cid = bytes(link.cid)
        body = (
            b"\x0a" + write_varint(len(cid)) + cid
            + b"\x12" + write_varint(len(link.name)) + link.name
            + b"\x18" + write_varint(link.tsize)
        )  # fmt: skip
        out += b"\x12" + write_varint(len(body)) + body
    out += b"\x0a" + write_varint(len(data)) + data
    return bytes(out)


def encode_unixfs(message: UnixFs) -> bytes:
    """Return the protobuf of a UnixFS message."""
    out = bytearray(b"\x08" + bytes((message.kind,)))
    if message.data:
        out += b"\x12" + write_varint(len(message.data)) + message.data
    if message.filesize is not None:
        out += b"\x18" + write_varint(message.filesize)
    for size in message.blocksizes:
        out += b"\x20" + write_varint(size)
    if message.hash_type is not None:
        out += b"\x28" + write_varint(message.hash_type)
    if message.fanout is not None:
        out += b"\x30" + write_varint(message.fanout)
    return bytes(out)


def decode_node(block: bytes) -> Node:
    """Return the node in ``block``; InvalidDagError when it is not dag-pb with UnixFS inside."""
    if len(block) > MAX_BLOCK:
        raise InvalidDagError(f"a dag-pb block of {len(block)} bytes is larger than {MAX_BLOCK}")
    try:
        links, data = _decode_pb(block)
        return Node(links, _decode_unixfs(data))
    except InvalidCidError as error:
        raise InvalidDagError(f"a link of a dag-pb block holds no usable CID: {error}") from error
    except ValueError as error:
        raise InvalidDagError(f"not a dag-pb block with UnixFS: {error}") from error


def _fields(data: bytes) -> list[tuple[int, int, int | bytes]]:
    """Return (field number, wire type, value) in order."""
    out: list[tuple[int, int, int | bytes]] = []
    offset = 0
    while offset < len(data):
        key, offset = read_varint(data, offset)
        number, wire = key >> 3, key & 7
        if wire == _VARINT:
            value, offset = read_varint(data, offset)
            out.append((number, wire, value))
            continue
        if wire == _BYTES:
            size, offset = read_varint(data, offset)
        elif wire in (_FIXED64, _FIXED32):
            size = 8 if wire == _FIXED64 else 4
        else:
            raise ValueError(f"wire type {wire}")
        if size > len(data) - offset:
            raise ValueError("a field ends after the block")
        out.append((number, wire, data[offset : offset + size]))
        offset += size
    return out


def _decode_pb(block: bytes) -> tuple[tuple[Link, ...], bytes]:
    links: list[Link] = []
    data: bytes | None = None
    for number, _, value in _fields(block):
        if number == 2 and isinstance(value, bytes):
            links.append(_decode_link(value))
        elif number == 1 and isinstance(value, bytes):
            if data is not None:
                raise ValueError("two data fields")
            data = value
        else:
            raise ValueError(f"field {number} does not belong there")
    if data is None:
        raise ValueError("no data field")
    return tuple(links), data


def _decode_link(data: bytes) -> Link:
    cid: Cid | None = None
    name, tsize = b"", 0
    for number, _, value in _fields(data):
        if number == 1 and isinstance(value, bytes):
            cid = Cid.parse(value)
        elif number == 2 and isinstance(value, bytes):
            name = value
        elif number == 3 and isinstance(value, int):
            tsize = value
        else:
            raise ValueError(f"field {number} does not belong in a link")
    if cid is None:
        raise ValueError("a link without a CID")
    return Link(cid, name, tsize)


def _decode_unixfs(data: bytes) -> UnixFs:
    kind: Kind | None = None
    content = b""
    filesize: int | None = None
    hash_type: int | None = None
    fanout: int | None = None
    sizes: list[int] = []
    for number, wire, value in _fields(data):
        if number == 1 and isinstance(value, int):
            kind = Kind(value)
        elif number == 2 and isinstance(value, bytes):
            content = value
        elif number == 3 and isinstance(value, int):
            filesize = value
        elif number == 4 and wire == _VARINT and isinstance(value, int):
            sizes.append(value)
        elif number == 4 and isinstance(value, bytes):
            sizes.extend(_packed(value))
        elif number == 5 and isinstance(value, int):
            hash_type = value
        elif number == 6 and isinstance(value, int):
            fanout = value
        # 7 and 8 are mode and mtime; they, and what later versions add, change no content.
    if kind is None:
        raise ValueError("UnixFS without a type")
    return UnixFs(kind, content, filesize, tuple(sizes), hash_type, fanout)


def _packed(data: bytes) -> list[int]:
    out, offset = [], 0
    while offset < len(data):
        value, offset = read_varint(data, offset)
        out.append(value)
    return out
