"""Time limits: by rule, with the statute, from a date that was told, and never one that was not."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest

from mediator.contradictions import contradictions
from mediator.deadline_rules import RULES
from mediator.deadlines import CONFIRM, Deadline, deadlines
from mediator.session import Session
from mediator.things import things_told
from mediator.told import facts
from tests.mediator.made_sessions import TAXONOMY, TODAY, session


def limits(running: Session, today: dt.date = TODAY) -> tuple[Deadline, ...]:
    told = facts(running.state)
    abouts = things_told(told)
    return deadlines(running.state, TAXONOMY, told, abouts, contradictions(running.state, abouts), today)


def days(running: Session, statute: str) -> list[dt.date | None]:
    return [limit.day for limit in limits(running) if limit.statute == statute]


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: f"{rule.claim}-{rule.statute}-{rule.count}")
def test_each_rule_is_a_note_of_the_taxonomy(rule) -> None:
    claim = TAXONOMY[rule.claim]
    note = claim.limitation[rule.note]
    # Retaliation's first note refers to the one of discrimination.
    own = TAXONOMY["employment_discrimination"].limitation[0] if "same charge" in note else note
    cited = rule.statute.replace("§§", "§").split("§")[-1].split(",")[0].strip()

    assert cited in own or cited.replace(" ", "") in own.replace(" ", "")
    assert str(rule.count) in own
    assert set(rule.elements) <= {element.id for element in claim.elements}


@pytest.mark.parametrize("claim", TAXONOMY.claims, ids=lambda claim: claim.id)
def test_every_note_of_every_claim_is_shown_with_who_confirms_it(tmp_path: Path, claim) -> None:
    running = session(tmp_path, claim.id)
    running.tell("a story without a date")
    shown = limits(running)

    assert {limit.note for limit in shown} == set(claim.limitation)
    assert all(limit.says.endswith(CONFIRM) for limit in shown)
    assert all(limit.day is None for limit in shown)


@pytest.mark.parametrize(
    "claim", ["security_deposit", "habitability", "defamation", "assault_battery", "illegal_eviction"]
)
def test_a_state_rule_stays_text(tmp_path: Path, claim: str) -> None:
    running = session(tmp_path, claim)
    running.tell("It happened on May 1, 2025 and I moved out on May 2, 2025.")

    assert all((limit.day, limit.what) == (None, None) for limit in limits(running))


def test_a_date_in_an_answer_starts_the_period(tmp_path: Path) -> None:
    running = session(tmp_path, "debt_collection")
    running.tell("a story")
    running.import_events(
        "answer",
        {
            "claim": "debt_collection",
            "element": "prohibited_act",
            "answer": "text",
            "text": "He called on May 5, 2025.",
        },
    )
    (limit,) = limits(running)

    assert (limit.day, limit.statute, limit.passed) == (dt.date(2026, 5, 5), "15 U.S.C. § 1692k(d)", False)
    assert '"May 5, 2025"' in limit.says


def test_a_date_in_the_words_that_support_the_element_starts_it(tmp_path: Path) -> None:
    words = "They fired me on January 5, 2026."
    running = session(tmp_path, "retaliation", told={("retaliation", "adverse_action"): words})
    running.tell(f"I was born on May 1, 1980. {words}")

    assert days(running, "42 U.S.C. § 2000e-5(e)(1)") == [dt.date(2026, 7, 4), dt.date(2026, 11, 1)]
    assert "if that is the date of the act" in limits(running)[0].says


@pytest.mark.parametrize("words", ["last Tuesday", "in 2025", "a while ago", "on 99/99/2025", "on May 5, 2031"])
def test_what_is_no_day_starts_nothing(tmp_path: Path, words: str) -> None:
    running = session(tmp_path, "debt_collection")
    running.tell("a story")
    running.import_events(
        "answer", {"claim": "debt_collection", "element": "prohibited_act", "answer": "text", "text": words}
    )
    (limit,) = limits(running)

    assert limit.day is None
    assert "no day is computed" in limit.says


@pytest.mark.parametrize(
    ("words", "day", "says"),
    [
        ("on May 5, 2025 and on March 3, 2025", dt.date(2026, 3, 3), "the earliest one is used"),
        ("in May 2025", dt.date(2026, 5, 1), "its first day is used"),
        ("on February 29, 2024", dt.date(2025, 2, 28), "This day has passed"),
        ("on March 7, 2025", dt.date(2026, 3, 7), "This is a Saturday"),
        ("on May 5, 2025 and on May 5, 2031", dt.date(2026, 5, 5), "1 year"),
    ],
)
def test_the_careful_date_is_used_and_it_says_so(tmp_path: Path, words: str, day: dt.date, says: str) -> None:
    running = session(tmp_path, "debt_collection")
    running.tell("a story")
    running.import_events(
        "answer", {"claim": "debt_collection", "element": "prohibited_act", "answer": "text", "text": words}
    )
    (limit,) = limits(running)

    assert limit.day == day
    assert says in limit.says


def test_a_date_without_a_year_takes_the_nearest_earlier_one_and_says_so(tmp_path: Path) -> None:
    running = session(tmp_path, "debt_collection")
    running.tell("a story")
    running.import_events(
        "answer", {"claim": "debt_collection", "element": "prohibited_act", "answer": "text", "text": "on May 5"}
    )
    (limit,) = limits(running)

    assert limit.day == dt.date(2026, 5, 5)
    assert "nearest earlier" in limit.says


def test_the_right_to_sue_letter_starts_ninety_days(tmp_path: Path) -> None:
    running = session(tmp_path, "employment_discrimination")
    running.tell("I got the right-to-sue letter on February 2, 2026.")

    assert days(running, "42 U.S.C. § 2000e-5(f)(1)") == [dt.date(2026, 5, 3)]


def test_a_date_that_the_person_said_is_wrong_starts_nothing(tmp_path: Path) -> None:
    running = session(tmp_path, "wrongful_termination")
    running.tell("They fired me on January 3, 2026. My last day was January 17, 2026.")
    running.choose("2026-01-17")

    assert days(running, "29 U.S.C. § 660(c)(2)") == [dt.date(2026, 2, 16)]
