"""Where blocks live: one contract, one file a kind of store."""

from mediator.evidence.blockstores.base import Blockstore
from mediator.evidence.blockstores.local import LocalBlockstore
from mediator.evidence.blockstores.memory import MemoryBlockstore

__all__ = ["Blockstore", "LocalBlockstore", "MemoryBlockstore"]
