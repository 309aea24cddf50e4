"""Claims x elements x evidence: what each element of each found claim has, and lacks; the one implementation."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from mediator.claims.report import Quote
from mediator.claims.taxonomy import Taxonomy
from mediator.state import Answer, Key, ProofAnswer, SessionState

__all__ = ["Cell", "exhibit_labels", "matrix"]

CellState = Literal["with evidence", "told", "missing"]


@dataclass(frozen=True, slots=True)
class Cell:
    """One element of one claim: the story's words, the answer, and the labels of its exhibits."""

    claim: str
    claim_name: str
    element: str
    label: str
    ask: str
    blocking: bool
    quotes: tuple[Quote, ...]
    answer: Answer | None
    #: The element whose question got the answer: another claim may ask the same.
    answered_at: Key | None
    exhibits: tuple[str, ...]
    proof: ProofAnswer | None

    @property
    def told(self) -> bool:
        """Whether the story or an answer tells something for it."""
        return bool(self.quotes) or (self.answer is not None and self.answer.kind == "text")

    @property
    def state(self) -> CellState:
        return "with evidence" if self.exhibits else "told" if self.told else "missing"


def matrix(state: SessionState, taxonomy: Taxonomy) -> tuple[Cell, ...]:
    """The cells of every found claim, in the order of the report and of the taxonomy."""
    report = state.report
    answers: dict[str, tuple[Key, Answer]] = {}
    for key, answer in state.answers.items():
        ask = _ask(taxonomy, key)
        if ask is not None and (ask not in answers or answer.kind == "text"):
            answers[ask] = (key, answer)
    exhibits: dict[Key, list[str]] = {}
    for label, exhibit in zip(exhibit_labels(state), state.exhibits, strict=True):
        if exhibit.claim and exhibit.element:
            exhibits.setdefault((exhibit.claim, exhibit.element), []).append(label)
    cells: list[Cell] = []
    for claim in () if report is None else report.claims:
        quotes: Mapping[str, tuple[Quote, ...]] = {support.id: support.quotes for support in claim.elements}
        for element in () if claim.kind == "refer" else taxonomy[claim.id].elements:
            at, given = answers.get(element.ask, (None, None))
            key = (claim.id, element.id)
            cells.append(
                Cell(
                    claim.id,
                    claim.name,
                    element.id,
                    element.label,
                    element.ask,
                    element.blocking,
                    quotes.get(element.id, ()),
                    given,
                    at,
                    tuple(exhibits.get(key, ())),
                    state.proofs.get(key),
                )
            )
    return tuple(cells)


def exhibit_labels(state: SessionState) -> tuple[str, ...]:
    """The label of each of ``state.exhibits``: one thing, named by its CID, has one label however often it is cited."""
    places = {cid: place for place, cid in enumerate(dict.fromkeys(exhibit.cid for exhibit in state.exhibits))}
    return tuple(_letters(places[exhibit.cid]) for exhibit in state.exhibits)


def _letters(place: int) -> str:
    """A to Z, then AA, AB and so on."""
    letter = chr(ord("A") + place % 26)
    return letter if place < 26 else _letters(place // 26 - 1) + letter


def _ask(taxonomy: Taxonomy, key: Key) -> str | None:
    if key[0] not in taxonomy:
        return None
    return next((element.ask for element in taxonomy[key[0]].elements if element.id == key[1]), None)
