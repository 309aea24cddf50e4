"""The historical state: what it holds comes over, passwords never do, and what is no state is one clear line."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from click.testing import CliRunner
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mediator import Mediator, MediatorError
from mediator.historical import from_historical, without_secrets
from mediator.importing import import_state
from tests.mediator.conftest import ScriptedBackend, failing
from tests.mediator.made_sessions import TAXONOMY

STORY = (
    "I moved out of the flat on May 1, 2025 and gave back the keys. He kept my whole $900 security deposit, no list."
)
ASK = TAXONOMY["security_deposit"].element("forwarding_address").ask
SECRET = "hunter2-very-secret"
STATE: dict[str, Any] = {
    "inquiries": [
        {"question": "Please describe the issue.", "answer": "My landlord is Mr. Hale.", "alternative_questions": []},
        {"question": ASK.upper(), "answer": "Yes, by letter on May 2, 2025."},
        {"question": "Anything else?", "answer": None},
    ],
    "complaint": STORY,
    "log": [{"type": "user_input", "text": "hi", "password": SECRET}, "plain line"],
    "username": "ana",
    "password": SECRET,
    "hashed_password": SECRET,
}


@pytest.fixture
def app(state_dir: Path) -> Iterator[SimpleNamespace]:
    with Mediator(backends=[ScriptedBackend(failing)], state_dir=state_dir) as made:
        yield SimpleNamespace(mediator=made)


def test_story_and_answers_come_over_and_fit_our_questions(app: SimpleNamespace) -> None:
    app.mediator.set_state(STATE)
    view = app.mediator.view()

    assert view.story.text == f"{STORY}\n\nMy landlord is Mr. Hale."
    assert [(a.key, a.text) for a in view.answers] == [
        ("security_deposit/forwarding_address", "Yes, by letter on May 2, 2025.")
    ]
    assert [claim.id for claim in view.claims] == ["security_deposit"]


def test_no_password_is_anywhere_in_the_state_folder(app: SimpleNamespace, state_dir: Path) -> None:
    app.mediator.set_state(STATE)

    assert app.mediator.session.state.imported
    assert all(SECRET.encode() not in path.read_bytes() for path in state_dir.rglob("*") if path.is_file())


def test_what_was_written_can_be_taken_in_again(app: SimpleNamespace) -> None:
    app.mediator.set_state(STATE)
    written = json.loads(json.dumps(app.mediator.get_state()))
    before = app.mediator.view()
    app.mediator.set_state(written)
    after = app.mediator.view()

    assert (after.story.text, after.step) == (before.story.text, before.step)
    assert [(a.key, a.kind, a.text) for a in after.answers] == [(a.key, a.kind, a.text) for a in before.answers]


def test_the_open_questions_are_in_the_written_state(app: SimpleNamespace) -> None:
    app.mediator.set_state(STATE)
    inquiries = app.mediator.get_state()["inquiries"]

    assert app.mediator.view().step.text in [item["question"] for item in inquiries if item["answer"] is None]


@pytest.mark.parametrize(
    ("state", "says"),
    [
        ([], "a JSON object"),
        ("text", "a JSON object"),
        (None, "a JSON object"),
        ({}, "holds no story"),
        ({"complaint": 5}, "must be text"),
        ({"complaint": "...", "inquiries": []}, "holds no story"),
        ({"complaint": STORY, "inquiries": "x"}, "must be a list"),
        ({"complaint": STORY, "inquiries": [5]}, "must be a list"),
        ({"inquiries": [{"question": ASK, "status": "unknown"}]}, "no word that was told"),
    ],
)
def test_what_is_no_state_is_refused_and_no_session_is_begun(
    app: SimpleNamespace, state_dir: Path, state: Any, says: str
) -> None:
    with pytest.raises(MediatorError, match=says):
        app.mediator.set_state(state)
    assert not list(state_dir.glob("sessions/*"))


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.sampled_from(["he kept it", "", "...", "unknown"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(
        st.sampled_from(["question", "answer", "status", "claim_type", "element", "password", "x"]), inner, max_size=4
    ),
    max_leaves=12,
)  # fmt: skip


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(complaint=JSON, inquiries=JSON, log=JSON)
def test_any_json_is_taken_in_or_refused_in_one_line(complaint: Any, inquiries: Any, log: Any) -> None:
    refused = ""
    found = None
    try:
        found = from_historical({"complaint": complaint, "inquiries": inquiries, "log": log}, TAXONOMY)
    except MediatorError as error:
        refused = str(error)

    assert bool(refused) != (found is not None and bool(found.pieces))
    assert "\n" not in refused
    assert found is None or "password" not in json.dumps(found.log)


def test_secrets_are_left_out_at_any_depth() -> None:
    kept = without_secrets({"a": [{"Hashed_Username": 1, "api_key": 2, "text": "kept", "Set-Cookie": 3}], "token": 4})

    assert kept == {"a": [{"text": "kept"}]}


def test_what_is_nested_deeper_than_any_state_is_left_out() -> None:
    nested: Any = "deep"
    for _ in range(500):
        nested = [nested]

    assert "deep" not in json.dumps(without_secrets(nested))


def test_the_command_starts_a_session_and_tells_how_to_go_on(app: SimpleNamespace, tmp_path: Path) -> None:
    (tmp_path / "old.json").write_text(json.dumps(STATE))
    result = CliRunner().invoke(import_state, [str(tmp_path / "old.json")], obj=app)

    assert "He kept my whole $900 security deposit" in result.stdout
    assert f"start --resume {app.mediator.session.id}" in result.stderr


@pytest.mark.parametrize(
    ("raw", "says"),
    [(b"", "is no JSON"), (b"\xff\xfe", "not UTF-8"), (b"{", "line 1, column 2"), (b"[" * 100_000, "nested too deep")],
)
def test_a_file_that_is_no_state_is_one_clear_line(app: SimpleNamespace, raw: bytes, says: str) -> None:
    error = CliRunner().invoke(import_state, ["-"], obj=app, input=raw).exception

    assert isinstance(error, MediatorError)
    assert says in str(error)
