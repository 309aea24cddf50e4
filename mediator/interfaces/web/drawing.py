"""Run as a program of its own: a picture or PDF on stdin becomes a small picture on stdout. Holds itself to limits.

Files that people hand in may be made to break what reads them. So they are read here, in a process
that may use little memory and time and can write no file; a page never shows the file itself. The
first line of the output is JSON (pages, media_type), the rest is the picture. Imports nothing of ours.
"""

from __future__ import annotations

import io
import json
import resource
import sys
import warnings
from typing import Any

__all__ = ["main"]

_MEMORY = 1 << 30
_SECONDS = 10
_PIXELS = 80_000_000
_FORMATS = ("JPEG", "PNG", "GIF", "WEBP", "BMP", "TIFF")


def main(kind: str, page: int, width: int) -> None:
    """Draw page ``page`` (from 0) of what is on stdin, at most ``width`` wide."""
    resource.setrlimit(resource.RLIMIT_AS, (_MEMORY, _MEMORY))
    resource.setrlimit(resource.RLIMIT_CPU, (_SECONDS, _SECONDS))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    data = sys.stdin.buffer.read()
    image, pages = _pdf(data, page, width) if kind == "pdf" else _photo(data)
    image.thumbnail((width, width * 2))
    sharp = kind == "pdf" or image.mode in ("RGBA", "LA", "P", "PA")
    image = image.convert("RGBA" if sharp and kind != "pdf" else "RGB")
    out = io.BytesIO()
    # Saved anew, so that where and with what a photo was made (EXIF) does not travel with the preview.
    image.save(out, **({"format": "PNG"} if sharp else {"format": "JPEG", "quality": 85}))
    head = {"pages": pages, "media_type": "image/png" if sharp else "image/jpeg"}
    sys.stdout.buffer.write(json.dumps(head).encode() + b"\n" + out.getvalue())


def _photo(data: bytes) -> tuple[Any, int]:
    from PIL import Image, ImageOps

    Image.MAX_IMAGE_PIXELS = _PIXELS
    warnings.simplefilter("error", Image.DecompressionBombWarning)
    image = Image.open(io.BytesIO(data), formats=_FORMATS)
    image.draft("RGB", (2000, 2000))  # a JPEG is made smaller while it is read
    return ImageOps.exif_transpose(image), 1


def _pdf(data: bytes, page: int, width: int) -> tuple[Any, int]:
    import pypdfium2

    document = pypdfium2.PdfDocument(data)
    wide, high = document.get_page_size(page)
    scale = min(width / wide, 2 * width / high, 4.0)
    return document[page].render(scale=scale).to_pil(), len(document)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
