"""A form or a request that is sent again, because no answer came, adds nothing twice."""

from __future__ import annotations

import io
from concurrent.futures import ThreadPoolExecutor

import pytest

from mediator.exceptions import MediatorError, StepChangedError
from tests.mediator.office.conftest import STORY


def told(office, once=None):
    case = office.person("ana").create("Work")
    case.tell(STORY, once=once)
    assert case.wait_read(60)
    return case


def kinds(case):
    return [event.kind for event in case.events()]


def test_a_story_that_is_sent_twice_is_told_once(office):
    case = told(office, "first")
    case.tell(STORY, once="first")

    assert case.state.stories == (STORY,)


def test_the_same_words_sent_anew_are_told_again(office):
    case = told(office, "first")
    case.tell("They kept my tools, too.", once="second")
    case.tell("They kept my tools, too.", once="third")

    assert len(case.state.stories) == 3


def test_words_that_were_changed_before_they_were_sent_again_take_the_place_of_the_first(office):
    case = told(office, "first")
    case.tell(STORY + " It was in Ohio.", once="first")

    assert case.state.stories == (STORY + " It was in Ohio.",)


def test_a_story_sent_again_after_it_was_taken_back_is_told(office):
    case = told(office, "first")
    case.undo()
    case.tell(STORY, once="first")

    assert case.state.stories == (STORY,)


def test_a_story_of_more_than_half_the_length_that_is_allowed_can_be_sent_again(office, monkeypatch):
    monkeypatch.setattr("mediator.office.case.MAX_STORY", len(STORY) + 10)
    case = office.person("ana").create()
    case.tell(STORY, once="first")
    case.tell(STORY, once="first")

    assert len(case.state.stories) == 1


def test_a_sending_survives_that_the_program_is_started_again(office, state_dir):
    from tests.mediator.office.conftest import open_office

    case = told(office, "first")
    office.close()
    with open_office(state_dir) as again:
        same = again.person("ana").open(case.id)
        same.tell(STORY, once="first")
        assert same.state.stories == (STORY,)


def test_an_answer_that_is_sent_twice_is_given_once(office):
    case = told(office)
    question = case.step
    case.answer(question.claim, question.element, "Every night", once="a")
    after = case.step
    case.answer(question.claim, question.element, "Every night", once="a")

    assert kinds(case).count("answer") == 1
    assert case.step == after


def test_another_answer_with_the_same_name_counts(office):
    case = told(office)
    question = case.step
    case.answer(question.claim, question.element, "Every night", once="a")
    case.answer(question.claim, question.element, "Every other night", once="a")

    assert case.state.answers[question.claim, question.element].text == "Every other night"


def test_a_case_is_begun_once_however_often_and_at_once_the_form_is_sent(office):
    book = office.person("ana")
    with ThreadPoolExecutor(4) as pool:
        ids = set(pool.map(lambda _: book.create("Work", once="start").id, range(8)))

    assert len(ids) == 1
    assert [info.title for info in book.cases()] == ["Work"]
    assert book.create("Work", once="another").id not in ids


def test_a_name_of_one_person_finds_no_case_of_another(office):
    mine = office.person("ana").create(once="start")
    other = office.person("ben").create(once="start")

    assert len(office.person("ben").cases()) == 1
    assert other._folder != mine._folder


def test_a_file_that_is_sent_again_is_kept_once(office):
    case = told(office)
    with ThreadPoolExecutor(4) as pool:
        records = list(pool.map(lambda _: case.add_evidence(io.BytesIO(b"a letter"), file_name="a.txt"), range(6)))

    assert len({record.submission_id for record in records}) == 1
    assert kinds(case).count("exhibit") == 1


@pytest.mark.parametrize(
    "other", [{"file_name": "b.txt"}, {"description": "mine"}, {"claim": "wage_and_hour", "element": "work_done"}]
)
def test_the_same_bytes_said_to_be_something_else_are_another_submission(office, other):
    case = told(office)
    case.add_evidence(io.BytesIO(b"a letter"), file_name="a.txt")
    case.add_evidence(io.BytesIO(b"a letter"), **({"file_name": "a.txt"} | other))

    assert len(case.evidence()) == 2


def test_taking_back_twice_takes_back_one_thing(office):
    case = told(office)
    case.tell("They kept my tools, too.")
    act = case.state.undoes
    case.undo(act)
    with pytest.raises(StepChangedError):
        case.undo(act)

    assert len(case.state.stories) == 1
    again = case.state.redoes
    case.redo(again)
    with pytest.raises(StepChangedError):
        case.redo(again)
    assert len(case.state.stories) == 2


def test_changing_the_story_into_what_it_is_changes_nothing(office):
    case = told(office)
    before = len(case.events())
    case.retell(0, STORY)

    assert len(case.events()) == before


@pytest.mark.parametrize("name", ["x" * 101, "two words", "a\nb", "\u00e4"])
def test_a_name_that_cannot_be_kept_is_refused(office, name):
    case = office.person("ana").create()
    with pytest.raises(MediatorError, match="name of a sending"):
        case.tell(STORY, once=name)
    assert case.state.stories == ()
