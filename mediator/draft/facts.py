"""Chooses and numbers the factual paragraphs: the person's own sentences, their answers, then their exhibits."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from mediator.claims.report import ClaimReport
from mediator.claims.taxonomy import Taxonomy
from mediator.claims.text import sentences
from mediator.draft.model import DraftExhibit, Paragraph, Redaction, Source
from mediator.draft.privacy import Redactor
from mediator.draft.smoothing import added_facts
from mediator.matrix import exhibit_labels
from mediator.state import Key, SessionState, Smoothed, question_key

__all__ = ["Facts", "Matter", "number_facts"]


@dataclass(frozen=True, slots=True)
class Matter:
    """What a draft is made from."""

    state: SessionState
    report: ClaimReport
    taxonomy: Taxonomy
    redactor: Redactor
    exhibits: Sequence[DraftExhibit]

    def labels(self, keys: Iterable[Key]) -> list[str]:
        """The exhibits that were handed in for any of those elements."""
        wanted = set(keys)
        every = zip(exhibit_labels(self.state), self.state.exhibits, strict=True)
        return list(dict.fromkeys(label for label, link in every if (link.claim, link.element) in wanted))


@dataclass(slots=True)
class Facts:
    """The paragraphs, which of them speak to which element, and what was shortened in them."""

    paragraphs: list[Paragraph] = field(default_factory=list)
    for_element: dict[Key, list[int]] = field(default_factory=dict)
    for_exhibit: dict[str, list[int]] = field(default_factory=dict)
    for_answer: dict[str, int] = field(default_factory=dict)
    redactions: list[Redaction] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)

    def at(self, position: int) -> int | None:
        """The paragraph that holds that character of the story."""
        for paragraph in self.paragraphs:
            start, end = paragraph.source.start, paragraph.source.end
            if start is not None and end is not None and start <= position < end:
                return paragraph.number
        return None

    def add(
        self, text: str, source: Source, keys: Sequence[Key], exhibits: Sequence[str], prose: Smoothed | None = None
    ) -> None:
        """Number one more paragraph. Accepted prose that holds a new fact is left out and told."""
        number = len(self.paragraphs) + 1
        if prose is not None and added_facts(text, prose.text):
            self.warnings.append(
                f"Paragraph {number}: the accepted prose does not say the same as your words, so your words stand."
            )
            prose = None
        self.paragraphs.append(
            Paragraph(
                number=number,
                text=text if prose is None else prose.text,
                source=source,
                exhibits=tuple(exhibits),
                original=None if prose is None else text,
                smoothed_by=None if prose is None else prose.backend,
            )
        )
        for key in dict.fromkeys(keys):
            self.for_element.setdefault(key, []).append(number)
        for label in exhibits:
            self.for_exhibit.setdefault(label, []).append(number)


def number_facts(matter: Matter) -> Facts:
    """Sentences that a claim, a date or an amount rests on, in the order they were told; answers; exhibits."""
    facts = Facts()
    _from_story(matter, facts)
    _from_answers(matter, facts)
    _from_exhibits(matter, facts)
    return facts


def _from_story(matter: Matter, facts: Facts) -> None:
    state, report = matter.state, matter.report
    by_start = _elements_by_span(report)
    anchors = {quote.start for claim in report.claims for quote in claim.quotes} | set(by_start)
    anchors |= {date.start for date in report.dates} | {amount.start for amount in report.amounts}
    set_aside = [(span.start, span.end) for span in report.ignored]
    changes = matter.redactor.spans(state.story)
    for part in sentences(state.story):
        inside = any(start < part.end and part.start < end for start, end in set_aside)
        if inside or not any(part.start <= anchor < part.end for anchor in anchors):
            continue
        text, done = matter.redactor.cut(state.story, part.start, part.end, changes)
        facts.redactions.extend(done)
        keys = [key for start in by_start if part.start <= start < part.end for key in by_start[start]]
        source = Source(kind="story", start=part.start, end=part.end)
        facts.add(text, source, keys, matter.labels(keys), state.smoothed.get(text))


def _from_answers(matter: Matter, facts: Facts) -> None:
    for key, answer in matter.state.answers.items():
        if answer.kind != "text" or not answer.text.strip() or key[0] not in matter.taxonomy:
            continue
        text, done = matter.redactor.apply(answer.text.strip())
        facts.redactions.extend(done)
        ask = matter.taxonomy[key[0]].element(key[1]).ask
        keys = list(_asked_by(matter, ask))
        facts.for_answer[question_key(*key)] = len(facts.paragraphs) + 1
        facts.add(text, Source(kind="answer", question=ask), keys, matter.labels(keys), matter.state.smoothed.get(text))


def _from_exhibits(matter: Matter, facts: Facts) -> None:
    """A paragraph for each exhibit, so that every one is cited by the pleading it is attached to."""
    for exhibit in matter.exhibits:
        links = [link for link in matter.state.exhibits if link.cid == exhibit.cid]
        keys = [(link.claim, link.element) for link in links if link.claim and link.element]
        facts.add(exhibit.title, Source(kind="evidence", cid=exhibit.cid), keys, (exhibit.label,))


def _asked_by(matter: Matter, ask: str) -> Iterator[Key]:
    """Every element of the found claims that asks this question word for word."""
    for claim in matter.report.claims:
        for element in matter.taxonomy[claim.id].elements:
            if element.ask == ask:
                yield claim.id, element.id


def _elements_by_span(report: ClaimReport) -> dict[int, list[Key]]:
    spans: dict[int, list[Key]] = {}
    for claim in report.claims:
        for element in claim.elements:
            for quote in element.quotes:
                spans.setdefault(quote.start, []).append((claim.id, element.id))
    return spans
