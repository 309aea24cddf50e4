"""The facade: each name works, two mediators never meet, and nothing is opened before it is needed."""

from __future__ import annotations

from pathlib import Path

import pytest

from backends.exceptions import ConfigurationError
from mediator import Mediator, NotFoundError, NothingToReadError, SetupError
from tests.mediator.conftest import ScriptedBackend, failing

STORY = (
    "I moved out of the flat on May 1, 2025 and gave back the keys. He kept my whole $900 security deposit, no list."
)


def test_it_works_with_backends_alone_and_opens_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)

    Mediator(backends=[ScriptedBackend(failing)]).close()

    assert list(tmp_path.iterdir()) == []


def test_any_callable_from_text_to_text_is_a_backend(state_dir: Path) -> None:
    report = Mediator(backends=[lambda prompt: "I do not do JSON"], state_dir=state_dir).extract_claims(STORY)

    assert [claim.id for claim in report.claims] == ["security_deposit"]
    assert report.failures[0].error == "MalformedResponseError"


def test_a_callable_that_raises_is_named_and_the_text_is_read_all_the_same(state_dir: Path) -> None:
    def broken(_prompt: str) -> str:
        raise KeyError("no such model")

    report = Mediator(backends=[broken], state_dir=state_dir).extract_claims(STORY)

    assert (report.failures[0].backend, report.failures[0].error) == ("broken", "ProviderUnavailableError")
    assert "KeyError" in report.failures[0].message
    assert report.claims


@pytest.mark.parametrize("backends", [[], [42], "text", ScriptedBackend(failing)])
def test_what_is_no_list_of_backends_is_refused(backends: object) -> None:
    with pytest.raises(SetupError, match="backends"):
        Mediator(backends=backends)  # type: ignore[arg-type]  # that is the point


def test_privacy_refuses_a_backend_that_may_send_text_away() -> None:
    with pytest.raises(ConfigurationError, match="local_only"):
        Mediator(backends=[lambda prompt: prompt], privacy="local_only")


def test_evidence_comes_back_by_its_cid_with_its_record(mediator: Mediator) -> None:
    data = b"Document content\x00\xff" * 100

    record = mediator.submit_evidence(
        data=data, evidence_type="document", description="Performance review", claim_type="wrongful_termination"
    )

    assert mediator.get_evidence_by_cid(record["cid"])["description"] == "Performance review"
    assert mediator.retrieve_evidence(record["cid"]) == data
    with mediator.open_evidence(record["cid"]) as file:
        assert file.read(8) == data[:8]


def test_evidence_that_nobody_in_particular_handed_in_is_listed(mediator: Mediator) -> None:
    record = mediator.submit_evidence(b"a receipt", "document")

    assert [item["cid"] for item in mediator.get_user_evidence()] == [record["cid"]]
    assert mediator.get_user_evidence("somebody else") == []


def test_a_file_is_kept_under_its_name(mediator: Mediator, tmp_path: Path) -> None:
    (tmp_path / "lease -- it's mine.txt").write_text("lease")

    record = mediator.submit_evidence_file(tmp_path / "lease -- it's mine.txt", "document")

    assert record["file_name"] == "lease -- it's mine.txt"


def test_two_mediators_never_see_each_other(state_dir: Path, tmp_path: Path) -> None:
    one = Mediator(backends=[ScriptedBackend(failing)], state_dir=state_dir)
    two = Mediator(backends=[ScriptedBackend(failing)], state_dir=state_dir)
    one.io(STORY)
    shown = two.io("")

    assert "Tell what happened" in shown
    assert one.get_state()["complaint"] == STORY
    assert two.get_state()["complaint"] == ""
    assert one.save() != two.save()


def test_the_conversation_runs_from_story_to_question_to_answer(mediator: Mediator) -> None:
    shown = mediator.io(STORY)
    why = mediator.io("why")
    after = mediator.io("about nine hundred dollars")

    assert "He kept my whole $900 security deposit" in shown
    assert "It is about: " in why
    assert after != shown
    assert mediator.get_state()["inquiries"][0]["answer"] == "about nine hundred dollars"


def test_a_session_goes_on_where_it_stopped(state_dir: Path) -> None:
    with Mediator(backends=[ScriptedBackend(failing)], state_dir=state_dir) as first:
        first.io(STORY)
        shown = first.io("nine hundred dollars, in June")

    with Mediator(backends=[ScriptedBackend(failing)], state_dir=state_dir) as second:
        assert second.resume().endswith(shown)


def test_there_is_nothing_to_resume_at_first(mediator: Mediator) -> None:
    with pytest.raises(NotFoundError, match="no session"):
        mediator.resume()


def test_reset_starts_anew_and_keeps_the_file(mediator: Mediator) -> None:
    mediator.io(STORY)
    path = mediator.save()

    mediator.reset()

    assert mediator.get_state()["complaint"] == ""
    assert path.is_file()


def test_a_historical_state_is_taken_over(mediator: Mediator) -> None:
    mediator.set_state(
        {"complaint": STORY, "inquiries": [{"question": "Who?", "answer": "My landlord, Mr. Hale."}], "log": []}
    )

    state = mediator.get_state()
    assert STORY in state["complaint"]
    assert "Mr. Hale" in state["complaint"]
    assert state["claims"] == ["security_deposit"]


def test_the_legal_analysis_comes_from_the_taxonomy(mediator: Mediator) -> None:
    found = mediator.analyze_complaint_legal_issues(STORY)

    assert [item["claim_type"] for item in found["classification"]] == ["security_deposit"]
    assert {row["element"] for row in found["requirements"]["security_deposit"]} >= {"deposit_paid", "moved_out"}
    assert found["statutes"]
    assert "not legal advice" in found["notice"]


def test_without_a_story_there_is_nothing_to_analyse(mediator: Mediator) -> None:
    with pytest.raises(NothingToReadError):
        mediator.analyze_complaint_legal_issues()


def test_the_evidence_analysis_tells_what_each_element_has_and_lacks(mediator: Mediator) -> None:
    mediator.io(STORY)
    record = mediator.submit_evidence(b"receipt", "document", claim_type="security_deposit", element="deposit_paid")

    elements = {row["element"]: row for row in mediator.analyze_evidence("security_deposit")["elements"]}

    assert elements["deposit_paid"]["evidence"] == [record["cid"]]
    assert not elements["deposit_paid"]["missing"]
    assert elements["forwarding_address"]["missing"]


def test_an_unknown_claim_type_is_named(mediator: Mediator) -> None:
    with pytest.raises(NotFoundError, match="title_vii"):
        mediator.analyze_evidence("title_vii")


NAMES = [
    "submit_evidence",
    "submit_evidence_file",
    "get_evidence_by_cid",
    "retrieve_evidence",
    "get_user_evidence",
    "analyze_evidence",
    "extract_claims",
    "analyze_complaint_legal_issues",
    "io",
    "reset",
    "resume",
    "get_state",
    "set_state",
    "save",
]


@pytest.mark.parametrize("name", NAMES)
def test_every_name_that_people_use_is_there(name: str) -> None:
    assert callable(getattr(Mediator, name))


def test_the_historical_style_of_use_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One callable, no folder named, positional arguments: the state goes to statefiles/ where it runs."""
    monkeypatch.chdir(tmp_path)
    mediator = Mediator(backends=[lambda prompt: "1. What happened?\n2. When?"])

    assert mediator.io("").startswith("Tell what happened")
    mediator.io(STORY)
    result = mediator.submit_evidence(b"Document content...", "document", "ana", "Performance review", "wage_and_hour")
    assert mediator.get_evidence_by_cid(result["cid"])["description"] == "Performance review"
    assert [item["cid"] for item in mediator.get_user_evidence("ana")] == [result["cid"]]
    state = mediator.get_state()
    assert set(state) >= {"inquiries", "complaint", "log"}
    path = mediator.save()
    assert path.is_relative_to("statefiles")
    mediator.reset()
    mediator.set_state(state)
    assert mediator.get_state()["complaint"] == STORY
    mediator.resume(path.name.removesuffix(".session.jsonl"))
    assert mediator.get_state()["complaint"] == STORY
    mediator.close()


def test_evidence_of_one_mediator_is_not_an_exhibit_of_another(state_dir: Path) -> None:
    one = Mediator(backends=[ScriptedBackend(failing)], state_dir=state_dir)
    two = Mediator(backends=[ScriptedBackend(failing)], state_dir=state_dir)
    with one, two:
        one.io(STORY)
        two.io(STORY)
        one.submit_evidence(b"receipt", "document", claim_type="security_deposit", element="deposit_paid")

        assert len(one.view().exhibits) == 1
        assert two.view().exhibits == ()


def test_the_evidence_analysis_names_what_people_usually_have(mediator: Mediator) -> None:
    mediator.io(STORY)
    record = mediator.submit_evidence(b"receipt", "document", claim_type="security_deposit", element="deposit_paid")
    rows = {row["element"]: row for row in mediator.analyze_evidence("security_deposit")["elements"]}

    assert rows["deposit_paid"]["evidence"] == [record["cid"]]
    assert rows["deposit_paid"]["usual_evidence"] == ["deposit receipt or cancelled check", "lease"]
    assert rows["condition"]["lacks_evidence"]
