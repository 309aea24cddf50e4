"""The draft: as it stands, what changed since, what only the person can fill in, and the files to take along."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Form
from starlette.requests import Request
from starlette.responses import Response

from mediator.draft.details import Details, VenueReason
from mediator.exceptions import MediatorError, NothingToReadError
from mediator.interfaces.serving import file_response
from mediator.interfaces.web.routes.visit import PageRoute, Said, Visit, go, refused, visit
from mediator.interfaces.web.views.draft import changes_since, parts, versions

__all__ = ["router"]

router = APIRouter(route_class=PageRoute, include_in_schema=False)

_FORMATS = (
    ("pdf", "PDF", "to print and to read"),
    ("docx", "Word (DOCX)", "to change it"),
    ("html", "Web page (HTML)", "to read in a browser"),
    ("json", "Data (JSON)", "for other programs"),
)
_YES_NO = (("", "I am not sure"), ("yes", "Yes"), ("no", "No"))
_VENUES: tuple[tuple[VenueReason | str, str], ...] = (
    ("", "I am not sure"),
    ("events took place there", "Most of it happened there"),
    ("defendant lives there", "The other side lives there"),
)


@router.get("/cases/{case_id}/draft")
def draft(request: Request, case_id: str, since: str = "") -> Response:
    """The draft as it is now; with ``since``, beside what is different."""
    return _page(visit(request, case_id), since=since)


@router.post("/cases/{case_id}/draft/details")
def set_details(
    request: Request,
    case_id: str,
    court: Annotated[str, Form()] = "",
    district: Annotated[str, Form()] = "",
    venue: Annotated[str, Form()] = "",
    jury: Annotated[str, Form()] = "",
    diversity: Annotated[str, Form()] = "",
    verified: Annotated[str, Form()] = "",
) -> Response:
    """Keep what only the person can say; what the form does not have (addresses of parties) stays as it is."""
    here = visit(request, case_id)
    before = here.case.details
    try:
        details = Details.model_validate({
            **before.model_dump(),
            "court": court.strip() or None,
            "district": district.strip() or None,
            "venue_because": venue or None,
            "jury": _choice(jury),
            "diversity": _choice(diversity),
            "verified": verified == "yes",
        })  # fmt: skip
    except ValueError:
        wrong = MediatorError("one of the fields is too long or not one of the choices; nothing was saved")
        return refused(request, wrong, lambda said: _page(here, said=said, status=422))
    here.case.set_details(details)
    return go(here.address("draft"), "saved")


@router.get("/cases/{case_id}/draft.{format}")
def download(request: Request, case_id: str, format: str) -> Response:
    """The draft as a file."""
    return file_response(visit(request, case_id).case.render(format))


def _page(here: Visit, *, since: str = "", said: Said | None = None, status: int = 200) -> Response:
    values: dict[str, Any] = {"draft": None}
    try:
        made = here.case.draft()
    except NothingToReadError:
        return here.page("draft.html", "draft", status=status, said=said, **values)
    pleading, notes = parts(made)
    details = here.case.details
    before = versions(here.case, here.taxonomy)
    return here.page(
        "draft.html",
        "draft",
        status=status,
        said=said,
        draft=made,
        pleading=pleading,
        notes=notes,
        downloads=[{"name": name, "what": what, "href": f"{here.address('draft')}.{f}"} for f, name, what in _FORMATS],
        gaps=[f"{item.claim_name}: {item.label}" for item in here.view.missing if item.blocking],
        versions=before,
        since=since,
        changes=changes_since(here.case, here.taxonomy, since) if since else None,
        compared_with=next((version.name for version in before if version.value == since), ""),
        details=details,
        details_url=f"{here.address('draft')}/details",
        open_details=status != 200,
        jury=_form_value(details.jury),
        diversity=_form_value(details.diversity),
        yes_no=_YES_NO,
        venues=_VENUES,
    )


def _choice(value: str) -> bool | None:
    return {"yes": True, "no": False}.get(value)


def _form_value(value: bool | None) -> str:
    return "" if value is None else "yes" if value else "no"
