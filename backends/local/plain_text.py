"""Text as every tokenizer takes it."""

from __future__ import annotations

__all__ = ["clean_text"]


def clean_text(text: str) -> str:
    """``text`` as valid Unicode: surrogate pairs joined, lone halves replaced by U+FFFD."""
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    return text
