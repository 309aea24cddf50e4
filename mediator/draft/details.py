"""What a person may add to a draft beside the interview: court, venue, jury, parties. Nothing is guessed from it.

It can be written down as JSON (``run.py draft --details FILE``); a bad value is one clear line.
"""

from __future__ import annotations

import json
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from mediator.exceptions import SetupError

__all__ = ["Details", "PartyDetails", "VenueReason", "details_from"]

VenueReason = Literal["defendant lives there", "events took place there"]


class _Given(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", str_strip_whitespace=True)


class PartyDetails(_Given):
    """A party: one that the story names (by the same name), or one that it does not."""

    name: str = Field(min_length=1, max_length=200)
    role: Literal["plaintiff", "defendant"]
    address: str | None = Field(default=None, min_length=1, max_length=300)
    citizenship: str | None = Field(default=None, min_length=1, max_length=80)
    organisation: bool | None = None
    incorporated_in: str | None = Field(default=None, min_length=1, max_length=80)
    principal_place: str | None = Field(default=None, min_length=1, max_length=120)
    email: str | None = Field(default=None, min_length=3, max_length=200)
    phone: str | None = Field(default=None, min_length=3, max_length=40)


class Details(_Given):
    """None means that nobody said."""

    court: str | None = Field(default=None, min_length=1, max_length=200)
    district: str | None = Field(default=None, min_length=1, max_length=200)
    venue_because: VenueReason | None = None
    jury: bool | None = None
    diversity: bool | None = None
    verified: bool = False
    parties: tuple[PartyDetails, ...] = Field(default=(), max_length=200)


def details_from(text: str) -> Details:
    """The details of that JSON text."""
    try:
        given: Any = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise SetupError(f"the details are no JSON: {error}") from error
    try:
        return Details.model_validate(given)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "the whole"
        raise SetupError(f'the details\' "{where:.80}" is {first["input"]!r:.80}: {first["msg"].lower()}') from error
