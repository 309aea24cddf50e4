"""Text as every tokenizer, file and connection takes it."""

from __future__ import annotations

from typing import Any

__all__ = ["clean_document", "clean_text"]


def clean_text(text: str) -> str:
    """``text`` as valid Unicode: surrogate pairs joined, lone halves replaced by U+FFFD."""
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    return text


def clean_document(value: Any) -> Any:
    """``value`` with every text in it clean: JSON can say half of a pair (``"\\ud83d"``), UTF-8 cannot."""
    if isinstance(value, str):
        return clean_text(value)
    if isinstance(value, dict):
        return {clean_document(name): clean_document(part) for name, part in value.items()}
    if isinstance(value, list | tuple):
        return [clean_document(part) for part in value]
    return value
