"""`run.py draft`: files, styles, details, smoothing on a terminal, differences; wrong use is one line."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
from click.testing import CliRunner, Result

from mediator import Mediator
from mediator.draft import Draft
from mediator.draft.cli import draft
from tests.mediator.conftest import ScriptedBackend
from tests.mediator.draft.test_smooth import STORY, inventing, tidied


@pytest.fixture
def app(state_dir: Path) -> Iterator[SimpleNamespace]:
    with Mediator(backends=[ScriptedBackend(tidied)], state_dir=state_dir) as mediator:
        mediator.io(STORY)
        yield SimpleNamespace(mediator=mediator)


def run(app: SimpleNamespace, *arguments: str, typed: str = "") -> Result:
    return CliRunner().invoke(draft, list(arguments), obj=app, input=typed)


def test_all_formats_at_once(app: SimpleNamespace, tmp_path: Path) -> None:
    result = run(app, "--format", "pdf,html, DOCX,json", "--output", str(tmp_path / "new" / "case"))

    assert result.exit_code == 0, result.output
    made = sorted((tmp_path / "new").iterdir())
    assert [path.name for path in made] == ["case.docx", "case.html", "case.json", "case.pdf"]
    assert [path.read_bytes()[:4] for path in made] == [b"PK\x03\x04", b"<!DO", b"{\n  ", b"%PDF"]
    assert result.stdout.splitlines() == [str(tmp_path / "new" / f"case.{k}") for k in ("html", "docx", "json", "pdf")]
    assert "not legal advice" in result.stderr


def test_every_export_says_that_it_is_no_legal_advice(app: SimpleNamespace, tmp_path: Path) -> None:
    run(app, "--format", "html,json", "-o", str(tmp_path / "x"))

    assert all("not legal advice" in path.read_text() for path in tmp_path.glob("x.*"))


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--format", "rtf"], "rtf is not one of html, docx, pdf, json"),
        (["--format", ","], "nothing is not one of"),
        (["--style", '{"size_pt": 99}'], 'the style\'s "size_pt" is 99'),
        (["--style", "nice"], "'nice' is no style (federal, compact, large, pleading)"),
        (["--details", "none.json"], "No such file"),
        (["--venue-because", "nearby"], "'nearby' is not one of"),
    ],
)
def test_wrong_use_is_said_in_one_line(app: SimpleNamespace, arguments: list[str], says: str) -> None:
    result = run(app, *arguments)

    assert result.exit_code == 2
    assert says in result.output.splitlines()[-1]


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"{", "no JSON"),
        (b"\xff\xfe", "codec"),
        (b'{"judge": "x"}', '"judge"'),
        (b'{"parties": [{"name": "", "role": "judge"}]}', '"parties.0.name"'),
        (b"[]", "the whole"),
    ],
)
def test_wrong_details_are_said_in_one_line(app: SimpleNamespace, tmp_path: Path, content: bytes, says: str) -> None:
    (tmp_path / "d.json").write_bytes(content)
    result = run(app, "--details", str(tmp_path / "d.json"))

    assert result.exit_code == 2
    assert says in result.output.splitlines()[-1]


def test_details_come_from_a_file_and_options_win(app: SimpleNamespace, tmp_path: Path) -> None:
    (tmp_path / "d.json").write_text('{"court": "A", "district": "B", "jury": true}')
    run(app, "--details", str(tmp_path / "d.json"), "--court", "C", "--no-jury", "--venue-because", "events",
        "-o", str(tmp_path / "x"))  # fmt: skip
    made = Draft.model_validate_json((tmp_path / "x.json").read_bytes())

    assert (made.court, made.district, made.jury_demand) == ("C", "B", "No jury is demanded.")
    assert made.venue.startswith("Venue lies in the B")


def test_an_earlier_file_with_a_persons_own_work_is_kept(app: SimpleNamespace, tmp_path: Path) -> None:
    out = str(tmp_path / "x")
    run(app, "--format", "html", "-o", out)
    (tmp_path / "x.html").write_text("edited by hand")
    result = run(app, "--format", "html", "-o", out)
    run(app, "--format", "html", "-o", out)

    assert (tmp_path / "x.1.html").read_text() == "edited by hand"
    assert "kept the earlier x.html as x.1.html" in result.stderr
    assert sorted(path.name for path in tmp_path.glob("x*")) == ["x.1.html", "x.html"]


def test_the_same_session_writes_the_same_bytes_twice(app: SimpleNamespace, tmp_path: Path) -> None:
    for name in ("one", "two"):
        run(app, "--format", "html,docx,pdf,json", "-o", str(tmp_path / name))

    for kind in ("html", "docx", "pdf", "json"):
        assert (tmp_path / f"one.{kind}").read_bytes() == (tmp_path / f"two.{kind}").read_bytes()


@pytest.mark.parametrize("name", ["a b;$(touch x)", "-rf", "<b>&", "ñ…\u202eexe"])
def test_a_strange_file_name_is_only_a_name(app: SimpleNamespace, tmp_path: Path, name: str) -> None:
    result = run(app, "--format", "json", "-o", str(tmp_path / name))

    assert result.exit_code == 0
    assert [path.name for path in tmp_path.glob("*.json")] == [f"{name}.json"]
    assert "\u202e" not in result.stdout


def test_control_characters_of_a_story_do_not_reach_the_terminal(app: SimpleNamespace, tmp_path: Path) -> None:
    app.mediator.session.tell("My daughter Rosa\x1b[31m, called birthday May 3, 2019\x1b]0;x\x07 lost $40.")
    result = run(app, "-o", str(tmp_path / "x"))

    assert "\x1b" not in result.output
    assert "\x07" not in result.output


def test_smoothing_asks_for_each_and_keeps_only_a_yes(app: SimpleNamespace, tmp_path: Path) -> None:
    result = run(app, "--smooth", "-o", str(tmp_path / "x"), typed="y\nn\n")
    made = Draft.model_validate_json((tmp_path / "x.json").read_bytes())

    assert result.stderr.count("Take it? [y]es, [n]o, [q]uit:") == 2
    assert "[-I-]{+Plaintiff+} moved out" in result.stderr
    assert [fact.smoothed_by for fact in made.facts] == ["scripted", None]
    assert [event.kind for event in app.mediator.session.events].count("smoothed") == 1


@pytest.mark.parametrize("typed", ["", "q\n", "\n"])
def test_smoothing_ends_when_the_person_leaves(app: SimpleNamespace, tmp_path: Path, typed: str) -> None:
    result = run(app, "--smooth", "-o", str(tmp_path / "x"), typed=typed)

    assert result.stderr.count("Take it?") == 1
    assert all(fact.smoothed_by is None for fact in app.mediator.draft().facts)


def test_an_invention_is_shown_and_not_offered(state_dir: Path, tmp_path: Path) -> None:
    with Mediator(backends=[ScriptedBackend(inventing)], state_dir=state_dir) as mediator:
        mediator.io(STORY)
        result = run(SimpleNamespace(mediator=mediator), "--smooth", "-o", str(tmp_path / "x"), typed="y\ny\n")

    assert "Take it?" not in result.stderr
    assert 'adds or moves "He laughed". Your words stand.' in result.stderr


def test_diff_of_two_saved_drafts(app: SimpleNamespace, tmp_path: Path) -> None:
    run(app, "--format", "json", "-o", str(tmp_path / "a"))
    app.mediator.session.tell("On June 2, 2025 he sent me a bill for $75.")
    run(app, "--format", "json", "-o", str(tmp_path / "b"))
    result = run(app, "diff", str(tmp_path / "a.json"), str(tmp_path / "b.json"))

    assert result.exit_code == 0, result.output
    assert "+ Plaintiff states: “On June 2, 2025 he sent me a bill for $75.”" in result.stdout


def test_diff_of_two_points_in_time_as_a_page(app: SimpleNamespace, tmp_path: Path) -> None:
    session = app.mediator.session
    before = len(session.events) - 1
    session.tell("On June 2, 2025 he sent me a bill for $75.")
    result = run(app, "diff", f"{session.id}@{before}", session.id, "--html", str(tmp_path / "d.html"))

    assert result.exit_code == 0, result.output
    page = (tmp_path / "d.html").read_text()
    assert "<ins>Plaintiff states: “On June 2, 2025 he sent me a bill for $75.”</ins>" in page


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("none.json", "No such file"),
        ("bad.json", "no draft that was saved as JSON"),
        ("nobody", 'there is no session "nobody"'),
        ("../../etc", "is no session id|No such file|Is a directory"),
        ("x@y", "after @ comes the number of an event"),
    ],
)
def test_a_wrong_draft_to_compare_is_said(app: SimpleNamespace, tmp_path: Path, name: str, says: str) -> None:
    (tmp_path / "bad.json").write_text(json.dumps({"schema_version": "other"}))
    shown = str(tmp_path / name) if name.endswith(".json") else name
    result = run(app, "diff", shown, shown)

    assert result.exit_code != 0
    assert any(part in f"{result.output}{result.exception}" for part in says.split("|"))


def test_an_event_that_is_not_there_is_said(app: SimpleNamespace) -> None:
    session = app.mediator.session

    assert "has no event 999; its last is" in str(run(app, "diff", f"{session.id}@999", session.id).exception)
