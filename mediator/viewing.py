"""Makes a ``CaseView`` of a session. Everything in it is the person's words, the taxonomy's, or computed by rule."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator

from mediator.claims.report import ClaimReport, FoundClaim
from mediator.claims.taxonomy import Taxonomy
from mediator.contradictions import Contradiction, contradictions
from mediator.deadlines import Deadline, deadlines
from mediator.matrix import Cell, exhibit_labels, matrix
from mediator.session import Session
from mediator.state import SessionState, question_key
from mediator.steps import ASKED_AGAIN, Clarification, End, EvidenceRequest, Question, Step, Tell
from mediator.things import told_about
from mediator.timeline import timeline
from mediator.told import Fact, facts
from mediator.view import (
    AnswerView,
    CaseView,
    CellView,
    Choice,
    ClaimView,
    ContradictionView,
    DeadlineView,
    ExhibitView,
    Highlight,
    MissingView,
    PieceView,
    ProgressView,
    SideView,
    StepView,
    StoryView,
    TimelineView,
    WhereTold,
)

__all__ = ["step_view", "view_of"]

_COMMANDS = {
    "tell": (),
    "question": ("why", "don't know", "skip"),
    "contradiction": ("why", "don't know", "skip"),
    "evidence": ("why", "none", "later"),
    "end": (),
}


def view_of(session: Session, taxonomy: Taxonomy, today: dt.date) -> CaseView:
    """The case as it stands on that day."""
    events, state, interview = session.events, session.state, session.interview
    report = state.report
    told = facts(state)
    abouts = told_about(state)
    found = contradictions(state, abouts)
    cells = matrix(state, taxonomy)
    progress = interview.progress(state)
    limits = deadlines(state, taxonomy, told, abouts, found, today)
    return CaseView(
        session=session.id,
        begun_at=events[0].at if events else None,
        changed_at=events[-1].at if events else None,
        story=_story(state),
        claims=() if report is None else tuple(_claim(claim, taxonomy, cells) for claim in report.claims),
        parties=() if report is None else report.parties,
        dates=() if report is None else report.dates,
        amounts=() if report is None else report.amounts,
        step=step_view(interview.step(state), state),
        progress=ProgressView(
            settled=progress.settled,
            total=progress.total,
            percent=100 * progress.settled // progress.total if progress.total else 0,
            evidence_left=progress.evidence_left,
            contradictions_left=sum(contradiction.open for contradiction in found),
        ),
        answers=tuple(_answers(state, taxonomy)),
        exhibits=_exhibits(state),
        matrix=tuple(_cell(cell) for cell in cells),
        timeline=tuple(_moment(fact, about) for fact, about in timeline(told, abouts)),
        contradictions=tuple(_contradiction(item) for item in found),
        deadlines=tuple(_deadline(limit, taxonomy) for limit in limits),
        missing=tuple(_missing(cell) for cell in cells if cell.state == "missing"),
        refused=() if report is None else report.refused,
        failures=() if report is None else report.failures,
        warnings=tuple(_warnings(report)),
        checked_by=None if report is None else report.checked_by,
        can_undo=state.can_undo,
        can_redo=state.can_redo,
    )


def step_view(step: Step, state: SessionState) -> StepView:
    """A step as plain values."""
    ways = (
        *(("back",) if state.order and not isinstance(step, Tell) else ()),
        *(("undo",) if state.can_undo else ()),
        *(("redo",) if state.can_redo else ()),
    )

    def commands(kind: str) -> tuple[str, ...]:
        return (*_COMMANDS[kind], *ways)

    match step:
        case Tell():
            return StepView(kind="tell", key=step.key, text=step.text, why=step.why, commands=commands("tell"))
        case Question():
            return StepView(
                kind="question",
                key=step.key,
                text=step.text,
                why=step.why,
                claim=step.claim,
                element=step.element,
                blocking=step.blocking,
                serves=step.serves,
                previous=step.previous,
                note=ASKED_AGAIN if step.again else None,
                commands=commands("question"),
            )
        case Clarification():
            choices = tuple(Choice(value=value, text=text) for value, text in step.choices)
            return StepView(
                kind="contradiction",
                key=step.key,
                text=step.text,
                why=step.why,
                choices=choices,
                previous=step.contradiction.choice,
                commands=commands("contradiction"),
            )
        case EvidenceRequest():
            return StepView(
                kind="evidence",
                key=step.key,
                text=step.text,
                why=step.why,
                claim=step.claim,
                element=step.element,
                serves=step.serves,
                usual=step.usual,
                previous=state.proofs.get(step.element_key),
                commands=commands("evidence"),
            )
        case End():
            return StepView(
                kind="end",
                key=step.key,
                text=step.text,
                why=step.text,
                end=step.kind,
                where=step.where,
                commands=commands("end"),
            )


def _story(state: SessionState) -> StoryView:
    pieces, start = [], 0
    for number, (text, at) in enumerate(zip(state.stories, state.told_at, strict=True)):
        pieces.append(PieceView(number=number, start=start, end=start + len(text), at=at))
        start += len(text) + len("\n\n")
    # While a changed story is being read, the old offsets would point at other words.
    report = None if state.report is None or state.stories[: len(state.read)] != state.read else state.report
    return StoryView(
        text=state.story,
        pieces=tuple(pieces),
        highlights=() if report is None else tuple(_highlights(report)),
        set_aside=() if report is None else report.ignored,
        unread=state.unread,
    )


def _highlights(report: ClaimReport) -> Iterator[Highlight]:
    for claim in report.claims:
        spans: dict[tuple[int, int], list[str]] = {(quote.start, quote.end): [] for quote in claim.quotes}
        for element in claim.elements:
            for quote in element.quotes:
                spans.setdefault((quote.start, quote.end), []).append(element.id)
        for (start, end), elements in sorted(spans.items()):
            yield Highlight(start=start, end=end, claim=claim.id, elements=tuple(elements))


def _claim(claim: FoundClaim, taxonomy: Taxonomy, cells: tuple[Cell, ...]) -> ClaimView:
    kind = taxonomy[claim.id]
    own = [cell for cell in cells if cell.claim == claim.id]
    return ClaimView(
        id=claim.id,
        name=claim.name,
        domain=kind.domain,
        kind=claim.kind,
        confidence=claim.confidence,
        quotes=claim.quotes,
        law=kind.legal_basis,
        before_filing=kind.prefiling,
        usual_evidence=kind.evidence,
        jurisdiction=kind.jurisdiction,
        engine=claim.engine,
        model=claim.model,
        verdict=claim.verdict,
        told=sum(cell.state != "missing" for cell in own),
        total=len(own),
    )


def _answers(state: SessionState, taxonomy: Taxonomy) -> Iterator[AnswerView]:
    for (claim, element), answer in state.answers.items():
        known = claim in taxonomy
        ask = next((e.ask for e in taxonomy[claim].elements if e.id == element), None) if known else None
        yield AnswerView(
            key=question_key(claim, element),
            claim=claim,
            element=element,
            claim_name=taxonomy[claim].name if known else claim,
            question=ask or f"{claim}/{element}",
            kind=answer.kind,
            text=answer.text,
            at=answer.at,
        )


def _exhibits(state: SessionState) -> tuple[ExhibitView, ...]:
    return tuple(
        ExhibitView(
            label=label,
            cid=exhibit.cid,
            name=exhibit.name,
            description=exhibit.description,
            claim=exhibit.claim,
            element=exhibit.element,
        )
        for label, exhibit in zip(exhibit_labels(state), state.exhibits, strict=True)
    )


def _cell(cell: Cell) -> CellView:
    text = cell.answer.text if cell.answer is not None and cell.answer.kind == "text" else None
    return CellView(
        claim=cell.claim,
        claim_name=cell.claim_name,
        element=cell.element,
        label=cell.label,
        question=cell.ask,
        blocking=cell.blocking,
        state=cell.state,
        quotes=cell.quotes,
        answer=text,
        answered=None if cell.answer is None else cell.answer.kind,
        exhibits=cell.exhibits,
        proof=cell.proof,
    )


def _missing(cell: Cell) -> MissingView:
    return MissingView(
        claim=cell.claim,
        claim_name=cell.claim_name,
        element=cell.element,
        label=cell.label,
        question=cell.ask,
        blocking=cell.blocking,
        asked=None if cell.answer is None else cell.answer.kind,
    )


def _where(fact: Fact) -> WhereTold:
    place = fact.place
    return WhereTold(
        source=place.source,
        key=place.key,
        start=place.start,
        end=place.end,
        mention=fact.mention,
        sentence=fact.sentence,
    )


def _moment(fact: Fact, about: str | None) -> TimelineView:
    return TimelineView(
        iso=fact.value, mention=fact.mention, about=about, year_assumed=fact.year_assumed, where=_where(fact)
    )


def _contradiction(found: Contradiction) -> ContradictionView:
    sides = tuple(
        SideView(value=side.value, mention=side.mention, told=tuple(_where(fact) for fact in side.facts))
        for side in found.sides
    )
    return ContradictionView(
        key=found.id,
        kind=found.kind,
        name=found.name,
        text=Clarification(found).text,
        sides=sides,
        choice=found.choice,
    )


def _deadline(limit: Deadline, taxonomy: Taxonomy) -> DeadlineView:
    return DeadlineView(
        claim=limit.claim,
        claim_name=taxonomy[limit.claim].name,
        note=limit.note,
        what=limit.what,
        period=limit.period,
        statute=limit.statute,
        only_if=limit.only_if,
        day=limit.day,
        passed=limit.passed,
        starts=None if limit.starts is None else _where(limit.starts),
        says=limit.says,
    )


def _warnings(report: ClaimReport | None) -> Iterator[str]:
    if report is None:
        return
    yield from report.warnings
    if not report.refer_only:
        for claim in report.claims:
            if claim.kind == "refer":
                yield f"{claim.name}: this part belongs to another court or office; ask there too"
