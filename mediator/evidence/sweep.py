"""Garbage collection: remove blocks that no record, pin or hold needs. A dry run unless told otherwise."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import delete, select

from mediator.evidence import locks
from mediator.evidence.cid import RAW, Cid
from mediator.evidence.errors import IntegrityError, NotFoundError, storage_error
from mediator.evidence.holds import held_contents
from mediator.evidence.parts import Parts
from mediator.evidence.pinning import stored_roots
from mediator.evidence.reader import walk
from mediator.evidence.schema import contents, pin_contents, queue, submissions

__all__ = ["GcReport", "collect"]

_WAIT_S: Final = 60.0


@dataclass(frozen=True, slots=True)
class GcReport:
    """What was removed, or would be."""

    dry_run: bool
    contents: int
    blocks: int
    bytes: int
    temporary_files: int

    def as_dict(self) -> dict[str, Any]:
        """Return the report as plain JSON values."""
        return {name: getattr(self, name) for name in self.__slots__}


def collect(parts: Parts, *, dry_run: bool = True, wait: float = _WAIT_S) -> GcReport:
    """Find, and unless ``dry_run`` remove, what nothing needs. Nobody submits meanwhile."""
    with locks.exclusive(parts.lock_path, wait):
        if not dry_run:
            parts.drafts.settle()  # what is a draft comes back when it is settled, removed or not
        unused, roots = _roots(parts)
        needed = _needed(parts, roots)
        garbage = [multihash for multihash in parts.blocks.multihashes() if multihash not in needed]
        temporary = parts.blocks.leftovers()
        report = GcReport(dry_run, len(unused), len(garbage), sum(map(parts.blocks.size, garbage)), len(temporary))
        if not dry_run and (unused or garbage or temporary):
            # Records first: killed in between, blocks are left that the next gc removes.
            _forget(parts, unused, report)
            for multihash in garbage:
                parts.blocks.delete(Cid(1, RAW, multihash))
            for path in temporary:
                try:
                    path.unlink(missing_ok=True)
                except OSError as error:
                    raise storage_error(error, "remove", path) from error
    return report


def _roots(parts: Parts) -> tuple[list[tuple[int, str]], list[Cid]]:
    """Return the contents without a submission or hold, and the stored CIDs that must stay."""
    with parts.catalog.reading() as connection:
        used = select(submissions.c.content_id).union(select(pin_contents.c.content_id))
        rows = connection.execute(select(contents.c.id, contents.c.cid).where(contents.c.id.not_in(used))).all()
        held = held_contents(connection)
        unused = [(row.id, row.cid) for row in rows if row.cid not in held]
        gone = {number for number, _ in unused}
        kept = connection.execute(select(contents.c.id, contents.c.stored_cid)).all()
        texts = [row.stored_cid for row in kept if row.id not in gone]
        for _, stored in stored_roots(connection):
            texts += stored
    return unused, [Cid.parse(text) for text in texts]


def _needed(parts: Parts, roots: list[Cid]) -> set[bytes]:
    needed: set[bytes] = set()
    for root in roots:
        if root.codec == RAW:
            needed.add(root.multihash)
            continue
        try:
            needed.update(cid.multihash for cid, _ in walk(parts.blocks.get, root, leaves=False))
        except (IntegrityError, NotFoundError) as error:
            raise IntegrityError(
                f"nothing was removed: what {root} needs cannot be told, because {error}; run repair first"
            ) from error
    return needed


def _forget(parts: Parts, unused: list[tuple[int, str]], report: GcReport) -> None:
    with parts.catalog.writing() as (connection, chain):
        for number, _ in unused:
            stored = connection.execute(select(contents.c.stored_cid).where(contents.c.id == number)).scalar_one()
            connection.execute(delete(queue).where(queue.c.stored_cid == stored))
            connection.execute(delete(contents).where(contents.c.id == number))
        details = {
            "contents": [cid for _, cid in unused],
            "blocks": report.blocks,
            "bytes": report.bytes,
            "temporary_files": report.temporary_files,
        }
        chain.append("collected", at=parts.clock(), actor=parts.actor, details=details)
