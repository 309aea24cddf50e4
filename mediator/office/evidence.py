"""One person's evidence in a store that all share. The only place where the office reads or writes the store.

A CID is no secret: whoever has seen the file can compute it. So content is given out only to a person who handed it in,
and what belongs to another is told in the same words as what is not there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, BinaryIO

from mediator.exceptions import NotFoundError

if TYPE_CHECKING:
    from mediator.evidence import EvidenceRecord, EvidenceStore

__all__ = ["OwnEvidence"]

_REMOVED = "the case was deleted by its owner"


class OwnEvidence:
    """The evidence of ``owner``. ``store`` opens the store when it is needed."""

    def __init__(self, store: Callable[[], EvidenceStore], owner: str) -> None:
        self._store = store
        self._owner = owner

    def all(self, *, case_id: str | None = None, cid: str | None = None) -> tuple[EvidenceRecord, ...]:
        """What this person handed in, oldest first: all of it, or that of one case, or what has that CID."""
        from mediator.evidence import ANY, InvalidCidError

        try:
            return tuple(
                self._store().all_records(owner=self._owner, complaint=ANY if case_id is None else case_id, cid=cid)
            )
        except InvalidCidError:
            return ()

    def record(self, cid: str, *, case_id: str | None = None) -> EvidenceRecord:
        """The latest record of that CID; NotFoundError."""
        found = self.all(case_id=case_id, cid=cid)
        if not found:
            raise NotFoundError(f'there is no evidence "{cid:.100}" here')
        return found[-1]

    def open(self, cid: str, *, case_id: str | None = None) -> tuple[EvidenceRecord, BinaryIO]:
        """The latest record of that CID and its bytes, each block checked as it is read."""
        record = self.record(cid, case_id=case_id)
        return record, self._own_store().open(record.cid, owner=self._owner)

    def add(
        self,
        source: BinaryIO,
        *,
        case_id: str,
        type: str,
        file_name: str | None,
        description: str | None,
        claim: str | None,
        element: str | None,
    ) -> EvidenceRecord:
        """Keep what the stream holds; it is on the disk when this returns."""
        return self._own_store().submit(
            source,
            type=type,
            owner=self._owner,
            complaint=case_id,
            claim_type=claim,
            element=element,
            description=description,
            file_name=file_name,
        )

    def holds(self, case_id: str) -> tuple[str, ...]:
        """Why nothing of this case may be removed: the reasons of the legal holds that cover any of it."""
        return tuple(self._covering(case_id))

    def remove(self, case_id: str) -> int:
        """Take all of this case out of the catalog; returns how many records there were."""
        records = self.all(case_id=case_id)
        for record in records:
            self._own_store().remove(record.submission_id, _REMOVED)
        return len(records)

    def _own_store(self) -> EvidenceStore:
        """The store as this person uses it: the custody log names them."""
        return self._store().acting_as(self._owner)

    def _covering(self, case_id: str) -> Iterator[str]:
        in_force = self._store().holds()
        if not in_force:
            return
        records = self.all(case_id=case_id)
        covered = {("complaint", case_id)}
        covered |= {("submission", record.submission_id) for record in records}
        covered |= {("content", record.cid) for record in records}
        yield from (hold.reason for hold in in_force if (hold.scope, hold.target) in covered)
