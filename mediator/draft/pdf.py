"""Writes a draft as PDF/UA from its HTML page, by WeasyPrint: tagged, titled, fonts embedded, the same bytes twice.

Nothing is ever fetched: the page names no outside file, and the one way to ask for one refuses.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable

from mediator.draft.glyphs import in_words, what_is_lacking
from mediator.draft.html import to_html
from mediator.draft.model import Draft
from mediator.draft.style import Style
from mediator.draft.tagging import margins_as_artifacts
from mediator.exceptions import SetupError

__all__ = ["to_pdf"]

_PACKAGE = 'PDF files need WeasyPrint: pip install "complaint-generator[pdf]"'
_LIBRARIES = (
    "PDF files need the libraries Pango and HarfBuzz: run scripts/install-pdf "
    "(on Debian: apt-get install libpango-1.0-0 libpangoft2-1.0-0 libharfbuzz-subset0 fonts-liberation)"
)


def to_pdf(draft: Draft, style: Style | None = None, tell: Callable[[str], None] | None = None) -> bytes:
    """The bytes of the file. The same draft, style, fonts and libraries give the same bytes.

    What no font can draw stands there as its name; ``tell`` hears of it, and the notes of the PDF say so.
    """
    content, lacking = _drawn(to_html(draft, style))
    if lacking:
        told = what_is_lacking(lacking)
        noted = draft.model_copy(update={"warnings": (*draft.warnings, told)})
        content, _ = _drawn(in_words(to_html(noted, style), lacking))
        if tell is not None:
            tell(told)
    return content


def _drawn(page: str) -> tuple[bytes, frozenset[str]]:
    """The page as a PDF, and the characters that are drawn as boxes in it."""
    try:
        import weasyprint  # loads Pango, so only when a PDF is asked for
    except ImportError as error:
        raise SetupError(_PACKAGE) from error
    except OSError as error:
        raise SetupError(f"{_LIBRARIES}; missing: {' '.join(str(error).split())[:120]}") from error
    # It logs each thing of the page that it skips; what it is told to draw is ours, so there is nothing to tell.
    logging.getLogger("weasyprint").setLevel(logging.ERROR)
    identity = hashlib.sha256(page.encode("utf-8", "surrogatepass")).hexdigest()[:32].encode()
    nothing = weasyprint.urls.URLFetcher(allowed_protocols=())
    document = weasyprint.HTML(string=page, url_fetcher=nothing).render(pdf_variant="pdf/ua-1")
    made = document.write_pdf(pdf_variant="pdf/ua-1", pdf_identifier=identity)
    assert isinstance(made, bytes)
    return margins_as_artifacts(made), frozenset(
        chr(point) for font in document.fonts.values() for point in font.missing
    )
