"""The draft: every fact has its source, what nobody told reads MISSING, and nothing is signed or invented."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest

from mediator import Mediator, NothingToReadError
from mediator.draft import Details, Draft, build_draft
from mediator.draft.docx import to_docx
from mediator.draft.html import Style, to_html
from mediator.draft.privacy import shorten, to_look_at
from mediator.state import Answer, Exhibit, SessionState
from tests.mediator.conftest import ScriptedBackend, failing
from tests.mediator.made_sessions import TAXONOMY, report

STORY = "I gave back the keys on May 1, 2025. He kept my $900. <b>My</b> cat is Biscuit. My SSN is 123-45-6789, $5."
CID = "bafkreigh2akiscaildcqabsyg3dfr6chu3fgpregiymsck7e7aqa4s52zy"
DETAILS = Details(court="United States District Court", district="Western District of Washington", jury=True)


def state(*claims: str) -> SessionState:
    """A session that told STORY, gave one answer and handed in one exhibit."""
    from mediator.claims.amounts import find_amounts
    from mediator.claims.dates import find_dates

    found = report(*claims).model_copy(
        update={"dates": tuple(find_dates(STORY)), "amounts": tuple(find_amounts(STORY))}
    )
    return SessionState(
        stories=(STORY,),
        report=found,
        answers={("security_deposit", "moved_out"): Answer("text", "On the first of May <i>2025</i>.", 3)},
        exhibits=(Exhibit(CID, "walls.jpg", "security_deposit", "condition", "Photo of the walls"),),
    )


def made(*claims: str, details: Details | None = None) -> Draft:
    records = [{"cid": CID, "sha256": "ab" * 32, "metadata": {"date": "2025-05-01", "pages": 1}}]
    return build_draft("s1", state(*(claims or ("security_deposit",))), TAXONOMY, evidence=records, details=details)


def test_every_paragraph_is_the_persons_own_words() -> None:
    for fact in made().facts:
        own = (
            STORY[fact.source.start : fact.source.end]
            if fact.source.kind == "story"
            else "On the first of May <i>2025</i>."
        )
        assert fact.text in (own, own.replace("123-45-6789", "xxx-xx-6789"))


def test_paragraphs_are_numbered_without_a_gap_and_chatter_is_left_out() -> None:
    facts = made().facts

    assert [fact.number for fact in facts] == [1, 2, 3, 4]
    assert not any("Biscuit" in fact.text for fact in facts)


def test_an_element_cites_its_answer_or_exhibit_or_reads_missing() -> None:
    elements = {element.element: element for element in made().counts[0].elements}

    assert elements["moved_out"].paragraphs == (4,)
    assert elements["condition"].exhibits == ("A",)
    assert elements["not_returned"].missing is not None
    assert elements["not_returned"].missing.startswith("MISSING: ")


def test_all_thirteen_sections_are_checked_in_their_order() -> None:
    checks = made(details=DETAILS).checks

    assert [check.section for check in checks] == [section.id for section in TAXONOMY.complaint_sections]
    assert {check.section for check in checks if not check.ok} >= {"causes_of_action", "jurisdiction"}


def test_only_state_claims_without_diversity_are_warned_about() -> None:
    assert "28 U.S.C. § 1332" in made().warnings[0]
    assert made("wage_and_hour").warnings == ()
    assert made(details=Details(diversity=True)).warnings == ()


def test_a_referred_matter_is_no_count() -> None:
    draft = made("security_deposit", "family_matter")

    assert [count.claim for count in draft.counts] == ["security_deposit"]
    assert "another court" in draft.warnings[-1]


def test_an_exhibit_has_label_title_date_cid_hash_and_pages() -> None:
    exhibit = made().exhibits[0]

    assert (exhibit.label, exhibit.title, exhibit.date, exhibit.cid, exhibit.sha256, exhibit.pages) == (
        "A", "Photo of the walls", "2025-05-01", CID, "ab" * 32, "1",
    )  # fmt: skip


def test_the_same_session_gives_the_same_bytes_twice() -> None:
    assert made(details=DETAILS).model_dump_json() == made(details=DETAILS).model_dump_json()
    assert to_html(made(details=DETAILS)) == to_html(made(details=DETAILS))


def test_text_of_a_story_is_never_markup() -> None:
    page = to_html(made(), Style(font='x"}</style><script>'))

    assert "<i>2025" not in page
    assert "&lt;i&gt;2025" in page
    assert "<script>" not in page


def test_the_page_is_never_signed_and_says_that_it_is_no_advice() -> None:
    page = to_html(made(details=DETAILS))

    assert "/s/" not in page
    assert "not legal advice" in page
    assert 'Signature: <span class="line"></span>' in page
    assert "MISSING" in page


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("My SSN is 123-45-6789.", "My SSN is xxx-xx-6789."),
        ("account number 1234 5678 9012 3456 was", "account number x3456 was"),
        ("I paid $1,200 on 5/1/2025 at 555-0134.", "I paid $1,200 on 5/1/2025 at 555-0134."),
    ],
)
def test_only_the_last_four_digits_stay(text: str, shown: str) -> None:
    assert shorten(text)[0] == shown


def test_birth_dates_and_childrens_names_are_pointed_out() -> None:
    kinds = {item.kind for item in to_look_at("My daughter Rosa was born on May 4, 2019.")}

    assert kinds == {"birth date: keep the year only", "if this is a child, use initials"}


def test_a_verification_stands_only_when_asked_for() -> None:
    assert made().verification is None
    assert "penalty of perjury" in (made(details=Details(verified=True)).verification or "")


def test_nothing_told_is_nothing_to_draft(tmp_path: Path) -> None:
    with (
        Mediator(backends=[ScriptedBackend(failing)], state_dir=tmp_path) as mediator,
        pytest.raises(NothingToReadError),
    ):
        mediator.draft()


def test_the_docx_holds_the_same_words_and_no_signature() -> None:
    import docx

    document = docx.Document(io.BytesIO(to_docx(made(details=DETAILS))))
    text = "\n".join(paragraph.text for paragraph in document.paragraphs)

    assert all(fact.text in text for fact in made(details=DETAILS).facts)
    assert [p.text for p in document.paragraphs if p.style.name == "Heading 1"] == ["Complaint"]
    assert "/s/" not in text
    assert [cell.text for cell in document.tables[0].rows[1].cells][3:5] == [CID, "ab" * 32]


def test_control_characters_of_a_story_do_not_break_the_docx() -> None:
    facts = [fact.model_copy(update={"text": "a\x00\x1b[31mb\ufffe"}) for fact in made().facts]

    assert to_docx(made().model_copy(update={"facts": tuple(facts)}))[:2] == b"PK"


def test_a_draft_survives_json() -> None:
    assert Draft.model_validate(json.loads(made().model_dump_json())) == made()
