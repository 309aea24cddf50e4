"""Small submissions wait for the disk once: their blocks are committed with the record, and as files soon after.

A block that is a draft lies in its file, which nobody waited for, and in the catalog, which was. ``settle``
waits for many such files together and then takes the rows away; killed at any point, it is simply done again.
Opening a store settles what a process before left, so a power cut that empties a file loses nothing.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable
from typing import Final

from sqlalchemy import bindparam, delete, func, insert, select

from mediator.evidence.blockstores.local import LocalBlockstore
from mediator.evidence.catalog import Catalog
from mediator.evidence.cid import RAW, Cid
from mediator.evidence.committing import Transaction
from mediator.evidence.errors import BlockCorruptError, BlockNotFoundError, StorageError
from mediator.evidence.schema import fresh_blocks
from mediator.evidence.statements import Statement

__all__ = ["Drafts"]

# Writing a block twice costs less than waiting for its file up to about this size.
_MOST_BYTES: Final = 128 * 1024
# How much waits before it is settled: bounds the catalog, and what opening after a crash has to do.
_SETTLE_BLOCKS: Final = 512
_SETTLE_BYTES: Final = 8 * 1024 * 1024
# Another thread that settles need not be waited for until this many times as much is waiting.
_PATIENCE: Final = 4
_TOGETHER: Final = 128

_KEEP: Final = Statement(insert(fresh_blocks).inline().values(multihash=bindparam("multihash"), data=bindparam("data")))
_SETTLED: Final = Statement(delete(fresh_blocks).where(fresh_blocks.c.id <= bindparam("last")))
_SPARE: Final = Statement(
    select(fresh_blocks.c.data)
    .where(fresh_blocks.c.multihash == bindparam("multihash"))
    .order_by(fresh_blocks.c.id.desc())
)
_OLDEST: Final = select(fresh_blocks).order_by(fresh_blocks.c.id).limit(_TOGETHER)


class Drafts:
    """The drafts of one store."""

    def __init__(self, catalog: Catalog, blocks: LocalBlockstore) -> None:
        self._catalog = catalog
        self._blocks = blocks
        self._settling = threading.Lock()
        self._count = threading.Lock()
        self._blocks_waiting = self._bytes_waiting = 0
        blocks.spare = self._spare

    @property
    def most_bytes(self) -> int:
        """How large a submission may be to be a draft; 0 when the catalog is a database elsewhere."""
        return _MOST_BYTES if self._catalog.dialect == "sqlite" else 0

    def keep(self, transaction: Transaction, blocks: Iterable[tuple[bytes, bytes]]) -> None:
        """Commit blocks together with the record that needs them."""
        transaction.run_many(_KEEP, [{"multihash": multihash, "data": data} for multihash, data in blocks])

    def note(self, blocks: Iterable[tuple[bytes, bytes]]) -> None:
        """Count what was kept, to know when to settle."""
        with self._count:
            for _, data in blocks:
                self._blocks_waiting += 1
                self._bytes_waiting += len(data)

    def settle_if_due(self) -> None:
        """Settle when enough is waiting; while another thread does, others go on unless far too much is."""
        share = max(self._blocks_waiting / _SETTLE_BLOCKS, self._bytes_waiting / _SETTLE_BYTES)
        if share < 1 or not self._settling.acquire(blocking=share >= _PATIENCE):
            return
        try:
            self._settle()
        finally:
            self._settling.release()

    def settle(self) -> int:
        """Wait for the files of all drafts and forget the drafts; return how many blocks that were."""
        with self._settling:
            return self._settle()

    def settle_if_possible(self) -> None:
        """Settle unless the disk refuses; then the drafts stay what they are: durable, and settled another time."""
        try:
            self.settle()
        except StorageError:
            return

    def waiting(self) -> int:
        """Return how many blocks are drafts."""
        with self._catalog.reading() as connection:
            return connection.execute(select(func.count()).select_from(fresh_blocks)).scalar_one()

    def damaged(self) -> list[Cid]:
        """Return the drafts that a damaged catalog cannot give back."""
        with self._catalog.reading() as connection:
            rows = connection.execute(select(fresh_blocks).execution_options(yield_per=_TOGETHER))
            return [cid for row in rows if not (cid := Cid(1, RAW, row.multihash)).matches(row.data)]

    def _settle(self) -> int:
        total = 0
        while rows := self._oldest():
            with self._blocks.batch() as batch:
                for _, multihash, data in rows:
                    cid = Cid(1, RAW, multihash)
                    intact = data if cid.matches(data) else self._from_file(cid)
                    if intact is not None:
                        batch.put(cid, intact)
            last = rows[-1][0]
            self._catalog.commit(lambda transaction: transaction.run(_SETTLED, {"last": last}))  # noqa: B023 - run now
            total += len(rows)
            with self._count:
                self._blocks_waiting = max(0, self._blocks_waiting - len(rows))
                self._bytes_waiting = max(0, self._bytes_waiting - sum(len(row[2]) for row in rows))
        return total

    def _oldest(self) -> list[tuple[int, bytes, bytes]]:
        with self._catalog.reading() as connection:
            return [(row.id, row.multihash, row.data) for row in connection.execute(_OLDEST)]

    def _from_file(self, cid: Cid) -> bytes | None:
        """Return a block whose row in the catalog is damaged; None when its file is too, which ``verify`` reports."""
        try:
            return self._blocks.get(cid)
        except (BlockNotFoundError, BlockCorruptError):
            return None

    def _spare(self, multihash: bytes) -> bytes | None:
        row = self._catalog.first(_SPARE, {"multihash": multihash})
        return None if row is None else row[0]
