"""SQL of the hot paths: written with SQLAlchemy, compiled once, then run on the driver itself.

Running a statement through SQLAlchemy costs 50 to 250 microseconds, and a submission has seven: more than its
wait for the disk. The text is the same; only the way to the driver is shorter.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Dialect
from sqlalchemy.sql.base import Executable

__all__ = ["Statement"]


@dataclass(frozen=True, slots=True)
class _Compiled:
    text: str
    #: The parameters in order where a driver takes them so.
    positions: tuple[str, ...] | None
    #: What the dialect writes as a parameter of its own, such as SQLite's OFFSET 0.
    constants: Mapping[str, Any]


class Statement:
    """One statement whose values are all named parameters."""

    def __init__(self, core: Executable) -> None:
        self.core = core
        self._compiled: dict[str, _Compiled] = {}

    def on(self, dialect: Dialect, values: Mapping[str, Any]) -> tuple[str, Any]:
        """Return the text and the parameters as the driver of ``dialect`` takes them."""
        compiled = self._compiled.get(dialect.name) or self._compile(dialect)
        given = {**compiled.constants, **values} if compiled.constants else values
        if compiled.positions is None:
            return compiled.text, dict(given)
        return compiled.text, [given[name] for name in compiled.positions]

    def many_on(self, dialect: Dialect, rows: Sequence[Mapping[str, Any]]) -> tuple[str, list[Any]]:
        """Return the text and the parameters of many rows, for the driver's ``executemany``."""
        return self.on(dialect, rows[0])[0], [self.on(dialect, row)[1] for row in rows]

    def _compile(self, dialect: Dialect) -> _Compiled:
        compiled = self.core.compile(dialect=dialect)  # type: ignore[attr-defined]  # every statement has it
        positions = compiled.positiontup
        known = _Compiled(
            str(compiled),
            None if positions is None else tuple(positions),
            {name: value for name, value in compiled.params.items() if value is not None},
        )
        self._compiled[dialect.name] = known
        return known
