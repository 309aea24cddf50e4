"""Two dates for one event, two sums for one thing: side by side, asked about once, decided by the person."""

from __future__ import annotations

from pathlib import Path

import pytest

from mediator.contradictions import contradictions
from mediator.exceptions import MediatorError
from mediator.interview import Clarification, Question
from mediator.things import things_told
from mediator.told import facts
from tests.mediator.made_sessions import session

TWO_DATES = "I moved out on May 1, 2025. He kept it. I gave back the keys on June 3, 2025."
TWO_SUMS = "I paid a $900 security deposit. Later I saw that the deposit was $950."


def found(tmp_path: Path, story: str) -> list[tuple[str, list[str]]]:
    running = session(tmp_path, "security_deposit")
    running.tell(story)
    return [(item.thing, [side.value for side in item.sides]) for item in contradictions(running.state)]


@pytest.mark.parametrize(
    ("story", "thing", "values"),
    [
        (TWO_DATES, "moved_out", ["2025-05-01", "2025-06-03"]),
        (TWO_SUMS, "deposit", ["900.00 USD", "950.00 USD"]),
        ("They fired me on March 3, 2025. My last day was March 17, 2025.", "job_ended", ["2025-03-03", "2025-03-17"]),
        ("On May 1, 2025 I moved out. We moved out in July 2025.", "moved_out", ["2025-05-01", "2025-07"]),
        ("I bought the car for $5,000. I paid him $5,500 for the car.", "price:car", ["5000.00 USD", "5500.00 USD"]),
        ("Me despidieron el 3 de marzo de 2025. They fired me on April 3, 2025.", "job_ended",
         ["2025-03-03", "2025-04-03"]),
    ],
)  # fmt: skip
def test_values_that_cannot_all_be_right_are_found(tmp_path: Path, story: str, thing: str, values: list[str]) -> None:
    assert found(tmp_path, story) == [(thing, values)]


@pytest.mark.parametrize(
    "story",
    [
        "I moved out on May 1, 2025. I gave back the keys on 5/1/2025.",
        "I moved out in May 2025. I returned the keys on May 1, 2025.",
        "I moved in on May 1, 2024 and moved out on June 3, 2025.",
        "I was hired on May 1, 2024 and they fired me on June 3, 2025.",
        "I paid a $900 security deposit. The landlord says the deposit was $500.",
        "I paid a $900 security deposit. He kept $300 of my deposit.",
        "I paid a $900 security deposit and a $200 pet deposit. I got a $100 deposit back.",
        "I paid a deposit of about $900. The deposit was $925.",
        "I moved out on May 1, 2025. My sister moved out on June 3, 2025.",
        "He called me on May 1, 2025. He called me on June 3, 2025.",
    ],
)
def test_what_agrees_or_is_about_something_else_is_none(tmp_path: Path, story: str) -> None:
    assert found(tmp_path, story) == []


def test_it_is_asked_about_once_with_both_places_and_both_stay(tmp_path: Path) -> None:
    running = session(tmp_path, "security_deposit")
    running.tell(TWO_DATES)
    step = running.step

    assert isinstance(step, Clarification)
    assert step.text == 'For the day you moved out you told "May 1, 2025" and "June 3, 2025". Which one is right?'
    assert isinstance(running.choose("2025-06-03"), Question)
    (contradiction,) = contradictions(running.state)
    assert contradiction.choice == "2025-06-03"
    assert [side.mention for side in contradiction.sides] == ["May 1, 2025", "June 3, 2025"]


@pytest.mark.parametrize("way", ["unknown", "skip"])
def test_not_knowing_settles_it_too(tmp_path: Path, way: str) -> None:
    running = session(tmp_path, "security_deposit")
    running.tell(TWO_DATES)
    getattr(running, way)()

    assert isinstance(running.step, Question)
    assert len(contradictions(running.state)) == 1


def test_an_answer_that_contradicts_the_story_is_asked_about(tmp_path: Path) -> None:
    running = session(tmp_path, "security_deposit")
    running.tell("I paid a $900 security deposit.")
    running.answer("It was 950 dollars, in cash.")

    assert isinstance(running.step, Clarification)
    assert [side.facts[0].place.source for side in running.step.contradiction.sides] == ["story", "answer"]


def test_a_third_value_is_asked_about_and_the_same_two_are_not(tmp_path: Path) -> None:
    running = session(tmp_path, "security_deposit")
    running.tell(TWO_SUMS)
    running.choose("900.00 USD")
    running.tell("It rained a lot.")
    assert isinstance(running.step, Question)

    running.tell("No, wait: the deposit was $1,000.")
    assert isinstance(running.step, Clarification)
    assert len(running.step.contradiction.sides) == 3


def test_a_corrected_answer_ends_it(tmp_path: Path) -> None:
    running = session(tmp_path, "security_deposit")
    running.tell("I paid a $900 security deposit.")
    running.answer("It was 950 dollars.")
    running.correct("security_deposit", "deposit_paid", "It was 900 dollars.")

    assert isinstance(running.step, Question)
    assert contradictions(running.state) == ()


def test_a_choice_that_is_none_is_refused(tmp_path: Path) -> None:
    running = session(tmp_path, "security_deposit")
    running.tell(TWO_SUMS)

    with pytest.raises(MediatorError, match=r"900\.00 USD"):
        running.choose("1.00 USD")


def test_text_that_holds_our_marks_names_nothing(tmp_path: Path) -> None:
    running = session(tmp_path, "security_deposit")
    running.tell("\ue000 \ue800 I moved out \ue001 on May 1, 2025. deposit of \ue801\ue802.")

    assert [about.fact.mention for about in things_told(facts(running.state))] == ["May 1, 2025"]
