"""A matter to draft from: a story, an answer and an exhibit, put together without any engine."""

from __future__ import annotations

import datetime as dt

from mediator.claims.amounts import find_amounts
from mediator.claims.dates import find_dates
from mediator.claims.parties import find_parties
from mediator.claims.report import ClaimReport, ElementSupport, FoundClaim, Quote
from mediator.claims.taxonomy import load_taxonomy
from mediator.claims.text import sentences
from mediator.draft import Details, Draft, build_draft
from mediator.state import Answer, Exhibit, SessionState

TAXONOMY = load_taxonomy()
STORY = (
    "My name is Rosa Delgado and I rented from Gene Abbott. I gave back the keys on May 1, 2025. He kept my $900. "
    "<b>My</b> cat is Biscuit. My SSN is 123-45-6789, $5."
)
ANSWER = "On the first of May <i>2025</i>."
CID = "bafkreigh2akiscaildcqabsyg3dfr6chu3fgpregiymsck7e7aqa4s52zy"
RECORD = {"cid": CID, "sha256": "ab" * 32, "media_type": "image/jpeg", "metadata": {"date": "2025-05-01", "pages": 1}}
DETAILS = Details(
    court="United States District Court",
    district="Western District of Washington",
    venue_because="events took place there",
    jury=True,
)


def report_of(story: str, *claim_ids: str) -> ClaimReport:
    """Those claims in that story: sentence after sentence quoted for element after element; facts by code."""
    parts = sentences(story)
    claims = []
    for claim_id in claim_ids:
        claim = TAXONOMY[claim_id]
        quotes = tuple(Quote(text=part.text, start=part.start, end=part.end) for part in parts)
        elements = tuple(
            ElementSupport(id=element.id, label=element.label, blocking=element.blocking, quotes=(quote,))
            for element, quote in zip(claim.elements[1:3], quotes, strict=False)
        )
        claims.append(
            FoundClaim(
                id=claim.id,
                name=claim.name,
                kind=claim.kind,
                confidence=0.9,
                quotes=(),
                elements=elements,
                engine="test",
                model="test",
            )
        )
    return ClaimReport(
        claims=tuple(claims), parties=tuple(find_parties(story)), dates=tuple(find_dates(story)),
        amounts=tuple(find_amounts(story)), missing=(), refused=(), failures=(), ignored=(),
        engine="test", model="test", checked_by=None,
    )  # fmt: skip


def state_of(*claims: str, story: str = STORY, answer: str = ANSWER, title: str = "Photo of the walls") -> SessionState:
    """A session that told the story, gave one answer and handed in one exhibit for the first claim."""
    claims = claims or ("security_deposit",)
    first = TAXONOMY[claims[0]].elements[0].id
    last = TAXONOMY[claims[0]].elements[-1].id
    return SessionState(
        stories=(story,),
        report=report_of(story, *claims),
        answers={(claims[0], first): Answer("text", answer, 3)},
        exhibits=(Exhibit(CID, "walls.jpg", claims[0], last, title),),
    )


def draft_of(
    *claims: str,
    story: str = STORY,
    answer: str = ANSWER,
    title: str = "Photo of the walls",
    details: Details | None = DETAILS,
    as_of: dt.date | None = dt.date(2026, 3, 2),
) -> Draft:
    """The draft of that matter."""
    state = state_of(*claims, story=story, answer=answer, title=title)
    return build_draft("s1", state, TAXONOMY, evidence=[RECORD], details=details, as_of=as_of)
