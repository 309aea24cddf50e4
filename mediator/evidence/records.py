"""The values that cross the store's boundary: records, pages, custody events, holds."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from types import MappingProxyType
from typing import Any, Final

from mediator.evidence.errors import InvalidInputError

__all__ = ["ANY", "Any_", "CustodyEvent", "EvidenceRecord", "Hold", "Page", "canonical_json"]


class Any_:  # noqa: N801 - a marker type; `ANY` is its only value
    """The type of ``ANY``: no filter, where None means "recorded for nobody in particular"."""

    def __repr__(self) -> str:
        return "ANY"


ANY: Final = Any_()
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)
_NO_METADATA: Final[Mapping[str, Any]] = MappingProxyType({})
# One encoder for all: `json.dumps` makes one a call, and a submission calls six times.
_CANONICAL: Final = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False).encode


@dataclass(frozen=True, slots=True)
class EvidenceRecord:
    """One submission. The same bytes submitted twice are two records with one CID.

    ``cid`` and ``sha256`` are of the bytes as submitted; ``stored_cid`` differs when they are encrypted.
    """

    submission_id: str
    cid: str
    sha256: str
    size: int
    stored_cid: str
    type: str
    media_type: str
    file_name: str | None
    owner: str | None
    complaint: str | None
    claim_type: str | None
    element: str | None
    description: str | None
    metadata: Mapping[str, Any] = field(default_factory=dict)
    submitted_at: datetime = _EPOCH

    def as_dict(self) -> dict[str, Any]:
        """Return the record as plain JSON values."""
        values = {name: getattr(self, name) for name in self.__slots__}
        return values | {"metadata": dict(self.metadata), "submitted_at": self.submitted_at.isoformat()}

    def digest(self) -> str:
        """Return the SHA-256 that the custody log keeps; where and how it is stored does not count."""
        values = self.as_dict()
        del values["stored_cid"]
        return hashlib.sha256(canonical_json(values).encode("ascii")).hexdigest()


@dataclass(frozen=True, slots=True)
class Page:
    """Some records, newest last; ``next`` continues where this page ends, None at the end."""

    records: tuple[EvidenceRecord, ...]
    next: str | None

    def __iter__(self) -> Iterator[EvidenceRecord]:
        return iter(self.records)

    def __len__(self) -> int:
        return len(self.records)


@dataclass(frozen=True, slots=True)
class CustodyEvent:
    """One line of the custody log. ``hash`` covers all the rest, the hash of the line before included."""

    seq: int
    at: datetime
    kind: str
    submission_id: str | None
    cid: str | None
    actor: str | None
    details: Mapping[str, Any]
    previous: str
    hash: str

    def as_dict(self) -> dict[str, Any]:
        """Return the event as plain JSON values."""
        values = {name: getattr(self, name) for name in self.__slots__}
        return values | {"details": dict(self.details), "at": self.at.isoformat()}


@dataclass(frozen=True, slots=True)
class Hold:
    """A legal hold on a content, a submission or a whole complaint."""

    hold_id: str
    scope: str
    target: str
    reason: str
    placed_by: str | None
    placed_at: datetime


def canonical_json(value: object) -> str:
    """Return the one ASCII text for a JSON value; InvalidInputError when it is none."""
    try:
        return _CANONICAL(value)
    except (TypeError, ValueError, RecursionError) as error:
        raise InvalidInputError(f"the metadata cannot be written as JSON: {error}") from error


def frozen_metadata(text: str) -> Mapping[str, Any]:
    """Return the recorded metadata as a read-only mapping."""
    if text == "{}":
        return _NO_METADATA
    value = json.loads(text)
    return MappingProxyType(value if isinstance(value, dict) else {})


def to_microseconds(moment: datetime) -> int:
    """Return a point in time as the catalog stores it."""
    return (moment - _EPOCH) // _MICROSECOND


def from_microseconds(value: int) -> datetime:
    """Return a stored point in time, in UTC."""
    return _EPOCH + timedelta(microseconds=value)
