"""How much a store keeps."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import func, select

from mediator.evidence.parts import Parts
from mediator.evidence.schema import contents, custody_head, holds, pins, queue, submissions

__all__ = ["StoreStat", "measure"]


@dataclass(frozen=True, slots=True)
class StoreStat:
    """Counts and sizes. ``drafts`` are blocks that are on disk in the catalog and not yet as files.

    ``head`` is the hash of the last custody event.
    """

    path: str
    catalog: str
    encrypted: bool
    submissions: int
    contents: int
    content_bytes: int
    blocks: int
    block_bytes: int
    drafts: int
    pins: int
    holds: int
    waiting: int
    events: int
    head: str

    def as_dict(self) -> dict[str, Any]:
        """Return the figures as plain JSON values."""
        return {name: getattr(self, name) for name in self.__slots__}


def measure(parts: Parts) -> StoreStat:
    """Count everything; the blocks are counted on disk."""
    with parts.catalog.reading() as connection:
        count = {
            table.name: connection.execute(select(func.count()).select_from(table)).scalar_one()
            for table in (submissions, contents, pins, queue)
        }
        held = connection.execute(select(func.count()).where(holds.c.released_at.is_(None))).scalar_one()
        size = connection.execute(select(func.coalesce(func.sum(contents.c.size), 0))).scalar_one()
        head = connection.execute(select(custody_head.c.seq, custody_head.c.hash)).one()
    sizes = [parts.blocks.size(multihash) for multihash in parts.blocks.multihashes()]
    return StoreStat(
        path=str(parts.path),
        catalog=parts.catalog.dialect,
        encrypted=parts.keys is not None,
        submissions=count["submissions"],
        contents=count["contents"],
        content_bytes=int(size),
        blocks=len(sizes),
        block_bytes=sum(sizes),
        drafts=parts.drafts.waiting(),
        pins=count["pins"],
        holds=held,
        waiting=count["queue"],
        events=head.seq,
        head=head.hash,
    )
