"""One person's evidence in a store that all share. The only place where the office reads or writes the store.

A CID is no secret: whoever has seen the file can compute it. So content is given out only to a person who handed it in,
and what belongs to another is told in the same words as what is not there.
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Callable, Iterator, Sequence
from threading import Lock
from typing import TYPE_CHECKING, BinaryIO

from mediator.exceptions import NotFoundError

if TYPE_CHECKING:
    from mediator.evidence import EvidenceRecord, EvidenceStore

__all__ = ["OwnEvidence"]

#: What is said about a file: case, type, name, words, claim, element.
_About = tuple[str, str, str | None, str | None, str | None, str | None]
_PIECE = 2**20
_ON_HOLD = "a file of it is on hold"
_REMOVED = "the case was deleted by its owner"


class OwnEvidence:
    """The evidence of ``owner``. ``store`` opens the store when it is needed; ``turns`` are shared by all of them."""

    def __init__(self, store: Callable[[], EvidenceStore], owner: str, turns: Sequence[Lock]) -> None:
        self._store = store
        self._owner = owner
        self._turns = turns

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
    ) -> tuple[EvidenceRecord, bool]:
        """Keep what the stream holds; it is on the disk when this returns. False: the case has just that already."""
        about = (case_id, type, file_name, description, claim, element)
        with self._one_at_a_time(about):
            before = self._same(source, about)
            if before is not None:
                return before, False
            record = self._own_store().submit(
                source,
                type=type,
                owner=self._owner,
                complaint=case_id,
                claim_type=claim,
                element=element,
                description=description,
                file_name=file_name,
            )
        return record, True

    def _same(self, source: BinaryIO, about: _About) -> EvidenceRecord | None:
        """What was handed in with the same words and holds the same bytes."""
        if not source.seekable():
            return None
        records = [record for record in self.all(case_id=about[0]) if _about(record) == about]
        start = source.tell()
        size = source.seek(0, io.SEEK_END) - start
        source.seek(start)
        records = [record for record in records if record.size == size]
        if not records:
            return None
        digest = hashlib.sha256()
        while piece := source.read(_PIECE):
            digest.update(piece)
        source.seek(start)
        return next((record for record in records if record.sha256 == digest.hexdigest()), None)

    def holds(self, case_id: str) -> tuple[str, ...]:
        """Why nothing of this case may be removed: the reasons of the legal holds that cover any of it."""
        return tuple(self._covering(case_id))

    def remove(self, case_id: str) -> int:
        """Take all of this case out of the catalog; returns how many records there were."""
        records = self.all(case_id=case_id)
        for record in records:
            self._own_store().remove(record.submission_id, _REMOVED)
        return len(records)

    def _one_at_a_time(self, about: _About) -> Lock:
        """The same file may come twice at once; others seldom wait for it."""
        return self._turns[hash((self._owner, about)) % len(self._turns)]

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
        for hold in in_force:
            if (hold.scope, hold.target) in covered:
                yield hold.reason if hold.scope != "content" or self._only_mine(hold.target) else _ON_HOLD

    def _only_mine(self, cid: str) -> bool:
        """Whether nobody else handed that content in: a hold on it may be about the other person."""
        return all(record.owner == self._owner for record in self._store().all_records(cid=cid))


def _about(record: EvidenceRecord) -> _About:
    return (
        record.complaint or "", record.type, record.file_name, record.description, record.claim_type, record.element
    )  # fmt: skip
