"""One interview: tells events to the log, folds them, and asks the interview what comes next."""

from __future__ import annotations

import datetime as dt
import secrets
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from mediator.claims.report import ClaimReport
from mediator.events import Event, EventLog
from mediator.exceptions import MediatorError, NotFoundError
from mediator.interview import Interview, Progress, Question, Step
from mediator.state import AnswerKind, SessionState, fold

__all__ = ["Session", "session_ids"]

_SUFFIX = ".session.jsonl"


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
        extract: Callable[[str], ClaimReport],
        session_id: str | None = None,
        *,
        clock: Callable[[], dt.datetime] = lambda: dt.datetime.now(dt.UTC),
    ) -> None:
        """Start a session, or go on with ``session_id``."""
        path = None if session_id is None else folder / f"{_safe(session_id)}{_SUFFIX}"
        if path is not None and not path.is_file():
            known = ", ".join(session_ids(folder)[-3:]) if folder.is_dir() else ""
            raise NotFoundError(f'there is no session "{session_id}"' + (f"; the latest are {known}" if known else ""))
        self.id = session_id or f"{clock():%Y%m%d-%H%M%S}-{secrets.token_hex(3)}"
        self._interview = interview
        self._extract = extract
        self._log = EventLog(path or folder / f"{self.id}{_SUFFIX}", lambda: clock().isoformat(timespec="milliseconds"))
        self._state = fold(self._log.events)

    @property
    def path(self) -> Path:
        """The file that holds this session."""
        return self._log.path

    @property
    def state(self) -> SessionState:
        """What is known so far."""
        return self._state

    @property
    def events(self) -> tuple[Event, ...]:
        """Everything that happened, in order."""
        return self._log.events

    @property
    def step(self) -> Step:
        """What to show now."""
        return self._interview.step(self._state)

    @property
    def progress(self) -> Progress:
        """How far the interview is."""
        return self._interview.progress(self._state)

    def tell(self, text: str) -> ClaimReport:
        """Add to the story. The words are on the disk before anything reads them."""
        self._write("story", {"text": text})
        report = self._extract(self._state.story)
        self._write("found", {"report": report.model_dump(mode="json")})
        return report

    def answer(self, text: str) -> Step:
        """Answer the question that is shown."""
        return self._settle("text", text)

    def unknown(self) -> Step:
        """The person does not know."""
        return self._settle("unknown", "")

    def skip(self) -> Step:
        """The person does not want to answer now."""
        return self._settle("skipped", "")

    def back(self) -> Step:
        """Show the question before this one; nothing that was answered is lost."""
        key = self._interview.previous(self._state)
        if key is not None:
            self._write("back", {"claim": key[0], "element": key[1]})
        return self.step

    def edit(self, claim: str, element: str) -> Step:
        """Show an earlier question again."""
        if (claim, element) not in self._state.answers:
            raise NotFoundError(f'there is no answer to "{claim}/{element}" yet')
        self._write("back", {"claim": claim, "element": element})
        return self.step

    def undo(self) -> Step:
        """Take back the last thing that happened."""
        self._write("undo", {})
        return self.step

    def add_exhibit(self, exhibit: Mapping[str, Any]) -> None:
        """Note evidence that was handed in."""
        self._write("exhibit", exhibit)

    def import_events(self, kind: str, data: Mapping[str, Any]) -> None:
        """Take over something from another format."""
        self._write(kind, data)

    def close(self) -> None:
        """Let others write to the session."""
        self._log.close()

    def _settle(self, kind: AnswerKind, text: str) -> Step:
        step = self.step
        if not isinstance(step, Question):
            raise MediatorError("there is no question to answer now")
        self._write("answer", {"claim": step.claim, "element": step.element, "answer": kind, "text": text})
        return self.step

    def _write(self, kind: str, data: Mapping[str, Any]) -> None:
        self._log.append(kind, data)
        self._state = fold(self._log.events)


def _safe(session_id: str) -> str:
    if not session_id or any(not (character.isalnum() or character in "-_") for character in session_id):
        raise NotFoundError(f"{session_id!r:.60} is no session id: letters, digits, - and _ only")
    return session_id
