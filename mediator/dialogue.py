"""One turn of the interview as plain text: the person's line in, what to show next out."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from mediator.claims.taxonomy import NOTICE
from mediator.session import Session
from mediator.steps import ASKED_AGAIN, Clarification, End, EvidenceRequest, Question, Step, Tell

__all__ = ["COMMANDS", "added_story", "chosen", "means_unknown", "render", "show", "turn"]

#: What a person may type instead of an answer.
COMMANDS: Mapping[str, str] = {
    "why": "why do you ask",
    "don't know": "I don't know",
    "skip": "not now",
    "back": "the question before",
    "undo": "take back the last step",
    "redo": "do again what was taken back",
    "add: ...": "add to your story, at any time",
    "answers": "the answers so far, to change one",
    "edit N": "change answer number N",
}
_UNKNOWN = frozenset({"don't know", "dont know", "i don't know", "i dont know", "idk", "no sé", "no se", "?"})
_NONE = frozenset({"none", "i have none", "no", "nothing", "nada", "ninguno"})
_LATER = frozenset({"later", "not now", "skip", "después", "luego"})
_ADD = re.compile(r"\s*(?:add|more|story)\s*:\s*(?P<text>.*)", re.IGNORECASE | re.DOTALL)
_EDIT = re.compile(r"edit\s+(?P<number>\d{1,4})")


def turn(session: Session, text: str) -> str:
    """Take one line from the person and return what to show next."""
    word = text.strip().lower().rstrip(".!")
    step = session.step
    more = added_story(text)
    if more is not None:
        session.tell(more)
        return show(session)
    moves: dict[str, Callable[[], Step]] = {"undo": session.undo, "redo": session.redo, "back": session.back}
    if word in moves:
        return render(moves[word]())
    if word in {"why", "why?", "why do you ask"}:
        return step.text if isinstance(step, End) else step.why
    if word == "answers" and session.state.answers:
        return _answers(session)
    if (edit := _EDIT.fullmatch(word)) is not None and session.state.answers:
        return _edit(session, int(edit["number"]))
    if not word:
        return render(step)
    match step:
        case Question():
            return render(_take_answer(session, text, word))
        case Clarification():
            return render(_take_choice(session, step, word))
        case EvidenceRequest():
            return _take_proof(session, step, word)
        case _:
            if not any(character.isalnum() for character in text):
                return render(step)
            session.tell(text)
            return show(session)


def means_unknown(word: str) -> bool:
    """Whether the line says that the person does not know."""
    return word.strip().lower().replace("’", "'").rstrip(".!") in _UNKNOWN


def added_story(text: str) -> str | None:
    """The words after "add:", which go to the story whatever is asked at the moment; None for another line."""
    found = _ADD.fullmatch(text)
    return None if found is None or not any(c.isalnum() for c in found["text"]) else found["text"].strip()


def chosen(step: Clarification, word: str) -> str | None:
    """The choice that a line means: its number, its words, or "both"; None when it means none."""
    plain = word.strip().lower()
    if plain.isdecimal() and 0 < int(plain) <= len(step.choices):
        return step.choices[int(plain) - 1][0]
    for value, text in step.choices:
        if plain in (value.lower(), text.lower()):
            return value
    return None


def show(session: Session) -> str:
    """Where the session stands: what was found, then what to answer next."""
    report = session.state.report
    lines: list[str] = []
    if report is not None and report.claims:
        lines.append("What your story tells:")
        for claim in report.claims:
            lines.append(f"- {claim.name}")
            lines.extend(f'    "{quote.text}"' for quote in claim.quotes)
    if report is not None:
        lines.extend(f"Passed over: {f.backend}: {f.error}: {f.message}; {f.advice}." for f in report.failures)
    return "\n".join([*lines, "", render(session.step)]).strip()


def render(step: Step) -> str:
    """A step as text, with the notice where something ends."""
    match step:
        case Tell():
            return step.text
        case Question():
            again = f"{ASKED_AGAIN}\n" if step.again else ""
            return f"{again}{step.text}" + ("" if step.previous is None else f"\n(You said: {step.previous})")
        case Clarification():
            places = [f'   "{side.facts[0].sentence}"' for side in step.contradiction.sides]
            choices = [f"{number}. {text}" for number, (_, text) in enumerate(step.choices, 1)]
            return "\n".join([step.text, *places, *choices])
        case EvidenceRequest():
            return f'{step.text}\nHand it in, or type "none" or "later".'
        case End():
            return "\n\n".join([step.text, *(f"- {place}" for place in step.where), NOTICE])


def _take_answer(session: Session, text: str, word: str) -> Step:
    if word == "skip":
        return session.skip()
    return session.unknown() if means_unknown(word) else session.answer(text.strip())


def _take_choice(session: Session, step: Clarification, word: str) -> Step:
    if word == "skip":
        return session.skip()
    choice = chosen(step, word)
    if choice is None and means_unknown(word):
        return session.unknown()
    return step if choice is None else session.choose(choice)


def _take_proof(session: Session, step: EvidenceRequest, word: str) -> str:
    if word in _NONE:
        return render(session.no_evidence())
    if word in _LATER or means_unknown(word):
        return render(session.no_evidence_now())
    return f'{render(step)}\n(Evidence is handed in as a file; "add: ..." adds words to your story.)'


def _answers(session: Session) -> str:
    lines = [f"{number}. {_said(session, key)}" for number, key in enumerate(session.state.answers, 1)]
    return "\n".join([*lines, 'Type "edit" and a number to change one; nothing else changes.'])


def _said(session: Session, key: tuple[str, str]) -> str:
    answer = session.state.answers[key]
    question = session.interview.at(session.state, f"{key[0]}/{key[1]}")
    asked = question.text if isinstance(question, Question) else f"{key[0]}/{key[1]}"
    return f"{asked} {answer.text if answer.kind == 'text' else f'({answer.kind})'}"


def _edit(session: Session, number: int) -> str:
    keys = list(session.state.answers)
    if not 0 < number <= len(keys):
        return f'There is no answer {number}; type "answers" to see them.'
    return render(session.edit(*keys[number - 1]))
