"""What every blockstore promises.

- ``get`` returns bytes that have the hash the CID names, or raises; damaged bytes never leave a store.
- ``put`` returns when the block is durable. ``batch`` may write in any order; its blocks are durable when
  the ``with`` block ends without an error, and harmless leftovers when it ends with one.
- Blocks are keyed by their hash: a CIDv0 and its CIDv1 form are one block.
- Identity CIDs hold their content: they are always there and never stored.
- Safe to use from several threads at once, and from several processes where the medium is shared.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import AbstractContextManager
from typing import Protocol

from mediator.evidence.cid import Cid
from mediator.evidence.errors import BlockCorruptError

__all__ = ["Batch", "Blockstore", "verified"]


class Batch(Protocol):
    """Takes blocks until its ``with`` block ends."""

    def put(self, cid: Cid, data: bytes) -> None:
        """Take one block. An error may be raised by a later call or by the end of the batch."""


class Blockstore(ABC):
    """Blocks by CID."""

    def get(self, cid: Cid) -> bytes:
        """Return a block, verified; BlockNotFoundError or BlockCorruptError."""
        if cid.is_identity:
            return cid.identity_data
        return verified(cid, self._load(cid))

    def has(self, cid: Cid) -> bool:
        """Whether the block is there; its bytes are not looked at."""
        return cid.is_identity or self._exists(cid)

    def put(self, cid: Cid, data: bytes) -> None:
        """Store one block durably. A damaged copy that is already there is replaced."""
        with self.batch() as batch:
            batch.put(cid, data)

    @abstractmethod
    def batch(self) -> AbstractContextManager[Batch]:
        """Return a context in which many blocks are stored at the cost of few waits for the medium."""

    @abstractmethod
    def delete(self, cid: Cid) -> bool:
        """Remove a block; whether it was there."""

    @abstractmethod
    def multihashes(self) -> Iterator[bytes]:
        """Yield the hash of every block, in no order."""

    @abstractmethod
    def _load(self, cid: Cid) -> bytes:
        """Return what is stored, unverified; BlockNotFoundError."""

    @abstractmethod
    def _exists(self, cid: Cid) -> bool:
        """Whether something is stored under the hash."""

    def close(self) -> None:  # noqa: B027 - most stores hold nothing open
        """Release what the store holds open."""


def verified(cid: Cid, data: bytes) -> bytes:
    """Return ``data`` if it is what ``cid`` names."""
    if not cid.matches(data):
        raise BlockCorruptError(f"block {cid} is damaged: its {len(data)} bytes have another hash; run repair")
    return data
