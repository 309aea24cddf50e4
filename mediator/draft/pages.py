"""Counts the pages of evidence by code: PDF files by qpdf, images by their frames. Nothing in them is run or drawn."""

from __future__ import annotations

from typing import IO, BinaryIO, cast

__all__ = ["count_pages"]

#: A page count needs the whole file at hand; past this size nobody waits for it.
_LARGEST = 512 * 1024 * 1024


def count_pages(content: IO[bytes], media_type: str) -> tuple[int | None, str | None]:
    """How many pages, or why nobody can say. What has no pages (a recording, plain text) gives (None, None)."""
    if media_type == "application/pdf":
        return _of_pdf(content)
    if media_type.startswith("image/"):
        return _of_image(content, media_type)
    return None, None


def _too_large(content: IO[bytes]) -> bool:
    size = content.seek(0, 2)
    content.seek(0)
    return size > _LARGEST


def _of_pdf(content: IO[bytes]) -> tuple[int | None, str | None]:
    import pikepdf  # loads qpdf, so only when a PDF is counted

    if _too_large(content):
        return None, "it is larger than 512 MiB"
    try:
        with pikepdf.open(cast(BinaryIO, content)) as pdf:
            return len(pdf.pages), None
    except pikepdf.PasswordError:
        return None, "it is locked by a password"
    except (pikepdf.PdfError, ValueError, RuntimeError) as error:
        return None, f"it is no whole PDF file ({type(error).__name__})"


def _of_image(content: IO[bytes], media_type: str) -> tuple[int | None, str | None]:
    from PIL import Image, UnidentifiedImageError  # loads its codecs, so only when an image is counted

    if media_type not in {"image/tiff", "image/x-tiff"}:
        return 1, None  # a moving picture is still one page on paper
    if _too_large(content):
        return None, "it is larger than 512 MiB"
    try:
        with Image.open(content, formats=["TIFF"]) as image:
            return int(getattr(image, "n_frames", 1)), None
    except (UnidentifiedImageError, OSError, ValueError, SyntaxError, EOFError, TypeError, KeyError) as error:
        return None, f"it is no whole image file ({type(error).__name__})"
