"""The body of a request to either face: an unknown field is refused, and every text in it is valid Unicode."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, model_validator

from backends.plain_text import clean_document

__all__ = ["Body"]


class Body(BaseModel):
    """The base of what callers send. JavaScript cuts emoji in two; the half is replaced, as the engines do it."""

    model_config = ConfigDict(extra="forbid")

    @model_validator(mode="before")
    @classmethod
    def _clean(cls, body: Any) -> Any:
        return clean_document(body)
