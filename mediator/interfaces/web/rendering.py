"""Turns a template and values into a page. Escaping is always on, and a name that a template misses is an error."""

from __future__ import annotations

import functools
import secrets
from collections.abc import Mapping
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup
from starlette.requests import Request
from starlette.responses import HTMLResponse

from mediator.claims.taxonomy import NOTICE
from mediator.interfaces.web import shown
from mediator.interfaces.web.assets import asset_address
from mediator.interfaces.web.look import COOKIE, read_look

__all__ = ["page", "render"]

_KEPT = "What you write is kept by the machine that runs this program."


@functools.cache
def _environment() -> Environment:
    made = Environment(
        loader=PackageLoader("mediator.interfaces.web", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.globals.update(asset=asset_address, notice=NOTICE, kept=_KEPT)
    made.filters.update(shown.FILTERS)
    return made


def render(template: str, values: Mapping[str, Any]) -> str:
    """The text of a template with those values."""
    return _environment().get_template(template).render(values)


def _once() -> Markup:
    """For a form that adds something: the name of its sending, so that sending it again adds nothing more."""
    return Markup('<input type="hidden" name="once" value="{}">').format(secrets.token_urlsafe(12))


def page(
    request: Request, template: str, *, status: int = 200, headers: Mapping[str, str] | None = None, **values: Any
) -> HTMLResponse:
    """A whole page for the person who asks."""
    csrf = getattr(request.state, "csrf", "")
    common = {
        "person": getattr(request.state, "person", None),
        "look": read_look(request.cookies.get(COOKIE)),
        "token": Markup('<input type="hidden" name="csrf_token" value="{}">').format(csrf),
        "once": _once,
        "here": "",
    }
    return HTMLResponse(render(template, common | values), status, dict(headers or {}))
