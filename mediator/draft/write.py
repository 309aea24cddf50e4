"""A draft as bytes of each format. Each writer is imported when it is used: DOCX and PDF bring large libraries."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping

from mediator.draft.model import Draft
from mediator.draft.style import Style
from mediator.exceptions import SetupError

__all__ = ["FORMATS", "write_draft"]

_WRITERS: Mapping[str, str] = {
    "html": "mediator.draft.html:to_html",
    "docx": "mediator.draft.docx:to_docx",
    "pdf": "mediator.draft.pdf:to_pdf",
}


def write_draft(
    draft: Draft, format: str, style: Style | None = None, tell: Callable[[str], None] | None = None
) -> bytes:
    """The bytes of ``draft`` in that format. JSON has no looks, so ``style`` changes nothing there.

    ``tell`` hears what the person should know about the file; so far only a PDF has anything to say.
    """
    if format == "json":
        return draft.model_dump_json(indent=2).encode("utf-8", "backslashreplace") + b"\n"
    if format not in _WRITERS:
        raise SetupError(f'a draft cannot be written as "{format:.40}": choose from {", ".join(FORMATS)}')
    module, _, name = _WRITERS[format].partition(":")
    said = {"tell": tell} if format == "pdf" else {}
    made = getattr(importlib.import_module(module), name)(draft, style, **said)
    return made.encode("utf-8", "replace") if isinstance(made, str) else bytes(made)


def _writer(format: str) -> Callable[..., bytes]:
    def write(draft: Draft, style: Style | None = None) -> bytes:
        return write_draft(draft, format, style)

    return write


#: What a draft can be written as: ``FORMATS["pdf"](draft, style)``.
FORMATS: Mapping[str, Callable[..., bytes]] = {name: _writer(name) for name in ("html", "docx", "pdf", "json")}
