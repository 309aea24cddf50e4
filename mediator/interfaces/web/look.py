"""How pages look to one browser: text size and colours, kept in a cookie that holds nothing else."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

__all__ = ["COLOURS", "COOKIE", "SIZES", "Look", "read_look"]

COOKIE = "look"
SIZES: Mapping[str, str] = {"normal": "Normal", "large": "Large", "larger": "Very large"}
COLOURS: Mapping[str, str] = {"device": "As my device is set", "light": "Light", "dark": "Dark"}


@dataclass(frozen=True, slots=True)
class Look:
    """Only names from ``SIZES`` and ``COLOURS``; anything else becomes the default."""

    size: str = "normal"
    colours: str = "device"

    def __post_init__(self) -> None:
        if self.size not in SIZES:
            object.__setattr__(self, "size", "normal")
        if self.colours not in COLOURS:
            object.__setattr__(self, "colours", "device")

    @property
    def classes(self) -> str:
        """The classes of the page's root."""
        return " ".join(name for name in (self.size, self.colours) if name not in ("normal", "device"))

    @property
    def cookie(self) -> str:
        """The value that `read_look` reads back."""
        return f"{self.size}.{self.colours}"


def read_look(value: str | None) -> Look:
    """The look that a cookie says; the default for anything that is not one."""
    size, _, colours = (value or "").partition(".")
    return Look(size, colours)
