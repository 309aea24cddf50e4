"""A larger model through the same pipeline, over a real socket: a good one lifts the result, a bad one does no harm."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from backends.openai import OpenAIBackend
from mediator import ClaimReport
from mediator.claims.checks import CONTROLS
from mediator.claims.extract import extract
from mediator.claims.head import HeadScorer, load_head
from mediator.claims.panel import Panel
from mediator.claims.taxonomy import load_taxonomy
from tests.mediator.conftest import verdict
from tests.support.http_server import Received, Reply, ScriptedServer, json_reply

TAXONOMY = load_taxonomy()
OWN = Path(__file__).parents[2] / "data" / "own_narratives.jsonl"
STORIES = [row for row in map(json.loads, OWN.read_text(encoding="utf-8").splitlines()) if not row["injection"]][::3]
Model = Callable[[str], str]


def asked(text: str) -> tuple[str, dict[str, Any] | None]:
    """The claim type and the story that a question is about; None for a control question."""
    claim = next(claim.id for claim in TAXONOMY.claims if f"Claim type: {claim.name}\n" in text)
    shown = text.split("<story>\n")[1].split("\n</story>")[0]
    return claim, next((story for story in STORIES if shown.split("\n[...]")[0] in story["text"]), None)


def knows(text: str) -> str:
    """Answers as a careful reader would."""
    claim, story = asked(text)
    if story is None:
        return verdict(next(right for name, told, right in CONTROLS if told in text and name == claim))
    gold = {item["type"]: item["quotes"] for item in story["claims"]}
    return verdict(claim in gold, *(quote["quote"] for quote in gold.get(claim, [])[:3]))


def makes_up_quotes(text: str) -> str:
    """Knows the labels, and quotes what nobody said."""
    answer = json.loads(knows(text))
    return verdict(answer["applies"] == "yes", "He admitted all of it to me in writing.")


BAD: dict[str, Model] = {
    "always yes": lambda _text: verdict(True, "He admitted all of it to me in writing."),
    "always no": lambda _text: verdict(False),
    "the reverse": lambda text: verdict('"no"' in knows(text)),
    "not what was asked for": lambda _text: "Certainly! Here is my opinion.",
}


@pytest.fixture
def serve() -> Iterator[Callable[[Model], OpenAIBackend]]:
    opened: list[Any] = []

    def start(model: Model) -> OpenAIBackend:
        def reply(request: Received) -> Reply:
            text = "\n".join(message["content"] for message in request.json["messages"])
            choice = {"index": 0, "message": {"role": "assistant", "content": model(text)}, "finish_reason": "stop"}
            return json_reply({"id": "1", "object": "chat.completion", "model": "large", "choices": [choice]})

        server = ScriptedServer(always=reply)
        backend = OpenAIBackend("large", base_url=server.__enter__().url + "/v1", api_key="none", model="large")
        opened.extend((server, backend))
        return backend

    yield start
    for server, backend in zip(opened[::2], opened[1::2], strict=True):
        backend.close()
        server.__exit__(None, None, None)


def read(*backends: OpenAIBackend) -> list[ClaimReport]:
    scorer, panel = HeadScorer(load_head(), None), Panel(backends, TAXONOMY)
    return [extract(story["text"], taxonomy=TAXONOMY, scorer=scorer, panel=panel) for story in STORIES]


def labels(reports: list[ClaimReport]) -> list[set[str]]:
    return [{claim.id for claim in report.claims} for report in reports]


def wrong(reports: list[ClaimReport]) -> int:
    """Labels missed and labels too many."""
    gold = [{item["type"] for item in story["claims"]} for story in STORIES]
    return sum(len(right ^ said) for right, said in zip(gold, labels(reports), strict=True))


def test_a_good_model_lifts_the_result_and_its_quotes_are_shown(serve: Callable[[Model], OpenAIBackend]) -> None:
    alone, both = read(), read(serve(knows))

    assert wrong(both) < wrong(alone)
    assert all(report.checked_by == "large" for report in both if report.claims)
    assert all(claim.verdict is not None for report in both for claim in report.claims)


@pytest.mark.parametrize("model", BAD.values(), ids=BAD.keys())
def test_a_bad_model_changes_no_label(serve: Callable[[Model], OpenAIBackend], model: Model) -> None:
    assert labels(read(serve(model))) == labels(read())


def test_made_up_quotes_are_refused_and_named(serve: Callable[[Model], OpenAIBackend]) -> None:
    reports = read(serve(makes_up_quotes))

    refused = [refusal for report in reports for refusal in report.refused if "admitted" in refusal.what]
    assert len(refused) == sum(len(report.claims) for report in reports) > 0
    assert all("admitted" not in quote.text for report in reports for claim in report.claims for quote in claim.quotes)
