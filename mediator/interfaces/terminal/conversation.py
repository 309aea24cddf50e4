"""The interview, turn by turn: shows the step, takes a line, does what it says. Every step is on the disk already."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from mediator.claims.taxonomy import NOTICE
from mediator.exceptions import MediatorError
from mediator.interfaces.terminal import overview
from mediator.interfaces.terminal.commands import help_lines, parse
from mediator.interfaces.terminal.keyboard import Words
from mediator.interfaces.terminal.screen import Screen, progress_bar
from mediator.mediator import Mediator
from mediator.session import Session, session_ids
from mediator.view import CaseView, StepView

__all__ = ["Conversation"]

_NONE = frozenset({"none", "no", "nothing", "i have none", "ninguno", "nada"})


class Conversation:
    """One person at one terminal."""

    def __init__(self, mediator: Mediator, words: Words, screen: Screen) -> None:
        self._mediator = mediator
        self._words = words
        self._screen = screen
        self._over = False
        self._shown: str | None = None
        self._helped = False
        self._commands: Mapping[str, Callable[[str], None]] = {
            "help": lambda _: self._screen.pairs(help_lines()),
            "why": lambda _: self._screen.say(self._view.step.why),
            "unknown": lambda _: self._unknown(),
            "skip": lambda _: self._skip(),
            "back": lambda _: self._move("back", self._session.back),
            "undo": lambda _: self._move("undo", self._session.undo),
            "redo": lambda _: self._move("redo", self._session.redo),
            "edit": self._edit,
            "add": self._add,
            "evidence": self._evidence,
            "story": lambda _: overview.story(self._screen, self._view),
            "claims": lambda _: overview.claims(self._screen, self._view),
            "missing": lambda _: overview.missing(self._screen, self._view),
            "timeline": lambda _: overview.timeline(self._screen, self._view),
            "answers": lambda _: overview.answers(self._screen, self._view),
            "draft": self._draft,
            "sessions": lambda _: self._sessions(),
            "save": lambda _: self._screen.say(f"Every step is saved already, in {self._mediator.save()}"),
            "resume": self._resume,
            "reset": lambda _: self._reset(),
            "quit": lambda _: self._quit(),
        }

    @property
    def _session(self) -> Session:
        return self._mediator.session

    @property
    def _view(self) -> CaseView:
        return self._mediator.view()

    def run(self, resume: str | None) -> None:
        """Hold the interview until it ends, the input ends, or the person stops."""
        if resume is not None:
            self._mediator.resume(None if resume == "latest" else resume)
        self._screen.say(NOTICE)
        self._screen.say(f"Everything is kept on this machine, in {self._session.path}")
        if resume is not None and self._session.state.stories:
            overview.claims(self._screen, self._view)
        while not self._over:
            self._turn()
        self.tell_way_back()

    def tell_way_back(self) -> None:
        """How to go on later; nothing to say before anything was told."""
        if self._session.state.stories:
            self._screen.say()
            self._screen.say("Your session is saved. To go on, type:")
            self._screen.say(f"  python run.py start --resume {self._session.id}")

    # -- a turn -------------------------------------------------------------------------------

    def _turn(self) -> None:
        self._screen.say()
        step = self._view.step
        self._show(step)
        line = self._words.story() if step.kind == "tell" else self._words.line()
        if line is None:
            self._over = True
            return
        try:
            self._take(step, line)
        except (MediatorError, OSError) as error:
            self._screen.say(_plain(error))

    def _take(self, step: StepView, line: str) -> None:
        typed = parse(line)
        if typed.fault is not None:
            self._screen.say(typed.fault)
        elif typed.command is not None:
            self._commands[typed.command](typed.argument)
        elif not typed.argument:
            self._over = step.kind in ("tell", "end")
        else:
            self._answer(step, typed.argument)

    def _answer(self, step: StepView, text: str) -> None:
        match step.kind:
            case "tell" | "end":
                self._tell(text)
            case "question":
                self._session.answer(text)
            case "contradiction":
                self._choose(step, text)
            case "evidence":
                if text.lower().rstrip(".!") in _NONE:
                    self._session.no_evidence()
                else:
                    self._evidence(text)

    def _tell(self, text: str) -> None:
        self._screen.say("Reading your story ...", style="dim")
        try:
            self._session.tell(text)
        except MediatorError:
            if not self._words.asks:
                self._over = True
            raise
        overview.found(self._screen, self._view)

    # -- commands -----------------------------------------------------------------------------

    def _unknown(self) -> None:
        if self._view.step.kind in ("tell", "end"):
            self._screen.say("Nothing is asked here.")
        else:
            self._session.unknown()

    def _skip(self) -> None:
        if self._view.step.kind in ("tell", "end"):
            self._screen.say("There is nothing to skip.")
        else:
            self._session.skip()

    def _move(self, name: str, act: Callable[[], object]) -> None:
        if name in self._view.step.commands:
            act()
        else:
            self._screen.say(
                {"back": "There is no question before.", "undo": "There is nothing to undo.",
                 "redo": "There is nothing to do again."}[name]
            )  # fmt: skip

    def _edit(self, number: str) -> None:
        given = self._view.answers
        if not number.isdecimal() or not 1 <= int(number) <= len(given):
            self._screen.say("Which one? /answers lists them with their numbers; then for instance: /edit 2")
            return
        self._session.show(given[int(number) - 1].key)

    def _add(self, text: str) -> None:
        if not text:
            self._screen.say(f"Tell more. {self._words.story_ends}")
            text = self._words.story() or ""
        if text:
            self._tell(text)

    def _choose(self, step: StepView, text: str) -> None:
        for number, choice in enumerate(step.choices, 1):
            if text.lower() in (str(number), choice.value.lower(), choice.text.lower()):
                self._session.choose(choice.value)
                return
        self._screen.say(f"Type a number from 1 to {len(step.choices)}, or /skip.")

    def _evidence(self, name: str) -> None:
        step = self._view.step
        path = Path(name.strip("\"'")).expanduser()
        if not name or not path.is_file():
            self._screen.say(f"There is no file {name!r}. Give its path, for instance: /evidence photos/lease.pdf")
            return
        self._screen.say(f"Keeping {path.name} ...", style="dim")
        record = self._mediator.submit_evidence_file(
            path, "document", claim_type=step.claim, element=step.element, description=path.name
        )
        self._screen.say(f"Kept as {record['cid']}")
        self._screen.say(f"SHA-256 {record['sha256']}")

    def _draft(self, name: str) -> None:
        from mediator.draft.write import FORMATS

        path = Path(name or f"draft-{self._session.id}.html").expanduser()
        kind = path.suffix.removeprefix(".").lower()
        if kind not in FORMATS:
            self._screen.say(f"The file's ending says what to write: .{', .'.join(FORMATS)}")
            return
        path.write_bytes(FORMATS[kind](self._mediator.draft()))
        self._screen.say(f"{path} is written. It is a draft: never signed, and what nobody told reads MISSING.")

    def _sessions(self) -> None:
        known = session_ids(self._session.path.parent)
        for session_id in known:
            here = "  (this one)" if session_id == self._session.id else ""
            self._screen.say(f"{session_id}{here}", indent=2)
        self._screen.say("/resume ID goes on with one of them.", style="dim")

    def _resume(self, session_id: str) -> None:
        others = [known for known in session_ids(self._session.path.parent) if known != self._session.id]
        chosen = session_id or (others[-1] if others else "")
        if not chosen:
            self._screen.say("There is no other session on this machine.")
            return
        if chosen not in others:
            self._screen.say(f"There is no other session {chosen!r}; /sessions lists them.")
            return
        self._mediator.resume(chosen)
        overview.claims(self._screen, self._view)

    def _reset(self) -> None:
        self.tell_way_back()
        self._mediator.reset()
        self._screen.say(f"A new session begins, in {self._session.path}")

    def _quit(self) -> None:
        self._over = True

    # -- the screen ---------------------------------------------------------------------------

    def _show(self, step: StepView) -> None:
        """The step: whole when it is new, its words alone after something else was looked at."""
        screen, again = self._screen, step.key == self._shown
        self._shown = step.key
        if step.kind not in ("tell", "end") and not again:
            screen.say(self._progress(step), style="dim")
        if step.note is not None:
            screen.say(step.note)
        screen.say(step.text, style="bold")
        for number, choice in enumerate(step.choices, 1):
            screen.say(f"{number}  {choice.text}", indent=2)
        if again:
            return
        for place in step.where:
            screen.say(f"- {place}", indent=2)
        if step.previous is not None and step.kind == "question":
            screen.say(f"(You said: {step.previous})")
        self._say_how(step)

    def _progress(self, step: StepView) -> str:
        progress = self._view.progress
        bar = progress_bar(progress.settled, progress.total)
        if step.kind == "evidence":
            return f"{bar} questions settled; {progress.evidence_left} left to show with evidence:"
        if step.kind == "contradiction":
            return f"{bar} questions settled; this does not fit together:"
        return f"{bar} questions settled; this one is {'needed' if step.blocking else 'helpful'}:"

    def _say_how(self, step: StepView) -> None:
        screen = self._screen
        match step.kind:
            case "tell":
                screen.say(self._words.story_ends, style="dim")
            case "question" if not self._helped:
                screen.say("Answer in your own words, or: /why, I don't know, /skip, /back, /undo, /help", style="dim")
                self._helped = True
            case "contradiction":
                screen.say("Type its number, or: /why, I don't know, /skip", style="dim")
            case "evidence":
                screen.say("Type a file's path, or: none, /skip (later), /why", style="dim")
            case "end":
                screen.say(NOTICE, style="dim")
                if self._words.asks:
                    screen.say(
                        "Type more to add to your story, /draft for a draft, or press Enter to stop.", style="dim"
                    )


def _plain(error: Exception) -> str:
    if isinstance(error, OSError) and error.strerror:
        return f"{error.filename}: {error.strerror}" if error.filename else error.strerror
    return str(error)
