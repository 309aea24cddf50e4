"""Text that wants to be a script, in every place where a person can put text: it is shown, and never runs."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.web.browser import Person
from tests.web.conftest import MakePerson
from tests.web.server import Server
from tests.web.stories import DEPOSIT

ATTEMPTS = (
    "<script>alert('ran')</script>",
    "<img src=x onerror=alert('ran')>",
    "\"><svg/onload=alert('ran')>",
    "'-alert('ran')-'",
    "{{ 7 * 7 }}{% include 'base.html' %}",
    "</textarea><script>alert('ran')</script>",
    "</title><script>alert('ran')</script>",
    "javascript:alert('ran')",
)
ALL = " ".join(ATTEMPTS)
LOOKED_AT = ("tell", "answer", "evidence", "overview", "draft")


def looked_at_all(someone: Person, case: str, *more: str) -> None:
    """Every page of the case, until it is quiet; the fixture fails when a script of a text asks or complains."""
    for path in (*(f"{case}/{page}" for page in LOOKED_AT), "/cases", *more):
        page = someone.open(path)
        page.wait_for_load_state("networkidle")
        assert page.locator("img[src='x'], svg[onload], script:not([src])").count() == 0
        assert "49" not in page.locator("main h1").all_inner_texts()


def test_a_story_never_runs(person: Person) -> None:
    case = person.begin(f"{DEPOSIT} {ALL}")
    expect(person.page.locator(".story")).to_contain_text("<script>alert('ran')</script>")
    looked_at_all(person, case)


def test_a_story_that_is_being_written_never_runs(person: Person) -> None:
    person.open("/cases")
    person.press("Start")
    with person.page.expect_response(lambda response: response.url.endswith("/glance")):
        person.page.get_by_label("Your story", exact=True).fill(f"{DEPOSIT} <img src=x onerror=alert('ran')>{ALL}")
    expect(person.page.locator("[data-under] mark").first).to_be_attached()
    assert person.page.locator("[data-under] img, [data-under] script").count() == 0


def test_an_answer_never_runs(person: Person) -> None:
    case = person.begin(DEPOSIT)
    person.follow("Go on to the questions")
    person.page.get_by_label("Your answer", exact=True).fill(ALL)
    person.press("Save and go on")
    expect(person.page.get_by_role("complementary", name="Your answers")).to_contain_text(
        "<script>alert('ran')</script>"
    )
    person.page.get_by_role("button", name="Change the answer to").first.click()
    expect(person.page.get_by_label("Your answer", exact=True)).to_have_value(ALL)
    looked_at_all(person, case)


@pytest.mark.parametrize("attempt", [ATTEMPTS[0], ATTEMPTS[2], ATTEMPTS[4]])
def test_a_name_of_a_case_never_runs(person: Person, attempt: str) -> None:
    person.open("/cases")
    person.page.get_by_label("A name for it").fill(attempt)
    person.press("Start")
    expect(person.heading("Tell what happened")).to_be_visible()
    expect(person.page.locator(".case-name strong")).to_have_text(attempt)
    looked_at_all(person, person.page.url.removesuffix("/tell").removeprefix(person.address))


@pytest.mark.parametrize("attempt", [ATTEMPTS[1], ATTEMPTS[3], ATTEMPTS[4]])
def test_a_file_name_and_its_description_never_run(person: Person, attempt: str) -> None:
    case = person.begin(DEPOSIT)
    person.step("Evidence")
    person.page.get_by_label("Choose files").set_input_files(
        {"name": f"{attempt}.txt", "mimeType": "text/html", "buffer": ALL.encode()}
    )
    person.page.get_by_label("A few words about it").fill(ALL)
    person.page.get_by_label("What does it show?").select_option(index=1)
    person.press("Add it")
    link = person.page.get_by_role("article").get_by_role("heading").get_by_role("link")
    expect(link).to_have_text(f"{attempt}.txt")
    looked_at_all(person, case, link.get_attribute("href") or "")
    expect(person.page.locator(".text-preview")).to_contain_text("<script>alert('ran')</script>")


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("page.html", b"<html><script>alert('ran')</script>"),
        ("drawing.svg", b"<svg xmlns='http://www.w3.org/2000/svg' onload=\"alert('ran')\"/>"),
        ("paper.pdf", b"%PDF-1.4\n1 0 obj<</Type/Catalog/OpenAction<</S/JavaScript/JS(app.alert('ran'))>>>>endobj"),
        ("photo.png", b"\x89PNG\r\n\x1a\n<script>alert('ran')</script>"),
    ],
)
def test_a_file_is_saved_and_never_opened_in_the_browser(person: Person, name: str, data: bytes) -> None:
    case = person.begin(DEPOSIT)
    person.step("Evidence")
    person.page.get_by_label("Choose files").set_input_files({"name": name, "mimeType": "text/html", "buffer": data})
    person.press("Add it")
    person.page.get_by_role("article", name=name).get_by_role("link", name=name).click()
    expect(person.heading("Preview")).to_be_visible()
    address = person.page.url
    with person.page.expect_download() as waiting:
        person.page.evaluate("(address) => { location.href = address; }", f"{address}/file")
    assert waiting.value.suggested_filename == name
    answer = person.context.request.get(f"{address}/file")
    assert answer.headers["content-disposition"].startswith("attachment")
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert "sandbox" in answer.headers["content-security-policy"]
    assert answer.body() == data
    looked_at_all(person, case)


@pytest.mark.parametrize(
    "text", ["\u202etxet ruoy", "مرحبا، لم يدفعوا لي أجري", "🙂🏠💔", "\u0000\u0007\u001b[31mred", "a" * 3000]
)
def test_text_that_turns_around_or_has_no_end_breaks_no_page(person_at: MakePerson, server: Server, text: str) -> None:
    someone = person_at(server, viewport={"width": 320, "height": 640})
    case = someone.begin(f"{DEPOSIT} {text}")
    for page in LOOKED_AT:
        someone.open(f"{case}/{page}")
        assert someone.sideways == 0


def test_a_spanish_story_reads_as_it_was_written(person: Person) -> None:
    from tests.web.stories import SPANISH

    person.begin(SPANISH)
    expect(person.page.locator(".story")).to_contain_text("Begoña Muñoz")
    expect(person.page.locator(".story")).to_contain_text("¿Qué puedo hacer?")
