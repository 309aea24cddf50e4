"""`run.py explain CLAIM`: why a claim was found, so that every answer can be replayed."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Protocol

import click

from mediator.claims.taxonomy import NOTICE
from mediator.exceptions import NotFoundError
from mediator.state import SessionState

if TYPE_CHECKING:
    from mediator.mediator import Mediator

__all__ = ["explain", "explain_claim"]


class _App(Protocol):
    @property
    def mediator(self) -> Mediator: ...


def explain_claim(state: SessionState, claim_id: str) -> dict[str, Any]:
    """Spans of the story, engine, model, the CIDs of what a model was asked and said, and of the evidence."""
    report = state.report
    found = None if report is None else report.claim(claim_id)
    if report is None or found is None:
        known = ", ".join(claim.id for claim in report.claims) if report is not None else ""
        raise NotFoundError(f'this session has no claim "{claim_id}"' + (f"; it has {known}" if known else ""))
    return {
        "claim": found.id,
        "name": found.name,
        "confidence": found.confidence,
        "engine": found.engine,
        "model": found.model,
        "quotes": [quote.model_dump() for quote in found.quotes],
        "elements": [element.model_dump() for element in found.elements],
        "verdict": None if found.verdict is None else found.verdict.model_dump(),
        "answers": {key[1]: answer.text for key, answer in state.answers.items() if key[0] == claim_id},
        "evidence": [exhibit.cid for exhibit in state.exhibits if exhibit.claim == claim_id],
        "refused": [item.model_dump() for item in report.refused if item.claim == claim_id],
        "failures": [failure.model_dump() for failure in report.failures],
        "notice": NOTICE,
    }


@click.command()
@click.argument("claim")
@click.option("--session", "session_id", metavar="ID", help="The session to look into. Default: the latest.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON for scripts.")
@click.pass_obj
def explain(app: _App, claim: str, session_id: str | None, as_json: bool) -> None:
    """Show what CLAIM (the id of a claim type) rests on in a session."""
    app.mediator.resume(session_id)
    told = explain_claim(app.mediator.session.state, claim)
    if as_json:
        click.echo(json.dumps(told, ensure_ascii=False, indent=2))
        return
    click.echo(f"{told['name']}  [{told['claim']}, confidence {told['confidence']:.2f}]")
    click.echo(f"Found by {told['engine']} ({told['model']})")
    for quote in told["quotes"]:
        click.echo(f'  story {quote["start"]}-{quote["end"]}: "{quote["text"]}"')
    verdict = told["verdict"]
    if verdict is not None:
        says = "applies" if verdict["says"] else "does not apply"
        click.echo(f"{verdict['backend']} says that it {says}")
        click.echo(f"  asked {verdict['prompt_cid']}, answered {verdict['response_cid']}")
    for element, text in told["answers"].items():
        click.echo(f"  answer to {element}: {text}")
    for cid in told["evidence"]:
        click.echo(f"  evidence {cid}")
    click.echo(told["notice"], err=True)
