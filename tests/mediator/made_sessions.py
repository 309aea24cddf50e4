"""Sessions whose claims a test names, while dates and sums are read from the story by the real code."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from mediator.claims.amounts import find_amounts
from mediator.claims.dates import find_dates
from mediator.claims.report import ClaimReport, ElementSupport, FoundClaim, MissingElement, Quote
from mediator.claims.taxonomy import load_taxonomy
from mediator.interview import Interview
from mediator.session import Session

TAXONOMY = load_taxonomy()
ASKS = {element.ask for claim in TAXONOMY.claims for element in claim.elements}
TODAY = dt.date(2026, 3, 2)


def report(
    *claim_ids: str,
    story: str = "",
    confidence: Mapping[str, float] | None = None,
    told: Mapping[tuple[str, str], str] | None = None,
) -> ClaimReport:
    """A report that found those claims. ``told`` maps elements to the words of the story that support them."""
    support = {} if told is None else dict(told)
    claims = tuple(
        FoundClaim(
            id=claim_id, name=TAXONOMY[claim_id].name, kind=TAXONOMY[claim_id].kind,
            confidence=(confidence or {}).get(claim_id, 0.9 - 0.01 * place), quotes=(),
            elements=tuple(_support(claim_id, e.id, story, support[claim_id, e.id])
                           for e in TAXONOMY[claim_id].elements if (claim_id, e.id) in support),
            engine="test", model="test",
        )
        for place, claim_id in enumerate(claim_ids)
    )  # fmt: skip
    missing = tuple(
        MissingElement(claim=c, element=e.id, label=e.label, question=e.ask, blocking=e.blocking)
        for c in claim_ids
        for e in TAXONOMY[c].elements
        if (c, e.id) not in support
    )
    return ClaimReport(
        claims=claims, parties=(), dates=tuple(find_dates(story, TODAY)), amounts=tuple(find_amounts(story)),
        missing=missing, refused=(), failures=(), ignored=(), engine="test", model="test", checked_by=None,
    )  # fmt: skip


def _support(claim: str, element: str, story: str, words: str) -> ElementSupport:
    start = story.index(words)
    known = TAXONOMY[claim].element(element)
    quote = Quote(text=words, start=start, end=start + len(words))
    return ElementSupport(id=element, label=known.label, blocking=known.blocking, quotes=(quote,))


class Clock:
    """Time that stands still unless a test moves it."""

    def __init__(self) -> None:
        self.now = dt.datetime(2026, 3, 2, 9, 0, tzinfo=dt.UTC)

    def __call__(self) -> dt.datetime:
        return self.now


def session(folder: Path, *claim_ids: str, session_id: str | None = None, **details: Any) -> Session:
    """A session that finds those claims in whatever is told."""
    made = {name: details.pop(name) for name in ("confidence", "told") if name in details}
    read: Callable[[str, object], ClaimReport] = lambda text, _before: report(*claim_ids, story=text, **made)  # noqa: E731
    return Session(folder, Interview(TAXONOMY), read, session_id, clock=Clock(), **details)
