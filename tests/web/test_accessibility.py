"""Every page: no violation by axe in light and dark, nothing sideways at 320 pixels, one main heading, a language."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from playwright.sync_api import Browser, expect

from tests.web.browser import Person, axe_violations
from tests.web.server import Server
from tests.web.stories import CONFLICT, FAMILY, NOTHING, SPANISH, WAGES

PICTURE = bytes.fromhex(
    "89504e470d0a1a0a0000000d4948445200000001000000010802000000907753de0000000c49444154789c63606060000000040001f61738550000000049454e44ae426082"
)
PAGES = (
    "home", "cases", "new", "told", "spanish", "no claim", "refer", "question", "question again", "conflict",
    "wanted", "evidence", "file", "picture file", "overview", "draft", "differences", "settings", "leaving",
    "calendar", "not found", "done", "delete",
)  # fmt: skip


@pytest.fixture(scope="module")
def addresses(browser: Browser, server: Server) -> Mapping[str, str]:
    """One case for each state that a page can be in, by the address of that page."""
    someone = Person(browser, server.address)
    known = {
        "home": "/", "cases": "/cases", "settings": "/settings", "leaving": "/help/leaving", "calendar": "/calendar",
        "not found": "/nowhere",
    }  # fmt: skip
    someone.open("/cases")
    someone.press("Start")
    expect(someone.heading("Tell what happened")).to_be_visible()
    known["new"] = someone.page.url.removeprefix(server.address)
    wages = someone.begin(WAGES)
    someone.step("Evidence")
    for name, mime, data in (("letter.txt", "text/plain", b"Dear Mr. Purdy"), ("photo.png", "image/png", PICTURE)):
        someone.page.get_by_label("Choose files").set_input_files({"name": name, "mimeType": mime, "buffer": data})
        someone.page.get_by_label("What does it show?").select_option(index=2)
        someone.press("Add it")
        link = someone.page.get_by_role("link", name=name)
        expect(link).to_be_visible()
        known["file" if mime == "text/plain" else "picture file"] = link.get_attribute("href") or ""
    known |= {"told": f"{wages}/tell", "evidence": f"{wages}/evidence", "overview": f"{wages}/overview"}
    known |= {"draft": f"{wages}/draft", "question": f"{wages}/answer"}
    known["spanish"] = f"{someone.begin(SPANISH)}/tell"
    known["no claim"] = f"{someone.begin(NOTHING)}/tell"
    someone.open("/cases")
    someone.page.get_by_role("button", name="Put away").first.click()
    expect(someone.page.get_by_text("The case is put away.")).to_be_visible()
    known["refer"] = f"{someone.begin(FAMILY)}/answer"
    known["delete"] = f"{wages}/delete"
    again = someone.begin(WAGES)
    someone.follow("Go on to the questions")
    someone.page.get_by_label("Your answer", exact=True).fill("Yes")
    someone.press("Save and go on")
    someone.page.get_by_role("button", name="Change the answer to").first.click()
    expect(someone.page.get_by_text("You said this before")).to_be_visible()
    known["question again"] = f"{again}/answer"
    someone.step("Draft")
    someone.press("Show the differences")
    known["differences"] = someone.page.url.removeprefix(server.address)
    known["conflict"] = f"{someone.begin(CONFLICT)}/answer"
    known["wanted"], known["done"] = _to_the_end(someone)
    someone.close()
    return known


def _to_the_end(someone: Person) -> tuple[str, str]:
    """One case that stands at a request for evidence, and one where all is asked."""
    found = []
    for stop in ("Do you have something that shows this?", "All questions are done"):
        case = someone.begin(CONFLICT)
        someone.follow("Go on to the questions")
        for _ in range(60):
            heading = someone.page.get_by_role("heading", level=1).inner_text()
            if heading == stop:
                break
            button = "I have none" if heading.startswith("Do you have something") else "Skip for now"
            before = someone.page.get_by_role("complementary", name="Your answers").inner_text()
            someone.press(button)
            expect(someone.page.get_by_role("complementary", name="Your answers")).not_to_have_text(
                before, use_inner_text=True
            )
        found.append(f"{case}/answer")
    return found[0], found[1]


@pytest.mark.parametrize("name", PAGES)
def test_every_page_can_be_used_by_everybody(person, server, addresses, name):
    page = person.open(addresses[name])
    for details in page.locator("details").all():
        details.evaluate("(element) => { element.open = true; }")
    for scheme in ("light", "dark"):
        # Without motion: a colour on its way from light to dark is neither, and axe would measure it.
        page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
        assert axe_violations(page) == [], scheme
    assert page.locator("html").get_attribute("lang") == "en"
    assert page.title() != ""
    assert page.get_by_role("heading", level=1).count() == 1
    page.set_viewport_size({"width": 320, "height": 640})
    assert person.sideways == 0
    person.context.add_cookies([{"name": "look", "value": "larger.device", "url": server.address}])
    page.set_viewport_size({"width": 640, "height": 800})
    page.reload()
    assert person.sideways == 0


@pytest.mark.parametrize("name", [name for name in PAGES if name != "calendar"])
def test_every_page_says_that_it_is_no_legal_advice_and_lets_keys_skip_to_its_main_part(person, addresses, name):
    page = person.open(addresses[name])
    expect(page.get_by_text("This is not legal advice.")).to_be_visible()
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the main part")).to_be_focused()


def test_nothing_moves_for_who_wants_no_motion(person_at, server, addresses):
    someone = person_at(server, reduced_motion="reduce")
    page = someone.open(addresses["told"])
    moving = page.evaluate(
        """[...document.querySelectorAll('*')].filter((e) => getComputedStyle(e).transitionDuration
        .split(', ').some((t) => t !== '0s')).length"""
    )
    assert moving == 0


def test_paper_has_the_words_and_not_the_buttons(person, addresses):
    page = person.open(addresses["draft"])
    page.emulate_media(media="print")
    expect(page.get_by_role("article", name="Preview of the draft")).to_be_visible()
    expect(page.get_by_text("This is not legal advice.")).to_be_visible()
    for hidden in (".leave", ".steps", "aside", ".button"):
        assert page.locator(hidden).locator("visible=true").count() == 0


def test_the_overview_is_a_table_for_who_listens_also_where_it_looks_like_cards(person_at, server, addresses):
    someone = person_at(server, viewport={"width": 320, "height": 640})
    page = someone.open(addresses["overview"])
    table = page.get_by_role("table").nth(1)
    assert table.get_by_role("columnheader").all_inner_texts() == [
        "What it needs", "How it stands", "What you told", "Evidence",
    ]  # fmt: skip
    assert table.get_by_role("rowheader").count() == table.get_by_role("row").count() - 1
