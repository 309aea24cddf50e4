"""From the story to the downloaded draft: with a mouse, by keys alone, on a phone, and with scripts switched off."""

from __future__ import annotations

import json
import re
import zipfile
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.web.browser import Person
from tests.web.conftest import MakePerson
from tests.web.server import Server
from tests.web.stories import DEPOSIT, NOTHING, WAGES

PAPER = "Letter to Birchline, May 20, 2025: please send back my deposit."
_DONE = "All questions are done"
_MOST_STEPS = 60


def answer_all(person: Person, first: str) -> None:
    """Answer the first question in words, all others with "I don't know" or "I have none"."""
    page = person.page
    expect(page.get_by_label("Your answer", exact=True)).to_be_visible()
    page.get_by_label("Your answer", exact=True).fill(first)
    person.press("Save and go on")
    expect(page.get_by_role("complementary", name="Your answers").get_by_text(first)).to_be_visible()
    for _ in range(_MOST_STEPS):
        heading = page.get_by_role("heading", level=1)
        before = heading.inner_text()
        if before == _DONE:
            return
        progress = page.get_by_role("complementary", name="Your answers").inner_text()
        page.get_by_role("button", name=re.compile("^(I don’t know|I have none)$")).click()
        expect(page.get_by_role("complementary", name="Your answers")).not_to_have_text(progress, use_inner_text=True)
    raise AssertionError("the questions have no end")


def add_paper(person: Person) -> None:
    person.page.get_by_label("Choose files").set_input_files(
        {"name": "letter.txt", "mimeType": "text/plain", "buffer": PAPER.encode()}
    )
    person.page.get_by_label("What does it show?").select_option(index=1)
    person.press("Add it")
    expect(person.page.get_by_role("article", name="letter.txt")).to_be_visible()


def downloaded(page: Page, name: str) -> Path:
    with page.expect_download() as waiting:
        page.get_by_role("link", name=name, exact=True).click()
    return Path(waiting.value.path())


def check_draft(person: Person) -> None:
    """The page and all files say what was told, and what was not."""
    page = person.page
    expect(page.get_by_role("article", name="Preview of the draft")).to_contain_text("Birchline Apartments")
    expect(page.get_by_role("article", name="Preview of the draft").get_by_text("MISSING").first).to_be_visible()
    html = downloaded(page, "Web page (HTML)").read_text()
    assert "Birchline Apartments" in html
    assert "MISSING" in html
    made = json.loads(downloaded(page, "Data (JSON)").read_text())
    assert [exhibit["title"] for exhibit in made["exhibits"]] != []
    with zipfile.ZipFile(downloaded(page, "Word (DOCX)")) as docx:
        assert b"Birchline Apartments" in docx.read("word/document.xml")
    assert downloaded(page, "PDF").read_bytes().startswith(b"%PDF-")


def test_from_the_story_to_the_downloaded_draft(person: Person) -> None:
    person.begin(DEPOSIT)
    expect(person.page.locator(".story mark").first).to_be_visible()
    person.follow("Go on to the questions")
    answer_all(person, "They have to give it back in 21 days")
    person.step("Evidence")
    add_paper(person)
    person.step("Overview")
    expect(person.page.get_by_role("link", name="letter.txt").first).to_be_visible()
    person.step("Draft")
    check_draft(person)


def test_the_whole_way_on_a_phone_and_never_sideways(person_at: MakePerson, server: Server) -> None:
    phone = person_at(server, viewport={"width": 320, "height": 640}, is_mobile=True, has_touch=True)
    phone.begin(DEPOSIT)
    assert phone.sideways == 0
    phone.follow("Go on to the questions")
    assert phone.sideways == 0
    answer_all(phone, "I moved out in spring")
    phone.step("Evidence")
    # A phone offers its camera for this field.
    expect(phone.page.get_by_label("Or take a photo")).to_have_attribute("capture", "environment")
    add_paper(phone)
    assert phone.sideways == 0
    for step in ("Overview", "Draft"):
        phone.step(step)
        expect(phone.page.get_by_role("heading", level=1)).to_be_visible()
        assert phone.sideways == 0
    check_draft(phone)


def test_the_whole_way_with_scripts_switched_off(person_at: MakePerson, server: Server) -> None:
    plain = person_at(server, java_script_enabled=False)
    plain.begin(DEPOSIT)
    expect(plain.page.locator(".story mark").first).to_be_visible()
    plain.follow("Go on to the questions")
    answer_all(plain, "I never got a letter from them")
    plain.step("Evidence")
    add_paper(plain)
    plain.step("Draft")
    check_draft(plain)
    plain.follow("Leave quickly (or press Escape three times)")
    expect(plain.page).to_have_title("Calendar")


class Keys:
    """Somebody who has a keyboard only."""

    def __init__(self, person: Person) -> None:
        self.page = person.page

    def focused(self) -> str:
        name: str = self.page.evaluate(
            """() => { const e = document.activeElement; if (!e || e === document.body) return "";
            const label = e.labels && e.labels.length ? e.labels[0].textContent : "";
            const name = label || e.getAttribute("aria-label") || e.textContent || e.value || "";
            return name.replace(/\\s+/g, " ").trim(); }"""
        )
        return name

    def to(self, name: str, most: int = 120) -> None:
        """Press Tab until the thing of that name has the focus, and see that the focus is shown."""
        for _ in range(most):
            self.page.keyboard.press("Tab")
            if self.focused().startswith(name):
                outline = self.page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
                assert outline != "none", f"nobody sees that {name} has the focus"
                return
        raise AssertionError(f"no key leads to {name}")

    def enter(self) -> None:
        self.page.keyboard.press("Enter")

    def type(self, text: str) -> None:
        self.page.keyboard.insert_text(text)


def test_the_whole_way_by_keys_alone(person: Person, tmp_path: Path) -> None:
    keys = Keys(person)
    person.begin(NOTHING)
    page = person.open("/cases")
    keys.to("Skip to the main part")
    keys.enter()
    keys.to("Start a new case")  # past all the cases that are there
    keys.enter()
    keys.to("Start")
    keys.enter()
    expect(person.heading("Tell what happened")).to_be_visible()
    keys.to("Your story")
    keys.type(DEPOSIT)
    page.keyboard.press("Control+Enter")
    expect(person.heading("Your story")).to_be_visible()
    keys.to("Go on to the questions")
    keys.enter()
    expect(page.get_by_label("Your answer", exact=True)).to_be_visible()
    keys.to("Why do you ask?")
    page.keyboard.press("Space")
    expect(page.get_by_text("This helps").or_(page.get_by_text("A court needs this"))).to_be_visible()
    keys.to("Your answer")
    keys.type("Nobody told me")
    keys.to("Save and go on")
    keys.enter()
    expect(page.get_by_role("complementary", name="Your answers").get_by_text("Nobody told me")).to_be_visible()
    keys.to("Evidence")
    keys.enter()
    expect(person.heading("Add a file")).to_be_visible()
    paper = tmp_path / "note.txt"
    paper.write_text(PAPER)
    # Playwright does not wait until the browser hands its dialogs over. On a busy machine an Enter right after was
    # faster, and the dialog opened and was cancelled unseen; on the way to the field there is time enough.
    with page.expect_file_chooser() as chooser:
        keys.to("Choose files")
        keys.enter()
    chooser.value.set_files(paper)
    keys.to("Add it")
    keys.enter()
    expect(page.get_by_role("article", name="note.txt")).to_be_visible()
    keys.to("Draft")
    keys.enter()
    expect(page.get_by_role("article", name="Preview of the draft")).to_be_visible()
    keys.to("Data (JSON)")
    with page.expect_download() as waiting:
        keys.enter()
    assert json.loads(Path(waiting.value.path()).read_text())["defendants"][0]["name"] == "Birchline Apartments"


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_a_long_story_keeps_all_its_marks(person_at: MakePerson, server: Server, dark: bool) -> None:
    someone = person_at(server, color_scheme="dark" if dark else "light")
    someone.begin(WAGES)
    marks = someone.page.locator(".story mark")
    expect(marks.first).to_be_visible()
    for text in marks.evaluate_all("(marks) => marks.map((mark) => mark.firstChild.textContent)"):
        assert text in WAGES
