"""Writes a draft as PDF/UA from its HTML page, by WeasyPrint: tagged, titled, fonts embedded, the same bytes twice.

Nothing is ever fetched: the page names no outside file, and the one way to ask for one refuses.
"""

from __future__ import annotations

import hashlib
import logging

from mediator.draft.html import to_html
from mediator.draft.model import Draft
from mediator.draft.style import Style
from mediator.exceptions import SetupError

__all__ = ["to_pdf"]

_PACKAGE = 'PDF files need WeasyPrint: pip install "complaint-generator[pdf]"'
_LIBRARIES = (
    "PDF files need the libraries Pango and HarfBuzz: run scripts/install-pdf "
    "(on Debian: apt-get install libpango-1.0-0 libpangoft2-1.0-0 libharfbuzz-subset0 fonts-liberation)"
)


def to_pdf(draft: Draft, style: Style | None = None) -> bytes:
    """The bytes of the file. The same draft, style, fonts and libraries give the same bytes."""
    page = to_html(draft, style)
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
    made = weasyprint.HTML(string=page, url_fetcher=nothing).write_pdf(pdf_variant="pdf/ua-1", pdf_identifier=identity)
    assert isinstance(made, bytes)
    return made
