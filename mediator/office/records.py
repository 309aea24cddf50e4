"""What is known about a case beside its events: title, dates, and what the draft's caption needs.

One small JSON file beside the session's file, replaced whole, so that a kill leaves the old one or the new one. It is
no event of the session: renaming a case is nothing that "undo" should take back.
"""

from __future__ import annotations

import datetime as dt
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from mediator.draft.details import Details
from mediator.exceptions import NotFoundError, SessionError, SessionKeyError

if TYPE_CHECKING:
    from mediator.sealed_lines import LineSeal

__all__ = ["MAX_TITLE", "CaseFile", "CaseInfo", "checked_title", "info_of", "read_case_file", "write_case_file"]

#: Characters of a title.
MAX_TITLE = 200


@dataclass(frozen=True, slots=True)
class CaseInfo:
    """One line of a list of cases."""

    id: str
    title: str
    created_at: dt.datetime
    changed_at: dt.datetime
    archived: bool


@dataclass(frozen=True, slots=True)
class CaseFile:
    """What the file beside a session says."""

    title: str = ""
    archived: bool = False
    details: Details = field(default_factory=Details)


def checked_title(title: str) -> str:
    """The title on one line without control characters; an empty one is allowed, an endless one is cut."""
    shown = " ".join("".join(c if c.isprintable() else " " for c in title).split())
    return shown[:MAX_TITLE]


def read_case_file(path: Path, seal: LineSeal | None = None) -> CaseFile:
    """What is on the disk; a session without the file (begun in a terminal) has no title yet."""
    try:
        raw = path.read_bytes()
    except FileNotFoundError:
        return CaseFile()
    found = _parsed(raw, path)
    if "sealed" in found:
        if seal is None:
            raise SessionKeyError(
                f"{path.name} is encrypted; set MEDIATOR.encrypt_sessions and the evidence store's key"
            )
        found = _parsed(seal.open(str(found["sealed"]), path.name, str(found.get("key_id"))), path)
    return CaseFile(
        title=checked_title(str(found.get("title", ""))),
        archived=found.get("archived") is True,
        details=_details(found.get("details")),
    )


def write_case_file(path: Path, case: CaseFile, seal: LineSeal | None = None) -> None:
    """Replace the file; the new one is on the disk when this returns. With ``seal`` nobody else can read it."""
    known = {"title": case.title, "archived": case.archived, "details": case.details.model_dump(mode="json")}
    text = json.dumps(known, ensure_ascii=False, indent=1, sort_keys=True)
    if seal is not None:
        text = json.dumps({"sealed": seal.seal(text.encode(), path.name), "key_id": seal.key_id})
    fresh = path.with_name(f"{path.name}.{os.getpid()}.new")
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(path)
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _parsed(raw: bytes, path: Path) -> Mapping[str, Any]:
    try:
        found = json.loads(raw)
    except (ValueError, RecursionError) as error:
        raise SessionError(f"{path.name} cannot be read; move it away and the case keeps all but its title") from error
    if not isinstance(found, dict):
        raise SessionError(f"{path.name} cannot be read; move it away and the case keeps all but its title")
    return found


def _details(found: Any) -> Details:
    """The details of the file; a field that a later version added or took away is no reason to lose the rest."""
    given = {name: found[name] for name in Details.model_fields if name in found} if isinstance(found, Mapping) else {}
    try:
        return Details.model_validate(given)
    except ValidationError as error:
        wrong = {str(fault["loc"][0]) for fault in error.errors() if fault["loc"]}
        return Details.model_validate({name: value for name, value in given.items() if name not in wrong})


def info_of(folder: Path, case_id: str, seal: LineSeal | None = None) -> CaseInfo:
    """The line of that case in a list."""
    session = folder / f"{case_id}.session.jsonl"
    try:
        changed = dt.datetime.fromtimestamp(session.stat().st_mtime, dt.UTC)
    except FileNotFoundError as error:
        raise NotFoundError(f'there is no case "{case_id:.80}"') from error
    known = read_case_file(folder / f"{case_id}.case.json", seal)
    created = _created(case_id) or changed
    return CaseInfo(case_id, known.title or f"Case of {created:%-d %B %Y}", created, changed, known.archived)


def _created(case_id: str) -> dt.datetime | None:
    """The time that a session's id begins with."""
    try:
        return dt.datetime.strptime(case_id[:15], "%Y%m%d-%H%M%S").replace(tzinfo=dt.UTC)
    except ValueError:
        return None
