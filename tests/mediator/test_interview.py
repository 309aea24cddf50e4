"""The interview: no dead end, nothing answered is lost, the same next question after a restart."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mediator.claims.report import ClaimReport, FoundClaim, MissingElement
from mediator.claims.taxonomy import load_taxonomy
from mediator.exceptions import NotFoundError
from mediator.interview import Clarification, End, EvidenceRequest, Interview, Question, Tell
from mediator.session import Session, session_ids

TAXONOMY = load_taxonomy()
ASKS = {element.ask for claim in TAXONOMY.claims for element in claim.elements}


def report(*claim_ids: str) -> ClaimReport:
    """A report that found those claims and supports no element."""
    claims = tuple(
        FoundClaim(
            id=claim_id, name=TAXONOMY[claim_id].name, kind=TAXONOMY[claim_id].kind, confidence=0.9 - 0.1 * place,
            quotes=(), elements=(), engine="test", model="test",
        )
        for place, claim_id in enumerate(claim_ids)
    )  # fmt: skip
    missing = tuple(
        MissingElement(claim=c, element=e.id, label=e.label, question=e.ask, blocking=e.blocking)
        for c in claim_ids
        for e in TAXONOMY[c].elements
    )
    return ClaimReport(
        claims=claims, parties=(), dates=(), amounts=(), missing=missing, refused=(), failures=(), ignored=(),
        engine="test", model="test", checked_by=None,
    )  # fmt: skip


def session(folder: Path, *claim_ids: str, session_id: str | None = None) -> Session:
    return Session(folder, Interview(TAXONOMY), lambda _text, _before: report(*claim_ids), session_id)


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


WORDS = st.sampled_from(
    ["$900 on May 1, 2025", "I moved out on May 3, 2025.", "The deposit was $850.", "I do not recall"]
)
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
