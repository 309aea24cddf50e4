"""What a page shows of a file that was handed in: text as text, pictures and PDF pages as pictures drawn anew."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Literal

from mediator.exceptions import MediatorError

__all__ = ["MAX_PAGES", "NoPreviewError", "Picture", "TextPreview", "draw", "preview_kind", "text_preview"]

Kind = Literal["text", "image", "pdf"]

#: Pages of a PDF that are shown; the file itself has them all.
MAX_PAGES = 10
_MAX_BYTES = 32 * 2**20
_MAX_CHARACTERS = 20_000
_WIDTH, _SMALL = 1000, 200
_SECONDS = 20
_PROGRAM = Path(__file__).with_name("drawing.py")
_IMAGES = frozenset({"image/jpeg", "image/png", "image/gif", "image/webp", "image/bmp", "image/x-ms-bmp", "image/tiff"})
_TEXTS = frozenset({"application/json", "application/xml", "message/rfc822", "image/svg+xml"})
# Two at a time: a page full of photos must leave the machine to those who type.
_turns = threading.BoundedSemaphore(2)


class NoPreviewError(MediatorError):
    """Nothing can be shown of this file here; it can be downloaded."""


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture that was drawn by us, and how many pages its file has."""

    data: bytes
    media_type: str
    pages: int


@dataclass(frozen=True, slots=True)
class TextPreview:
    """The beginning of a text, or all of it."""

    text: str
    cut: bool


def preview_kind(media_type: str) -> Kind | None:
    """How files of that type are shown; None when they are not."""
    if media_type in _IMAGES:
        return "image"
    if media_type == "application/pdf":
        return "pdf"
    return "text" if media_type in _TEXTS or media_type.startswith("text/") else None


def text_preview(stream: IO[bytes]) -> TextPreview:
    """The text as characters: markup in it is shown, never followed; control characters are shown as their pictures."""
    head = stream.read(4 * _MAX_CHARACTERS + 4)
    encoding = "utf-16" if head[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig"
    text = head.decode(encoding, "replace")
    whole = len(head) <= 4 * _MAX_CHARACTERS and len(text) <= _MAX_CHARACTERS
    text = text[:_MAX_CHARACTERS].replace("\r\n", "\n")
    return TextPreview("".join(map(_visible, text)), cut=not whole)


def _visible(character: str) -> str:
    if character in "\n\t" or character >= " ":
        return character
    return chr(0x2400 + ord(character))


def draw(stream: IO[bytes], media_type: str, page: int = 0, *, small: bool = False) -> Picture:
    """A picture of the file, made in a process of its own; NoPreviewError when that is not possible."""
    kind = preview_kind(media_type)
    if kind not in ("image", "pdf") or not 0 <= page < MAX_PAGES:
        raise NoPreviewError("there is no preview for this kind of file; download it to see it")
    command = [sys.executable, "-I", str(_PROGRAM), kind, str(page), str(_SMALL if small else _WIDTH)]
    with _turns:
        data = stream.read(_MAX_BYTES + 1)
        if len(data) > _MAX_BYTES:
            raise NoPreviewError(
                f"the file is larger than {_MAX_BYTES >> 20} MB, so no preview is made; download it to see it"
            )
        try:
            # Our own program; the file is its input, never part of the command.
            done = subprocess.run(command, input=data, capture_output=True, timeout=_SECONDS, check=False)  # noqa: S603
        except subprocess.TimeoutExpired as error:
            raise NoPreviewError("the preview took too long; download the file to see it") from error
    if done.returncode != 0:
        raise NoPreviewError(
            "this file cannot be shown here; it may be damaged. It is kept exactly as it came: download it to see it"
        )
    head, _, picture = done.stdout.partition(b"\n")
    facts = json.loads(head)
    return Picture(picture, facts["media_type"], facts["pages"])
