"""What the REST API takes and gives, beside the models that the mediator has anyway. All of it is in the OpenAPI."""

from __future__ import annotations

import dataclasses
import datetime as dt
from typing import Annotated, Any, Literal

from fastapi import Path
from pydantic import BaseModel, ConfigDict, Field

from mediator.claims.report import BackendFailure, ClaimReport
from mediator.draft.diff import DraftDiff
from mediator.evidence.records import EvidenceRecord
from mediator.office import CaseInfo, EngineInfo
from mediator.office.case import MAX_ANSWER, MAX_GLANCE, MAX_STORY
from mediator.office.records import MAX_TITLE
from mediator.view import ClaimView

__all__ = [
    "Action",
    "AnswerIn",
    "CaseChange",
    "CaseId",
    "CaseIn",
    "CaseList",
    "CaseOut",
    "CidText",
    "ClaimsOut",
    "DifferencesOut",
    "EngineChoice",
    "EngineOut",
    "EnginesOut",
    "EvidenceList",
    "EvidenceOut",
    "LinkIn",
    "LogEntry",
    "LogOut",
    "PersonOut",
    "ReadingOut",
    "StoryIn",
    "TextIn",
]

CaseId = Annotated[
    str,
    Path(pattern=r"^[A-Za-z0-9_-]{1,100}$", description="The case's id.", examples=["20260314-091500-a1b2c3"]),
]
CidText = Annotated[
    str,
    Path(
        pattern=r"^[A-Za-z0-9]{1,200}$",
        description="The content identifier of a piece of evidence.",
        examples=["bafkreigh2akiscaildcqabsyg3dfr6chu3fgpregiymsck7e7aqa4s52zy"],
    ),
]
_Id = Annotated[str, Field(min_length=1, max_length=100, pattern=r"^[a-z0-9_]+$")]


class _In(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class _Out(BaseModel):
    model_config = ConfigDict(frozen=True)


class CaseIn(_In):
    """A new case."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"title": "Overtime at Pinecrest Market"}]})

    title: str = Field("", max_length=MAX_TITLE, description="What the case is called; empty: by its date.")


class CaseChange(_In):
    """What to change about a case; what is absent stays."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"archived": True}]})

    title: str | None = Field(None, max_length=MAX_TITLE)
    archived: bool | None = Field(None, description="Put away, or taken out again.")


class CaseOut(_Out):
    """One case in a list."""

    id: str
    title: str
    created_at: dt.datetime
    changed_at: dt.datetime
    archived: bool

    @classmethod
    def of(cls, info: CaseInfo) -> CaseOut:
        return cls(
            id=info.id, title=info.title, created_at=info.created_at, changed_at=info.changed_at, archived=info.archived
        )


class CaseList(_Out):
    """Cases, the one that was changed last first."""

    cases: list[CaseOut]


class StoryIn(_In):
    """What happened, in the person's own words."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"text": "They never paid me for the closing work, about 50 minutes a night."}]}
    )

    text: str = Field(min_length=1, max_length=MAX_STORY)


class TextIn(StoryIn):
    """A text to read once; nothing of it is kept."""


class GlanceIn(_In):
    """The beginning of a text that is being written; nothing of it is kept."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"text": "They never paid me for the closing work."}]})

    text: str = Field(min_length=1, max_length=MAX_GLANCE)


class ReadingOut(_Out):
    """Whether the story is being read, and why the last reading failed."""

    reading: bool
    failure: str | None = None


class ClaimsOut(_Out):
    """What was found in the story. ``unread`` tells that something was told since."""

    claims: list[ClaimView]
    unread: bool
    failures: list[BackendFailure]
    warnings: list[str]
    report: ClaimReport | None
    notice: str


class AnswerIn(_In):
    """An answer to the question about one element: words, "I do not know", or not now."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"claim": "wage_and_hour", "element": "work_done", "text": "Every night from 9 to 9:50."}]
        }
    )

    claim: _Id
    element: _Id
    text: str | None = Field(None, max_length=MAX_ANSWER, description="The answer; absent: the person does not know.")


class Action(_In):
    """One thing to do in the interview. What else it needs depends on ``do``."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"do": "undo"}, {"do": "skip", "key": "wage_and_hour/employee"}],
        }
    )

    do: Literal[
        "back", "forward", "undo", "redo", "skip", "show", "choose", "no_evidence", "evidence_later", "read_again"
    ]
    key: str | None = Field(None, max_length=300, description="skip, show, choose: the key of the step.")
    choice: str | None = Field(None, max_length=300, description="choose: a value of the contradiction, or both.")
    claim: _Id | None = Field(None, description="no_evidence, evidence_later: the claim.")
    element: _Id | None = Field(None, description="no_evidence, evidence_later: the element.")


class LinkIn(_In):
    """The element that a piece of evidence is for."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"claim": "wage_and_hour", "element": "work_done"}]})

    claim: _Id
    element: _Id


class EvidenceOut(_Out):
    """One submission. The same bytes sent again with the same name and words are the same submission."""

    submission_id: str
    cid: str
    sha256: str
    size: int
    type: str
    media_type: str
    file_name: str | None
    case_id: str | None
    claim: str | None
    element: str | None
    description: str | None
    submitted_at: dt.datetime

    @classmethod
    def of(cls, record: EvidenceRecord) -> EvidenceOut:
        name = record.file_name
        return cls(
            submission_id=record.submission_id,
            cid=record.cid,
            sha256=record.sha256,
            size=record.size,
            type=record.type,
            media_type=record.media_type,
            # A name that the command line took as bytes may be no text.
            file_name=None if name is None else name.encode("utf-8", "replace").decode(),
            case_id=record.complaint,
            claim=record.claim_type,
            element=record.element,
            description=record.description,
            submitted_at=record.submitted_at,
        )


class EvidenceList(_Out):
    """Submissions, oldest first."""

    evidence: list[EvidenceOut]


class ChangeOut(_Out):
    """One line of the draft that came, went or changed."""

    section: str
    kind: Literal["added", "removed", "changed"]
    before: str
    after: str


class DifferencesOut(_Out):
    """What changed between two states of a draft."""

    before: str
    after: str
    changes: list[ChangeOut]

    @classmethod
    def of(cls, diff: DraftDiff) -> DifferencesOut:
        changes = [ChangeOut(section=c.section, kind=c.kind, before=c.before, after=c.after) for c in diff.changes]
        return cls(before=diff.before, after=diff.after, changes=changes)


class LogEntry(_Out):
    """One thing that happened in a case."""

    seq: int
    at: str
    kind: str
    data: dict[str, Any]


class LogOut(_Out):
    """What happened, in order."""

    events: list[LogEntry]


class EngineOut(_Out):
    """An engine that may read this person's stories. ``local`` false: the text leaves this machine, to ``host``."""

    id: str
    type: str
    provider: str | None
    model: str | None
    ready: bool
    detail: str
    local: bool | None
    host: str | None
    usage: dict[str, Any] | None

    @classmethod
    def of(cls, info: EngineInfo, *, with_usage: bool) -> EngineOut:
        usage = dataclasses.asdict(info.usage) if with_usage and info.usage is not None else None
        return cls(
            id=info.id, type=info.type, provider=info.provider, model=info.model, ready=info.ready, detail=info.detail,
            local=info.local, host=info.host, usage=usage,
        )  # fmt: skip


class EnginesOut(_Out):
    """The engines, and which one reads: ``chosen`` by this person, else ``default`` in order."""

    engines: list[EngineOut]
    chosen: str | None
    default: list[str]


class EngineChoice(_In):
    """The engine that reads from now on; null: as the configuration says."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"engine": None}]})

    engine: str | None = Field(max_length=100)


class PersonOut(_Out):
    """Who is asking."""

    name: str
    local: bool
    how: Literal["local", "login", "token"]
    scopes: list[str]
