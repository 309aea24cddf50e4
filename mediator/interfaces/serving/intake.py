"""An uploaded file becomes evidence of a case, if there is room for it."""

from __future__ import annotations

from collections.abc import Mapping

from mediator.evidence import EvidenceRecord
from mediator.exceptions import MediatorError
from mediator.interfaces.serving.uploads import UploadedFile
from mediator.office import Case, CaseBook

__all__ = ["take_in"]

_MAX_DESCRIPTION = 5000


def take_in(
    book: CaseBook, case: Case, file: UploadedFile, fields: Mapping[str, str], max_person_bytes: int
) -> EvidenceRecord:
    """Hand in that file with what the form says about it; the record is on the disk when this returns."""
    if file.size == 0:
        raise MediatorError("the file is empty; nothing was kept")
    description = fields.get("description", "").strip()
    if len(description) > _MAX_DESCRIPTION:
        raise MediatorError(f"the description is longer than {_MAX_DESCRIPTION} characters")
    with book.room_for(file.size, max_person_bytes):
        return case.add_evidence(
            file.stream,  # type: ignore[arg-type]  # a temporary file is a binary file; the stubs say IO[bytes]
            type=fields.get("type", "").strip()[:100] or "document",
            file_name=file.name,
            description=description or None,
            claim=fields.get("claim") or None,
            element=fields.get("element") or None,
        )
