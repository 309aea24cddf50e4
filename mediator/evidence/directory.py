"""UnixFS directories: one node while they are small, a tree of hashed names when they are not, as Kubo makes them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from mediator.evidence.cid import Cid, dag_pb_cid
from mediator.evidence.dagpb import Kind, Link, UnixFs, encode_node, encode_unixfs
from mediator.evidence.errors import InvalidInputError
from mediator.evidence.unixfs import BlockSink, Profile

__all__ = ["Entry", "build_directory", "build_tree"]

_SHARD_ABOVE: Final = 256 * 1024
_FANOUT: Final = 256
_MURMUR3_X64_64: Final = 0x22
_MASK: Final = (1 << 64) - 1


@dataclass(frozen=True, slots=True)
class Entry:
    """What a name in a directory stands for. ``tsize`` is the size of all its blocks."""

    cid: Cid
    tsize: int


def build_tree(
    files: Iterable[tuple[bytes, Entry]], profile: Profile, sink: BlockSink, directories: Iterable[bytes] = ()
) -> Entry:
    """Build the directories over files named by their paths, separated by ``/``; return the topmost.

    ``directories`` are there too, also where no file is in them.
    """
    root: dict[bytes, object] = {}
    for path, entry in files:
        *parents, name = path.split(b"/")
        here = _below(root, parents, path)
        if name in here or not name:
            raise InvalidInputError(f"{path!r} is there twice or names nothing")
        here[name] = entry
    for path in directories:
        _below(root, path.split(b"/"), path)
    return _built(root, profile, sink)


def _below(root: dict[bytes, object], names: Iterable[bytes], path: bytes) -> dict[bytes, object]:
    """Return the directory with these names, made where it is not there yet."""
    here = root
    for name in names:
        below = here.setdefault(name, {})
        if not isinstance(below, dict) or not name:
            raise InvalidInputError(f"{path!r} is below a file or names nothing")
        here = below
    return here


def _built(tree: Mapping[bytes, object], profile: Profile, sink: BlockSink) -> Entry:
    # Depth first without recursion: how deep directories go is not ours to say.
    done: dict[int, Entry] = {}
    order: list[Mapping[bytes, object]] = []
    stack: list[Mapping[bytes, object]] = [tree]
    while stack:
        here = stack.pop()
        order.append(here)
        stack.extend(value for value in here.values() if isinstance(value, dict))
    for here in reversed(order):
        entries = {name: value if isinstance(value, Entry) else done[id(value)] for name, value in here.items()}
        done[id(here)] = build_directory(entries, profile, sink)
    return done[id(tree)]


def build_directory(entries: Mapping[bytes, Entry], profile: Profile, sink: BlockSink) -> Entry:
    """Build one directory from what is in it."""
    links = [Link(entry.cid, name, entry.tsize) for name, entry in sorted(entries.items())]
    if _is_too_large(links, profile):
        hashed = [(murmur3_x64_64(name).to_bytes(8, "big"), name, entry) for name, entry in entries.items()]
        return _shard(hashed, 0, profile, sink)
    return _stored(links, UnixFs(Kind.DIRECTORY), profile, sink)


def _is_too_large(links: list[Link], profile: Profile) -> bool:
    """Whether one node is too small for a directory: IPIP-499 counts its whole block, Kubo before it names and CIDs."""
    if profile.shards_by_block:
        return len(encode_node(links, encode_unixfs(UnixFs(Kind.DIRECTORY)))) > _SHARD_ABOVE
    return sum(len(link.name) + len(bytes(link.cid)) for link in links) > _SHARD_ABOVE


def _shard(hashed: list[tuple[bytes, bytes, Entry]], depth: int, profile: Profile, sink: BlockSink) -> Entry:
    if depth == 8:
        raise InvalidInputError("two names in the directory have the same hash; rename one")
    slots: dict[int, list[tuple[bytes, bytes, Entry]]] = {}
    for item in hashed:
        slots.setdefault(item[0][depth], []).append(item)
    links = []
    for slot, items in sorted(slots.items()):
        prefix = b"%02X" % slot
        if len(items) == 1:
            _, name, entry = items[0]
            links.append(Link(entry.cid, prefix + name, entry.tsize))
        else:
            below = _shard(items, depth + 1, profile, sink)
            links.append(Link(below.cid, prefix, below.tsize))
    field = sum(1 << slot for slot in slots)
    bits = field.to_bytes((field.bit_length() + 7) // 8, "big")
    message = UnixFs(Kind.HAMT_SHARD, bits, hash_type=_MURMUR3_X64_64, fanout=_FANOUT)
    return _stored(links, message, profile, sink)


def _stored(links: list[Link], message: UnixFs, profile: Profile, sink: BlockSink) -> Entry:
    block = encode_node(links, encode_unixfs(message))
    cid = dag_pb_cid(block, profile.cid_version)
    sink(cid, block)
    return Entry(cid, len(block) + sum(link.tsize for link in links))


def murmur3_x64_64(data: bytes) -> int:
    """Return the first half of MurmurHash3 x64-128, seed 0: the hash that directories are spread by."""
    h1 = h2 = 0
    whole = len(data) // 16 * 16
    for k1, k2 in _words(data, whole):
        h1 = (((_rotate(h1 ^ _mix1(k1), 27) + h2) & _MASK) * 5 + 0x52DCE729) & _MASK
        h2 = (((_rotate(h2 ^ _mix2(k2), 31) + h1) & _MASK) * 5 + 0x38495AB5) & _MASK
    tail = data[whole:]
    h2 ^= _mix2(int.from_bytes(tail[8:], "little"))
    h1 ^= _mix1(int.from_bytes(tail[:8], "little"))
    h1 ^= len(data)
    h2 ^= len(data)
    h1 = (h1 + h2) & _MASK
    h2 = (h2 + h1) & _MASK
    return (_final(h1) + _final(h2)) & _MASK


def _words(data: bytes, whole: int) -> Iterator[tuple[int, int]]:
    for start in range(0, whole, 16):
        yield int.from_bytes(data[start : start + 8], "little"), int.from_bytes(data[start + 8 : start + 16], "little")


def _mix1(k: int) -> int:
    return _rotate(k * 0x87C37B91114253D5 & _MASK, 31) * 0x4CF5AD432745937F & _MASK


def _mix2(k: int) -> int:
    return _rotate(k * 0x4CF5AD432745937F & _MASK, 33) * 0x87C37B91114253D5 & _MASK


def _rotate(value: int, by: int) -> int:
    return (value << by | value >> (64 - by)) & _MASK


def _final(k: int) -> int:
    k = (k ^ k >> 33) * 0xFF51AFD7ED558CCD & _MASK
    k = (k ^ k >> 33) * 0xC4CEB9FE1A85EC53 & _MASK
    return k ^ k >> 33
