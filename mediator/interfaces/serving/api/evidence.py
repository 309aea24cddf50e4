"""Evidence over the API: handed in as forms, given back by CID with ranges, linked to elements."""

from __future__ import annotations

from typing import Annotated, Any

from anyio import to_thread
from fastapi import APIRouter, Query, Response
from starlette.requests import Request

from mediator.exceptions import MediatorError
from mediator.interfaces.serving.api.cases import Book, OpenCase
from mediator.interfaces.serving.api.shapes import CidText, EvidenceList, EvidenceOut, LinkIn
from mediator.interfaces.serving.books import book_of
from mediator.interfaces.serving.downloads import evidence_response
from mediator.interfaces.serving.intake import take_in
from mediator.interfaces.serving.uploads import read_upload

__all__ = ["evidence_routes"]

_FORM = {
    "required": True,
    "content": {
        "multipart/form-data": {
            "schema": {
                "type": "object",
                "required": ["file"],
                "properties": {
                    "file": {"type": "string", "format": "binary", "description": "The file."},
                    "type": {"type": "string", "description": 'What it is, such as "letter" (default: document).'},
                    "description": {"type": "string"},
                    "claim": {"type": "string", "description": "The claim that it is for; with element."},
                    "element": {"type": "string", "description": "The element that it shows; with claim."},
                },
            },
            "example": {"file": "(the bytes)", "type": "letter", "description": "My letter of March 3"},
        }
    },
}
_BYTES: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "The file, always as a download.",
        "headers": {
            "X-Content-SHA256": {"schema": {"type": "string"}},
            "Accept-Ranges": {"schema": {"type": "string"}},
        },
        "content": {"*/*": {"schema": {"type": "string", "format": "binary"}}},
    },
    206: {
        "description": "The part that Range asks for.",
        "content": {"*/*": {"schema": {"type": "string", "format": "binary"}}},
    },
    304: {"description": "If-None-Match names it."},
    416: {"description": "The file has no such part."},
}


def evidence_routes() -> APIRouter:
    """The routes, without the prefix."""
    routes = APIRouter(tags=["evidence"])

    @routes.get("/evidence")
    def list_all_evidence(book: Book) -> EvidenceList:
        """Everything that you handed in, for all cases."""
        return EvidenceList(evidence=[EvidenceOut.of(record) for record in book.all_evidence()])

    @routes.get("/cases/{case_id}/evidence")
    def list_evidence(case: OpenCase) -> EvidenceList:
        """What was handed in for a case."""
        return EvidenceList(evidence=[EvidenceOut.of(record) for record in case.evidence()])

    @routes.post("/cases/{case_id}/evidence", status_code=201, openapi_extra={"requestBody": _FORM})
    async def add_evidence(case: OpenCase, request: Request) -> EvidenceOut:
        """Hand in a file. It is on the disk, with its record and its line in the custody log, when this answers."""
        with await read_upload(request) as upload:
            files = [file for file in upload.files if file.field == "file" and file.name]
            if len(files) != 1:
                raise MediatorError('the form needs one file, in the field "file"')
            record = await to_thread.run_sync(
                take_in, book_of(request), case, files[0], upload.fields, request.state.settings.max_person_bytes
            )
        return EvidenceOut.of(record)

    @routes.get("/cases/{case_id}/evidence/{cid}/record")
    def get_record(case: OpenCase, cid: CidText) -> EvidenceOut:
        """What is recorded about a piece of evidence of a case."""
        return EvidenceOut.of(case.evidence_record(cid))

    @routes.head("/cases/{case_id}/evidence/{cid}", response_class=Response, responses=_BYTES)
    @routes.get("/cases/{case_id}/evidence/{cid}", response_class=Response, responses=_BYTES)
    def get_evidence(case: OpenCase, cid: CidText, request: Request) -> Response:
        """The bytes of a piece of evidence, each block checked; Range gives a part."""
        return evidence_response(*case.open_evidence(cid), request)

    @routes.put("/cases/{case_id}/evidence/{cid}/links", status_code=204)
    def link(case: OpenCase, cid: CidText, body: LinkIn) -> None:
        """Say which element a piece of evidence is for; it may be for several."""
        case.link(cid, body.claim, body.element)

    @routes.delete("/cases/{case_id}/evidence/{cid}/links", status_code=204)
    def unlink(
        case: OpenCase,
        cid: CidText,
        claim: Annotated[str | None, Query(max_length=100)] = None,
        element: Annotated[str | None, Query(max_length=100)] = None,
    ) -> None:
        """Take a piece of evidence from an element; without one, out of the case's exhibits. The file stays."""
        case.unlink(cid, claim, element)

    @routes.get("/evidence/{cid}/record")
    def get_any_record(book: Book, cid: CidText) -> EvidenceOut:
        """What is recorded about a piece of evidence of any of your cases."""
        return EvidenceOut.of(book.evidence(cid))

    @routes.head("/evidence/{cid}", response_class=Response, responses=_BYTES)
    @routes.get("/evidence/{cid}", response_class=Response, responses=_BYTES)
    def get_any_evidence(book: Book, cid: CidText, request: Request) -> Response:
        """The bytes of a piece of evidence of any of your cases."""
        return evidence_response(*book.open_evidence(cid), request)

    return routes
