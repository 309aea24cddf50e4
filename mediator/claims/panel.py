"""Asks the configured backends about the candidates, in order, and keeps what they said.

A backend that fails is passed over and named; the next one is asked about what is still open. A
backend whose model fails the control questions is heard once and not followed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from backends.base import Backend
from backends.exceptions import (
    AuthenticationError,
    BackendError,
    BackendTimeoutError,
    ConfigurationError,
    ModelNotFoundError,
    PermissionDeniedError,
    ProviderUnavailableError,
    RateLimitError,
    redact,
)
from mediator.claims.candidates import Candidate
from mediator.claims.checks import CONTROLS, PASS_MARK, Asked, ask, ask_controls
from mediator.claims.memory import ScoreMemory, backend_key, model_name
from mediator.claims.report import BackendFailure, Refusal, Verdict
from mediator.claims.taxonomy import Taxonomy

__all__ = ["Judge", "Panel", "PanelResult"]

_ADVICE: tuple[tuple[type[BackendError], str], ...] = (
    (AuthenticationError, "set the API key that this backend needs"),
    (PermissionDeniedError, "ask for access, or choose another model"),
    (ModelNotFoundError, "check the model's name or path in the configuration"),
    (RateLimitError, "wait a little and try again, or list another backend"),
    (BackendTimeoutError, "try again, raise the timeout, or list another backend"),
    (ProviderUnavailableError, "check that the service runs and can be reached"),
    (ConfigurationError, "correct this backend's entry in the configuration"),
)


@dataclass(slots=True)
class PanelResult:
    """What was said about the candidates."""

    verdicts: dict[str, Verdict] = field(default_factory=dict)
    quotes: dict[str, tuple[str, ...]] = field(default_factory=dict)
    refused: tuple[Refusal, ...] = ()
    failures: tuple[BackendFailure, ...] = ()
    warnings: tuple[str, ...] = ()
    checked_by: str | None = None
    #: What was asked and answered, by CID, word for word.
    texts: dict[str, str] = field(default_factory=dict)

    def counted(self, claim_id: str) -> Verdict | None:
        """The verdict that has a say on this claim, if there is one."""
        verdict = self.verdicts.get(claim_id)
        return verdict if verdict is not None and verdict.counted else None


class Judge(Protocol):
    """Says which candidates a story tells. ``Panel`` asks backends; a session asks only about what changed."""

    def judge(self, story: str, candidates: Sequence[Candidate]) -> PanelResult: ...


class Panel:
    """The backends of one mediator, in their configured order."""

    def __init__(self, backends: Sequence[Backend], taxonomy: Taxonomy, memory: Path | None = None) -> None:
        self._backends = tuple(backends)
        self._taxonomy = taxonomy
        self._memory = ScoreMemory(memory)

    def judge(self, story: str, candidates: Sequence[Candidate]) -> PanelResult:
        """Ask about every candidate until each has an answer or no backend is left."""
        result = PanelResult()
        open_ids = [candidate.claim_id for candidate in candidates]
        shown = {candidate.claim_id: candidate.passage or story for candidate in candidates}
        failures: list[BackendFailure] = []
        warnings: list[str] = []
        for backend in self._backends:
            if not open_ids:
                break
            score, error = self._controls(backend)
            if error is not None:
                failures.append(_failure(backend, error))
                continue
            if score < PASS_MARK:
                warnings.append(
                    f"{backend.id} answered {score} of {len(CONTROLS)} control questions rightly, so its opinion on "
                    "claims is not used; a larger model can do better"
                )
                continue
            asked = ask(backend, [(self._taxonomy[claim_id], shown[claim_id]) for claim_id in open_ids])
            open_ids = self._take(backend, asked, result, failures)
        result.failures = tuple(failures)
        result.warnings = tuple(warnings) if result.checked_by is None else ()
        return result

    def _take(
        self, backend: Backend, asked: Sequence[Asked], result: PanelResult, failures: list[BackendFailure]
    ) -> list[str]:
        still_open: list[str] = []
        refused: list[Refusal] = []
        for item in asked:
            if item.answer is None:
                still_open.append(item.claim_id)
                continue
            says = item.answer.applies == "yes"
            result.texts |= {item.prompt_cid: item.prompt, item.response_cid: item.response}
            result.checked_by = result.checked_by or backend.id
            result.verdicts[item.claim_id] = Verdict(
                backend=backend.id,
                model=model_name(backend),
                says=says,
                counted=True,
                prompt_cid=item.prompt_cid,
                response_cid=item.response_cid,
            )
            if says:
                result.quotes[item.claim_id] = tuple(item.answer.quotes)
            else:
                why = "the language model finds no facts for it in the story"
                refused.append(Refusal(claim=item.claim_id, what=item.claim_id, why=why, engine=backend.id))
        result.refused = (*result.refused, *refused)
        errors = [item.error for item in asked if item.error is not None]
        if errors:
            failures.append(_failure(backend, errors[0]))
        return still_open

    def _controls(self, backend: Backend) -> tuple[int, BackendError | None]:
        key = backend_key(backend, [list(control) for control in CONTROLS])
        score = self._memory.get(key)
        if score is None:
            score, error = ask_controls(backend)
            if error is not None:
                return 0, error
            self._memory.put(key, score)
        return score, None

    def trusted(self) -> list[Backend]:
        """The backends whose model tells the control questions apart, in order. No story is sent to any."""
        scores = [(backend, *self._controls(backend)) for backend in self._backends]
        return [backend for backend, score, error in scores if error is None and score >= PASS_MARK]


def _failure(backend: Backend, error: BackendError) -> BackendFailure:
    advice = next((text for kind, text in _ADVICE if isinstance(error, kind)), "try again, or list another backend")
    message = " ".join(redact(error.message).split())
    return BackendFailure(backend=backend.id, error=type(error).__name__, message=message[:500], advice=advice)
