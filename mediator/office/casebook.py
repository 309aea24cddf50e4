"""One person's cases. It looks nowhere but in this person's folder and among this person's records."""

from __future__ import annotations

from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from mediator.claims.report import ClaimReport
from mediator.interview import Interview
from mediator.office.case import Case
from mediator.office.preferences import chosen_engine, write_engine
from mediator.office.records import CaseFile, CaseInfo, checked_title, write_case_file
from mediator.office.sending import case_suffix, checked_once
from mediator.session import Session, session_ids

if TYPE_CHECKING:
    from mediator.evidence import EvidenceRecord
    from mediator.office.office import Office

__all__ = ["CaseBook"]


class CaseBook:
    """The cases, the evidence and the choices of ``owner``, who keeps them in ``folder``."""

    def __init__(self, office: Office, owner: str, folder: Path) -> None:
        self.owner = owner
        self._office = office
        self._folder = folder
        self._sessions = folder / "sessions"

    # -- cases

    def cases(self, *, archived: bool = False) -> tuple[CaseInfo, ...]:
        """The cases, the one that was changed last first; with ``archived`` those that were put away."""
        if not self._sessions.is_dir():
            return ()
        infos = [self.open(case_id).info for case_id in reversed(session_ids(self._sessions))]
        return tuple(info for info in infos if info.archived == archived)

    def create(self, title: str = "", *, once: str | None = None) -> Case:
        """Begin a case; the one that was begun already when ``once`` names a sending that came before."""
        self._sessions.mkdir(mode=0o700, parents=True, exist_ok=True)
        title, suffix, seal = checked_title(title), case_suffix(checked_once(once)), self._office.seal
        with self._office.beginning:
            begun = self._begun(suffix)
            if begun is None:
                interview = Interview(self._office.taxonomy)
                session = Session(self._sessions, interview, _reads_nothing, suffix=suffix, seal=seal)
                session.close()
                begun = session.id
            sidecar = self._sessions / f"{begun}.case.json"
            if title and not sidecar.exists():
                write_case_file(sidecar, CaseFile(title=title), seal)
        return self.open(begun)

    def _begun(self, suffix: str | None) -> str | None:
        if suffix is None:
            return None
        ids = (path.name.partition(".")[0] for path in self._sessions.glob(f"*-{suffix}.session.jsonl"))
        return next(ids, None)

    def open(self, case_id: str) -> Case:
        """The case of that id; NotFoundError when this person has none, whoever else has."""
        return Case(self._office, self, self._sessions, case_id)

    # -- evidence of all cases

    def evidence(self, cid: str) -> EvidenceRecord:
        """What is recorded about evidence that this person handed in; NotFoundError."""
        return self._office.evidence_of(self.owner).record(cid)

    def all_evidence(self) -> tuple[EvidenceRecord, ...]:
        """Everything that this person handed in, oldest first."""
        return self._office.evidence_of(self.owner).all()

    def open_evidence(self, cid: str) -> tuple[EvidenceRecord, BinaryIO]:
        """The record and the bytes of evidence that this person handed in; NotFoundError."""
        return self._office.evidence_of(self.owner).open(cid)

    def room_for(self, size: int, most: int) -> AbstractContextManager[None]:
        """Room for that many bytes of evidence while they are handed in; NoRoomError above ``most`` in all."""
        kept = lambda: sum(record.size for record in self.all_evidence())  # noqa: E731
        return self._office.room.of(self.owner, size, most, kept)

    # -- engines

    @property
    def engine(self) -> str | None:
        """The engine that this person chose; None: as the configuration says."""
        return chosen_engine(self._folder)

    def choose_engine(self, id: str | None) -> None:
        """Let that engine read this person's stories from now on; None goes back to the configuration's."""
        if id is not None:
            self._office.check_engine(id)
        write_engine(self._folder, id)

    def glance(self, text: str) -> ClaimReport:
        """What code and the trained head find in a text that is being written: no model is asked, nothing kept."""
        return self._office.glance(text)

    def extract(self, text: str) -> ClaimReport:
        """Read one story without keeping it."""
        return self._office.extract(text, self.engine)


def _reads_nothing(_text: str, _before: object) -> ClaimReport:
    raise AssertionError("a new case has no story yet")
