"""`run.py explain CLAIM`: why a claim was found, so that every answer can be replayed.

What a backend was asked and answered is kept word for word in the session's own file, under its CID: the
story stands there anyway, so keeping it shows nothing to anybody who could not read it already, and it is
encrypted, copied and deleted with it. ``--texts`` shows it, each text checked against its CID.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, Protocol

import click

from backends.terminal_text import terminal_text
from mediator.claims.checks import content_id
from mediator.claims.taxonomy import NOTICE
from mediator.exceptions import NotFoundError, SessionError
from mediator.state import SessionState, question_key

if TYPE_CHECKING:
    from mediator.mediator import Mediator

__all__ = ["explain", "explain_claim"]


class _App(Protocol):
    @property
    def mediator(self) -> Mediator: ...


def explain_claim(state: SessionState, claim_id: str) -> dict[str, Any]:
    """Spans of the story, engine, model, the CIDs and texts of what a model was asked and said, and the evidence."""
    report = state.report
    found = None if report is None else report.claim(claim_id)
    if report is None or found is None:
        known = ", ".join(claim.id for claim in report.claims) if report is not None else ""
        raise NotFoundError(f'this session has no claim "{claim_id:.80}"' + (f"; it has {known}" if known else ""))
    readings = {key[1]: reading for key, reading in state.readings.items() if key[0] == claim_id}
    cids = [] if found.verdict is None else [found.verdict.prompt_cid, found.verdict.response_cid]
    cids += [cid for reading in readings.values() for cid in (reading.prompt_cid, reading.response_cid)]
    exhibits = [exhibit for exhibit in state.exhibits if exhibit.claim == claim_id]
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
        "readings": {
            element: {"answers": r.answers, "backend": r.backend, "prompt": r.prompt_cid, "response": r.response_cid}
            for element, r in readings.items()
        },
        "evidence": [exhibit.cid for exhibit in exhibits],
        "evidence_for": [
            {"cid": e.cid, "name": e.name, "for": question_key(claim_id, e.element) if e.element else claim_id}
            for e in exhibits
        ],
        "texts": _kept(state.kept, cids),
        "refused": [item.model_dump() for item in report.refused if item.claim == claim_id],
        "failures": [failure.model_dump() for failure in report.failures],
        "notice": NOTICE,
    }


def _kept(kept: Mapping[str, str], cids: list[str]) -> dict[str, str]:
    """The kept texts of those CIDs, each one proved to be the text that the CID names."""
    texts = {cid: kept[cid] for cid in cids if cid in kept}
    for cid, text in texts.items():
        if content_id(text) != cid:
            raise SessionError(f"the text kept as {cid} is another one; restore the session from a copy")
    return texts


@click.command()
@click.argument("claim")
@click.option("--session", "session_id", metavar="ID", help="The session to look into. Default: the latest.")
@click.option("--texts", is_flag=True, help="Also print word for word what a backend was asked and answered.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON for scripts, the texts included.")
@click.pass_obj
def explain(app: _App, claim: str, session_id: str | None, texts: bool, as_json: bool) -> None:
    """Show what CLAIM (the id of a claim type) rests on in a session."""
    app.mediator.resume(session_id)
    told = explain_claim(app.mediator.session.state, claim)
    if as_json:
        click.echo(json.dumps(told, ensure_ascii=False, indent=2))
        return
    for line in _lines(told):
        click.echo(terminal_text(line))
    for cid, text in told["texts"].items() if texts else ():
        click.echo(terminal_text(f"\n{cid}:\n{text}"))
    click.echo(told["notice"], err=True)


def _lines(told: Mapping[str, Any]) -> Iterator[str]:
    yield f"{told['name']}  [{told['claim']}, confidence {told['confidence']:.2f}]"
    yield f"Found by {told['engine']} ({told['model']})"
    for quote in told["quotes"]:
        yield f'  story {quote["start"]}-{quote["end"]}: "{quote["text"]}"'
    verdict = told["verdict"]
    if verdict is not None:
        says = "applies" if verdict["says"] else "does not apply"
        model = f" ({verdict['model']})" if verdict["model"] else ""
        yield f"{verdict['backend']}{model} says that it {says}"
        yield f"  asked {verdict['prompt_cid']}, answered {verdict['response_cid']}"
    for element in told["elements"]:
        for quote in element["quotes"]:
            yield f'  {element["id"]}: story {quote["start"]}-{quote["end"]}: "{quote["text"]}"'
    for element, text in told["answers"].items():
        yield f"  answer to {element}: {text}"
        reading = told["readings"].get(element)
        if reading is not None:
            says = "answers" if reading["answers"] else "does not answer"
            yield f"    {reading['backend']} says that it {says}"
            yield f"      asked {reading['prompt']}, answered {reading['response']}"
    for item in told["evidence_for"]:
        yield f"  evidence {item['cid']} for {item['for']}"
