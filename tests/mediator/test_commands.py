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


def test_eval_names_every_line_that_it_cannot_use_before_it_reads_a_story(app: SimpleNamespace, tmp_path: Path) -> None:
    lines = ['{"id": "a", "text": "x"}', '{"id": 1}', "not JSON", '{"id": "a", "text": "y"}', "", "[" * 100_000]
    (tmp_path / "in.jsonl").write_text("\n".join(lines), encoding="utf-8")

    error = str(run(evaluate, app, str(tmp_path / "in.jsonl"), "--output", str(tmp_path / "out.jsonl")).exception)

    assert 'line 2 needs "id" and "text"' in error
    assert "line 3 is no JSON" in error
    assert "line 4 has the id a again" in error
    assert "line 6 is no JSON" in error
    assert list(tmp_path.iterdir()) == [tmp_path / "in.jsonl"]


def test_eval_of_bytes_that_are_no_text_is_one_line(app: SimpleNamespace, tmp_path: Path) -> None:
    (tmp_path / "in.jsonl").write_bytes(b'{"id": "a", "text": "\xff"}')

    error = str(run(evaluate, app, str(tmp_path / "in.jsonl"), "--output", str(tmp_path / "out.jsonl")).exception)

    assert "not UTF-8" in error


def test_eval_of_a_file_without_stories_says_what_to_write(app: SimpleNamespace, tmp_path: Path) -> None:
    (tmp_path / "in.jsonl").write_text("\n", encoding="utf-8")

    error = str(run(evaluate, app, str(tmp_path / "in.jsonl"), "--output", str(tmp_path / "out.jsonl")).exception)

    assert 'has no story; write one a line: {"id": "a", "text": "what happened"}' in error


def test_eval_says_what_to_do_when_it_cannot_write_before_it_reads_a_story(
    app: SimpleNamespace, tmp_path: Path
) -> None:
    (tmp_path / "in.jsonl").write_text('{"id": "a", "text": "He kept my deposit."}\n')
    app.mediator = None  # reading would fail

    error = str(run(evaluate, app, str(tmp_path / "in.jsonl"), "-o", str(tmp_path / "none" / "x.jsonl")).exception)

    assert error == (
        f"{tmp_path}/none/x.jsonl cannot be written (no such file or directory); "
        f"make the folder {tmp_path}/none first, or give --output a place where you may write"
    )


def test_eval_goes_on_where_an_interrupted_run_stopped(app: SimpleNamespace, tmp_path: Path) -> None:
    rows = [{"id": name, "text": STORY} for name in "abc"]
    (tmp_path / "in.jsonl").write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    cut_off = json.dumps({"id": "a", "claims": "kept as it was"}) + '\n{"id": "b", "cl'
    (tmp_path / "out.jsonl.part").write_text(cut_off, encoding="utf-8")

    result = run(evaluate, app, str(tmp_path / "in.jsonl"), "-o", str(tmp_path / "out.jsonl"), "--resume")

    written = [json.loads(line) for line in (tmp_path / "out.jsonl").read_text(encoding="utf-8").splitlines()]
    assert [row["id"] for row in written] == ["a", "b", "c"]
    assert written[0]["claims"] == "kept as it was"
    assert "1 of 3 stories were read before" in result.stderr
    assert not (tmp_path / "out.jsonl.part").exists()


def test_eval_keeps_what_it_read_when_it_is_interrupted(app: SimpleNamespace, tmp_path: Path) -> None:
    rows = [{"id": "a", "text": STORY}, {"id": "b", "text": STORY}]
    (tmp_path / "in.jsonl").write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    read = iter([app.mediator.extract_claims(STORY)])
    stopped = SimpleNamespace(mediator=SimpleNamespace(extract_claims=lambda _text: next(read)))

    run(evaluate, stopped, str(tmp_path / "in.jsonl"), "--output", str(tmp_path / "out.jsonl"))

    assert not (tmp_path / "out.jsonl").exists()
    assert json.loads((tmp_path / "out.jsonl.part").read_text(encoding="utf-8"))["id"] == "a"


def test_eval_of_a_half_surrogate_writes_json_that_reads_back(app: SimpleNamespace, tmp_path: Path) -> None:
    (tmp_path / "in.jsonl").write_text(json.dumps({"id": "\ud83d", "text": STORY + " \ud83d ok"}), encoding="utf-8")

    run(evaluate, app, str(tmp_path / "in.jsonl"), "--output", str(tmp_path / "out.jsonl"))

    assert json.loads((tmp_path / "out.jsonl").read_text(encoding="utf-8"))["id"] == "\ud83d"


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
