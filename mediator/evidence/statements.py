"""SQL of the hot paths: written with SQLAlchemy, compiled once, then run on the driver itself.

Running a statement through SQLAlchemy costs 50 to 250 microseconds, and a submission has seven: more than its
wait for the disk. The text is the same; only the way to the driver is shorter.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Dialect
from sqlalchemy.sql.base import Executable

__all__ = ["Statement"]


class Statement:
    """One statement whose values are all named parameters."""

    def __init__(self, core: Executable) -> None:
        self.core = core
        self._compiled: dict[str, tuple[str, tuple[str, ...] | None]] = {}

    def on(self, dialect: Dialect, values: Mapping[str, Any]) -> tuple[str, Any]:
        """Return the text and the parameters as the driver of ``dialect`` takes them."""
        text, names = self._text(dialect)
        return text, dict(values) if names is None else tuple(values[name] for name in names)

    def _text(self, dialect: Dialect) -> tuple[str, tuple[str, ...] | None]:
        known = self._compiled.get(dialect.name)
        if known is None:
            compiled = self.core.compile(dialect=dialect)  # type: ignore[attr-defined]  # every statement has it
            positions = compiled.positiontup
            known = str(compiled), None if positions is None else tuple(positions)
            self._compiled[dialect.name] = known
        return known
