"""Evidence by element is the taxonomy's evidence by claim, all of it, in its words."""

from __future__ import annotations

import pytest

from mediator.usual_evidence import USUAL_EVIDENCE
from tests.mediator.made_sessions import TAXONOMY

CLAIMS = [claim for claim in TAXONOMY.claims if not claim.refer]


@pytest.mark.parametrize("claim", CLAIMS, ids=lambda claim: claim.id)
def test_every_usual_piece_is_asked_for_at_an_element_that_there_is(claim) -> None:
    by_element = USUAL_EVIDENCE[claim.id]

    assert set(by_element) <= {element.id for element in claim.elements}
    assert {piece for pieces in by_element.values() for piece in pieces} == set(claim.evidence)


def test_nothing_is_asked_for_where_another_office_is_the_place() -> None:
    assert set(USUAL_EVIDENCE) == {claim.id for claim in CLAIMS}
