"""Amounts, dates and parties are read by code, each at its place in the text."""

from __future__ import annotations

import datetime as dt
import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mediator.claims.amounts import find_amounts
from mediator.claims.dates import find_dates
from mediator.claims.parties import find_parties

PROSE = st.text(alphabet=st.sampled_from(list("$€0123456789.,-/ abkMmay MarDecto\n'’¢%")), max_size=120)


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("He kept forty five hundred and two grand.", [4500, 2000]),
        ("89 dólares a la semana", [89]),
        ("me debe dos mil quinientos dólares", [2500]),
        ("$200-300 a week", [200, 300]),
        ("$200 to $300", [200, 300]),
        ("between 200 and 300 dollars", [200, 300]),
        ("$30k-40k", [30000, 40000]),
        ("I paid 3k for it", [3000]),
        ("$1.5 million", [1500000]),
        ("$1,250.50 and 75 cents", [1250.5, 0.75]),
        ("they owe me twelve hundred.", [1200]),
        ("paid five hundred and sixty-two dollars", [562]),
        ("a hundred bucks", [100]),
        ("my $5,000-a-month job", [5000]),
        ("US$500, £40 and 30 euros", [500, 40, 30]),
    ],
)
def test_sums_are_read_as_people_write_them(text: str, values: list[float]) -> None:
    assert [amount.value for amount in find_amounts(text)] == values


@pytest.mark.parametrize(
    "text",
    [
        "a 5k run", "fifteen hundred square feet", "nine thousand miles away", "forty minutes", "10/2/25",
        "one hundred people saw it", "room 1200", "I weigh 150 pounds", "it is 41 degrees", "call 555-0134",
    ],
)  # fmt: skip
def test_other_numbers_are_no_sums(text: str) -> None:
    assert find_amounts(text) == []


@given(st.integers(0, 10_000_000), st.integers(0, 99))
def test_any_sum_in_dollars_reads_back(whole: int, cents: int) -> None:
    text = f"He owes me ${whole:,}.{cents:02d} since then."

    assert [amount.value for amount in find_amounts(text)] == [round(whole + cents / 100, 2)]


@given(PROSE)
def test_every_amount_and_date_stands_at_its_offsets(text: str) -> None:
    for fact in [*find_amounts(text), *find_dates(text, dt.date(2026, 5, 1))]:
        assert text[fact.start : fact.end] == fact.mention


@given(PROSE)
def test_facts_of_a_kind_never_overlap(text: str) -> None:
    for facts in (find_amounts(text), find_dates(text)):
        assert all(one.end <= two.start for one, two in itertools.pairwise(facts))


SHAPES = ["%B %d, %Y", "%b %d %Y", "%d %B %Y", "%m/%d/%Y", "%m/%d/%y", "%Y-%m-%d", "%b. %d, %Y", "%B %d of %Y"]
DAYS = st.dates(dt.date(1990, 1, 1), dt.date(2049, 12, 31))


@given(DAYS, st.sampled_from(SHAPES))
def test_any_day_in_any_shape_reads_back(day: dt.date, shape: str) -> None:
    text = f"It was {day.strftime(shape)} when he called."
    expected = day.isoformat()

    # A two-digit year is of 1950 to 2049, which all these days are.
    assert [date.iso for date in find_dates(text)] == [expected]


@pytest.mark.parametrize(
    ("text", "isos"),
    [
        ("on 10/2/26 he came", ["2026-10-02"]),
        ("13/4/2025", ["2025-04-13"]),
        ("el 3 de junio de 2026", ["2026-06-03"]),
        ("desde julio de 2025", ["2025-07"]),
        ("5th of May 2024", ["2024-05-05"]),
        ("Mar. '24", ["2024-03"]),
        ("March 3 and 5, 2025", ["2025-03-03", "2025-03-05"]),
        ("June 3-7, 2025", ["2025-06-03", "2025-06-07"]),
        ("Jan 3 and Feb 5, 2025", ["2025-01-03", "2025-02-05"]),
        ("Dec 28, 2024, then on Jan 4 again", ["2024-12-28", "2025-01-04"]),
        ("March 11, 2025, done by May 1. It is now September 15.", ["2025-03-11", "2025-05-01", "2025-09-15"]),
        ("Hotline 3/3/26. Bought on October 2.", ["2026-03-03", "2025-10-02"]),
        ("On January 20, 2025. That Friday, the 24th, he came", ["2025-01-20", "2025-01-24"]),
        ("Christmas Eve 2024", ["2024-12-24"]),
        ("sept 4 2025 and Febuary 2, 2025", ["2025-09-04", "2025-02-02"]),
    ],
)
def test_dates_are_read_as_people_write_them(text: str, isos: list[str]) -> None:
    assert [date.iso for date in find_dates(text)] == isos


@pytest.mark.parametrize(
    ("text", "isos"),
    [
        ("I was born on March 3, 1961. On May 4 he fired me.", ["1961-03-03", "XXXX-05-04"]),
        ("My DOB is 3/4/45. On June 2 he hit me.", ["1945-03-04", "XXXX-06-02"]),
        ("Nací el 3 de mayo de 1960. El 4 de junio me despidieron.", ["1960-05-03", "XXXX-06-04"]),
        ("1/2/1980 (date of birth). On 3/4 he came.", ["1980-01-02", "XXXX-03-04"]),
        ("My son, born April 2012, was hit on May 5. We left June 1, 2024.", ["2012-04", "2024-05-05", "2024-06-01"]),
        ("Born May 2, 2001. Left 6/1/2024. Saturday, the 8th.", ["2001-05-02", "2024-06-01", "2024-06-08"]),
        ("He was born in Ohio on 6/5/70 and sued on 7/3/2024.", ["1970-06-05", "2024-07-03"]),
    ],
)  # fmt: skip
def test_a_birth_dates_nothing_else(text: str, isos: list[str]) -> None:
    assert [date.iso for date in find_dates(text)] == isos


@pytest.mark.parametrize(
    ("text", "isos"),
    [
        ("On June 3 he cut my hours. On January 9, 2025 I was fired.", ["2024-06-03", "2025-01-09"]),
        ("On May 30 he came. On June 3, 2025 he left.", ["2025-05-30", "2025-06-03"]),
        ("Since March 2015. He came June 3. I left 8/9/2024.", ["2015-03", "2024-06-03", "2024-08-09"]),
        ("Since March 2024. He came June 3. I left 1/9/2025.", ["2024-03", "2024-06-03", "2025-01-09"]),
        ("I lived there since March 2015. On June 3 it broke.", ["2015-03", "2015-06-03"]),
    ],
)  # fmt: skip
def test_a_story_runs_forward_to_the_first_date_with_a_year(text: str, isos: list[str]) -> None:
    assert [date.iso for date in find_dates(text)] == isos


def test_a_date_without_any_year_keeps_it_open_and_names_the_nearest_earlier_one() -> None:
    date = find_dates("He fired me on March 12.", today=dt.date(2026, 3, 1))[0]

    assert (date.iso, date.nearest_earlier) == ("XXXX-03-12", "2025-03-12")


def test_a_relative_date_is_kept_as_text() -> None:
    date = find_dates("It broke last Tuesday.")[0]

    assert (date.mention, date.iso) == ("last Tuesday", None)


@pytest.mark.parametrize("text", ["2/30/2025", "we may march", "24/7 service", "apartment 4-12", "half past 10.30"])
def test_what_is_no_date_is_not_one(text: str) -> None:
    assert find_dates(text) == []


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("My name is Ola Nord. I work for Gene Abbott.", {("Ola Nord", "plaintiff"), ("Gene Abbott", "defendant")}),
        ("I rented from Birchline Apartments.", {("Birchline Apartments", "defendant")}),
        ("My coworker Tamika Ross heard him say it.", {("Tamika Ross", "witness")}),
        ("I told Dr. Ruth Ansley about it.", {("Dr. Ruth Ansley", "defendant")}),
        ("My sister Ana Vega helped me.", {("Ana Vega", "other")}),
        ("In March the EEOC and HUD wrote on Monday.", set()),
    ],
)  # fmt: skip
def test_parties_have_the_role_that_the_text_gives_them(text: str, expected: set[tuple[str, str]]) -> None:
    assert {(party.name, party.role) for party in find_parties(text)} == expected


def test_the_name_under_a_letter_is_the_tellers() -> None:
    letter = "Mr. Cole of Halvorsen Mutual fired me. Respectfully,\nLeopold Amsel"

    assert {(p.name, p.role) for p in find_parties(letter)} == {
        ("Mr. Cole", "defendant"),
        ("Leopold Amsel", "plaintiff"),
    }


def test_a_text_in_capitals_names_nobody_by_chance() -> None:
    assert find_parties("HE TOOK MY DOOR. NO COURT, NO PAPER. THIS WAS WRONG.") == []


@given(st.text(max_size=150))
def test_no_party_is_invented(text: str) -> None:
    assert all(text[party.start : party.end] == party.name for party in find_parties(text))
