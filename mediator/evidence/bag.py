"""A whole case as a BagIt bag (RFC 8493): every file, the exhibit index, the custody log, and checksums of all."""

from __future__ import annotations

import hashlib
import json
import os
import re
import secrets
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from mediator.evidence import queries
from mediator.evidence.cid import Cid
from mediator.evidence.custody import read_events
from mediator.evidence.errors import ContentNotFoundError, InvalidInputError, storage_error
from mediator.evidence.exhibits import exhibits_csv, exhibits_html, exhibits_json
from mediator.evidence.intake import Progress
from mediator.evidence.parts import Parts
from mediator.evidence.records import EvidenceRecord

__all__ = ["BagReport", "export_bag"]

_COPY: Final = 1024 * 1024
_UNSAFE: Final = re.compile(r"[^A-Za-z0-9._-]+")
# What other systems can store, and leaves room for the number.
_MAX_NAME: Final = 120


@dataclass(frozen=True, slots=True)
class BagReport:
    """What was put into a bag."""

    path: str
    exhibits: int
    bytes: int

    def as_dict(self) -> dict[str, Any]:
        """Return the report as plain JSON values."""
        return {"path": self.path, "exhibits": self.exhibits, "bytes": self.bytes}


def export_bag(
    parts: Parts, records: Sequence[EvidenceRecord], target: str | os.PathLike[str], progress: Progress | None
) -> BagReport:
    """Write the bag to a directory that does not exist yet; it appears whole or not at all."""
    path = Path(target)
    if not records:
        raise ContentNotFoundError("no evidence matches; there is nothing to put into the bag")
    if path.exists():
        raise InvalidInputError(f"{str(path)!r} exists; choose another name")
    building = path.with_name(f".{path.name}.{secrets.token_hex(6)}")
    try:
        (building / "data").mkdir(parents=True)
        try:
            size = _fill(parts, records, building, progress)
            building.rename(path)
        except BaseException:
            shutil.rmtree(building, ignore_errors=True)
            raise
    except OSError as error:
        raise storage_error(error, "write the bag", path) from error
    with parts.catalog.noting() as chain:
        for record in records:
            chain.append(
                "exported",
                at=parts.clock(),
                submission_id=record.submission_id,
                cid=record.cid,
                actor=parts.actor,
                details={"as": "bag"},
            )
    return BagReport(str(path), len(records), size)


def _fill(parts: Parts, records: Sequence[EvidenceRecord], bag: Path, progress: Progress | None) -> int:
    total, done = sum(record.size for record in records), 0
    manifest: dict[str, str] = {}
    for number, record in enumerate(records, 1):
        name = f"data/{number:04d}-{_file_name(record)}"
        manifest[name] = _copy(parts, record, bag / name)
        done += record.size
        if progress is not None:
            progress(done, total)
    texts = {
        "data/exhibits.json": exhibits_json(records),
        "data/exhibits.csv": exhibits_csv(records),
        "data/exhibits.html": exhibits_html(records),
        "data/custody.jsonl": _custody(parts, records),
    }
    for name, text in texts.items():
        manifest[name] = _write(bag / name, text)
        done += len(text.encode("utf-8"))
    tags = {
        "bagit.txt": "BagIt-Version: 1.0\nTag-File-Character-Encoding: UTF-8\n",
        "bag-info.txt": f"Bagging-Date: {parts.clock():%Y-%m-%d}\nPayload-Oxum: {done}.{len(manifest)}\n"
        "Bag-Software-Agent: complaint-generator\n",
        "manifest-sha256.txt": "".join(f"{digest}  {name}\n" for name, digest in sorted(manifest.items())),
    }
    digests = {name: _write(bag / name, text) for name, text in tags.items()}
    _write(bag / "tagmanifest-sha256.txt", "".join(f"{digest}  {name}\n" for name, digest in sorted(digests.items())))
    return done


def _file_name(record: EvidenceRecord) -> str:
    name = _UNSAFE.sub("_", os.path.basename(record.file_name or "")).strip("._") or "evidence"
    stem, dot, extension = name.rpartition(".")
    if dot and len(extension) <= 12:
        return f"{stem[: _MAX_NAME - len(extension)]}.{extension}"
    return name[:_MAX_NAME]


def _copy(parts: Parts, record: EvidenceRecord, target: Path) -> str:
    with parts.catalog.reading() as connection:
        content = queries.get_content(connection, Cid.parse(record.cid))
    sha256 = hashlib.sha256()
    with parts.open_content(content) as stream, target.open("xb") as out:
        while chunk := stream.read(_COPY):
            sha256.update(chunk)
            out.write(chunk)
        out.flush()
        os.fsync(out.fileno())
    return sha256.hexdigest()


def _custody(parts: Parts, records: Sequence[EvidenceRecord]) -> str:
    """The events of these submissions and their contents; the hashes tie them to the store's whole log."""
    ids, cids = {record.submission_id for record in records}, {record.cid for record in records}
    with parts.catalog.reading() as connection:
        events = [
            event.as_dict()
            for event in read_events(connection)
            if event.submission_id in ids or (event.submission_id is None and event.cid in cids)
        ]
    return "".join(json.dumps(event, sort_keys=True) + "\n" for event in events)


def _write(path: Path, text: str) -> str:
    data = text.encode("utf-8")
    with path.open("xb") as out:
        out.write(data)
        out.flush()
        os.fsync(out.fileno())
    return hashlib.sha256(data).hexdigest()
