"""The media type of a content, from its first bytes; a name only tells kinds of text apart."""

from __future__ import annotations

from typing import Final

__all__ = ["HEAD_SIZE", "media_type_of"]

#: How many bytes of a content are looked at.
HEAD_SIZE: Final = 8192
UNKNOWN: Final = "application/octet-stream"
# Outlook messages and the office files of old: all that the head tells is the container.
_OLE: Final = "application/x-ole-storage"
_OLE_HEAD: Final = bytes.fromhex("d0cf11e0a1b11ae1")

_TEXT_HEADS: Final = (
    (b"%PDF-", "application/pdf"),
    (b"{\\rtf", "application/rtf"),
    (b"%!PS", "application/postscript"),
    (b"<!doctype html", "text/html"),
    (b"<html", "text/html"),
    (b"<?xml", "application/xml"),
    (b"return-path:", "message/rfc822"),
    (b"received:", "message/rfc822"),
    (b"begin:vcard", "text/vcard"),
    (b"begin:vcalendar", "text/calendar"),
)
_TEXT_NAMES: Final = {
    "csv": "text/csv",
    "eml": "message/rfc822",
    "htm": "text/html",
    "html": "text/html",
    "json": "application/json",
    "md": "text/markdown",
    "svg": "image/svg+xml",
    "tsv": "text/tab-separated-values",
    "xml": "application/xml",
}


def media_type_of(head: bytes, file_name: str | None) -> str:
    """Return the media type of a content that starts with ``head``."""
    if not head:
        return "application/x-empty"
    if _is_text(head):
        start = head.lstrip(b"\xef\xbb\xbf \t\r\n")[:64].lower()
        for prefix, media_type in _TEXT_HEADS:
            if start.startswith(prefix.lower()):
                return media_type
        extension = (file_name or "").rpartition(".")[2].lower()
        return _TEXT_NAMES.get(extension, "text/plain")
    return _from_signature(head)


def _is_text(head: bytes) -> bool:
    if b"\0" in head:
        return head[:2] in (b"\xff\xfe", b"\xfe\xff")
    try:
        head.decode("utf-8")
    except UnicodeDecodeError as error:
        # A character cut in two at the end of what we look at is still text.
        return len(head) == HEAD_SIZE and error.start >= len(head) - 3 and error.reason == "unexpected end of data"
    return True


def _from_signature(head: bytes) -> str:
    import filetype  # its matchers are made when it is imported

    guessed = filetype.guess_mime(head)
    if guessed is not None:
        return str(guessed)
    return _OLE if head.startswith(_OLE_HEAD) else UNKNOWN
