"""What a store is made of, for the modules that each do one job with it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import BinaryIO

from mediator.evidence.blockstores.local import LocalBlockstore
from mediator.evidence.catalog import Catalog
from mediator.evidence.cid import Cid
from mediator.evidence.drafts import Drafts
from mediator.evidence.errors import KeyRequiredError
from mediator.evidence.keys import KeyRing
from mediator.evidence.queries import Content
from mediator.evidence.reader import Fetch, open_dag
from mediator.evidence.sealing import open_sealed

__all__ = ["Parts"]


@dataclass(frozen=True, slots=True)
class Parts:
    """An open store's catalog, blocks, keys and lock."""

    path: Path
    catalog: Catalog
    blocks: LocalBlockstore
    lock_path: str
    keys: KeyRing | None
    actor: str | None
    clock: Callable[[], datetime]
    drafts: Drafts
    #: Names of the replicas that every submission is queued for.
    replicas: tuple[str, ...] = ()

    def open_content(self, content: Content, fetch: Fetch | None = None) -> BinaryIO:
        """Return the bytes as they were submitted, decrypted where needed."""
        stored = open_dag(fetch if fetch is not None else self.blocks.get, Cid.parse(content.stored_cid))
        if content.key_id is None:
            return stored
        if self.keys is None:
            raise KeyRequiredError(f"{content.cid} is encrypted and no key source is configured; set one")
        return open_sealed(stored, self.keys.key(content.key_id), content.size)

    def can_open(self, content: Content) -> bool:
        """Whether the key of a content is at hand."""
        return content.key_id is None or (self.keys is not None and self.keys.has(content.key_id))
