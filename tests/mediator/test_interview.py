"""The interview: no dead end, nothing answered is lost, the same next question after a restart."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mediator.exceptions import NotFoundError
from mediator.interview import Clarification, End, EvidenceRequest, Question, Tell
from mediator.session import Session, session_ids
from tests.mediator.made_sessions import ASKS, TAXONOMY, session


def test_it_begins_by_asking_for_the_story(tmp_path: Path) -> None:
    assert isinstance(session(tmp_path).step, Tell)


def test_blocking_elements_are_asked_before_the_others(tmp_path: Path) -> None:
    running = session(tmp_path, "wage_and_hour", "retaliation")
    running.tell("they did not pay me")
    blocking = []
    while isinstance(step := running.step, Question):
        blocking.append(step.blocking)
        running.answer("something")

    assert blocking == sorted(blocking, reverse=True)


def test_the_wording_is_always_the_taxonomys(tmp_path: Path) -> None:
    running = session(tmp_path, *[claim.id for claim in TAXONOMY.claims if not claim.refer])
    running.tell("a long story")
    shown = []
    while isinstance(step := running.step, Question):
        shown.append(step.text)
        running.skip()

    assert set(shown) <= ASKS
    assert len(shown) == len(set(shown))


def test_one_answer_serves_every_claim_that_asks_the_same(tmp_path: Path) -> None:
    running = session(tmp_path, "disability_accommodation", "workplace_harassment")
    running.tell("a story")
    asked = []
    while isinstance(step := running.step, Question):
        asked.append(step)
        running.answer("yes")

    shared = next(step for step in asked if step.element == "exhaustion")
    assert shared.serves == ("disability_accommodation", "workplace_harassment")
    assert sum(step.element == "exhaustion" for step in asked) == 1


def test_back_shows_the_earlier_question_with_its_answer_and_loses_nothing(tmp_path: Path) -> None:
    running = session(tmp_path, "security_deposit")
    running.tell("a story")
    first = running.step
    running.answer("nine hundred dollars")
    running.answer("the first of May")
    running.back()
    shown = running.back()

    assert isinstance(first, Question)
    assert isinstance(shown, Question)
    assert (shown.key, shown.previous) == (first.key, "nine hundred dollars")
    assert len(running.state.answers) == 2
    running.answer("eight hundred")
    assert running.state.answers[first.element_key].text == "eight hundred"
    assert len(running.state.answers) == 2


def test_the_nearly_finished_claim_is_asked_about_before_the_likelier_one(tmp_path: Path) -> None:
    words = {("security_deposit", e): "He kept it." for e in ("deposit_paid", "moved_out")}
    running = session(
        tmp_path, "retaliation", "security_deposit",
        confidence={"retaliation": 0.9, "security_deposit": 0.5}, told=words,
    )  # fmt: skip
    running.tell("He kept it.")

    # 0.5 / 1 open blocking element against 0.9 / 4.
    assert running.interview.gains(running.state)[0] == ("security_deposit", "not_returned")
    assert running.step.key == "security_deposit/not_returned"


def test_of_two_claims_that_lack_as_much_the_likelier_is_asked_about_first(tmp_path: Path) -> None:
    running = session(
        tmp_path, "illegal_eviction", "security_deposit", confidence={"illegal_eviction": 0.4, "security_deposit": 0.8}
    )
    running.tell("a story")

    assert [key[0] for key in running.interview.gains(running.state)[:6]] == ["security_deposit"] * 3 + [
        "illegal_eviction"
    ] * 3


def test_a_question_that_serves_two_claims_comes_before_one_that_serves_one(tmp_path: Path) -> None:
    running = session(tmp_path, "disability_accommodation", "workplace_harassment", "retaliation")
    running.tell("a story")
    others = [key for key in running.interview.gains(running.state) if not TAXONOMY[key[0]].element(key[1]).blocking]

    assert others[0][1] == "exhaustion"


def test_undo_and_redo_walk_over_what_the_person_did(tmp_path: Path) -> None:
    running = session(tmp_path, "security_deposit")
    running.tell("a story")
    running.answer("one")
    running.answer("two")
    after_two = running.state.answers
    running.back()
    running.undo()
    running.undo()

    assert running.state.answers == {}
    running.redo()
    running.redo()
    assert running.state.answers == after_two
    assert not running.state.can_redo


def test_something_new_ends_what_could_be_redone(tmp_path: Path) -> None:
    running = session(tmp_path, "security_deposit")
    running.tell("a story")
    running.answer("one")
    running.undo()
    running.answer("another")
    before = running.state
    running.redo()

    assert running.state.answers == before.answers


def test_any_earlier_answer_can_be_edited_and_later_ones_stay(tmp_path: Path) -> None:
    running = session(tmp_path, "retaliation")
    running.tell("a story")
    for words in ("first", "second", "third"):
        running.answer(words)
    keys = list(running.state.answers)
    before = running.step
    shown = running.edit(*keys[0])

    assert isinstance(shown, Question)
    assert shown.previous == "first"
    assert running.answer("FIRST") == before
    assert [running.state.answers[key].text for key in keys] == ["FIRST", "second", "third"]


def test_skipping_over_an_earlier_answer_keeps_it(tmp_path: Path) -> None:
    running = session(tmp_path, "retaliation")
    running.tell("a story")
    running.answer("kept")
    before = running.step
    running.back()

    assert running.skip() == before
    assert [answer.text for answer in running.state.answers.values()] == ["kept"]


def test_more_story_while_a_question_is_open_keeps_every_answer(tmp_path: Path) -> None:
    running = session(tmp_path, "retaliation")
    running.tell("a story")
    running.answer("kept")
    before = running.step
    running.tell("and there is more to it")

    assert running.step == before
    assert running.state.story == "a story\n\nand there is more to it"
    assert [answer.text for answer in running.state.answers.values()] == ["kept"]


def test_a_piece_of_the_story_can_be_told_anew_and_undone(tmp_path: Path) -> None:
    running = session(tmp_path, "retaliation")
    running.tell("a stoyr")
    running.tell("the rest")
    running.retell(0, "a story")

    assert running.state.stories == ("a story", "the rest")
    assert not running.state.unread
    running.undo()
    assert running.state.stories == ("a stoyr", "the rest")
    with pytest.raises(NotFoundError, match="no piece 7"):
        running.retell(7, "x")


def test_undo_takes_back_the_last_answer(tmp_path: Path) -> None:
    running = session(tmp_path, "security_deposit")
    running.tell("a story")
    before = running.step
    running.answer("something wrong")

    assert running.undo() == before
    assert running.state.answers == {}


def test_undo_of_a_story_takes_what_was_found_with_it(tmp_path: Path) -> None:
    running = session(tmp_path, "security_deposit")
    running.tell("a story")

    assert isinstance(running.undo(), Tell)


@pytest.mark.parametrize(("claims", "kind"), [((), "no_claim"), (("family_matter",), "refer")])
def test_no_claim_and_refer_stories_end_at_once(tmp_path: Path, claims: tuple[str, ...], kind: str) -> None:
    running = session(tmp_path, *claims)
    running.tell("a story")

    assert isinstance(running.step, End)
    assert running.step.kind == kind
    assert any("lawhelp.org" in place for place in running.step.where)


WORDS = st.sampled_from(
    ["$900 on May 1, 2025", "I moved out on May 3, 2025.", "The deposit was $850.", "I do not recall"]
)


def finished(running: Session) -> list[EvidenceRequest]:
    """Answer every question; the requests for evidence that follow, each put off."""
    asked = []
    while isinstance(running.step, Question):
        running.answer("something")
    while isinstance(step := running.step, EvidenceRequest):
        asked.append(step)
        running.no_evidence_now()
    return asked


def test_evidence_is_asked_for_element_by_element_in_the_taxonomys_words(tmp_path: Path) -> None:
    running = session(tmp_path, "security_deposit", "wage_and_hour")
    running.tell("a story")
    asked = finished(running)

    assert len({step.element_key for step in asked}) == len(asked) >= 8
    assert all(set(step.usual) <= set(TAXONOMY[step.claim].evidence) for step in asked)
    assert isinstance(running.step, End)


def test_evidence_is_not_asked_for_what_nobody_told(tmp_path: Path) -> None:
    running = session(tmp_path, "security_deposit")
    running.tell("a story")
    while isinstance(running.step, Question):
        running.unknown()

    assert isinstance(running.step, End)


def test_evidence_handed_in_is_linked_to_its_element_and_not_asked_for_again(tmp_path: Path) -> None:
    running = session(tmp_path, "security_deposit")
    running.tell("a story")
    while isinstance(running.step, Question):
        running.answer("something")
    first = running.step
    assert isinstance(first, EvidenceRequest)
    running.add_exhibit({"cid": "bafy", "claim": first.claim, "element": first.element})

    assert running.step != first
    assert (running.state.exhibits[0].claim, running.state.exhibits[0].element) == first.element_key
    assert first.key not in [step.key for step in finished(running)]
    running.unlink_exhibit("bafy", first.claim, first.element)
    assert running.step == first


def test_i_have_none_is_an_answer_that_can_be_looked_at_again(tmp_path: Path) -> None:
    running = session(tmp_path, "security_deposit")
    running.tell("a story")
    while isinstance(running.step, Question):
        running.answer("something")
    first = running.step
    assert isinstance(first, EvidenceRequest)
    running.no_evidence()

    assert running.state.proofs == {first.element_key: "none"}
    assert running.back() == first
    running.no_evidence_now()
    assert running.state.proofs == {first.element_key: "later"}


MOVES = st.lists(
    st.one_of(
        st.tuples(st.just("answer"), WORDS),
        st.tuples(st.just("tell"), WORDS),
        st.tuples(
            st.sampled_from(["unknown", "skip", "back", "forward", "undo", "redo", "restart", "edit"]), st.just("")
        ),
    ),
    max_size=40,
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(moves=MOVES)
def test_a_random_walker_always_reaches_an_end(tmp_path: Path, moves: list[tuple[str, str]]) -> None:
    running = session(tmp_path, "retaliation", "security_deposit")
    running.tell("a story: my deposit was $800 and I moved out on May 2, 2025.")
    for move, words in moves:
        running = _moved(running, move, words, tmp_path)
    steps = 0
    while not isinstance(running.step, End):
        if isinstance(running.step, Tell):
            running.tell("again")
        else:
            running.skip()
        steps += 1
        assert steps <= 40, "a dead end"
    running.close()


def _moved(running: Session, move: str, words: str, folder: Path) -> Session:
    if move == "restart":
        before = (running.step, running.state)
        running.close()
        again = session(folder, "retaliation", "security_deposit", session_id=running.id)
        assert (again.step, again.state) == before
        return again
    if move == "tell":
        running.tell(words)
    elif move == "answer":
        _answered(running, words)
    elif move == "edit":
        for key in list(running.state.answers)[:1]:
            running.edit(*key)
    elif move in ("unknown", "skip"):
        if not isinstance(running.step, Tell | End):
            getattr(running, move)()
    else:
        getattr(running, move)()
    return running


def _answered(running: Session, words: str) -> None:
    match running.step:
        case Question():
            running.answer(words)
        case Clarification() as step:
            running.choose(step.choices[len(words) % len(step.choices)][0])
        case EvidenceRequest() as step:
            running.add_exhibit({"cid": f"cid-{len(words)}", "claim": step.claim, "element": step.element})


def test_a_session_that_is_not_there_names_those_that_are(tmp_path: Path) -> None:
    known = session(tmp_path)
    known.close()

    with pytest.raises(NotFoundError, match=known.id):
        session(tmp_path, session_id="other")
    assert session_ids(tmp_path) == [known.id]


@pytest.mark.parametrize("name", ["../x", "a/b", "", ".."])
def test_a_session_id_is_never_a_path(tmp_path: Path, name: str) -> None:
    with pytest.raises(NotFoundError):
        session(tmp_path, session_id=name)
