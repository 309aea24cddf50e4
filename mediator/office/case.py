"""One case of one person: a handle that opens the session's file for each thing that is done with it.

Whatever a method takes is on the disk when it returns. ``tell`` returns then, too: the story is read in a thread of its
own, and a reading that a kill ended is begun again when the case is looked at the next time.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, TypeVar

from mediator.draft.build import build_draft, day_of
from mediator.draft.details import Details
from mediator.draft.diff import DraftDiff, diff_drafts
from mediator.draft.model import Draft
from mediator.events import Event
from mediator.exceptions import MediatorError, NotFoundError, NothingToReadError, StepChangedError
from mediator.interview import Progress
from mediator.office.bells import News
from mediator.office.records import CaseFile, CaseInfo, checked_title, info_of, read_case_file, write_case_file
from mediator.office.sending import checked_once
from mediator.session import Session
from mediator.state import AnswerKind, SessionState, evidence_key, fold
from mediator.steps import Step
from mediator.view import CaseView
from mediator.viewing import view_of

if TYPE_CHECKING:
    from mediator.claims.taxonomy import Element
    from mediator.evidence import EvidenceRecord
    from mediator.office.casebook import CaseBook
    from mediator.office.office import Office

__all__ = ["MAX_ANSWER", "MAX_GLANCE", "MAX_STORY", "Case", "RenderedFile"]

#: Characters of a whole story, and of one answer. A story of a thousand pages is not told by hand.
MAX_STORY = 500_000
MAX_ANSWER = 50_000
#: Characters that are read at a glance, while they are written: again and again, so not a whole book.
MAX_GLANCE = 20_000
T = TypeVar("T")

_ID = re.compile(r"[A-Za-z0-9_-]{1,100}")


@dataclass(frozen=True, slots=True)
class RenderedFile:
    """A draft as a file to download."""

    name: str
    media_type: str
    data: bytes


class Case:
    """See the module. Made by ``CaseBook.open``."""

    def __init__(self, office: Office, book: CaseBook, folder: Path, case_id: str) -> None:
        if not _ID.fullmatch(case_id):
            raise NotFoundError(f'there is no case "{case_id:.80}"')
        self.id = case_id
        self._office = office
        self._book = book
        self._folder = folder
        self._place = (folder, case_id)
        self._evidence = office.evidence_of(book.owner)
        self.info  # noqa: B018  # NotFoundError when there is no such case

    # -- the case as a whole

    @property
    def info(self) -> CaseInfo:
        """Title and dates."""
        return info_of(self._folder, self.id, self._office.seal)

    def rename(self, title: str) -> None:
        """Give the case another title."""
        self._note(title=checked_title(title))

    def archive(self) -> None:
        """Put the case away; nothing of it is lost."""
        self._note(archived=True)

    def restore(self) -> None:
        """Take the case out of the archive."""
        self._note(archived=False)

    @property
    def holds(self) -> tuple[str, ...]:
        """The reasons of the legal holds that keep this case from being deleted."""
        return self._evidence.holds(self.id)

    def delete(self) -> None:
        """Remove the case with its evidence. A legal hold on any of it keeps all of it: LegalHoldError."""
        with self._office.desk.cleared(self._place):
            reasons = self.holds
            if reasons:
                from mediator.evidence import LegalHoldError

                raise LegalHoldError(f"this case is under legal hold ({'; '.join(reasons)}); nothing was removed")
            if self._evidence.remove(self.id):
                self._office.sweep_later()
            self._office.readings.forget(self._place)
            # Killed in between, the case is still in the list with what is left of it, and can be deleted again.
            for file in sorted(self._folder.glob(f"{self.id}.*"), reverse=True):
                file.unlink(missing_ok=True)
        self._changed()

    # -- the interview

    def tell(self, text: str, *, once: str | None = None) -> None:
        """Add to the story. The words are on the disk when this returns; ``reading`` tells that they are being read.

        ``once`` names the sending: words that are sent again because no answer came are not told twice.
        """
        once = checked_once(once)
        with self._at() as session:
            state = session.state
            before = state.stories[state.told_once.index(once)] if once and once in state.told_once else ""
            if len(state.story) - len(before) + len(text) > MAX_STORY:
                raise MediatorError(f"the story is longer than {MAX_STORY} characters; hand in long papers as evidence")
            session.hear(text, once)
        self._changed()
        self._read()

    def retell(self, piece: int, text: str) -> None:
        """Change one piece of the story; answers and evidence stay. It is read like what is told."""
        if not any(character.isalnum() for character in text):
            raise NothingToReadError("there is no story in the text; write what happened in your own words")
        with self._at() as session:
            stories = session.state.stories
            if not 0 <= piece < len(stories):
                raise NotFoundError(f"the story has {len(stories)} pieces and no piece {piece}")
            if len(session.state.story) - len(stories[piece]) + len(text) > MAX_STORY:
                raise MediatorError(f"the story is longer than {MAX_STORY} characters; hand in long papers as evidence")
            if stories[piece] != _writable(text):
                session.import_events("retold", {"piece": piece, "text": _writable(text)})
        self._changed()
        self._read()

    @property
    def reading(self) -> bool:
        """Whether the story is being read, or waits for it."""
        return self._office.readings.is_under_way(self._place)

    @property
    def reading_failure(self) -> str | None:
        """Why the story could not be read; ``read_again`` tries once more."""
        return self._office.readings.failure(self._place)

    def wait_read(self, timeout: float | None = None) -> bool:
        """Wait until the story is read; False when it is not after ``timeout`` seconds."""
        return self._office.readings.wait(self._place, timeout)

    def read_again(self) -> None:
        """Read what is still unread once more, after a failure."""
        self._read()

    def answer(self, claim: str, element: str, text: str, *, once: str | None = None) -> Step:
        """Answer that question, whichever is shown now: a page may be older than the case. ``once``: see ``tell``."""
        if not text.strip():
            raise MediatorError("the answer is empty; write it, or say that you do not know")
        if len(text) > MAX_ANSWER:
            raise MediatorError(f"the answer is longer than {MAX_ANSWER} characters; hand in long papers as evidence")
        return self._settle(claim, element, "text", text, once)

    def unknown(self, claim: str, element: str, *, once: str | None = None) -> Step:
        """The person does not know."""
        return self._settle(claim, element, "unknown", "", once)

    def skip(self, key: str) -> Step:
        """The person does not want to answer the step that is shown; an answer given before stays."""
        return self._on(key, Session.skip)

    def choose(self, key: str, choice: str) -> Step:
        """Say which side of the contradiction that is shown is right: a value, "both" or "unknown"."""
        return self._on(key, lambda session: session.choose(choice))

    def no_evidence(self, claim: str, element: str) -> Step:
        """The person has nothing that shows that element."""
        return self._on(evidence_key(claim, element), Session.no_evidence)

    def evidence_later(self, claim: str, element: str) -> Step:
        """The person will look for it later."""
        return self._on(evidence_key(claim, element), Session.no_evidence_now)

    def back(self) -> Step:
        """Show the step before this one."""
        return self._do(Session.back)

    def forward(self) -> Step:
        """Leave an earlier step and go on where the interview is."""
        return self._do(Session.forward)

    def show(self, key: str) -> Step:
        """Show any step that was shown before."""
        return self._do(lambda session: session.show(key))

    def edit(self, claim: str, element: str) -> Step:
        """Show an earlier question again."""
        return self._do(lambda session: session.edit(claim, element))

    def undo(self, act: int | None = None) -> Step:
        """Take back the last thing that the person did; StepChangedError when that is not ``act`` any more."""
        return self._turn(Session.undo, act, lambda state: state.undoes)

    def redo(self, act: int | None = None) -> Step:
        """Do again what was taken back last; StepChangedError when that is not ``act`` any more."""
        return self._turn(Session.redo, act, lambda state: state.redoes)

    @property
    def step(self) -> Step:
        """What to ask now."""
        return self._look(lambda session: session.step)

    @property
    def progress(self) -> Progress:
        """How far the interview is."""
        return self._look(lambda session: session.progress)

    @property
    def state(self) -> SessionState:
        """All that was told, found, asked and answered."""
        return self._look(lambda session: session.state)

    @property
    def looking_back(self) -> bool:
        """Whether an earlier step is shown again."""
        return self.state.revisit is not None

    def view(self) -> CaseView:
        """The case as a person sees it."""
        today = dt.datetime.now(dt.UTC).date()
        return self._look(lambda session: view_of(session, self._office.taxonomy, today))

    def events(self, after: int = -1) -> tuple[Event, ...]:
        """What happened after the event with that number."""
        return self._look(lambda session: session.events[max(after + 1, 0) :])

    # -- evidence

    def add_evidence(
        self,
        source: BinaryIO,
        *,
        type: str = "document",
        file_name: str | None = None,
        description: str | None = None,
        claim: str | None = None,
        element: str | None = None,
    ) -> EvidenceRecord:
        """Keep what the stream holds, for that element of that claim or for none in particular yet.

        The same bytes sent to the same case under the same name and words again are what was kept the first time.
        """
        if claim is not None or element is not None:
            self._element(claim or "", element or "")
        record, new = self._evidence.add(
            source, case_id=self.id, type=type, file_name=file_name, description=description, claim=claim,
            element=element,
        )  # fmt: skip
        if new:
            self._do(lambda session: session.add_exhibit(_exhibit(record)))
        else:
            self._note_forgotten((record,))
        return record

    def evidence(self) -> tuple[EvidenceRecord, ...]:
        """Everything that was handed in for this case, oldest first."""
        records = self._evidence.all(case_id=self.id)
        self._note_forgotten(records)
        return records

    def evidence_record(self, cid: str) -> EvidenceRecord:
        """The latest record of that CID in this case; NotFoundError."""
        return self._evidence.record(cid, case_id=self.id)

    def open_evidence(self, cid: str) -> tuple[EvidenceRecord, BinaryIO]:
        """The record and the bytes of evidence of this case; NotFoundError."""
        return self._evidence.open(cid, case_id=self.id)

    def link(self, cid: str, claim: str, element: str) -> None:
        """Say which element that evidence is for; it may be for several."""
        self._element(claim, element)
        record = self.evidence_record(cid)
        self._do(lambda session: session.add_exhibit({**_exhibit(record), "claim": claim, "element": element}))

    def unlink(self, cid: str, claim: str | None, element: str | None) -> None:
        """Take evidence from that element, or out of the case's exhibits; the file stays in the store."""
        self._do(lambda session: session.unlink_exhibit(cid, claim, element))

    # -- the draft

    @property
    def details(self) -> Details:
        """What the draft's caption needs beside the interview."""
        return self._case_file.details

    def set_details(self, details: Details) -> None:
        """Keep what the draft's caption needs."""
        self._note(details=details)

    def draft(self, details: Details | None = None) -> Draft:
        """The complaint as far as the case tells it: never signed, never invented."""
        return self._draft(self.events(), details)

    def differences(self, since: int) -> DraftDiff:
        """What changed in the draft since the event of that number; today's caption stands in both."""
        events = self.events()
        if not 0 <= since < len(events):
            raise NotFoundError(f"this case has {len(events)} events and none with the number {since}")
        before, after = self._draft(events[: since + 1], None), self._draft(events, None)
        return diff_drafts(before, after, (f"event {since}", f"event {len(events) - 1}"))

    def _draft(self, events: Sequence[Event], details: Details | None) -> Draft:
        return build_draft(
            self.id,
            fold(events),
            self._office.taxonomy,
            evidence=[record.as_dict() for record in self.evidence()],
            details=details or self.details,
            open_evidence=lambda cid: self.open_evidence(cid)[1],
            as_of=day_of(events),
        )

    def render(self, format: str, details: Details | None = None) -> RenderedFile:
        """The draft as a file: html, docx, pdf or json, whichever this installation can write."""
        from mediator.draft.write import FORMATS  # the writers are loaded when somebody downloads

        if format not in FORMATS:
            raise NotFoundError(f'a draft cannot be written as "{format:.20}"; there are {", ".join(FORMATS)}')
        data = FORMATS[format](self.draft(details))
        return RenderedFile(f"complaint-{self.id}.{format}", _MEDIA_TYPES[format], data)

    # -- parts

    def listen(self, listener: Callable[[News], None]) -> AbstractContextManager[None]:
        """Call ``listener`` in the ``with`` block for everything that happens in this case, in whichever thread."""
        return self._office.bells.listen(self._place, listener)

    @contextmanager
    def _at(self) -> Iterator[Session]:
        with self._office.desk.at(self._place) as session:
            yield session

    def _look(self, at: Callable[[Session], T]) -> T:
        with self._at() as session:
            seen = at(session)
            waits = session.state.unread
        if waits and self.reading_failure is None and not self.reading:
            self._read()  # a kill or a stop ended the last reading
        return seen

    def _do(self, act: Callable[[Session], T]) -> T:
        with self._at() as session:
            done = act(session)
        self._changed()
        return done

    def _on(self, key: str, act: Callable[[Session], Step]) -> Step:
        """Do it if that step is the one that is shown: an old page must not act on another one."""

        def acted(session: Session) -> Step:
            if session.step.key != key:
                raise StepChangedError("the case went on since this was shown; look at it again and repeat")
            return act(session)

        return self._do(acted)

    def _turn(self, turn: Callable[[Session], Step], act: int | None, now: Callable[[SessionState], int]) -> Step:
        """Undo or redo: sent twice by a page, it must not take two acts."""

        def turned(session: Session) -> Step:
            if act is not None and now(session.state) != act:
                raise StepChangedError("the case went on since this was shown; look at it again and repeat")
            return turn(session)

        step = self._do(turned)
        self._read_if_unread()
        return step

    def _settle(self, claim: str, element: str, kind: AnswerKind, text: str, once: str | None) -> Step:
        once = checked_once(once)
        # A model may read the answer after it is kept: nobody else waits for that.
        with self._office.desk.beside(self._place) as session:
            report = session.state.report
            if report is None or report.claim(claim) is None:
                raise NotFoundError(f'there is no question "{claim:.60}/{element:.60}" in this case')
            step = session.answer_to(claim, element, text, kind, once)
        self._changed()
        return step

    def _element(self, claim: str, element: str) -> Element:
        if claim not in self._office.taxonomy:
            raise NotFoundError(f'there is no claim type "{claim:.60}"')
        try:
            return self._office.taxonomy[claim].element(element)
        except LookupError as error:
            raise NotFoundError(f'"{claim}" has no element "{element:.60}"') from error

    def _read_if_unread(self) -> None:
        self._look(lambda session: None)

    def _read(self) -> None:
        if not self.reading:
            self._tell_listeners(News("reading"))
        self._office.readings.start(
            self._place, self._read_all, lambda why: self._tell_listeners(News("failed", why)), self._book.owner
        )

    def _read_all(self) -> None:
        """Read until nothing is unread: the person may tell more, or take it back, in the meantime."""
        with self._office.desk.beside(self._place) as session:
            try:
                session.read()
            except NothingToReadError:
                return  # it was taken back
            except ValueError:
                if session.path.exists():
                    raise
                return  # the case was deleted, and its file closed
        self._changed()

    def _note_forgotten(self, records: tuple[EvidenceRecord, ...]) -> None:
        """Evidence whose submission a kill kept from being told to the session."""
        with self._at() as session:
            told = {event.data["cid"] for event in session.events if event.kind == "exhibit"}
            forgotten = [record for record in records if record.cid not in told]
            for record in forgotten:
                session.add_exhibit(_exhibit(record))
        if forgotten:
            self._changed()

    @property
    def _case_file(self) -> CaseFile:
        return read_case_file(self._sidecar, self._office.seal)

    @property
    def _sidecar(self) -> Path:
        return self._folder / f"{self.id}.case.json"

    def _note(self, **changes: Any) -> None:
        with self._at():  # two requests that change it at the same time take turns
            write_case_file(self._sidecar, replace(self._case_file, **changes), self._office.seal)
        self._changed()

    def _changed(self) -> None:
        self._tell_listeners(News("changed"))

    def _tell_listeners(self, news: News) -> None:
        self._office.bells.ring(self._place, news)


_MEDIA_TYPES: Mapping[str, str] = {
    "html": "text/html; charset=utf-8",
    "json": "application/json",
    "docx": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    "pdf": "application/pdf",
}


def _writable(text: str) -> str:
    """The text without halves of characters, which no file can hold."""
    return text.encode("utf-8", "replace").decode("utf-8")


def _exhibit(record: EvidenceRecord) -> dict[str, Any]:
    return {
        "cid": record.cid,
        "name": record.file_name or "",
        "claim": record.claim_type,
        "element": record.element,
        "description": record.description or "",
    }
