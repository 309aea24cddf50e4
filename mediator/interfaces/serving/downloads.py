"""Files that go out: always as a download, in a sandbox, with ranges, and never as what a browser would run."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import BinaryIO
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from mediator.evidence.records import EvidenceRecord
from mediator.office import RenderedFile

__all__ = ["attachment", "content_disposition", "evidence_response", "file_response"]

_PIECE = 256 * 1024
_SANDBOX = "sandbox; default-src 'none'; frame-ancestors 'none'"
_RANGE = re.compile(r"bytes=(\d{0,15})-(\d{0,15})")
#: Shown as what they are by every browser; all else is bytes to save.
_HARMLESS = re.compile(r"image/(?:png|jpeg|gif|webp|avif)|audio/[a-z0-9.+-]+|video/[a-z0-9.+-]+|text/plain")


def content_disposition(name: str) -> str:
    """The header of RFC 6266 for a download of that name; nothing in a name can end the header or change it."""
    plain = re.sub(r"[^A-Za-z0-9._ -]", "_", name).strip() or "file"
    return f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(name, safe='', errors='replace')}"


def attachment(data: bytes, name: str, media_type: str) -> Response:
    """A whole file as a download."""
    return Response(data, media_type=media_type, headers=_headers(name))


def file_response(file: RenderedFile) -> Response:
    """A draft as a download."""
    return attachment(file.data, file.name, file.media_type)


def evidence_response(record: EvidenceRecord, stream: BinaryIO, request: Request) -> Response:
    """The bytes of a piece of evidence, or the part of them that the request asks for. It closes the stream."""
    etag = f'"{record.cid}"'
    headers = {
        **_headers(record.file_name or f"{record.cid}.bin"),
        "Accept-Ranges": "bytes",
        "ETag": etag,
        "X-Content-SHA256": record.sha256,
    }
    media_type = record.media_type if _HARMLESS.fullmatch(record.media_type) else "application/octet-stream"
    if request.headers.get("if-none-match") == etag:
        stream.close()
        return Response(status_code=304, headers=headers)
    part = _part(request, record.size, etag)
    if part is None:
        stream.close()
        return Response(status_code=416, headers={**headers, "Content-Range": f"bytes */{record.size}"})
    start, end = part
    status = 200
    if (start, end) != (0, record.size):
        status = 206
        headers["Content-Range"] = f"bytes {start}-{end - 1}/{record.size}"
    headers["Content-Length"] = str(end - start)
    if request.method == "HEAD":
        stream.close()
        return Response(status_code=status, headers=headers, media_type=media_type)
    return StreamingResponse(_pieces(stream, start, end), status, headers, media_type)


def _headers(name: str) -> dict[str, str]:
    return {"Content-Disposition": content_disposition(name), "Content-Security-Policy": _SANDBOX}


def _part(request: Request, size: int, etag: str) -> tuple[int, int] | None:
    """From where to where; all of it for a range that is none (RFC 9110, 14.2), None for one that is not there."""
    found = _RANGE.fullmatch(request.headers.get("range", ""))
    if found is None or found[0] == "bytes=-" or request.headers.get("if-range", etag) != etag:
        return 0, size
    first, last = found.groups()
    if not first:
        start, end = max(0, size - int(last)), size
        return (start, end) if int(last) and size else None
    start = int(first)
    end = size if not last else min(size, int(last) + 1)
    if last and int(last) < start:
        return 0, size
    return (start, end) if start < size else None


def _pieces(stream: BinaryIO, start: int, end: int) -> Iterator[bytes]:
    with stream:
        stream.seek(start)
        left = end - start
        while left:
            piece = stream.read(min(_PIECE, left))
            if not piece:
                raise EOFError("the stored content is shorter than its record says")
            left -= len(piece)
            yield piece
