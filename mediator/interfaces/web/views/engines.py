"""The readers a person may choose, in plain words: whether text stays here, whether it is ready, what it has done."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from mediator.interfaces.web.shown import count

if TYPE_CHECKING:
    from mediator.office import CaseBook, EngineInfo, Office

__all__ = ["Reader", "reader_of", "readers"]


@dataclass(frozen=True, slots=True)
class Reader:
    """One engine. ``local`` is None when nobody can tell whether text stays on this machine."""

    id: str
    kind: str
    local: bool | None
    where: str
    ready: bool
    detail: str
    usage: str


def readers(office: Office) -> tuple[Reader, ...]:
    """All that may be chosen, in the order of the configuration."""
    return tuple(_reader(info) for info in office.engines())


def reader_of(office: Office, book: CaseBook) -> Reader | None:
    """Who reads this person's words now: the chosen one, else the first of the configuration."""
    wanted = book.engine or next(iter(office.default_engines), None)
    return next((reader for reader in readers(office) if reader.id == wanted), None)


def _reader(info: EngineInfo) -> Reader:
    kind = ", ".join(part for part in (info.provider or info.type, info.model) if part)
    where = info.host or info.provider or info.type
    return Reader(info.id, kind, info.local, where, info.ready, info.detail.rstrip("."), _usage(info))


def _usage(info: EngineInfo) -> str:
    usage = info.usage
    if usage is None or not usage.calls:
        return "Not used since the program was started."
    said = f"Since the program was started: {count(usage.calls, 'call')}"
    tokens = usage.prompt_tokens + usage.completion_tokens
    said += f", {tokens:,} tokens" if tokens else ""
    return f"{said}, ${usage.cost_usd:.2f}." if usage.cost_usd else f"{said}."
