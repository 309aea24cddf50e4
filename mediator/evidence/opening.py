"""Opening a store: its directory, catalog, keys and replicas."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from pathlib import Path

from mediator.evidence import locks
from mediator.evidence.blockstores.local import LocalBlockstore
from mediator.evidence.catalog import Catalog
from mediator.evidence.drafts import Drafts
from mediator.evidence.errors import InvalidInputError, PublishRefusedError, StoreFormatError, storage_error
from mediator.evidence.filesystem import FileSystem
from mediator.evidence.keys import KeyRing, KeySource, key_source
from mediator.evidence.parts import Parts
from mediator.evidence.replication import Replica

__all__ = ["checked_privacy", "create_keys", "is_read_only", "open_parts", "open_replicas"]


def open_parts(
    path: Path,
    *,
    catalog_url: str | None,
    keys: str | KeySource | None,
    env: Mapping[str, str],
    actor: str | None,
    read_only: bool,
    fs: FileSystem,
    clock: Callable[[], datetime],
    replicas: tuple[str, ...],
) -> Parts:
    """Open what is there; make what is missing unless ``read_only``."""
    if read_only:
        blocks = LocalBlockstore.open(path / "blocks", fs=fs)
    else:
        _make_private(path)
        blocks = LocalBlockstore.create(path / "blocks", fs=fs)
    source = key_source(keys, path, env) if isinstance(keys, str) else keys
    ring = KeyRing.load(path / "keys.json", source, fs, lambda named: key_source(named, path, env))
    if ring is None and keys is not None and not read_only:
        ring = create_keys(path, keys, env, fs)
    if catalog_url is not None:
        catalog = Catalog(catalog_url, read_only=read_only)
    else:
        catalog = Catalog.in_file(path / "catalog.sqlite3", read_only=read_only)
    drafts = Drafts(catalog, blocks)
    if not read_only:
        with locks.shared(str(path / "lock")):
            drafts.settle_if_possible()
    return Parts(path, catalog, blocks, str(path / "lock"), ring, actor, clock, drafts, replicas)


def create_keys(path: Path, keys: str | KeySource, env: Mapping[str, str], fs: FileSystem | None = None) -> KeyRing:
    """Make the first key of a store."""
    named = keys if isinstance(keys, str) else None
    source = key_source(keys, path, env) if isinstance(keys, str) else keys
    return KeyRing.create(path / "keys.json", source, fs if fs is not None else FileSystem(), named)


def open_replicas(
    replicas: Sequence[str | Replica], kubo_address: str | None, env: Mapping[str, str]
) -> tuple[Replica, ...]:
    """Return the replicas besides the local copy, which is always the first."""
    if not replicas or replicas[0] != "local":
        raise InvalidInputError("the first replica must be 'local': its copy is the acknowledgement")
    found: list[Replica] = []
    for replica in replicas[1:]:
        if not isinstance(replica, str):
            found.append(replica)
        elif replica == "kubo":
            found.append(open_node(kubo_address, env))
        else:
            raise InvalidInputError(f"there is no replica {replica!r}; the replicas are local and kubo")
    if len({replica.name for replica in found}) != len(found):
        raise InvalidInputError("a replica is listed twice")
    return tuple(found)


def open_node(address: str | None, env: Mapping[str, str]) -> Replica:
    """Return the IPFS node at an address, or at the one that the environment names."""
    try:
        from mediator.evidence.kubo import KuboReplica, kubo_address  # its clients are an extra
    except ImportError as error:
        raise InvalidInputError("a node needs ipfshttpclient and httpx; pip install ipfshttpclient httpx") from error
    return KuboReplica(kubo_address(address, env, Path.home()))


def checked_privacy(privacy: str | None, replicas: Sequence[str | Replica]) -> str | None:
    """Return the setting; ``local_only`` allows no second copy on a node, which would announce it to others."""
    if privacy not in (None, "local_only"):
        raise InvalidInputError(f"privacy is {privacy!r}; it can be 'local_only'")
    if privacy == "local_only" and len(replicas) > 1:
        raise PublishRefusedError("privacy is local_only and a replica is configured; remove one of the two")
    return privacy


def is_read_only(path: Path) -> bool:
    """Whether this is a store that we cannot write to."""
    return (path / "blocks" / "SHARDING").exists() and not os.access(path, os.W_OK)


def _make_private(path: Path) -> None:
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
    except FileExistsError as error:
        raise StoreFormatError(f"{str(path)!r} is a file; an evidence store is a directory") from error
    except OSError as error:
        raise storage_error(error, "create the store", path) from error
