"""The style sheets and scripts: read once from this package, served from memory under a name that changes with them."""

from __future__ import annotations

import functools
import hashlib
from dataclasses import dataclass
from importlib import resources

from fastapi import APIRouter
from starlette.exceptions import HTTPException
from starlette.responses import Response

__all__ = ["Asset", "asset_address", "asset_routes", "load_assets"]

_TYPES = {"css": "text/css; charset=utf-8", "js": "text/javascript; charset=utf-8", "svg": "image/svg+xml"}
#: Every page needs these, so a browser asks for them once, as ``site.css``.
_TOGETHER = ("base.css", "parts.css", "story.css", "pages.css")


@dataclass(frozen=True, slots=True)
class Asset:
    """One file of ours."""

    name: str
    content: bytes
    media_type: str
    version: str


@functools.cache
def load_assets() -> dict[str, Asset]:
    """All of them by name. There is no way from an address to a path: what is not in this list is not there."""
    found: dict[str, Asset] = {}
    for entry in resources.files("mediator.interfaces.web").joinpath("static").iterdir():
        ending = entry.name.rpartition(".")[2]
        if ending in _TYPES:
            content = entry.read_bytes()
            version = hashlib.sha256(content).hexdigest()[:12]
            found[entry.name] = Asset(entry.name, content, _TYPES[ending], version)
    together = b"".join(found[name].content for name in _TOGETHER)
    version = hashlib.sha256(together).hexdigest()[:12]
    return found | {"site.css": Asset("site.css", together, _TYPES["css"], version)}


def asset_address(name: str) -> str:
    """The address that a page writes for an asset."""
    return f"/static/{name}?v={load_assets()[name].version}"


def asset_routes() -> APIRouter:
    """``/static/NAME``."""
    router = APIRouter()

    @router.get("/static/{name}", include_in_schema=False)
    async def static(name: str, v: str = "") -> Response:
        asset = load_assets().get(name)
        if asset is None:
            raise HTTPException(404)
        lasting = v == asset.version
        headers = {"Cache-Control": "public, max-age=31536000, immutable" if lasting else "no-cache"}
        return Response(asset.content, media_type=asset.media_type, headers=headers)

    return router
