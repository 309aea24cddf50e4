"""What may be shown next. Every word of a step is the taxonomy's or stands here; none is a model's."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from mediator.contradictions import BOTH, UNKNOWN, Contradiction
from mediator.state import Key, evidence_key, question_key

__all__ = [
    "ASKED_AGAIN",
    "Clarification",
    "End",
    "EvidenceRequest",
    "Question",
    "Step",
    "Tell",
    "complete_end",
    "no_claim_end",
    "refer_end",
]

#: Shown once when a trusted backend does not take an answer for an answer. The answer is kept either way.
ASKED_AGAIN = "Your words are kept. They may not answer this question yet; say it another way, or skip."


@dataclass(frozen=True, slots=True)
class Tell:
    """Nothing was told yet: ask for the story."""

    text: str = "Tell what happened, in your own words. Who did what, when and where, and what did it cost you?"
    why: str = "Everything else follows from your own words, and nothing leaves this machine unless you set it so."

    @property
    def key(self) -> str:
        return "tell"


@dataclass(frozen=True, slots=True)
class Question:
    """One question. ``serves`` lists every claim that its answer helps."""

    claim: str
    element: str
    text: str
    why: str
    blocking: bool
    serves: tuple[str, ...]
    previous: str | None = None
    again: bool = False

    @property
    def element_key(self) -> Key:
        """The element that is asked about."""
        return (self.claim, self.element)

    @property
    def key(self) -> str:
        return question_key(self.claim, self.element)


@dataclass(frozen=True, slots=True)
class Clarification:
    """Two things that were told cannot both be right; which one is?"""

    contradiction: Contradiction
    why: str = (
        "The other side will look for things that do not fit. Both stay in your case until you say which is right."
    )

    @property
    def key(self) -> str:
        return self.contradiction.id

    @property
    def text(self) -> str:
        told = " and ".join(f'"{side.mention}"' for side in self.contradiction.sides)
        return f"For {self.contradiction.name} you told {told}. Which one is right?"

    @property
    def choices(self) -> tuple[tuple[str, str], ...]:
        """What may be chosen, each with its words."""
        sides = tuple((side.value, side.mention) for side in self.contradiction.sides)
        return (*sides, (BOTH, "both: they are about different things"), (UNKNOWN, "I don't know"))


@dataclass(frozen=True, slots=True)
class EvidenceRequest:
    """Does the person have something that shows an element? Add it, "I have none", or later."""

    claim: str
    element: str
    label: str
    usual: tuple[str, ...]
    claim_name: str
    serves: tuple[str, ...]

    @property
    def element_key(self) -> Key:
        """The element that is asked about."""
        return (self.claim, self.element)

    @property
    def key(self) -> str:
        return evidence_key(self.claim, self.element)

    @property
    def text(self) -> str:
        return f"Do you have something that shows this: {self.label}? People often have: {', '.join(self.usual)}."

    @property
    def why(self) -> str:
        return (
            f"For {self.claim_name} it helps to show this with a paper, a picture or a message. It is kept on this "
            "machine and named by its content, so that nobody can change it unseen."
        )


@dataclass(frozen=True, slots=True)
class End:
    """Nothing is left to ask. ``where`` says where to go from here."""

    kind: Literal["no_claim", "refer", "complete"]
    text: str
    where: tuple[str, ...] = ()

    @property
    def key(self) -> str:
        return f"end:{self.kind}"


Step = Tell | Question | Clarification | EvidenceRequest | End

_LEGAL_AID = "A free legal aid office: lawhelp.org lists them by state."
_SELF_HELP = "The self-help center of your state's court; its website lists forms and hours."
_REFER: dict[str, tuple[str, tuple[str, ...]]] = {
    "family_matter": (
        "This looks like a matter for a family court (divorce, custody, support or protection).",
        (
            "If anyone is in danger now: call 911, or the National Domestic Violence Hotline at 1-800-799-7233.",
            "The family court's self-help center.",
            _LEGAL_AID,
        ),
    ),
    "immigration_matter": (
        "This looks like an immigration matter.",
        (
            "A lawyer or an accredited representative: justice.gov/eoir/recognition-accreditation-roster-reports "
            "lists them.",
            _LEGAL_AID,
            "Beware of notarios: they are not lawyers.",
        ),
    ),
}


def no_claim_end() -> End:
    """The exit for a story without a claim that the program knows."""
    return End(
        "no_claim",
        "The program found no claim of a kind that it knows in what you told. That is an answer, not a judgment: it "
        "may have missed something. You can add to your story.",
        (_LEGAL_AID, _SELF_HELP),
    )


def refer_end(claim_ids: tuple[str, ...]) -> End:
    """The exit for what belongs to another court or office."""
    known = [_REFER[claim_id] for claim_id in claim_ids if claim_id in _REFER]
    where = tuple(dict.fromkeys(place for _, places in known for place in places))
    return End("refer", "\n\n".join(text for text, _ in known), where or (_LEGAL_AID, _SELF_HELP))


def complete_end() -> End:
    """Everything was asked."""
    return End(
        "complete",
        "Every question that the program has for you was asked. You can go back, change an answer, add to your story "
        "or stop here.",
        (_LEGAL_AID,),
    )
