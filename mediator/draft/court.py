"""Jurisdiction, venue, jury, prayer, papers: what the rules word. Fixed text and the taxonomy's text only."""

from __future__ import annotations

from collections.abc import Sequence

from mediator.claims.report import ClaimReport
from mediator.claims.taxonomy import ClaimType
from mediator.draft.details import Details
from mediator.draft.model import MISSING, UNKNOWN, DraftParty

__all__ = ["CERTIFICATION", "PAPERS", "VERIFICATION", "jurisdiction", "jury", "parties", "prayer", "venue"]

CERTIFICATION = (
    "By signing below, I certify to the best of my knowledge that this complaint is not presented for an improper "
    "purpose, that its claims are supported by the law or by a good-faith argument to change it, and that its facts "
    "have support or will likely have support after a chance to look into them (Fed. R. Civ. P. 11(b))."
)
VERIFICATION = "I declare under penalty of perjury that the foregoing is true and correct (28 U.S.C. § 1746)."
PAPERS = (
    "civil cover sheet (form JS 44)",
    "a summons for each defendant (form AO 440)",
    "the filing fee, or a request to go without it (form AO 239 or AO 240)",
    "in diversity cases a disclosure of citizenship (Fed. R. Civ. P. 7.1(a)(2))",
    "service on every defendant within 90 days (Fed. R. Civ. P. 4(m))",
)
_STATE_LAW_ONLY = (
    "All counts rest on state law. A federal court can hear them only when the parties are citizens of different "
    "states and more than $75,000 is at stake (28 U.S.C. § 1332). Otherwise a state court is the place; ask its clerk."
)
_SAME_STATE = (
    "Diversity was claimed, but a plaintiff and a defendant are told to be citizens of the same state ({state}). "
    "28 U.S.C. § 1332 asks for different states; ask the clerk or a lawyer."
)
#: What the reading of parties says of one that is no person.
_ORGANISATION = "an organisation in the story"
_VENUE = {
    "defendant lives there": "because a defendant lives or has its place of business there",
    "events took place there": "because a substantial part of the events took place there",
}


def parties(report: ClaimReport, details: Details, role: str) -> tuple[DraftParty, ...]:
    """The named parties of that side: from the story, with what the details tell, then those that only they name."""
    given = {party.name: party for party in details.parties}
    told = {p.name: p for p in report.parties if p.role in ("plaintiff", "defendant")}
    made: list[DraftParty] = []
    for name in dict.fromkeys((*told, *given)):
        known = given.get(name)
        side = known.role if known is not None else told[name].role
        if side != role:
            continue
        extra = {} if known is None else known.model_dump(exclude={"name", "role"}, exclude_none=True)
        extra.setdefault("organisation", name in told and told[name].why == _ORGANISATION)
        made.append(DraftParty.model_validate({"name": name, "role": side, **extra}))
    return tuple(made)


def jurisdiction(
    types: Sequence[ClaimType], details: Details, sides: Sequence[DraftParty]
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Why this court, with the statute, and what to warn about."""
    federal = [claim for claim in types if claim.jurisdiction.startswith("federal question")]
    state_law = [claim for claim in types if claim not in federal]
    if federal:
        lines = [f"{claim.name}: {claim.jurisdiction}." for claim in federal]
        lines += [f"{claim.name}: supplemental jurisdiction, 28 U.S.C. § 1367." for claim in state_law]
        return tuple(lines), ()
    if details.diversity:
        line = "The parties are citizens of different states and more than $75,000 is at stake: 28 U.S.C. § 1332."
        return (line,), _same_state(sides)
    return (f"{MISSING}: why a federal court may hear this case",), (_STATE_LAW_ONLY,) if types else ()


def _same_state(sides: Sequence[DraftParty]) -> tuple[str, ...]:
    homes = {
        role: {state.casefold(): state for p in sides if p.role == role for state in _states(p)}
        for role in ("plaintiff", "defendant")
    }
    both = sorted(homes["plaintiff"].keys() & homes["defendant"].keys())
    return tuple(_SAME_STATE.format(state=homes["plaintiff"][state]) for state in both)


def _states(party: DraftParty) -> tuple[str, ...]:
    told = (party.incorporated_in, party.principal_place) if party.organisation else (party.citizenship,)
    return tuple(state for state in told if state != UNKNOWN)


def venue(details: Details) -> str:
    """The district and what ties it to the case."""
    if details.district is None:
        return f"{MISSING}: the district where a defendant lives or where most of this happened (28 U.S.C. § 1391(b))"
    if details.venue_because is None:
        return (
            f"{MISSING}: what ties the {details.district} to this case, a defendant's home or the place of the events "
            "(28 U.S.C. § 1391(b))"
        )
    return f"Venue lies in the {details.district} under 28 U.S.C. § 1391(b), {_VENUE[details.venue_because]}."


def jury(demanded: bool | None) -> str:
    """The demand, its absence, or the question."""
    if demanded is None:
        return f"{MISSING}: do you want a jury, yes or no? (Fed. R. Civ. P. 38(b))"
    return "Plaintiff demands a trial by jury (Fed. R. Civ. P. 38(b))." if demanded else "No jury is demanded."


def prayer(types: Sequence[ClaimType], report: ClaimReport) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """What is asked for, and the sums that were told; a sum inside text that was set aside does not count."""
    if not types:
        return (), ()
    aside = [(span.start, span.end) for span in report.ignored]
    sums = tuple(
        dict.fromkeys(
            amount.mention
            for amount in report.amounts
            if not any(start < amount.end and amount.start < end for start, end in aside)
        )
    )
    items = [remedy for claim in types for remedy in claim.remedies]
    if sums:
        items.append(f"in amounts to be proved; the sums told are {', '.join(sums)}")
    return tuple(dict.fromkeys(items)), sums
