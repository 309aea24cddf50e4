"""A real IPFS node over Kubo's RPC API: a blockstore, and a replica that proves what it has.

The address may be that of an IPFS Cluster's proxy. It takes pins for the whole cluster and hands every other call to
the node behind it, so a DAG is imported there and pinned by the cluster, which copies it to as many machines as it is
told to.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from mediator.evidence.blockstores.base import Batch, Blockstore, verified
from mediator.evidence.cid import Cid
from mediator.evidence.errors import BlockNotFoundError, ReplicaRejectedError
from mediator.evidence.kubo_rpc import Node

__all__ = ["KuboBlockstore", "KuboReplica", "kubo_address"]

_DEFAULT: Final = "/ip4/127.0.0.1/tcp/5001"
# How nodes say that a block is not there; js-ipfs only says that it looked until the time was up.
_MISSING: Final = ("not found", "not_found", "could not find", "timed out")


def kubo_address(configured: str | None, env: Mapping[str, str], home: Path) -> str:
    """Return the node's address: as configured, from ``IPFS_API``, from ``~/.ipfs/api``, or the usual one."""
    if configured:
        return configured
    if env.get("IPFS_API"):
        return env["IPFS_API"]
    root = Path(env["IPFS_PATH"]) if env.get("IPFS_PATH") else home / ".ipfs"
    try:
        return (root / "api").read_text("ascii").strip() or _DEFAULT
    except (FileNotFoundError, NotADirectoryError):
        return _DEFAULT


def _noted(blocks: Iterable[tuple[Cid, bytes]], sent: set[bytes]) -> Iterator[tuple[Cid, bytes]]:
    for cid, data in blocks:
        if not cid.is_identity:
            sent.add(cid.multihash)
            yield cid, data


class KuboReplica:
    """A node as the keeper of a second copy."""

    name = "kubo"

    def __init__(self, address: str, *, timeout: float = 60.0) -> None:
        self._node = Node(address, timeout)
        self.address = self._node.shown

    def push(self, root: Cid, blocks: Iterable[tuple[Cid, bytes]]) -> None:
        """Send a DAG, have it pinned, and read all of it back."""
        sent: set[bytes] = set()
        self._node.import_dag(root, _noted(blocks, sent))
        if not self._node.is_pinned(root):
            self._node.pin(root)
        missing = sent - self._node.exported(root)
        if missing:
            raise ReplicaRejectedError(f"{self.address} took {root} and does not have {len(missing)} of its blocks")

    def get(self, cid: Cid) -> bytes:
        """Return a block, verified."""
        return verified(cid, self._node.block(cid))

    def has_pinned(self, root: Cid) -> bool:
        """Whether the node keeps a DAG."""
        return self._node.is_pinned(root)

    def version(self) -> str:
        """Return what the node says it is."""
        return self._node.version()

    def close(self) -> None:
        """Close the connections."""
        self._node.close()


class KuboBlockstore(Blockstore):
    """Blocks in a node. Durable when the node says so; pinned by whoever needs them kept."""

    def __init__(self, address: str, *, timeout: float = 60.0) -> None:
        self._node = Node(address, timeout)

    @contextmanager
    def batch(self) -> Iterator[Batch]:
        yield _Writer(self._node)

    def delete(self, cid: Cid) -> bool:
        if not self._exists(cid):
            return False
        self._node.remove_block(cid)
        return True

    def multihashes(self) -> Iterator[bytes]:
        seen = set()
        for cid in self._node.local_refs():
            if cid.multihash not in seen and not cid.is_identity:
                seen.add(cid.multihash)
                yield cid.multihash

    def close(self) -> None:
        self._node.close()

    def _load(self, cid: Cid) -> bytes:
        try:
            return self._node.block(cid)
        except ReplicaRejectedError as error:
            if any(phrase in str(error).lower() for phrase in _MISSING):
                raise BlockNotFoundError(f"block {cid} is not in the node {self._node.shown}") from error
            raise

    def _exists(self, cid: Cid) -> bool:
        return any(cid.multihash == multihash for multihash in self.multihashes())


class _Writer:
    def __init__(self, node: Node) -> None:
        self._node = node

    def put(self, cid: Cid, data: bytes) -> None:
        if not cid.is_identity:
            self._node.put_block(cid, verified(cid, data))
