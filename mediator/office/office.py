"""The installation: where state lives, the one evidence store, the engines, and the way to each person's cases."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mediator.claims.engine import default_scorer
from mediator.claims.extract import extract
from mediator.claims.panel import Panel
from mediator.claims.taxonomy import load_taxonomy
from mediator.exceptions import NotFoundError
from mediator.interview import Interview
from mediator.mediator import LOCAL_USER
from mediator.office.bells import Bells
from mediator.office.casebook import CaseBook
from mediator.office.desk import Desk, Place
from mediator.office.engines import EngineInfo, Engines, EngineSpec
from mediator.office.evidence import OwnEvidence
from mediator.office.preferences import chosen_engine
from mediator.office.readings import Readings
from mediator.office.room import Room
from mediator.rereading import Telling
from mediator.session import Session
from mediator.steps import Question

if TYPE_CHECKING:
    from mediator.claims.candidates import Scorer
    from mediator.claims.report import ClaimReport
    from mediator.evidence import EvidenceStore
    from mediator.sealed_lines import LineSeal

__all__ = ["Office", "is_person_name"]

#: Part of a path and of a catalog's rows, so nothing that could be either in disguise.
_NAME = re.compile(r"[a-z0-9][a-z0-9._@-]{0,63}")


def is_person_name(name: str) -> bool:
    """Whether a person other than the local one may have that name."""
    return _NAME.fullmatch(name) is not None


class Office:
    """One installation, for any number of threads. Nothing is opened before somebody needs it."""

    def __init__(
        self,
        state_dir: Path,
        *,
        engines: Sequence[EngineSpec],
        default: Sequence[str],
        evidence: Callable[[], EvidenceStore],
        offered: Sequence[str] | None = None,
        local_owner: str | None = None,
        session_seal: Callable[[], LineSeal] | None = None,
        read_answers: bool = True,
        idle_seconds: float = 15.0,
        readers: int = 2,
    ) -> None:
        """``engines`` are those of the configuration, ``default`` the ids that answer when a person chose none, and
        ``offered`` those that a person may choose. ``local_owner`` is the person who uses this machine's terminal.
        ``session_seal`` makes what encrypts cases, when the first one is opened. ``read_answers``: whether the engine
        says if an answer answers its question."""
        self.state_dir = state_dir
        self.local_owner = local_owner or LOCAL_USER
        self.taxonomy = load_taxonomy()
        self.bells = Bells()
        self.readings = Readings(readers)
        self.room = Room()
        #: Held while a case is begun, so that one sending begins one.
        self.beginning = threading.Lock()
        self.desk = Desk(self._open_session, idle_seconds=idle_seconds)
        self._interview = Interview(self.taxonomy)
        self._engines = Engines(
            engines, default, [spec.id for spec in engines] if offered is None else offered, state_dir
        )
        self._open_store = evidence
        self._store: EvidenceStore | None = None
        self._make_seal = session_seal
        self._read_answers = read_answers
        self._seal: LineSeal | None = None
        self._scorer: Scorer | None = None
        self._lock = threading.Lock()
        self._turns = tuple(threading.Lock() for _ in range(64))
        self._to_sweep = False

    def person(self, owner: str) -> CaseBook:
        """The casebook of that person; nothing is written before they begin a case."""
        if owner == self.local_owner:
            # What was begun in the terminal goes on in the browser, and the other way round.
            return CaseBook(self, owner, self.state_dir)
        if not is_person_name(owner):
            raise NotFoundError(f"{owner!r:.80} is no person's name: small letters, digits and . _ - @ only")
        return CaseBook(self, owner, self.state_dir / "people" / owner)

    def engines(self) -> tuple[EngineInfo, ...]:
        """The engines that a person may choose, and how each of them is."""
        return self._engines.infos()

    @property
    def default_engines(self) -> tuple[str, ...]:
        """Who answers when a person chose none, in order."""
        return self._engines.default

    @property
    def seal(self) -> LineSeal | None:
        """What encrypts cases; None: nothing does."""
        if self._make_seal is None:
            return None
        with self._lock:
            if self._seal is None:
                self._seal = self._make_seal()
            return self._seal

    def check_engine(self, id: str) -> None:
        """NotFoundError unless a person may choose that engine."""
        self._engines.check(id)

    def extract(self, text: str, choice: str | None) -> ClaimReport:
        """Read one story with the engine of who chose ``choice``."""
        return self._engines.mediator(choice).extract_claims(text)

    def glance(self, text: str) -> ClaimReport:
        """Read one text with code and the trained head alone."""
        with self._lock:
            if self._scorer is None:
                self._scorer = default_scorer()
        return extract(text, taxonomy=self.taxonomy, scorer=self._scorer, panel=Panel((), self.taxonomy))

    def evidence_of(self, owner: str) -> OwnEvidence:
        """That person's part of the evidence store."""
        return OwnEvidence(self._evidence_store, owner, self._turns)

    def sweep_later(self) -> None:
        """Blocks that nobody needs any more are removed at the next ``tidy``."""
        self._to_sweep = True

    def tidy(self) -> None:
        """Close session files that nobody used for a while, and remove the blocks of deleted cases."""
        self.desk.tidy()
        if self._to_sweep:
            from mediator.evidence import StoreBusyError

            self._to_sweep = False
            try:
                self._evidence_store().gc(dry_run=False)
            except StoreBusyError:
                self._to_sweep = True  # somebody hands in evidence right now

    def close(self) -> None:
        """End what is under way and give everything back; what was told is on the disk already."""
        self.readings.close()
        self.desk.close()
        self._engines.close()
        with self._lock:
            store, self._store = self._store, None
        if store is not None:
            store.close()

    def __enter__(self) -> Office:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def _evidence_store(self) -> EvidenceStore:
        with self._lock:
            if self._store is None:
                self._store = self._open_store()
            return self._store

    def _open_session(self, place: Place) -> Session:
        folder, case_id = place

        def read(story: str, telling: Telling) -> ClaimReport:
            # Asked each time: the person may choose another engine while the session is open.
            return self._engines.mediator(chosen_engine(folder.parent)).reread(story, telling)

        def read_answer(question: Question, text: str) -> Mapping[str, Any] | None:
            reader = self._engines.mediator(chosen_engine(folder.parent)).answer_reader
            return None if reader is None or not self._read_answers else reader(question, text)

        return Session(folder, self._interview, read, case_id, reader=read_answer, seal=self.seal)
