"""claims, eval, draft and explain from the command line."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import click
import pytest
from click.testing import CliRunner, Result

from mediator import Mediator, NotFoundError
from mediator.claims.cli import claims, evaluate
from mediator.draft.cli import draft
from mediator.explain import explain
from mediator.mediator import Mediator as Facade
from tests.mediator.conftest import ScriptedBackend, failing

STORY = (
    "I moved out of the flat on May 1, 2025 and gave back the keys. He kept my whole $900 security deposit, no list."
)


@pytest.fixture
def app(state_dir: Path) -> Iterator[SimpleNamespace]:
    with Mediator(backends=[ScriptedBackend(failing)], state_dir=state_dir) as made:
        yield SimpleNamespace(mediator=made)


def run(command: click.Command, app: SimpleNamespace, *arguments: str, typed: str | bytes = "") -> Result:
    return CliRunner().invoke(command, list(arguments), obj=app, input=typed)


def told(app: SimpleNamespace) -> Facade:
    mediator: Facade = app.mediator
    mediator.io(STORY)
    mediator.reset()
    return mediator


def test_claims_reads_a_pipe_and_prints_quotes(app: SimpleNamespace) -> None:
    result = run(claims, app, "-", typed=STORY)

    assert '"He kept my whole $900 security deposit, no list."' in result.stdout


def test_claims_as_json_is_the_whole_report(app: SimpleNamespace) -> None:
    report = json.loads(run(claims, app, "-", "--json", typed=STORY).stdout)

    assert report["claims"][0]["id"] == "security_deposit"
    assert report["failures"][0]["error"] == "ProviderUnavailableError"


def test_a_file_that_is_no_utf8_is_a_clear_error(app: SimpleNamespace) -> None:
    assert "not UTF-8" in str(run(claims, app, "-", typed=b"\xff\xfe\x00").exception)


def test_eval_writes_the_scorers_format(app: SimpleNamespace, tmp_path: Path) -> None:
    rows = [{"id": "a", "text": STORY}, {"id": "b", "text": "hello"}, {"id": "c", "text": " "}]
    (tmp_path / "in.jsonl").write_text("\n".join(map(json.dumps, rows)) + "\n", encoding="utf-8")

    result = run(evaluate, app, str(tmp_path / "in.jsonl"), "--output", str(tmp_path / "out.jsonl"))

    written = [json.loads(line) for line in (tmp_path / "out.jsonl").read_text(encoding="utf-8").splitlines()]
    assert result.exit_code == 0
    assert [row["id"] for row in written] == ["a", "b", "c"]
    assert [claim["type"] for claim in written[0]["claims"]] == ["security_deposit"]
    assert written[0]["amounts"] == [{"mention": "$900", "value": 900.0}]
    assert written[2]["claims"] == []


def test_eval_names_the_line_that_it_cannot_read(app: SimpleNamespace, tmp_path: Path) -> None:
    (tmp_path / "in.jsonl").write_text('{"id": "a", "text": "x"}\n{"id": 1}\n', encoding="utf-8")

    result = run(evaluate, app, str(tmp_path / "in.jsonl"), "--output", str(tmp_path / "out.jsonl"))

    assert "in.jsonl:2" in str(result.exception)
    assert not (tmp_path / "out.jsonl").exists()


def test_draft_writes_the_latest_session_in_every_format(app: SimpleNamespace, tmp_path: Path) -> None:
    told(app)

    result = run(draft, app, "--output", str(tmp_path / "c"), "--court", "Superior Court")

    assert result.exit_code == 0
    assert json.loads((tmp_path / "c.json").read_text(encoding="utf-8"))["court"] == "Superior Court"
    assert "Superior Court" in (tmp_path / "c.html").read_text(encoding="utf-8")


def test_an_unknown_format_is_named(app: SimpleNamespace) -> None:
    assert "odt is not one of" in run(draft, app, "--format", "html,odt").stderr


def test_explain_shows_what_a_claim_rests_on(app: SimpleNamespace) -> None:
    told(app)

    shown = json.loads(run(explain, app, "security_deposit", "--json").stdout)

    assert all(STORY[quote["start"] : quote["end"]] == quote["text"] for quote in shown["quotes"])
    assert shown["engine"] == "trained head"


def test_explain_names_the_claims_that_there_are(app: SimpleNamespace) -> None:
    told(app)

    error = run(explain, app, "negligence").exception

    assert isinstance(error, NotFoundError)
    assert "security_deposit" in str(error)
