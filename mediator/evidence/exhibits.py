"""The list of exhibits of a case, as JSON, CSV and HTML. What people wrote is data: it is escaped, never run."""

from __future__ import annotations

import csv
import html
import io
import json
from collections.abc import Iterable, Sequence
from typing import Any, Final

from mediator.evidence.intake import safe_text
from mediator.evidence.records import EvidenceRecord

__all__ = ["exhibits_csv", "exhibits_html", "exhibits_json"]

_COLUMNS: Final = (
    "exhibit",
    "file_name",
    "description",
    "type",
    "claim_type",
    "element",
    "media_type",
    "size",
    "cid",
    "sha256",
    "submitted_at",
    "submission_id",
)
# A spreadsheet takes a cell that starts like this for a formula.
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")
_PAGE: Final = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>Exhibits</title>
<style>body{{font:14px sans-serif}}table{{border-collapse:collapse}}th,td{{border:1px solid #999;padding:4px;
text-align:left;vertical-align:top;overflow-wrap:anywhere}}</style>
</head>
<body>
<h1>Exhibits</h1>
<table>
<thead><tr>{head}</tr></thead>
<tbody>
{rows}
</tbody>
</table>
</body>
</html>
"""


def exhibits_json(records: Sequence[EvidenceRecord]) -> str:
    """Return the whole records, numbered."""
    return json.dumps([{"exhibit": n} | record.as_dict() for n, record in enumerate(records, 1)], indent=1) + "\n"


def exhibits_csv(records: Sequence[EvidenceRecord]) -> str:
    """Return a table for a spreadsheet; no cell is taken for a formula."""
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(_COLUMNS)
    for row in _rows(records):
        writer.writerow([f"'{cell}" if cell.startswith(_FORMULA) else cell for cell in row])
    return out.getvalue()


def exhibits_html(records: Sequence[EvidenceRecord]) -> str:
    """Return a page that a browser shows and a person prints."""
    head = "".join(f"<th>{html.escape(name.replace('_', ' '))}</th>" for name in _COLUMNS)
    rows = "\n".join(
        "<tr>" + "".join(f"<td>{html.escape(cell)}</td>" for cell in row) + "</tr>" for row in _rows(records)
    )
    return _PAGE.format(head=head, rows=rows)


def _rows(records: Sequence[EvidenceRecord]) -> Iterable[list[str]]:
    for number, record in enumerate(records, 1):
        values: dict[str, Any] = record.as_dict() | {"exhibit": number}
        yield ["" if values[name] is None else safe_text(str(values[name])) for name in _COLUMNS]
