"""Fed. R. Civ. P. 5.2(a): what is shortened, what is only pointed out, and that both are told."""

from __future__ import annotations

import itertools
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mediator.draft.docx import to_docx
from mediator.draft.html import to_html
from mediator.draft.privacy import Redactor
from tests.mediator.draft.matters import draft_of

#: What may be filed of what was told. The reader knows that it was told in 2026.
SHORTENED = {
    "My SSN is 123-45-6789.": "My SSN is xxx-xx-6789.",
    "My social security number is 123456789.": "My social security number is x6789.",
    "My ITIN: 912-34-5678": "My ITIN: xxx-xx-5678",
    "Their EIN is 12-3456789.": "Their EIN is x6789.",
    "account number 1234 5678 9012 3456 was": "account number x3456 was",
    "My checking account ending in 44556677 was": "My checking account ending in x6677 was",
    "They took it from DE89 3704 0044 0532 0130 00.": "They took it from x3000.",
    "They charged 4111 1111 1111 1111 twice.": "They charged x1111 twice.",
    "I was born on March 3, 1962.": "I was born in 1962.",
    "I was born 3/4/62 in Ohio.": "I was born ’62 in Ohio.",
    "DOB: 04/05/1990": "DOB: 1990",
    "My date of birth is June 7th.": "My date of birth is [day of birth left out].",
    "Nací, digo, ella nació el 3 de marzo de 2014.": "Nací, digo, ella nació en 2014.",
    "My daughter Rosa, who is 9, fell. Rosa cried.": "My daughter R., who is 9, fell. R. cried.",
    "my 7-year-old son, Leo Marsh, fell. Leo's arm broke.": "my 7-year-old son, L.M., fell. L.'s arm broke.",
    "My daughter Rosa was born on March 3, 2014.": "My daughter R. was born in 2014.",
    "My daughter is Rosa. She is 9.": "My daughter is R. She is 9.",
    "Rosa, my 9-year-old daughter, fell.": "R., my 9-year-old daughter, fell.",
    "My son Leo is in third grade.": "My son L. is in third grade.",
    "our baby boy Leo, 4 months old": "our baby boy L., 4 months old",
    "Mi hija Ana, de 8 años, lloró.": "Mi hija A., de 8 años, lloró.",
    "my 7-year-old son Will fell in May. Will he heal?": "my 7-year-old son W. fell in May. Will he heal?",
}
#: What looks like such a thing and is none.
KEPT = (
    "I paid $1,200 on 5/1/2025 at 555-010-0134.",
    "I closed my account on 2025-05-01.",
    "Order 4111 1111 1111 1112 never came.",
    "The case was born of malice in 2024.",
    "My son Leo, 24, works there.",
    "My daughter Rosa, who is 34 years old, works there.",
    "We paid on loan terms of 24 months.",
)


@pytest.mark.parametrize("told", SHORTENED)
def test_what_the_rule_keeps_out_is_shortened_and_listed(told: str) -> None:
    shown, done = Redactor([told], year=2026).apply(told)

    assert shown == SHORTENED[told]
    assert done
    assert all(item.done for item in done)


@pytest.mark.parametrize("told", KEPT)
def test_what_only_looks_like_it_stays(told: str) -> None:
    assert Redactor([told], year=2026).apply(told) == (told, ())


@pytest.mark.parametrize(
    ("told", "shown"),
    [
        ("My daughter Kate came along.", "Kate"),
        ("They fired me on my birthday, May 3, 2025.", "birthday, May 3, 2025"),
        ("Her number was 123456789.", "123456789"),
    ],
)
def test_what_code_cannot_tell_is_pointed_out_and_stays(told: str, shown: str) -> None:
    reader = Redactor([told], year=2026)

    assert reader.apply(told) == (told, ())
    assert [(item.shown, item.done) for item in reader.to_look_at(told)] == [(shown, False)]


def test_a_child_told_in_the_story_is_shortened_in_every_other_text() -> None:
    reader = Redactor(["My son Leo, age 6, was hurt."])

    assert reader.apply("Photo of Leo in bed")[0] == "Photo of L. in bed"


def test_a_name_of_the_other_side_is_not_taken_for_the_childs() -> None:
    told = "My son Jordan is in third grade. Jordan Properties sued."

    assert Redactor([told], keep=["Jordan Properties"]).apply(told)[0] == (
        "My son J. is in third grade. Jordan Properties sued."
    )


def test_another_persons_name_that_begins_alike_stays() -> None:
    told = "My daughter, Rosa Marsh, is 9. Rosa Martinez hit her."

    assert Redactor([told]).apply(told)[0] == "My daughter, R.M., is 9. Rosa Martinez hit her."


def test_nothing_that_was_shortened_is_anywhere_in_any_format() -> None:
    secret = ("123-45-6789", "Mateo", "March 3", "2014-03-03")
    draft = draft_of(
        story="My son Mateo was born on March 3, 2014. On June 1, 2025 Mateo was hurt. SSN 123-45-6789, it cost $900.",
        answer="Mateo is 11.",
        title="Photo of Mateo, born March 3, 2014",
    )
    page, data = to_html(draft), json.dumps(json.loads(draft.model_dump_json()), ensure_ascii=False)

    assert [word for word in secret if word in page or word in data or word.encode() in to_docx(draft)] == []
    assert {"2014", "2025-06-01"} == {entry.iso for entry in draft.timeline}
    assert {item.kind.split(":")[0] for item in draft.redactions} == {
        "name of a child", "birth date", "social-security or taxpayer number",
    }  # fmt: skip


def test_a_birth_date_starts_no_deadline() -> None:
    told = "They kept my pay of $900. I was born on April 5, 1990."
    draft = draft_of("wage_and_hour", story=told, answer="All of it.")
    lines = [line for count in draft.counts for line in count.deadlines]

    assert lines
    assert not any("1992" in line for line in lines)
    assert "04-05" not in draft.model_dump_json()


def test_exhibits_are_said_not_to_be_changed() -> None:
    assert any("exhibits themselves are not changed" in warning for warning in draft_of().warnings)


@given(st.text(max_size=200))
def test_any_text_comes_back_whole_but_for_what_is_listed(text: str) -> None:
    reader = Redactor([text])
    spans = reader.spans(text)
    shown, done = reader.apply(text)

    assert len(done) == len(spans)
    assert bool(done) == (shown != text) or all(text[s.start : s.end] == s.shown for s in spans)
    assert all(text[a.end : b.start] in shown for a, b in itertools.pairwise(spans))


@given(st.integers(100, 665), st.integers(1, 99), st.integers(1, 9999), st.sampled_from("- ."))
def test_no_social_security_number_survives(area: int, group: int, serial: int, gap: str) -> None:
    number = f"{area:03}{gap}{group:02}{gap}{serial:04}"

    assert number not in Redactor([]).apply(f"It is {number}, I think")[0]
