"""The evidence store as the facade uses it: opened when first needed, its records as the promised dicts."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mediator.evidence import EvidenceRecord, EvidenceStore

__all__ = ["Shelf"]


class Shelf:
    """Holds an evidence store, the path where one is to be, or a function that opens one."""

    def __init__(self, evidence: EvidenceStore | str | Path | Callable[[], EvidenceStore]) -> None:
        self._given = evidence
        self._store: EvidenceStore | None = None

    @property
    def store(self) -> EvidenceStore:
        """The store, opened now if it was not."""
        if self._store is None:
            from mediator.evidence import EvidenceStore  # pulls in SQLAlchemy, so only when evidence is used

            given = self._given
            if isinstance(given, str | Path):
                self._store = EvidenceStore(given)
            else:
                self._store = given() if callable(given) else given
        return self._store

    def submit(self, source: bytes | Path, **details: Any) -> dict[str, Any]:
        """Hand in and return the record."""
        return _as_dict(self.store.submit(source, **{k: v for k, v in details.items() if v is not None}))

    def record(self, cid: str) -> dict[str, Any]:
        """The latest record of that CID."""
        found = list(self._all(cid=cid))
        if not found:
            from mediator.evidence import ContentNotFoundError

            raise ContentNotFoundError(f"there is no evidence with the CID {cid}; `evidence list` shows what there is")
        return _as_dict(found[-1])

    def records(self, **filters: Any) -> list[dict[str, Any]]:
        """The records that fit, oldest first."""
        return [_as_dict(record) for record in self._all(**filters)]

    def _all(self, **filters: Any) -> Iterator[EvidenceRecord]:
        """The records of all pages."""
        after: str | None = None
        while True:
            page = self.store.records(**filters, after=after, limit=1000)
            yield from page
            if page.next is None:
                return
            after = page.next

    def close(self) -> None:
        """Close the store if it was opened here."""
        if self._store is not None and (isinstance(self._given, str | Path) or callable(self._given)):
            self._store.close()
            self._store = None


def _as_dict(record: EvidenceRecord) -> dict[str, Any]:
    return record.as_dict()
