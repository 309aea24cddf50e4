"""The evidence store as the facade uses it: opened when first needed, its records as the promised dicts."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mediator.evidence import EvidenceRecord, EvidenceStore

__all__ = ["Shelf"]


class Shelf:
    """Holds an evidence store, or the path where one is to be."""

    def __init__(self, evidence: EvidenceStore | str | Path) -> None:
        self._given = evidence
        self._store: EvidenceStore | None = None

    @property
    def store(self) -> EvidenceStore:
        """The store, opened now if it was not."""
        if self._store is None:
            from mediator.evidence import EvidenceStore  # pulls in SQLAlchemy, so only when evidence is used

            given = self._given
            self._store = EvidenceStore(given) if isinstance(given, str | Path) else given
        return self._store

    def submit(self, source: bytes | Path, **details: Any) -> dict[str, Any]:
        """Hand in and return the record."""
        return _as_dict(self.store.submit(source, **{k: v for k, v in details.items() if v is not None}))

    def record(self, cid: str) -> dict[str, Any]:
        """The latest record of that CID."""
        return _as_dict(self.store.record(cid))

    def records(self, **filters: Any) -> list[dict[str, Any]]:
        """The records that fit, oldest first."""
        return [_as_dict(record) for record in self.store.records(**filters)]

    def close(self) -> None:
        """Close the store if it was opened here."""
        if self._store is not None and isinstance(self._given, str | Path):
            self._store.close()
            self._store = None


def _as_dict(record: EvidenceRecord) -> dict[str, Any]:
    return record.as_dict()
