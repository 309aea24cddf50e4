"""How a draft looks on paper: font, size, spacing, margins, numbered lines. Courts differ, so a person may set it.

A style is a name, or JSON with any of the fields (``{"font": "Century Schoolbook", "spacing": 2}``),
``base`` naming the style it starts from. A bad value is one clear line.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from mediator.exceptions import SetupError

__all__ = ["LINES_ON_A_PAGE", "PROFILES", "Style", "style_from"]

#: Pleading paper has 28 numbered lines of 24 points.
LINES_ON_A_PAGE = 28
_LINE_PT = 24.0
_PAGE_HEIGHT_PT = 792.0
_PAGE_WIDTH_IN = 8.5


class Style(BaseModel):
    """One look. Sizes are in points, margins in inches, for letter paper."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    font: str = Field(default="Times New Roman", min_length=1, max_length=60, pattern=r"^[A-Za-z0-9][A-Za-z0-9 .&-]*$")
    size_pt: float = Field(default=12, ge=8, le=20)
    spacing: float = Field(default=2.0, ge=1, le=3)
    margin_in: float = Field(default=1.0, ge=0.25, le=2.5)
    numbered_lines: bool = False

    @property
    def line_pt(self) -> float:
        """The height of a line. On numbered lines it is fixed, so that text and numbers meet."""
        return _LINE_PT if self.numbered_lines else round(self.size_pt * 1.15 * self.spacing, 2)

    @property
    def top_and_bottom_pt(self) -> float:
        """The margin above and below; 28 numbered lines leave what they leave."""
        return (_PAGE_HEIGHT_PT - LINES_ON_A_PAGE * _LINE_PT) / 2 if self.numbered_lines else self.margin_in * 72

    @property
    def left_in(self) -> float:
        """The left margin; line numbers need room."""
        return max(self.margin_in, 1.25) if self.numbered_lines else self.margin_in

    @property
    def text_width_in(self) -> float:
        """What is left for text."""
        return _PAGE_WIDTH_IN - self.left_in - self.margin_in


#: What a person may name instead of writing JSON.
PROFILES: Mapping[str, Style] = {
    "federal": Style(),
    "compact": Style(spacing=1.0),
    "large": Style(size_pt=14),
    "pleading": Style(spacing=2.0, margin_in=0.75, numbered_lines=True),
}


def style_from(text: str) -> Style:
    """The style of that name, of that JSON text, or of the JSON file at that path."""
    if text in PROFILES:
        return PROFILES[text]
    raw = text if text.lstrip().startswith("{") else _read(text)
    try:
        given: Any = json.loads(raw)
    except (ValueError, RecursionError) as error:
        raise SetupError(f"the style is no JSON: {error}") from error
    if not isinstance(given, dict):
        raise SetupError(f'the style must be a JSON object, such as {{"size_pt": 14}}, not {type(given).__name__}')
    base = given.pop("base", "federal")
    if not isinstance(base, str) or base not in PROFILES:
        raise SetupError(f"the style's base {base!r:.60} is none of {', '.join(PROFILES)}")
    try:
        return Style.model_validate({**PROFILES[base].model_dump(), **given})
    except ValidationError as error:
        first = error.errors()[0]
        what = ".".join(str(part) for part in first["loc"])
        if first["type"] == "extra_forbidden":
            raise SetupError(f'the style has no "{what:.40}"; it has {", ".join(Style.model_fields)}, base') from error
        raise SetupError(f'the style\'s "{what}" is {first["input"]!r:.60}: {first["msg"].lower()}') from error


def _read(path: str) -> str:
    try:
        return Path(path).read_text(encoding="utf-8")
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else "it cannot be read as text"
        names = ", ".join(PROFILES)
        raise SetupError(f"{path!r:.80} is no style ({names}), no JSON and no file: {reason}") from error
