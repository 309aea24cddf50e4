"""Chooses and numbers the factual paragraphs: the person's own sentences, then their answers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from mediator.claims.report import ClaimReport
from mediator.claims.taxonomy import Taxonomy
from mediator.claims.text import sentences
from mediator.draft.model import Paragraph, Redaction, Source
from mediator.draft.privacy import shorten
from mediator.state import Key, SessionState

__all__ = ["Facts", "number_facts"]


@dataclass(frozen=True, slots=True)
class Facts:
    """The paragraphs, and which of them speak to which element."""

    paragraphs: tuple[Paragraph, ...]
    for_element: Mapping[Key, tuple[int, ...]]
    redactions: tuple[Redaction, ...]

    def at(self, position: int) -> int | None:
        """The paragraph that holds that character of the story."""
        for paragraph in self.paragraphs:
            start, end = paragraph.source.start, paragraph.source.end
            if start is not None and end is not None and start <= position < end:
                return paragraph.number
        return None


def number_facts(
    state: SessionState, report: ClaimReport, taxonomy: Taxonomy, labels: Mapping[Key, Sequence[str]]
) -> Facts:
    """Sentences that a claim, a date or an amount rests on, in the order they were told; then the answers."""
    paragraphs: list[Paragraph] = []
    redactions: list[Redaction] = []
    for_element: dict[Key, list[int]] = {}
    spans = _elements_by_span(report)
    anchors = {quote.start for claim in report.claims for quote in claim.quotes} | set(spans)
    anchors |= {date.start for date in report.dates} | {amount.start for amount in report.amounts}
    set_aside = [(span.start, span.end) for span in report.ignored]
    for part in sentences(state.story):
        inside = any(start < part.end and part.start < end for start, end in set_aside)
        if inside or not any(part.start <= anchor < part.end for anchor in anchors):
            continue
        text, done = shorten(part.text)
        redactions.extend(done)
        number = len(paragraphs) + 1
        keys = [key for start in spans if part.start <= start < part.end for key in spans[start]]
        exhibits = sorted({label for key in keys for label in labels.get(key, ())})
        source = Source(kind="story", start=part.start, end=part.end)
        paragraphs.append(Paragraph(number=number, text=text, source=source, exhibits=tuple(exhibits)))
        for key in keys:
            for_element.setdefault(key, []).append(number)
    for key, answer in state.answers.items():
        if answer.kind != "text" or key[0] not in taxonomy:
            continue
        text, done = shorten(answer.text)
        redactions.extend(done)
        number = len(paragraphs) + 1
        ask = taxonomy[key[0]].element(key[1]).ask
        source = Source(kind="answer", question=ask)
        paragraphs.append(Paragraph(number=number, text=text, source=source, exhibits=tuple(labels.get(key, ()))))
        for claim in report.claims:
            for element in taxonomy[claim.id].elements:
                if element.ask == ask:
                    for_element.setdefault((claim.id, element.id), []).append(number)
    frozen = {key: tuple(sorted(set(numbers))) for key, numbers in for_element.items()}
    return Facts(tuple(paragraphs), frozen, tuple(redactions))


def _elements_by_span(report: ClaimReport) -> dict[int, list[Key]]:
    spans: dict[int, list[Key]] = {}
    for claim in report.claims:
        for element in claim.elements:
            for quote in element.quotes:
                spans.setdefault(quote.start, []).append((claim.id, element.id))
    return spans
