"""The parts of a case that a person may look at between two questions, each from the one read model."""

from __future__ import annotations

from mediator.interfaces.terminal.screen import Mark, Screen, marked_story
from mediator.view import CaseView, ClaimView, DeadlineView

__all__ = ["answers", "claims", "found", "missing", "story", "timeline"]


def story(screen: Screen, view: CaseView) -> None:
    """The story with the words that claims rest on, each marked with its claim's number."""
    if not view.story.text:
        screen.say("You have not told your story yet.")
        return
    screen.heading("Your story")
    numbers = {claim.id: number for number, claim in enumerate(view.claims, 1)}
    marks = [Mark(quote.start, quote.end, numbers[claim.id]) for claim in view.claims for quote in claim.quotes]
    screen.say(marked_story(view.story.text, marks))
    screen.say()
    for claim in view.claims:
        _claim(screen, numbers[claim.id], claim)
    if view.story.set_aside:
        screen.say()
        screen.say("Set aside, because it talks to the software and not about what happened:")
        for quote in view.story.set_aside:
            screen.say(f'"{quote.text}"', indent=2)


def found(screen: Screen, view: CaseView) -> None:
    """What a story that was just read tells, and what went wrong on the way."""
    if view.claims:
        story(screen, view)
    for failure in view.failures:
        screen.say(f"Passed over: {failure.backend}: {failure.error}: {failure.message}. What to do: {failure.advice}.")
    for warning in view.warnings:
        screen.say(f"Note: {warning}.", style="dim")


def claims(screen: Screen, view: CaseView) -> None:
    """Each claim with the words it rests on, and how much of it is told."""
    if not view.claims:
        screen.say("No claim of a kind that the program knows was found so far.")
        return
    screen.heading("What your story tells")
    for number, claim in enumerate(view.claims, 1):
        _claim(screen, number, claim)
        for quote in claim.quotes:
            screen.say(f'"{" ".join(quote.text.split())}"', indent=4)


def missing(screen: Screen, view: CaseView) -> None:
    """What is needed still, then what would help."""
    if not view.missing:
        screen.say("Nothing is missing for the claims that were found." if view.claims else "Nothing is asked for yet.")
        return
    for title, blocking in (("Still needed", True), ("Would help", False)):
        rows = [item for item in view.missing if item.blocking is blocking]
        if rows:
            screen.heading(title)
        for item in rows:
            asked = {"unknown": " (you said: I don't know)", "skipped": " (skipped)"}.get(item.asked or "", "")
            screen.say(f"- {item.question}{asked}", indent=2)
            screen.say(f"for: {item.claim_name}: {item.label}", style="dim", indent=4)
    without = [cell for cell in view.matrix if cell.state == "told" and cell.proof is None]
    if without:
        screen.heading("Told, and nothing to show it yet")
        for cell in without:
            screen.say(f"- {cell.claim_name}: {cell.label}", indent=2)


def timeline(screen: Screen, view: CaseView) -> None:
    """Dates, what does not fit together, and time limits."""
    if not view.timeline and not view.deadlines:
        screen.say("No date was told yet.")
        return
    screen.heading("Dates you told")
    for moment in view.timeline:
        about = f": {moment.about}" if moment.about else ""
        assumed = " (no year was told; the nearest earlier one is used)" if moment.year_assumed else ""
        screen.say(f'{moment.iso or "no day"}  "{moment.where.mention}"{about}{assumed}', indent=2)
    if view.contradictions:
        screen.heading("Does not fit together")
    for item in view.contradictions:
        said = {None: "", "both": " You said: both.", "unknown": " You don't know.", "skipped": ""}
        chosen = said.get(item.choice, f" You said: {item.choice}.")
        sides = " and ".join(f'"{side.mention}"' for side in item.sides)
        screen.say(f"{item.name}: {sides}.{chosen}", indent=2)
    if view.deadlines:
        screen.heading("Time limits")
    for limit in view.deadlines:
        _limit(screen, limit)


def answers(screen: Screen, view: CaseView) -> None:
    """What was answered, with the number that /edit takes."""
    if not view.answers:
        screen.say("You have not answered a question yet.")
        return
    screen.heading("Your answers")
    for number, answer in enumerate(view.answers, 1):
        said = {"unknown": "(I don't know)", "skipped": "(skipped)"}.get(answer.kind, answer.text)
        screen.say(f"{number:>3}  {answer.question}")
        screen.say(said, indent=5)
    screen.say("/edit NUMBER asks that question again; later answers stay.", style="dim")


def _claim(screen: Screen, number: int, claim: ClaimView) -> None:
    told = f"{claim.told} of {claim.total} told" if claim.total else "for another office"
    screen.say(f"({number}) {claim.name}: {told}", style="bold")


def _limit(screen: Screen, limit: DeadlineView) -> None:
    day = "" if limit.day is None else f"{limit.day.isoformat()}: "
    what = f"{limit.what}. " if limit.what else ""
    law = f" ({limit.statute})" if limit.statute else ""
    only = f" Only if {limit.only_if}." if limit.only_if else ""
    screen.say(
        f"- {limit.claim_name}: {day}{what}{limit.says}{law}{only}", indent=2, style="bold" if limit.passed else ""
    )
