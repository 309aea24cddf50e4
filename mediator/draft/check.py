"""The check of each of the taxonomy's sections, as far as a program can make it."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from mediator.claims.taxonomy import Taxonomy
from mediator.draft.conclusions import conclusions
from mediator.draft.model import MISSING, UNKNOWN, Draft, SectionCheck, Source

__all__ = ["check_sections"]

Verdict = tuple[bool, str]


def check_sections(draft: Draft, taxonomy: Taxonomy) -> tuple[SectionCheck, ...]:
    """One result for each section of the taxonomy, in its order."""
    results = []
    for section in taxonomy.complaint_sections:
        ok, says = _CHECKS[section.id](draft)
        results.append(SectionCheck(section=section.id, rule=section.rule, ok=ok, says=says))
    return tuple(results)


def _caption(draft: Draft) -> Verdict:
    lacking = [
        name
        for name, there in (
            ("the court", draft.court != MISSING),
            ("a plaintiff", bool(draft.plaintiffs)),
            ("a defendant", bool(draft.defendants)),
        )
        if not there
    ]
    return not lacking, f"{MISSING}: {', '.join(lacking)}" if lacking else "court and parties are named"


def _jury(draft: Draft) -> Verdict:
    asked = not draft.jury_demand.startswith(MISSING)
    return asked, "yes or no was said" if asked else draft.jury_demand


def _parties(draft: Draft) -> Verdict:
    parties = (*draft.plaintiffs, *draft.defendants)
    unknown = [party.name for party in parties if party.address == UNKNOWN]
    lacking = [f"address unknown: {', '.join(unknown)}"] if unknown else []
    if any("§ 1332" in line for line in draft.jurisdiction):
        homeless = [
            party.name
            for party in parties
            if UNKNOWN
            in ((party.incorporated_in, party.principal_place) if party.organisation else (party.citizenship,))
        ]
        lacking += [f"state of citizenship unknown: {', '.join(homeless)}"] if homeless else []
    if not parties:
        return False, f"{MISSING}: parties"
    return not any("citizenship" in item for item in lacking), "; ".join(
        lacking
    ) or "every party has a role and an address"


def _jurisdiction(draft: Draft) -> Verdict:
    found = bool(draft.jurisdiction) and not draft.jurisdiction[0].startswith(MISSING)
    return found, "; ".join(draft.jurisdiction) or MISSING


def _venue(draft: Draft) -> Verdict:
    return not draft.venue.startswith(MISSING), draft.venue


def _facts(draft: Draft) -> Verdict:
    unbroken = [fact.number for fact in draft.facts] == list(range(1, len(draft.facts) + 1))
    sourced = all(_has_source(fact.source) for fact in draft.facts)
    if not (draft.facts and unbroken and sourced):
        return False, f"{MISSING}: facts"
    legal = [f'paragraph {fact.number} ("{word}")' for fact in draft.facts for word in conclusions(fact.text)]
    if legal:
        return False, f"say what was done, not what the law calls it: {', '.join(legal)}"
    return True, f"{len(draft.facts)} paragraphs, numbered without a gap, each with its source"


def _has_source(source: Source) -> bool:
    match source.kind:
        case "story":
            return source.start is not None and source.end is not None
        case "answer":
            return source.question is not None
        case "evidence":
            return source.cid is not None


def _counts(draft: Draft) -> Verdict:
    missing = [
        f"count {count.number}, {element.label}"
        for count in draft.counts
        for element in count.elements
        if element.blocking and element.missing is not None
    ]
    if not draft.counts:
        return False, f"{MISSING}: no count"
    return not missing, f"{MISSING}: " + "; ".join(missing) if missing else "every blocking element cites a fact"


def _prayer(draft: Draft) -> Verdict:
    if not draft.prayer:
        return False, f"{MISSING}: what is asked for"
    told = "\n".join(fact.original or fact.text for fact in draft.facts)
    strange = [amount for amount in draft.sums if amount not in told]
    if strange:
        return False, f"{', '.join(strange)}: no paragraph tells it"
    return True, f"{len(draft.prayer)} items; every sum stands in the facts"


def _signature(draft: Draft) -> Verdict:
    return bool(draft.certification), "left blank, to be signed by hand"


def _verification(draft: Draft) -> Verdict:
    return True, "off" if draft.verification is None else "asked for"


def _exhibits(draft: Draft) -> Verdict:
    lacking = [
        x.label for x in draft.exhibits if MISSING in f"{x.title} {x.date} {x.sha256} {x.pages}" or not x.paragraphs
    ]
    says = f"{MISSING}: title, date, hash, pages or paragraph of {', '.join(lacking)}"
    return not lacking, says if lacking else f"{len(draft.exhibits)} listed"


def _privacy(draft: Draft) -> Verdict:
    open_items = [item for item in draft.redactions if not item.done]
    says = "; ".join(f"{item.kind}: {item.shown}" for item in draft.redactions)
    return not open_items, says or "nothing found that the rule keeps out"


def _related(draft: Draft) -> Verdict:
    return bool(draft.related_papers), f"{len(draft.related_papers)} listed under next steps"


_CHECKS: Mapping[str, Callable[[Draft], Verdict]] = {
    "caption": _caption,
    "jury_demand_note": _jury,
    "parties": _parties,
    "jurisdiction": _jurisdiction,
    "venue": _venue,
    "facts": _facts,
    "causes_of_action": _counts,
    "prayer": _prayer,
    "signature": _signature,
    "verification": _verification,
    "exhibits": _exhibits,
    "privacy": _privacy,
    "related_papers": _related,
}
