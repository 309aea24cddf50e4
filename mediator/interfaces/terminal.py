"""The interview in a terminal, or over a pipe: one question at a time, every step on the disk.

Ctrl-C stops at any point; nothing told is lost and the way back is printed.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import TextIO

from backends.terminal_text import terminal_text
from mediator import dialogue
from mediator.claims.show import report_lines
from mediator.claims.taxonomy import NOTICE
from mediator.exceptions import NothingToReadError
from mediator.interview import Clarification, End, EvidenceRequest, Question, Tell
from mediator.mediator import Mediator
from mediator.session import Session

__all__ = ["run_interview"]

_HELP = "Answer in your own words, or type: why, don't know, skip, back, undo, quit."
_QUIT = frozenset({"quit", "exit", "q", "salir"})


def run_interview(
    mediator: Mediator,
    *,
    resume: str | None = None,
    source: TextIO | None = None,
    out: TextIO | None = None,
) -> int:
    """Hold the interview until it ends, the input ends, or the person stops. Returns the exit code.

    ``resume`` is a session id, or "latest".
    """
    terminal = _Terminal(mediator, sys.stdin if source is None else source, sys.stdout if out is None else out)
    try:
        terminal.run(resume)
    except KeyboardInterrupt:
        terminal.say("\nStopped.")
        terminal.tell_way_back()
        return 130
    return 0


class _Terminal:
    def __init__(self, mediator: Mediator, source: TextIO, out: TextIO) -> None:
        self._mediator = mediator
        self._source = source
        self._out = out
        self._asks = source.isatty()

    def run(self, resume: str | None) -> None:
        if resume is not None:
            self._mediator.resume(None if resume == "latest" else resume)
        session = self._mediator.session
        self.say(NOTICE)
        self.say(f"Everything is kept on this machine, in {session.path}")
        while True:
            self.say("")
            step = session.step
            if isinstance(step, Tell):
                go_on = self._story(session, step)
            elif isinstance(step, Question):
                go_on = self._question(session, step)
            elif isinstance(step, Clarification | EvidenceRequest):
                go_on = self._turn(session)
            else:
                go_on = self._end(session, step)
            if not go_on:
                break
        self.tell_way_back()

    def say(self, text: str) -> None:
        print(terminal_text(text), file=self._out, flush=True)

    def tell_way_back(self) -> None:
        session = self._mediator.session
        if session.state.stories:
            self.say(f"Your session is saved. To go on: python run.py start --resume {session.id}")

    def _story(self, session: Session, step: Tell) -> bool:
        self.say(step.text)
        self.say("Finish with two empty lines, or with Ctrl-D.")
        text = self._lines()
        if not text.strip():
            return False
        self.say("Reading your story ...")
        try:
            report = session.tell(text)
        except NothingToReadError as error:
            self.say(f"{error}.")
            return self._asks
        self.say("")
        for line in report_lines(report):
            self.say(line)
        return True

    def _question(self, session: Session, step: Question) -> bool:
        progress = session.progress
        needed = "needed" if step.blocking else "helpful"
        self.say(f"[{progress.settled} of {progress.total} settled; {needed}] {step.text}")
        if step.previous is not None:
            self.say(f"(You said: {step.previous})")
        if not session.state.answers:
            self.say(_HELP)
        line = self._line()
        if line is None or line.strip().lower() in _QUIT:
            return False
        return self._take(session, step, line.strip())

    def _take(self, session: Session, step: Question, line: str) -> bool:
        word = line.lower().rstrip(".!")
        simple: dict[str, Callable[[], object]] = {"skip": session.skip, "back": session.back, "undo": session.undo,
                                               "redo": session.redo}  # fmt: skip
        if word in {"why", "why do you ask", "why?"}:
            self.say(step.why)
        elif word == "help":
            self.say(_HELP)
        elif word in simple:
            simple[word]()
        elif dialogue.means_unknown(word):
            session.unknown()
        elif (more := dialogue.added_story(line)) is not None:
            session.tell(more)
        elif line:
            session.answer(line)
        return True

    def _turn(self, session: Session) -> bool:
        """A contradiction or a request for evidence."""
        self.say(dialogue.render(session.step))
        line = self._line()
        if line is None or line.strip().lower() in _QUIT:
            return False
        if line.strip():
            before = session.step
            shown = dialogue.turn(session, line)
            if session.step == before:
                self.say(shown)
        return True

    def _end(self, session: Session, step: End) -> bool:
        self.say(step.text)
        for place in step.where:
            self.say(f"- {place}")
        self.say(NOTICE)
        if not self._asks:
            return False
        self.say('Type more of your story to add to it, "back" for the question before, or nothing to stop.')
        line = self._line()
        if line is None or not line.strip() or line.strip().lower() in _QUIT:
            return False
        if line.strip().lower() == "back":
            before = session.step
            return session.back() != before
        session.tell(line)
        return True

    def _line(self) -> str | None:
        if self._asks:
            print("> ", end="", file=self._out, flush=True)
        line = self._source.readline()
        return None if line == "" else line.rstrip("\n")

    def _lines(self) -> str:
        """Lines until two empty ones in a row (one paragraph break is part of a story) or the end."""
        lines: list[str] = []
        while (line := self._line()) is not None:
            if not line.strip() and lines and not lines[-1].strip():
                break
            lines.append(line)
        return "\n".join(lines).strip()
