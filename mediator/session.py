"""One interview: tells events to the log, folds them, and asks the interview what comes next.

Safe from any thread: one thing happens at a time, and a reader sees the state before or after it.
"""

from __future__ import annotations

import datetime as dt
import secrets
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mediator.claims.report import ClaimReport
from mediator.contradictions import BOTH, SKIPPED, UNKNOWN
from mediator.events import Event, EventLog
from mediator.exceptions import MediatorError, NotFoundError, NothingToReadError
from mediator.interview import Interview, Progress
from mediator.rereading import Telling
from mediator.state import AnswerKind, Fold, Key, ProofAnswer, SessionState, question_key
from mediator.steps import Clarification, EvidenceRequest, Question, Step

if TYPE_CHECKING:
    from mediator.sealed_lines import LineSeal

__all__ = ["Extract", "Reader", "Session", "session_ids"]

_SUFFIX = ".session.jsonl"

#: Reads the story. The second argument holds what is known already, so that only what changed is read again.
Extract = Callable[[str, Telling], ClaimReport]
#: Tells whether an answer answers its question, as the data of a ``reading`` event; None when nobody can tell.
Reader = Callable[[Question, str], "Mapping[str, Any] | None"]


def session_ids(folder: Path) -> list[str]:
    """The sessions in ``folder``, the one that was used last at the end."""
    files = sorted(folder.glob(f"*{_SUFFIX}"), key=lambda path: (path.stat().st_mtime_ns, path.name))
    return [path.name.removesuffix(_SUFFIX) for path in files]


class Session:
    """A running interview. ``extract`` reads a story; everything else is written here."""

    def __init__(
        self,
        folder: Path,
        interview: Interview,
        extract: Extract,
        session_id: str | None = None,
        *,
        suffix: str | None = None,
        reader: Reader | None = None,
        seal: LineSeal | None = None,
        clock: Callable[[], dt.datetime] = lambda: dt.datetime.now(dt.UTC),
    ) -> None:
        """Start a session, whose id ends in ``suffix`` or by chance, or go on with ``session_id``."""
        path = None if session_id is None else folder / f"{_safe(session_id)}{_SUFFIX}"
        if path is not None and not path.is_file():
            known = ", ".join(session_ids(folder)[-3:]) if folder.is_dir() else ""
            raise NotFoundError(f'there is no session "{session_id}"' + (f"; the latest are {known}" if known else ""))
        self.id = session_id or f"{clock():%Y%m%d-%H%M%S}-{suffix or secrets.token_hex(3)}"
        self._interview = interview
        self._extract = extract
        self._reader = reader
        self._lock = threading.RLock()
        where = path or folder / f"{self.id}{_SUFFIX}"
        self._log = EventLog(where, lambda: clock().isoformat(timespec="milliseconds"), seal)
        self._fold = Fold(self._log.events)

    @property
    def path(self) -> Path:
        """The file that holds this session."""
        return self._log.path

    @property
    def state(self) -> SessionState:
        """What is known so far."""
        return self._fold.state

    @property
    def events(self) -> tuple[Event, ...]:
        """Everything that happened, in order."""
        return self._log.events

    @property
    def interview(self) -> Interview:
        """What decides on the next step."""
        return self._interview

    @property
    def step(self) -> Step:
        """What to show now."""
        return self._interview.step(self.state)

    @property
    def progress(self) -> Progress:
        """How far the interview is."""
        return self._interview.progress(self.state)

    # -- the story ----------------------------------------------------------------------------

    def tell(self, text: str) -> ClaimReport:
        """Add to the story, at any time. The words are on the disk before anything reads them."""
        self.hear(text)
        return self.read()

    def retell(self, piece: int, text: str) -> ClaimReport:
        """Change one piece of the story; answers and evidence stay."""
        with self._lock:
            if not 0 <= piece < len(self.state.stories):
                raise NotFoundError(f"the story has {len(self.state.stories)} pieces and no piece {piece}")
            self._write("retold", {"piece": piece, "text": _worded(text)})
        return self.read()

    def hear(self, text: str, once: str | None = None) -> None:
        """Keep more of the story without reading it yet.

        ``once`` names the sending: who sends again because no answer came adds nothing, and changes what was added
        when the words are others by then.
        """
        with self._lock:
            text, told = _worded(text), self.state.told_once
            if once is None or once not in told:
                self._write("story", {"text": text} if once is None else {"text": text, "once": once})
            elif self.state.stories[told.index(once)] != text:
                self._write("retold", {"piece": told.index(once), "text": text})

    def read(self) -> ClaimReport:
        """Read what was told and not read yet; what is told meanwhile is read too. Holds no lock while it reads."""
        while True:
            state = self.state
            if not state.stories:
                raise NothingToReadError("nothing was told yet; tell the story first")
            if state.report is not None and not state.unread:
                return state.report
            telling = Telling(state)
            report = self._extract(state.story, telling)
            with self._lock:
                if self.state.stories == state.stories and self.state.unread:
                    self._write("found", _as_found(report, telling))

    # -- answers ------------------------------------------------------------------------------

    def answer(self, text: str) -> Step:
        """Answer the question that is shown."""
        return self._settle("text", text)

    def unknown(self) -> Step:
        """The person does not know."""
        with self._lock:
            match self.step:
                case Clarification():
                    return self.choose(UNKNOWN)
                case EvidenceRequest():
                    return self.no_evidence_now()
                case _:
                    return self._settle("unknown", "")

    def skip(self) -> Step:
        """The person does not want to answer now. An answer given before stays."""
        with self._lock:
            step = self.step
            if self.state.revisit is not None and self._is_settled(step):
                self._write("forward", {})
                return self.step
            match step:
                case Clarification():
                    return self.choose(SKIPPED)
                case EvidenceRequest():
                    return self.no_evidence_now()
                case _:
                    return self._settle("skipped", "")

    def answer_to(
        self, claim: str, element: str, text: str, kind: AnswerKind = "text", once: str | None = None
    ) -> Step:
        """Answer the question of that element, whatever is shown. It is on the disk before a backend reads it.

        ``once`` names the sending, as in ``hear``: the same answer sent again is not a second answer.
        """
        with self._lock:
            key = question_key(claim, element)
            step = self._interview.at(self.state, key)
            report = self.state.report
            asked = (claim, element) in self.state.answers or (report is not None and report.claim(claim) is not None)
            if not isinstance(step, Question) or not asked:
                raise NotFoundError(f'there is no question "{key:.80}" in this case')
            data = {"claim": claim, "element": element, "answer": kind, "text": _whole(text)}
            before = self.state.answers.get((claim, element))
            if once is not None:
                if before is not None and (before.once, before.kind, before.text) == (once, kind, data["text"]):
                    return self.step
                data["once"] = once
            self._write("answer", data)
            seq = self._log.events[-1].seq
        if self._reader is not None and kind == "text" and text.strip():
            reading = self._reader(step, text)  # no lock is held while a model reads
            if reading is not None:
                self._write("reading", {**reading, "claim": claim, "element": element, "seq": seq})
        return self.step

    def correct(self, claim: str, element: str, text: str) -> Step:
        """Change an earlier answer without going back to its question."""
        self._known_answer((claim, element))
        return self.answer_to(claim, element, text)

    def choose(self, choice: str) -> Step:
        """Say which side of the contradiction that is shown is right: a value, "both" or "unknown"."""
        with self._lock:
            step = self.step
            if not isinstance(step, Clarification):
                raise MediatorError("there is no contradiction to settle now")
            allowed = [value for value, _ in step.choices]
            if choice not in (*allowed, SKIPPED):
                raise MediatorError(f"{choice!r:.60} is no choice here; choose one of {', '.join(allowed)}")
            self._write("settled", {"contradiction": step.contradiction.id, "choice": choice})
            return self.step

    # -- moving about -------------------------------------------------------------------------

    def back(self) -> Step:
        """Show the step before this one; nothing that was answered is lost."""
        with self._lock:
            key = self._interview.previous(self.state)
            if key is not None:
                self._write("back", {"step": key})
            return self.step

    def forward(self) -> Step:
        """Leave an earlier step and go on where the interview is."""
        with self._lock:
            if self.state.revisit is not None:
                self._write("forward", {})
            return self.step

    def edit(self, claim: str, element: str) -> Step:
        """Show an earlier question again; later answers stay."""
        with self._lock:
            self._known_answer((claim, element))
            return self.show(question_key(claim, element))

    def show(self, key: str) -> Step:
        """Show any step that was shown before, by its key."""
        with self._lock:
            if key not in self.state.order or self._interview.at(self.state, key) is None:
                raise NotFoundError(f'there is no earlier step "{key:.80}"')
            self._write("back", {"step": key})
            return self.step

    def undo(self) -> Step:
        """Take back the last thing that the person did."""
        with self._lock:
            if self.state.can_undo:
                self._write("undo", {})
            return self.step

    def redo(self) -> Step:
        """Do again what was taken back last, unless something else was done since."""
        with self._lock:
            if self.state.can_redo:
                self._write("redo", {})
            return self.step

    # -- evidence -----------------------------------------------------------------------------

    def no_evidence(self) -> Step:
        """The person has nothing of the kind that is asked for."""
        return self._prove("none")

    def no_evidence_now(self) -> Step:
        """The person will look for it later."""
        return self._prove("later")

    def add_exhibit(self, exhibit: Mapping[str, Any]) -> None:
        """Note evidence that was handed in, linked to the element that it shows."""
        self._write("exhibit", exhibit)

    def unlink_exhibit(self, cid: str, claim: str | None, element: str | None) -> None:
        """Take evidence out of the case; it stays in the store."""
        with self._lock:
            if not any((e.cid, e.claim, e.element) == (cid, claim, element) for e in self.state.exhibits):
                raise NotFoundError(f"this case has no exhibit {cid:.80} for {claim}/{element}")
            self._write("unlinked", {"cid": cid, "claim": claim, "element": element})

    # -- the rest -----------------------------------------------------------------------------

    def import_events(self, kind: str, data: Mapping[str, Any]) -> None:
        """Take over something from another format."""
        self._write(kind, data)

    def catch_up(self) -> None:
        """Read what a kill left unread."""
        if self.state.unread:
            self.read()

    def close(self) -> None:
        """Let others write to the session."""
        with self._lock:
            self._log.close()

    def _settle(self, kind: AnswerKind, text: str) -> Step:
        step = self.step
        if not isinstance(step, Question):
            raise MediatorError("there is no question to answer now")
        return self.answer_to(step.claim, step.element, text, kind)

    def _prove(self, answer: ProofAnswer) -> Step:
        with self._lock:
            step = self.step
            if not isinstance(step, EvidenceRequest):
                raise MediatorError("no evidence is asked for now")
            self._write("proof", {"claim": step.claim, "element": step.element, "answer": answer})
            return self.step

    def _known_answer(self, key: Key) -> None:
        if key not in self.state.answers:
            raise NotFoundError(f'there is no answer to "{key[0]}/{key[1]}" yet')

    def _is_settled(self, step: Step) -> bool:
        match step:
            case Question():
                return step.previous is not None
            case Clarification():
                return step.contradiction.choice in (BOTH, *(side.value for side in step.contradiction.sides))
            case EvidenceRequest():
                return step.element_key in self.state.proofs
            case _:
                return False

    def _write(self, kind: str, data: Mapping[str, Any]) -> None:
        with self._lock:
            self._fold.add(self._log.append(kind, data))


def _as_found(report: ClaimReport, telling: Telling) -> dict[str, Any]:
    data: dict[str, Any] = {"report": report.model_dump(mode="json")}
    if telling.verdicts:
        data["verdicts"] = {claim: verdict.model_dump(mode="json") for claim, verdict in telling.verdicts.items()}
        data["texts"] = {cid: text for cid, text in telling.texts.items() if cid not in telling.state.kept}
    return data


def _worded(text: str) -> str:
    if not any(character.isalnum() for character in text):
        raise NothingToReadError("there is no story in the text; write what happened in your own words")
    return _whole(text)


def _whole(text: str) -> str:
    """The text without halves of characters, which no file can hold: a terminal makes them of bytes it cannot read."""
    return text.encode("utf-8", "replace").decode("utf-8")


def _safe(session_id: str) -> str:
    if not session_id or any(not (character.isalnum() or character in "-_") for character in session_id):
        raise NotFoundError(f"{session_id!r:.60} is no session id: letters, digits, - and _ only")
    return session_id
