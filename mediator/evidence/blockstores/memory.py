"""Blocks in memory, for trying things out; gone when the process ends."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from mediator.evidence.blockstores.base import Batch, Blockstore, verified
from mediator.evidence.cid import Cid
from mediator.evidence.errors import BlockNotFoundError

__all__ = ["MemoryBlockstore"]


class MemoryBlockstore(Blockstore):
    """A dictionary with the promises of a blockstore, durability aside."""

    def __init__(self) -> None:
        self._blocks: dict[bytes, bytes] = {}

    @contextmanager
    def batch(self) -> Iterator[Batch]:
        yield _Writer(self._blocks)

    def delete(self, cid: Cid) -> bool:
        return self._blocks.pop(cid.multihash, None) is not None

    def multihashes(self) -> Iterator[bytes]:
        return iter(list(self._blocks))

    def _load(self, cid: Cid) -> bytes:
        try:
            return self._blocks[cid.multihash]
        except KeyError:
            raise BlockNotFoundError(f"block {cid} is not in memory") from None

    def _exists(self, cid: Cid) -> bool:
        return cid.multihash in self._blocks


class _Writer:
    def __init__(self, blocks: dict[bytes, bytes]) -> None:
        self._blocks = blocks

    def put(self, cid: Cid, data: bytes) -> None:
        verified(cid, data)
        if not cid.is_identity:
            self._blocks[cid.multihash] = bytes(data)
