"""The facade: a page of methods, each a call into a part. ``Mediator(backends=[...])`` needs nothing else.

Two mediators never see each other: every state is the instance's own, and nothing is opened, read
or written before a method needs it.
"""

from __future__ import annotations

import datetime as dt
import functools
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from backends.exceptions import ConfigurationError
from mediator import analysis, dialogue, historical
from mediator.adapters import adapt
from mediator.claims.engine import default_scorer
from mediator.claims.extract import extract
from mediator.claims.panel import Judge, Panel
from mediator.claims.report import ClaimReport
from mediator.claims.taxonomy import ClaimType, load_taxonomy
from mediator.draft.build import build_draft, day_of
from mediator.draft.details import Details
from mediator.draft.model import Draft
from mediator.exceptions import NotFoundError, NothingToReadError, SetupError
from mediator.interview import Interview
from mediator.reading import AnswerReader
from mediator.rereading import Rereading, Telling
from mediator.session import Session, session_ids
from mediator.shelf import Shelf
from mediator.state import fold
from mediator.view import CaseView
from mediator.viewing import view_of

if TYPE_CHECKING:
    from mediator.evidence import EvidenceStore
    from mediator.sealed_lines import LineSeal

__all__ = ["Mediator"]

#: Whose evidence and session it is when nobody says.
LOCAL_USER = "local"


class Mediator:
    """Turns a person's story into grounded claims, keeps their evidence, and asks what is missing."""

    def __init__(
        self,
        backends: Sequence[Any],
        *,
        evidence: EvidenceStore | str | Path | Callable[[], EvidenceStore] | None = None,
        state_dir: str | Path | None = None,
        user_id: str | None = None,
        privacy: str | None = None,
        today: dt.date | None = None,
        session_seal: LineSeal | Callable[[], LineSeal] | None = None,
        read_answers: bool = True,
    ) -> None:
        """``backends``: Backend objects or callables from text to text, asked in this order.

        ``read_answers``: whether a backend that passes the controls says if an answer answers its question.
        ``session_seal``: what encrypts sessions, or the function that makes it when the first one is opened.
        ``evidence``: a store that its maker closes, or the path or function that opens one when it is needed.
        """
        self.backends = adapt(backends)
        if privacy not in (None, "local_only"):
            raise SetupError(f'privacy must be "local_only" or absent, not {privacy!r}')
        for backend in self.backends:
            if privacy == "local_only" and not backend.local:
                raise ConfigurationError(
                    "this backend sends text off the machine and privacy is local_only; choose a local backend",
                    provider=backend.id,
                )
        self.privacy = privacy
        self.user_id = LOCAL_USER if user_id is None else user_id
        self.state_dir = Path("statefiles") if state_dir is None else Path(state_dir)
        self._today = today
        self._taxonomy = load_taxonomy()
        self._shelf = Shelf(evidence if evidence is not None else self.state_dir / "evidence")
        self._panel = Panel(self.backends, self._taxonomy, memory=self.state_dir / "checks.json")
        self._reader = AnswerReader(self._panel, self.state_dir / "checks.json") if read_answers else None
        self._given_seal = session_seal
        self._session: Session | None = None

    # -- claims -------------------------------------------------------------------------------

    def extract_claims(self, text: str) -> ClaimReport:
        """Read one story: claims with quotes, parties, dates, amounts, what is missing and what failed."""
        return self._extract(text, self._panel)

    def reread(self, text: str, telling: Telling) -> ClaimReport:
        """Read a session's story; a backend is asked only about what changed since it was read last."""
        return self._extract(text, Rereading(self._panel, telling))

    @property
    def answer_reader(self) -> AnswerReader | None:
        """What lets a trusted backend say whether an answer answers its question; None: nobody is asked."""
        return self._reader

    def analyze_complaint_legal_issues(self, text: str | None = None) -> dict[str, Any]:
        """Classification, statutes, requirements and questions for ``text``, or for the session's story."""
        return analysis.analyze_legal_issues(self._report(text), self._taxonomy)

    # -- evidence -----------------------------------------------------------------------------

    def submit_evidence(
        self,
        data: bytes | str,
        evidence_type: str,
        user_id: str | None = None,
        description: str | None = None,
        claim_type: str | None = None,
        metadata: dict[str, Any] | None = None,
        *,
        element: str | None = None,
        file_name: str | None = None,
    ) -> dict[str, Any]:
        """Keep bytes (text is kept as UTF-8) and return their record, with ``cid``."""
        source = data.encode() if isinstance(data, str) else data
        return self._submit(source, evidence_type, user_id, description, claim_type, metadata, element, file_name)

    def submit_evidence_file(
        self,
        file_path: str | Path,
        evidence_type: str,
        user_id: str | None = None,
        description: str | None = None,
        claim_type: str | None = None,
        metadata: dict[str, Any] | None = None,
        *,
        element: str | None = None,
    ) -> dict[str, Any]:
        """Keep a file of any size and return its record, with ``cid``."""
        path = Path(file_path)
        return self._submit(path, evidence_type, user_id, description, claim_type, metadata, element, path.name)

    def get_evidence_by_cid(self, cid: str) -> dict[str, Any]:
        """What is recorded about the evidence of that CID."""
        return self._shelf.record(cid)

    def retrieve_evidence(self, cid: str) -> bytes:
        """The bytes of that CID, each block checked."""
        return self._shelf.store.read(cid)

    def open_evidence(self, cid: str) -> IO[bytes]:
        """The bytes of that CID as a file that is read piece by piece."""
        return self._shelf.store.open(cid)

    def get_user_evidence(self, user_id: str | None = None) -> list[dict[str, Any]]:
        """Everything that this user handed in, oldest first."""
        return self._shelf.records(owner=self._owner(user_id))

    def analyze_evidence(self, claim_type: str, user_id: str | None = None) -> dict[str, Any]:
        """What each element of that claim has and lacks."""
        state = None if self._session is None else self._session.state
        records = self._shelf.records(owner=self._owner(user_id), claim_type=claim_type)
        return analysis.analyze_evidence(self._claim(claim_type), state, records, self._taxonomy)

    # -- interview ----------------------------------------------------------------------------

    @property
    def session(self) -> Session:
        """The running interview; a new one is started when there is none."""
        if self._session is None:
            self._session = self._open_session(None)
        return self._session

    def io(self, text: str) -> str:
        """One turn: the person's line in, what to show next out."""
        return dialogue.turn(self.session, text)

    def reset(self) -> None:
        """Leave this interview; its file stays. The next turn starts a new one."""
        if self._session is not None:
            self._session.close()
        self._session = None

    def resume(self, session_id: str | None = None) -> str:
        """Go on with that session, or with the latest one; returns what to show next."""
        known = session_ids(self._sessions)
        if session_id is None and not known:
            raise NotFoundError("there is no session yet; begin one with: python run.py")
        self.reset()
        self._session = self._open_session(known[-1] if session_id is None else session_id)
        self._session.catch_up()
        return dialogue.show(self._session)

    def get_state(self) -> dict[str, Any]:
        """The session in the historical shape: ``inquiries``, ``complaint``, ``log``."""
        return historical.to_historical(self.session, self._taxonomy)

    def set_state(self, state: Mapping[str, Any]) -> None:
        """Start a new session from a historical state; no password in it is taken over."""
        found = historical.from_historical(state, self._taxonomy)
        self.reset()
        found.into(self.session)

    def view(self) -> CaseView:
        """The running interview as a person sees it: story, claims, step, matrix, timeline, deadlines and the rest."""
        return view_of(self.session, self._taxonomy, self._today or _today())

    def draft(self, details: Details | None = None, *, until: int | None = None) -> Draft:
        """The complaint as far as the session tells it, or told it until event ``until``: unsigned, uninvented."""
        session = self.session
        if until is not None and until >= len(session.events):
            raise NotFoundError(f"the session {session.id} has no event {until}; its last is {len(session.events) - 1}")
        events = session.events if until is None else session.events[: until + 1]
        state = session.state if until is None else fold(events)
        return build_draft(
            session.id,
            state,
            self._taxonomy,
            evidence=self._shelf.records(owner=self.user_id) if state.exhibits else [],
            details=details,
            open_evidence=self.open_evidence,
            as_of=day_of(events),
        )

    def save(self) -> Path:
        """Where the session is. Every step is on the disk already."""
        return self.session.path

    def close(self) -> None:
        """Give back the session file, the store and the backends."""
        self.reset()
        self._shelf.close()
        for backend in self.backends:
            backend.close()

    def __enter__(self) -> Mediator:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    # -- parts --------------------------------------------------------------------------------

    @functools.cached_property
    def _scorer(self) -> Any:
        return default_scorer()

    @property
    def _sessions(self) -> Path:
        return self.state_dir / "sessions"

    @functools.cached_property
    def _seal(self) -> LineSeal | None:
        return self._given_seal() if callable(self._given_seal) else self._given_seal

    def _open_session(self, session_id: str | None) -> Session:
        interview = Interview(self._taxonomy)
        return Session(self._sessions, interview, self.reread, session_id, reader=self._reader, seal=self._seal)

    def _extract(self, text: str, judge: Judge) -> ClaimReport:
        return extract(text, taxonomy=self._taxonomy, scorer=self._scorer, panel=judge, today=self._today or _today())

    def _owner(self, user_id: str | None) -> str:
        return self.user_id if user_id is None else user_id

    def _claim(self, claim_type: str) -> ClaimType:
        if claim_type not in self._taxonomy:
            raise NotFoundError(f'there is no claim type "{claim_type}"; see the taxonomy for the ids')
        return self._taxonomy[claim_type]

    def _report(self, text: str | None) -> ClaimReport:
        if text is not None:
            return self.extract_claims(text)
        report = None if self._session is None else self._session.state.report
        if report is None:
            raise NothingToReadError("nothing was told yet; give a text, or tell the story first")
        return report

    def _submit(
        self,
        source: bytes | Path,
        evidence_type: str,
        user_id: str | None,
        description: str | None,
        claim_type: str | None,
        metadata: dict[str, Any] | None,
        element: str | None,
        file_name: str | None,
    ) -> dict[str, Any]:
        if element is not None:
            self._claim(claim_type or "").element(element)
        record = self._shelf.submit(
            source,
            type=evidence_type,
            owner=self._owner(user_id),
            complaint=None if self._session is None else self._session.id,
            claim_type=claim_type,
            element=element,
            description=description,
            file_name=file_name,
            metadata=metadata,
        )
        if self._session is not None:
            self._session.add_exhibit(
                {"cid": record["cid"], "name": file_name or "", "claim": claim_type, "element": element,
                 "description": description or ""}
            )  # fmt: skip
        return record


def _today() -> dt.date:
    return dt.datetime.now(dt.UTC).date()
