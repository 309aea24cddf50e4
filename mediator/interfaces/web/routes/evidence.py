"""Evidence: files added, previewed, linked to parts of claims, and given back exactly as they came."""

from __future__ import annotations

import functools
from typing import Annotated

from fastapi import APIRouter, Form
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from mediator.exceptions import MediatorError, NotFoundError
from mediator.interfaces.serving import Upload, evidence_response, read_upload, take_in, upload_limit
from mediator.interfaces.serving.problems import status_for
from mediator.interfaces.web.previews import MAX_PAGES, NoPreviewError, TextPreview, draw, text_preview
from mediator.interfaces.web.routes.visit import PageRoute, Said, Visit, go, refused, visit, wants_json
from mediator.interfaces.web.views.evidence import FileCard, element_of, file_cards, targets

__all__ = ["router"]

router = APIRouter(route_class=PageRoute, include_in_schema=False)

_NO_PREVIEW = "There is no preview for this kind of file. Download it to see it."


@router.get("/cases/{case_id}/evidence")
def files(request: Request, case_id: str, shows: str = "") -> Response:
    """Everything that was added, and the form to add more."""
    return _list(visit(request, case_id), chosen=shows)


@router.post("/cases/{case_id}/evidence")
async def add(request: Request, case_id: str) -> Response:
    """Add one file or several; each is on the disk before the page says so."""
    here = await run_in_threadpool(visit, request, case_id)
    with await read_upload(request) as upload:
        try:
            added = await run_in_threadpool(_keep, here, upload)
        except NotFoundError:
            raise
        except MediatorError as error:
            if status_for(error) in (413, 415):
                raise
            failed = error
            return await run_in_threadpool(
                lambda: refused(request, failed, lambda said: _list(here, said=said, status=422))
            )
        back_to_question = upload.fields.get("then") == "answer"
    if wants_json(request):
        return JSONResponse({"cids": added}, 201 if added else 422)
    if added and back_to_question:
        return go(here.address("answer"))
    return go(here.address("evidence"), "added" if added else "nofile")


def _keep(here: Visit, upload: Upload) -> list[str]:
    claim, element = element_of(upload.fields.get("shows", "")) or ("", "")
    about = {"description": upload.fields.get("description", ""), "claim": claim, "element": element}
    most = here.request.state.settings.max_person_bytes
    # A field that was left empty comes as a file without a name.
    chosen = [file for file in upload.files if file.name or file.size]
    return [take_in(here.book, here.case, file, about, most).cid for file in chosen]


@router.get("/cases/{case_id}/evidence/{cid}")
def one_file(request: Request, case_id: str, cid: str) -> Response:
    """One file: what it looks like, its fingerprints, what it is linked to."""
    return _one(visit(request, case_id), cid)


@router.post("/cases/{case_id}/evidence/{cid}/link")
def link(request: Request, case_id: str, cid: str, shows: Annotated[str, Form()] = "") -> Response:
    """Say what the file shows."""
    here = visit(request, case_id)
    key = element_of(shows)
    if key is None:
        return _one(here, cid, said=Said("Choose what it shows first.", "bad"), status=422)
    here.case.link(cid, *key)
    return go(here.address("evidence", cid), "linked")


@router.post("/cases/{case_id}/evidence/{cid}/unlink")
def unlink(request: Request, case_id: str, cid: str, shows: Annotated[str, Form()] = "") -> Response:
    """Say that the file does not show that. Sent twice it is done once, and both times it is as it was wished."""
    here = visit(request, case_id)
    here.case.evidence_record(cid)
    key = element_of(shows)
    if key is not None and any((e.cid, e.claim, e.element) == (cid, *key) for e in here.case.state.exhibits):
        here.case.unlink(cid, *key)
    return go(here.address("evidence", cid), "unlinked")


@router.get("/cases/{case_id}/evidence/{cid}/picture")
def picture(request: Request, case_id: str, cid: str, page: int = 1, small: bool = False) -> Response:
    """A picture of the file that we drew; the file itself is never shown by the browser."""
    here = visit(request, case_id)
    record, stream = here.case.open_evidence(cid)
    with stream:
        try:
            drawn = draw(stream, record.media_type, page - 1, small=small)
        except NoPreviewError as error:
            raise NotFoundError(f"{error}") from error
    return Response(drawn.data, media_type=drawn.media_type)


@router.get("/cases/{case_id}/evidence/{cid}/file")
def download(request: Request, case_id: str, cid: str) -> Response:
    """The file, byte for byte, as something to save."""
    record, stream = visit(request, case_id).case.open_evidence(cid)
    return evidence_response(record, stream, request)


def _list(here: Visit, *, chosen: str = "", said: Said | None = None, status: int = 200) -> Response:
    return here.page(
        "evidence.html",
        "evidence",
        status=status,
        said=said,
        chosen=chosen,
        files=_cards(here),
        targets=targets(here.view),
        upload_limit=upload_limit(here.request),
    )


def _cards(here: Visit) -> tuple[FileCard, ...]:
    return file_cards(here.case.evidence(), here.view.exhibits, here.taxonomy, here.address)


def _one(here: Visit, cid: str, *, said: Said | None = None, status: int = 200) -> Response:
    card = next((card for card in _cards(here) if card.cid == cid), None)
    if card is None:
        raise NotFoundError("there is no such file in this case")
    text, pictures, pages, trouble = _preview(here, card)
    return here.page(
        "evidence_item.html",
        "evidence",
        status=status,
        said=said,
        file=card,
        text=text,
        pictures=pictures,
        more_pages=max(0, pages - MAX_PAGES),
        no_preview=trouble,
        targets=targets(here.view),
        link_url=here.address("evidence", cid, "link"),
        unlink_url=here.address("evidence", cid, "unlink"),
    )


def _preview(here: Visit, card: FileCard) -> tuple[TextPreview | None, list[dict[str, str]], int, str]:
    if card.preview is None:
        return None, [], 0, _NO_PREVIEW
    _, stream = here.case.open_evidence(card.cid)
    with stream:
        if card.preview == "text":
            return text_preview(stream), [], 0, ""
        try:
            pages = draw(stream, card.media_type).pages
        except NoPreviewError as error:
            return None, [], 0, _sentence(f"{error}")
    about = functools.partial("Page {} of {} of {}".format) if card.preview == "pdf" else None
    shown = range(1, min(pages, MAX_PAGES) + 1)
    pictures = [
        {"src": f"{card.picture}?page={n}", "alt": about(n, pages, card.name) if about else f"Picture: {card.name}"}
        for n in shown
    ]
    return None, pictures, pages, ""


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}."
