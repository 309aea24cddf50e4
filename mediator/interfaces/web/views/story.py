"""What the page of the story shows of a report: numbered claims, how well they fit, names, dates and sums."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from mediator.claims.report import Amount, ClaimReport, DateMention, FoundClaim, Party
from mediator.interfaces.web.highlights import COLOURS
from mediator.interfaces.web.shown import day, plain
from mediator.view import ClaimView

__all__ = ["ClaimCard", "amounts", "claim_cards", "dates", "fit", "glance", "people"]

_ROLES = {"plaintiff": "you or your side", "defendant": "the other side", "witness": "witness", "other": "named"}


@dataclass(frozen=True, slots=True)
class ClaimCard:
    """A found claim as a page lists it."""

    number: int
    id: str
    name: str
    fit: str
    checked_by: str | None

    @property
    def colour(self) -> int:
        """Its colour in the style sheet."""
        return (self.number - 1) % COLOURS + 1


def fit(confidence: float) -> str:
    """How sure the program is, in words that promise nothing."""
    if confidence >= 0.75:
        return "Your words fit this closely."
    return "Your words fit this in part." if confidence >= 0.5 else "Your words may touch on this."


def claim_cards(found: Sequence[FoundClaim | ClaimView]) -> tuple[ClaimCard, ...]:
    """The claims, numbered as the marks in the story are."""
    return tuple(
        ClaimCard(
            number,
            claim.id,
            claim.name,
            fit(claim.confidence),
            claim.verdict.backend if claim.verdict is not None and claim.verdict.counted else None,
        )
        for number, claim in enumerate(found, 1)
    )


def people(parties: Sequence[Party]) -> list[str]:
    """Who was named, with the side that they seem to be on; each name once."""
    roles: dict[str, str] = {}
    for party in parties:
        roles.setdefault(plain(party.name), _ROLES[party.role])
    return [f"{name} ({role})" for name, role in roles.items()]


def dates(mentions: Sequence[DateMention]) -> list[str]:
    """The dates as told, and as the program reads them where that says more."""
    return list(dict.fromkeys(_date(mention) for mention in mentions))


def _date(mention: DateMention) -> str:
    iso = mention.iso
    if iso is None or len(iso) != 10 or iso.startswith("X"):
        return mention.mention
    read = day(iso)
    return mention.mention if read.casefold() == mention.mention.casefold() else f"{mention.mention} ({read})"


def amounts(found: Sequence[Amount]) -> list[str]:
    """The sums as told, and as the program reads them where that says more."""
    return list(dict.fromkeys(_amount(amount) for amount in found))


def _amount(amount: Amount) -> str:
    read = f"${amount.value:,.2f}" if amount.currency == "USD" else f"{amount.value:,.2f} {amount.currency}"
    told = amount.mention.replace(",", "").removesuffix(".00")
    return amount.mention if told == read.replace(",", "").removesuffix(".00") else f"{amount.mention} ({read})"


def glance(report: ClaimReport) -> Mapping[str, Any]:
    """What the script of the page paints while a person writes: claims, and the exact words they rest on."""
    cards = claim_cards(report.claims)
    return {
        "claims": [{"number": card.number, "name": card.name, "fit": card.fit} for card in cards],
        "quotes": [
            {"text": quote.text, "claim": card.number}
            for card, claim in zip(cards, report.claims, strict=True)
            for quote in claim.quotes
        ],
    }
