"""The claim types, their elements and plain questions: fixed data, read once, never worded by a model.

A lawyer has not reviewed it; ``NOTICE`` says so and goes on every screen and export.
"""

from __future__ import annotations

import functools
import json
from importlib import resources

from pydantic import BaseModel, ConfigDict

__all__ = ["NOTICE", "ClaimType", "Element", "LegalBasis", "Section", "Taxonomy", "load_taxonomy"]

NOTICE = (
    "This is general information, not legal advice. A lawyer has not reviewed the list of claim types; "
    "ask a lawyer or a legal aid office before you rely on it."
)


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class LegalBasis(_Frozen):
    """A statute, rule or case and what it says."""

    cite: str
    what: str


class Element(_Frozen):
    """One thing that a claim needs, with the question that asks for it."""

    id: str
    label: str
    ask: str
    blocking: bool


class Section(_Frozen):
    """One part of a complaint: its rule, what it must hold, and what the program checks."""

    id: str
    rule: str
    must: str
    check: str


class ClaimType(_Frozen):
    """One kind of claim."""

    id: str
    name: str
    domain: str
    kind: str
    legal_basis: tuple[LegalBasis, ...]
    elements: tuple[Element, ...]
    evidence: tuple[str, ...]
    keywords: tuple[str, ...]
    limitation: tuple[str, ...]
    prefiling: tuple[str, ...]
    federal_form: str
    js44: str
    jurisdiction: str
    remedies: tuple[str, ...]
    not_when: tuple[str, ...]
    see_also: tuple[str, ...]

    @property
    def refer(self) -> bool:
        """Whether the person is better served elsewhere (family court, accredited representative)."""
        return self.kind == "refer"

    def element(self, element_id: str) -> Element:
        """The element of that id; KeyError when there is none."""
        for element in self.elements:
            if element.id == element_id:
                return element
        raise KeyError(f'"{self.id}" has no element "{element_id}"')


class Taxonomy(_Frozen):
    """All claim types, in the file's order."""

    schema_version: str
    notice: str
    labelling_rules: tuple[str, ...]
    complaint_sections: tuple[Section, ...]
    claims: tuple[ClaimType, ...]

    @functools.cached_property
    def by_id(self) -> dict[str, ClaimType]:
        """Claim types by id."""
        return {claim.id: claim for claim in self.claims}

    def __getitem__(self, claim_id: str) -> ClaimType:
        return self.by_id[claim_id]

    def __contains__(self, claim_id: object) -> bool:
        return claim_id in self.by_id


@functools.cache
def load_taxonomy() -> Taxonomy:
    """The taxonomy that is shipped with the package."""
    text = resources.files("mediator.claims").joinpath("taxonomy.json").read_text(encoding="utf-8")
    raw = json.loads(text)
    return Taxonomy.model_validate({**raw, "schema_version": raw["schema"]})
