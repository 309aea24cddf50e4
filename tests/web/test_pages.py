"""What each page does for a person, in a real browser."""

from __future__ import annotations

import hashlib
import io
import re

import pytest
from PIL import Image
from playwright.sync_api import expect

from tests.web.browser import Person
from tests.web.conftest import MakePerson
from tests.web.server import Server, write_config
from tests.web.stories import CONFLICT, DEPOSIT, FAMILY, NOTHING, WAGES


def photo(size: tuple[int, int] = (640, 480)) -> bytes:
    out = io.BytesIO()
    Image.new("RGB", size, "#884422").save(out, "JPEG")
    return out.getvalue()


def pdf(pages: int) -> bytes:
    out = io.BytesIO()
    sheets = [Image.new("RGB", (300, 400), "white") for _ in range(pages)]
    sheets[0].save(out, "PDF", save_all=True, append_images=sheets[1:])
    return out.getvalue()


def add(person: Person, name: str, data: bytes, mime: str = "application/octet-stream") -> None:
    person.step("Evidence")
    person.page.get_by_label("Choose files").set_input_files({"name": name, "mimeType": mime, "buffer": data})
    person.press("Add it")
    expect(person.page.get_by_role("article", name=name)).to_be_visible()


# -- tell ------------------------------------------------------------------------------------------


def test_words_are_marked_while_they_are_written_and_only_as_long_as_they_stand(person):
    person.open("/cases")
    person.press("Start")
    field = person.page.get_by_label("Your story", exact=True)
    field.fill(WAGES)
    marks = person.page.locator("[data-under] mark")
    expect(marks.first).to_be_attached()
    for text in marks.all_text_contents():
        assert text in WAGES
    expect(person.page.locator("[data-live-claims] li")).not_to_have_count(0)
    expect(person.page.get_by_role("status").filter(has_text="Your words may point to").first).to_be_attached()
    field.fill("x")
    expect(marks).to_have_count(0)


def test_what_is_only_being_written_is_not_kept(person):
    person.open("/cases")
    person.press("Start")
    with person.page.expect_response(lambda response: response.url.endswith("/glance")):
        person.page.get_by_label("Your story", exact=True).fill(DEPOSIT)
    person.page.reload()
    expect(person.page.get_by_label("Your story", exact=True)).to_have_value("")


def test_the_marks_lie_exactly_under_the_words(person):
    person.open("/cases")
    person.press("Start")
    person.page.get_by_label("Your story", exact=True).fill(WAGES)
    expect(person.page.locator("[data-under] mark").first).to_be_attached()
    field, under = (
        person.page.locator(selector).evaluate(
            """(e) => { const s = getComputedStyle(e);
            return [e.clientWidth, s.font, s.lineHeight, s.padding, s.letterSpacing]; }"""
        )
        for selector in ("#story", "[data-under]")
    )
    assert field == under
    assert person.page.locator("#story").evaluate("(e) => e.scrollHeight <= e.clientHeight")


def test_every_mark_is_the_persons_own_words_and_says_which_claim(person):
    person.begin(WAGES)
    first = person.page.locator(".story mark").first
    expect(first).to_contain_text("(claim 1)")
    assert person.page.locator(".story").evaluate(
        """(e) => { const c = e.cloneNode(true);
        c.querySelectorAll('sup, .unseen').forEach((n) => n.remove()); return c.textContent; }"""
    ) == WAGES  # fmt: skip


def test_no_claim_found_is_a_good_answer(person):
    person.begin(NOTHING)
    expect(person.heading("No claim found")).to_be_visible()
    expect(person.heading("Where to go")).to_be_visible()


def test_a_family_matter_says_where_to_go(person):
    person.begin(FAMILY)
    expect(person.heading("Where this belongs")).to_be_visible()
    expect(person.page.get_by_text("1-800-799-7233").first).to_be_visible()


def test_more_can_be_told_changed_and_taken_back(person):
    person.begin(NOTHING)
    page = person.page
    page.get_by_label("Add to your story").fill("They kept my $900 deposit and sent no list.")
    person.press("Add this")
    expect(page.locator(".story")).to_contain_text("$900 deposit")
    page.get_by_text("Change part 1").click()
    page.get_by_label("Part 1 of your story").fill("The summer was long.")
    person.press("Save the change")
    expect(page.locator(".story")).to_contain_text("The summer was long.")
    person.press("Take back the last thing I did")
    person.step("Tell")
    expect(page.locator(".story")).to_contain_text("lemon cake")


@pytest.mark.parametrize("script", [True, False], ids=["with scripts", "without"])
def test_an_empty_story_is_refused_with_a_clear_line(person_at, server, script):
    someone = person_at(server, java_script_enabled=script)
    someone.open("/cases")
    someone.press("Start")
    someone.page.get_by_label("Your story", exact=True).fill("...")
    someone.press("Read my story")
    expect(someone.page.get_by_role("alert")).to_contain_text("no story in the text")
    expect(someone.page.get_by_label("Your story", exact=True)).to_have_value("...")


# -- answer ----------------------------------------------------------------------------------------


def test_one_question_at_a_time_with_its_reason_and_every_way_on(person):
    person.begin(WAGES)
    person.follow("Go on to the questions")
    page = person.page
    assert page.locator("main textarea").count() == 1
    page.get_by_text("Why do you ask?").click()
    expect(page.get_by_text(re.compile("A court needs this|This helps"))).to_be_visible()
    for name in ("Save and go on", "I don’t know", "Skip for now"):
        expect(page.get_by_role("button", name=name, exact=True)).to_be_visible()


def test_going_back_and_changing_an_answer_loses_no_later_one(person):
    person.begin(WAGES)
    person.follow("Go on to the questions")
    page = person.page
    mine = page.get_by_role("complementary", name="Your answers")
    asked = []
    for words in ("the first answer", "the second answer"):
        asked.append(page.get_by_role("heading", level=1).inner_text())
        page.get_by_label("Your answer", exact=True).fill(words)
        person.press("Save and go on")
        expect(mine.get_by_text(words)).to_be_visible()
    person.press("Back")
    expect(page.get_by_role("heading", level=1)).to_have_text(asked[1])
    expect(page.get_by_label("Your answer", exact=True)).to_have_value("the second answer")
    page.get_by_role("button", name=f"Change the answer to: {asked[0]}").click()
    expect(page.get_by_role("heading", level=1)).to_have_text(asked[0])
    page.get_by_label("Your answer", exact=True).fill("a better first answer")
    person.press("Save and go on")
    expect(mine.get_by_text("a better first answer")).to_be_visible()
    expect(mine.get_by_text("the second answer")).to_be_visible()
    person.press("Take back the last thing I did")
    expect(mine.get_by_text("the first answer", exact=True)).to_be_visible()


def test_i_do_not_know_and_skip_are_kept_and_shown(person):
    person.begin(WAGES)
    person.follow("Go on to the questions")
    mine = person.page.get_by_role("complementary", name="Your answers")
    person.press("I don’t know")
    expect(mine.get_by_text("You said that you do not know.")).to_be_visible()
    person.press("Skip for now")
    expect(mine.get_by_text("You skipped this.")).to_be_visible()


def test_two_dates_for_one_thing_are_shown_side_by_side_and_asked_about_once(person):
    case = person.begin(CONFLICT)
    person.follow("Go on to the questions")
    page = person.page
    expect(page.get_by_text("Two things that do not fit together")).to_be_visible()
    page.get_by_label("May 12, 2025").or_(page.get_by_label("$1,100")).check()
    first = page.get_by_role("heading", level=1).inner_text()
    person.press("Save and go on")
    expect(page.get_by_role("heading", level=1)).not_to_have_text(first)
    person.step("Overview")
    expect(page.get_by_role("heading", name="Things that do not fit together")).to_be_visible()
    expect(page.locator(".side")).not_to_have_count(0)
    expect(page.get_by_text("You said:").first).to_be_visible()
    person.open(f"{case}/answer")
    expect(page.get_by_role("heading", level=1)).not_to_have_text(first)


def test_a_page_that_is_older_than_the_case_changes_nothing(person_at, server):
    first = person_at(server)
    case = first.begin(WAGES)
    first.follow("Go on to the questions")
    old = person_at(server)
    old.open(f"{case}/answer")
    first.press("I don’t know")
    expect(first.page.get_by_text("You said that you do not know.")).to_be_visible()
    old.press("Skip for now")
    expect(old.page.get_by_text("The case went on since that page was shown")).to_be_visible()
    assert old.page.get_by_text("You skipped this.").count() == 0


def test_evidence_is_asked_for_and_goes_where_it_belongs(person):
    case = person.begin(DEPOSIT)
    person.follow("Go on to the questions")
    page = person.page
    wanted = page.get_by_role("heading", name="Do you have something that shows this?")
    mine = page.get_by_role("complementary", name="Your answers")
    for _ in range(30):
        if wanted.count():
            break
        before = mine.inner_text()
        person.press("Skip for now")
        expect(mine).not_to_have_text(before, use_inner_text=True)
    page.get_by_label("Choose a file").set_input_files({"name": "paper.txt", "mimeType": "text/plain", "buffer": b"x"})
    person.press("Add it and go on")
    expect(page.get_by_text("1 file")).to_be_visible()
    person.open(f"{case}/evidence")
    expect(page.get_by_role("article", name="paper.txt").get_by_text("Shows")).to_be_visible()


# -- evidence --------------------------------------------------------------------------------------


def test_files_can_be_dropped_and_show_their_fingerprints(person):
    person.begin(DEPOSIT)
    person.step("Evidence")
    page = person.page
    dropped = page.evaluate_handle(
        """() => { const t = new DataTransfer();
        for (const n of ['a.txt', 'b.txt']) t.items.add(new File([`in ${n}`], n)); return t; }"""
    )
    page.dispatch_event("[data-drop]", "drop", {"dataTransfer": dropped})
    for name in ("a.txt", "b.txt"):
        article = page.get_by_role("article", name=name)
        expect(article.get_by_text(hashlib.sha256(f"in {name}".encode()).hexdigest())).to_be_visible()
        expect(article.get_by_text(re.compile("^bafkrei[a-z2-7]{52}$"))).to_be_visible()


def test_a_cid_is_copied_by_its_button(person_at, server):
    someone = person_at(server, permissions=["clipboard-read", "clipboard-write"])
    someone.begin(DEPOSIT)
    add(someone, "note.txt", b"copied")
    article = someone.page.get_by_role("article", name="note.txt")
    someone.page.get_by_role("button", name="Copy the SHA-256 of note.txt").click()
    expect(someone.page.get_by_text("Copied the SHA-256 of note.txt")).to_be_attached()
    assert someone.page.evaluate("navigator.clipboard.readText()") == hashlib.sha256(b"copied").hexdigest()
    someone.page.get_by_role("button", name="Copy the CID of note.txt").click()
    expect(article.get_by_role("button", name="Copied").first).to_be_visible()
    assert someone.page.evaluate("navigator.clipboard.readText()").startswith("bafkrei")


def test_progress_is_shown_while_a_file_is_on_its_way(person, tmp_path):
    person.begin(DEPOSIT)
    person.step("Evidence")
    page = person.page
    slow = person.context.new_cdp_session(page)
    slow.send("Network.enable")
    slow.send(
        "Network.emulateNetworkConditions",
        {"offline": False, "latency": 0, "downloadThroughput": -1, "uploadThroughput": 2**20},
    )
    page.get_by_label("Choose files").set_input_files(
        {"name": "big.txt", "mimeType": "text/plain", "buffer": b"x" * (4 * 2**20)}
    )
    person.press("Add it")
    expect(page.get_by_role("progressbar", name="Progress of big.txt")).to_be_visible()
    expect(page.get_by_text(re.compile(r"^\d+ percent sent$"))).to_be_visible()
    expect(page.get_by_role("article", name="big.txt")).to_be_visible()


def test_text_pictures_and_pages_of_a_pdf_are_shown(person):
    person.begin(DEPOSIT)
    add(person, "note.txt", "Señor, ¿dónde está?".encode())
    add(person, "photo.jpg", photo())
    add(person, "paper.pdf", pdf(3))
    page = person.page
    page.get_by_role("link", name="note.txt").click()
    expect(page.locator(".text-preview")).to_have_text("Señor, ¿dónde está?")
    for name, label, count in (("photo.jpg", "Picture: photo.jpg", 1), ("paper.pdf", "Page 3 of 3 of paper.pdf", 3)):
        person.step("Evidence")
        page.get_by_role("link", name=name).click()
        shown = page.get_by_role("img", name=label)
        shown.scroll_into_view_if_needed()
        expect(shown).to_have_js_property("complete", True)
        assert shown.evaluate("(image) => image.naturalWidth") > 0
        assert page.locator("img.sheet").count() == count


def test_a_file_is_linked_to_a_part_of_a_claim_afterwards(person):
    person.begin(DEPOSIT)
    add(person, "note.txt", b"link me")
    page = person.page
    page.get_by_role("link", name="note.txt").click()
    page.get_by_label("Link it to").select_option(index=2)
    person.press("Link")
    expect(page.get_by_text("It is linked.")).to_be_visible()
    person.step("Overview")
    expect(page.get_by_role("table").get_by_role("link", name="note.txt")).to_be_visible()
    expect(page.get_by_text("told and shown").last).to_be_visible()


@pytest.mark.parametrize("script", [True, False], ids=["with scripts", "without"])
def test_a_file_that_is_too_large_is_refused_in_plain_words(person_at, tmp_path, script):
    small = Server(write_config(tmp_path, SERVER={"max_upload_bytes": 1000})).start()
    someone = person_at(small, java_script_enabled=script)
    someone.begin(DEPOSIT)
    someone.step("Evidence")
    someone.page.get_by_label("Choose files").set_input_files(
        {"name": "long.txt", "mimeType": "text/plain", "buffer": b"x" * 2000}
    )
    someone.press("Add it")
    expect(someone.page.get_by_text("too large").first).to_be_visible()
    small.stop()


def test_a_program_is_not_taken_as_evidence(person):
    person.begin(DEPOSIT)
    person.step("Evidence")
    person.page.get_by_label("Choose files").set_input_files(
        {"name": "photo.jpg", "mimeType": "image/jpeg", "buffer": b"\x7fELF\x02\x01\x01" + bytes(200)}
    )
    person.press("Add it")
    expect(person.page.get_by_text("This kind of file cannot be added.", exact=True)).to_be_visible()


# -- overview, draft, settings, cases --------------------------------------------------------------


def test_the_timeline_is_a_list_and_a_picture_that_says_the_same(person):
    person.begin(WAGES)
    person.step("Overview")
    section = person.page.get_by_role("region", name="Timeline")
    assert section.get_by_role("listitem").count() >= 4
    expect(section.get_by_role("img", name="Timeline")).to_be_visible()
    days = section.locator("time").evaluate_all("(all) => all.map((one) => one.dateTime)")
    assert days == sorted(days)


def test_deadlines_name_their_rule_and_ask_to_confirm(person):
    person.begin(WAGES)
    person.step("Overview")
    section = person.page.get_by_role("region", name="Deadlines")
    expect(section.get_by_text("29 U.S.C. § 255(a)").first).to_be_visible()
    expect(section.get_by_text("Ask a lawyer or the court’s clerk to confirm each one.")).to_be_visible()


def test_what_only_the_person_knows_goes_into_the_draft_and_shows_as_a_difference(person):
    person.begin(DEPOSIT)
    person.step("Draft")
    page = person.page
    expect(page.locator(".paper .missing").first).to_be_visible()
    page.get_by_text("Court, jury and more").click()
    page.get_by_label("Name of the court").fill("Superior Court of Testville")
    page.get_by_role("group", name="Do you want a jury?").get_by_label("Yes").check()
    person.press("Save and draft again")
    expect(page.get_by_role("article", name="Preview of the draft")).to_contain_text("Superior Court of Testville")
    person.step("Answer")
    page.get_by_label("Your answer", exact=True).fill("They said it was for painting.")
    person.press("Save and go on")
    expect(page.get_by_role("complementary", name="Your answers")).to_contain_text("painting")
    person.step("Draft")
    person.press("Show the differences")
    expect(
        page.get_by_role("region", name="What changed").get_by_text("They said it was for painting.").first
    ).to_be_visible()


def test_the_reader_is_switched_without_a_restart(person):
    person.open("/settings")
    page = person.page
    expect(page.get_by_role("listitem").filter(has_text="mock").first.get_by_text("in use")).to_be_visible()
    expect(page.get_by_text("stays on this machine").first).to_be_visible()
    expect(page.get_by_text("ready").first).to_be_visible()
    page.get_by_role("radio", name=re.compile("^second")).check()
    person.press("Use this one")
    expect(page.get_by_text("From now on this one reads your words.")).to_be_visible()
    expect(page.get_by_role("listitem").filter(has_text="second").get_by_text("in use")).to_be_visible()
    person.begin(DEPOSIT)
    expect(page.locator(".story mark").first).to_be_visible()
    person.open("/settings")
    page.get_by_role("radio", name=re.compile("^mock")).check()
    person.press("Use this one")


def test_text_size_and_colours_are_remembered(person):
    person.open("/settings")
    page = person.page
    page.get_by_label("Very large").check()
    page.get_by_label("Dark", exact=True).check()
    page.get_by_role("button", name="Save", exact=True).click()
    person.open("/cases")
    assert page.locator("html").get_attribute("class") == "larger dark"
    assert page.locator("html").evaluate("(e) => parseFloat(getComputedStyle(e).fontSize)") > 24


def test_a_person_has_several_cases_and_can_rename_them(person_at, own_server):
    someone = person_at(own_server)
    page = someone.open("/")
    expect(someone.heading("Tell what happened. See where you stand.")).to_be_visible()
    someone.press("Start now")
    expect(someone.heading("Tell what happened")).to_be_visible()
    someone.begin(DEPOSIT)
    someone.open("/")
    expect(page.get_by_role("article")).to_have_count(2)
    page.get_by_text("Rename").first.click()
    page.get_by_label("New name").first.fill("The deposit")
    page.get_by_role("button", name="Save the name").first.click()
    expect(page.get_by_role("link", name="The deposit", exact=True)).to_be_visible()


# -- leaving quickly -------------------------------------------------------------------------------


@pytest.mark.parametrize("way", ["keys", "button"])
def test_leaving_quickly_shows_a_calendar_and_the_way_back_shows_nothing(person, way):
    case = person.begin(DEPOSIT)
    page = person.page
    if way == "keys":
        for _ in range(3):
            page.keyboard.press("Escape")
    else:
        person.follow("Leave quickly (or press Escape three times)")
    expect(page).to_have_title("Calendar")
    assert page.url == f"{person.address}/calendar"
    page.go_back()
    expect(page).to_have_title("Calendar")
    for path in ("/", case, f"{case}/draft", f"{case}/draft.json", "/settings", "/help/leaving", "/login", "/nowhere"):
        person.open(path)
        expect(page).to_have_title("Calendar")
    person.open("/back")
    person.open(f"{case}/tell")
    expect(page.locator(".story")).to_contain_text("Birchline Apartments")


def test_two_escapes_or_slow_ones_do_not_leave(person):
    person.open("/settings")
    for key in ("Escape", "Escape", "a", "Escape"):
        person.page.keyboard.press(key)
    person.page.wait_for_load_state("networkidle")
    expect(person.heading("Settings")).to_be_visible()


def test_the_calendar_says_nothing_of_the_program(person):
    page = person.open("/calendar")
    text = page.content().lower()
    assert not any(word in text for word in ("complaint", "case", "legal", "leave", "/static/app"))


# -- what goes wrong -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "path", ["/nowhere", "/cases/none/tell", "/cases/..%2f..%2fetc/tell", "/static/..%2fbase.html"]
)
def test_what_is_not_there_is_a_plain_page(person, path):
    page = person.open(path)
    expect(page.get_by_role("heading", level=1)).to_have_text("This page is not here")
    assert "Traceback" not in page.content()


def test_a_form_without_its_token_is_refused_on_a_plain_page(person_at: MakePerson, server: Server) -> None:
    someone = person_at(server, java_script_enabled=False)
    answer = someone.context.request.post(f"{server.address}/cases", form={"title": "forged"})
    assert answer.status == 403
    assert "That was not accepted" in answer.text()


def test_a_case_is_put_away_and_taken_out_and_deleted_by_who_is_sure(person):
    person.open("/cases")
    person.page.get_by_label("A name for it").fill("Deposit of last year")
    person.press("Start")
    page = person.open("/cases")
    person.press("Put away Deposit of last year")
    page.get_by_text("Put away: ").click()
    person.press("Take out again Deposit of last year")
    expect(page.get_by_role("article", name="Deposit of last year")).to_be_visible()
    person.follow("Delete … Deposit of last year")
    person.press("Delete the case")
    expect(person.heading("Delete this case?")).to_be_visible()  # the box was not marked
    page.get_by_label("I am sure.").check()
    person.press("Delete the case")
    expect(page.get_by_text("The case is deleted.")).to_be_visible()
    expect(page.get_by_role("article", name="Deposit of last year")).to_have_count(0)


def test_a_link_of_a_file_is_taken_away_with_one_press(person):
    person.begin(DEPOSIT)
    add(person, "letter.txt", b"Dear Birchline", "text/plain")
    person.follow("letter.txt")
    person.page.get_by_label("Link it to").select_option(index=1)
    person.press("Link")
    person.page.get_by_role("button", name="Take this link away").click()
    expect(person.page.get_by_text("The link is taken away.")).to_be_visible()
    expect(person.page.get_by_text("It is not linked to a part of a claim yet.")).to_be_visible()


def test_what_was_taken_back_is_done_again(person):
    person.begin(DEPOSIT)
    person.press("Take back the last thing I did")
    expect(person.page.get_by_text("The last thing you did is taken back.")).to_be_visible()
    person.press("Do it again after all")
    expect(person.page.locator(".story")).to_contain_text("Birchline")
