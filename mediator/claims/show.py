"""A report as text for people: claims with the person's own words, then facts, gaps, and what went wrong."""

from __future__ import annotations

from collections.abc import Iterator

from backends.terminal_text import terminal_text
from mediator.claims.report import ClaimReport, FoundClaim

__all__ = ["report_lines"]


def report_lines(report: ClaimReport) -> Iterator[str]:
    """The lines to print, without colour; nothing in a story can act on the terminal."""
    yield from map(terminal_text, _lines(report))


def _lines(report: ClaimReport) -> Iterator[str]:
    if report.no_claim:
        yield "No claim of a kind that the program knows was found in this text."
    for claim in report.claims:
        yield from _claim(claim)
    yield from _facts(report)
    yield from _missing(report)
    if report.ignored:
        yield ""
        yield "Set aside, because it talks to the software and not about what happened:"
        yield from (f'  "{span.text}"' for span in report.ignored)
    if report.refused:
        yield ""
        yield "Not taken over:"
        yield from (f"  {item.claim or ''}: {item.what!r}: {item.why} ({item.engine})" for item in report.refused)
    yield ""
    yield f"Found by: {report.engine} ({report.model}); checked by: {report.checked_by or 'no language model'}"
    for failure in report.failures:
        yield f"Passed over: {failure.backend}: {failure.error}: {failure.message}. What to do: {failure.advice}."
    yield from (f"Note: {warning}." for warning in report.warnings)
    yield report.notice


def _claim(claim: FoundClaim) -> Iterator[str]:
    yield f"{claim.name}  [{claim.id}, confidence {claim.confidence:.2f}]"
    yield from (f'  "{quote.text}"  ({quote.start}-{quote.end})' for quote in claim.quotes)
    if claim.elements:
        yield "  told already: " + "; ".join(element.label for element in claim.elements)
    yield ""


def _facts(report: ClaimReport) -> Iterator[str]:
    if report.parties:
        yield "People and organisations: " + "; ".join(f"{party.name} ({party.role})" for party in report.parties)
    if report.dates:
        yield "Dates: " + "; ".join(
            date.mention if date.iso is None else f"{date.mention} = {date.iso}" for date in report.dates
        )
    if report.amounts:
        yield "Amounts: " + "; ".join(f"{a.mention} = {a.value:,.2f} {a.currency}" for a in report.amounts)


def _missing(report: ClaimReport) -> Iterator[str]:
    blocking = [item for item in report.missing if item.blocking]
    if not blocking:
        return
    yield ""
    yield "Still missing, and needed:"
    seen: set[str] = set()
    for item in blocking:
        if item.question not in seen:
            seen.add(item.question)
            yield f"  - {item.question}"
