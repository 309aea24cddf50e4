"""Which kinds of files are evidence, whoever brings them: a browser, a program, an assistant."""

from __future__ import annotations

__all__ = ["MEDIA_TYPES"]

#: What may be handed in, as media types found in the content. Programs are not evidence; in a ZIP they are data.
MEDIA_TYPES = (
    "text/*",
    "image/*",
    "audio/*",
    "video/*",
    "message/rfc822",
    "application/pdf",
    "application/postscript",
    "application/rtf",
    "application/json",
    "application/xml",
    "application/zip",
    "application/epub+zip",
    "application/msword",
    "application/vnd.*",
    "application/x-ole-storage",
)
