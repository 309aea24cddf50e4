"""Reads a story that grew: what did not change is not read again.

Sentences that were read before keep their vectors (``mediator.claims.engine``), and a backend is asked only
about claims that words speak for which were not there when it was asked about them last.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from mediator.claims.candidates import Candidate
from mediator.claims.panel import Judge, PanelResult
from mediator.claims.report import ClaimReport, Verdict
from mediator.claims.text import sentences
from mediator.state import SessionState

__all__ = ["Rereading", "Telling"]


@dataclass(frozen=True, slots=True)
class Telling:
    """A story that is to be read: what is known of it already, and where to put what a backend is asked and says."""

    state: SessionState
    texts: dict[str, str] = field(default_factory=dict)
    verdicts: dict[str, Verdict] = field(default_factory=dict)

    @property
    def before(self) -> str:
        """What was read before, "" at first."""
        return "" if self.state.report is None else "\n\n".join(self.state.read)


class Rereading:
    """Stands where the panel stands, for one reading of one session."""

    def __init__(self, panel: Judge, telling: Telling) -> None:
        self._panel = panel
        self._telling = telling

    def judge(self, story: str, candidates: Sequence[Candidate]) -> PanelResult:
        """Ask the panel about what changed; what it said before about the rest still holds."""
        state = self._telling.state
        read = {part.text for part in sentences(self._telling.before)}
        now = [part.text for part in sentences(story)]
        # Words that were taken away may be what an answer rested on: only what was added leaves an answer standing.
        only_added = state.stories[: len(state.read)] == state.read
        held = {
            candidate.claim_id
            for candidate in candidates
            if only_added
            and candidate.claim_id in state.verdicts
            and all(now[place] in read for place in candidate.sentences)
        }
        result = self._panel.judge(story, [c for c in candidates if c.claim_id not in held])
        fresh = dict(result.verdicts)
        for claim_id in held:
            result.verdicts[claim_id] = state.verdicts[claim_id]
        result = self._with_earlier(result, held, state.report)
        self._telling.texts.update(result.texts)
        self._telling.verdicts.update(fresh)
        return result

    def _with_earlier(self, result: PanelResult, held: set[str], before: ClaimReport | None) -> PanelResult:
        if before is None or not held:
            return result
        quotes = {c.id: tuple(quote.text for quote in c.quotes) for c in before.claims if c.id in held}
        refused = tuple(item for item in before.refused if item.claim in held)
        return replace(
            result,
            quotes={**quotes, **result.quotes},
            refused=(*refused, *result.refused),
            checked_by=result.checked_by or before.checked_by,
        )
