"""The server is killed and started again while a person sends: nothing half-made, nothing lost, nothing twice."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.web.browser import Person
from tests.web.conftest import MakePerson
from tests.web.server import Server
from tests.web.stories import DEPOSIT

_ANSWER = "They said that they would send it, and then they did not"
_BIG = 30 * 2**20


def _first_question(server: Server, person_at: MakePerson) -> tuple[Person, str]:
    someone = person_at(server)
    case = someone.begin(DEPOSIT)
    someone.follow("Go on to the questions")
    expect(someone.page.get_by_label("Your answer", exact=True)).to_be_visible()
    return someone, case


def test_an_answer_on_its_way_when_the_server_is_killed_is_kept_on_the_page_and_sent_again(own_server, person_at):
    someone, case = _first_question(own_server, person_at)
    page = someone.page
    page.get_by_label("Your answer", exact=True).fill(_ANSWER)
    own_server.freeze()
    with page.expect_request(lambda request: request.method == "POST"):
        someone.press("Save and go on")
    own_server.kill()
    expect(page.get_by_role("alert")).to_contain_text("Your words are still here")
    expect(page.get_by_label("Your answer", exact=True)).to_have_value(_ANSWER)
    own_server.start()
    someone.press("Save and go on")
    expect(page.get_by_role("complementary", name="Your answers").get_by_text(_ANSWER)).to_have_count(1)
    someone.open(f"{case}/answer")
    expect(page.get_by_role("complementary", name="Your answers").get_by_text(_ANSWER)).to_have_count(1)


def test_an_answer_that_was_taken_survives_the_kill_and_the_next_question_is_the_same(own_server, person_at):
    someone, case = _first_question(own_server, person_at)
    page = someone.page
    page.get_by_label("Your answer", exact=True).fill(_ANSWER)
    someone.press("Save and go on")
    expect(page.get_by_role("complementary", name="Your answers").get_by_text(_ANSWER)).to_have_count(1)
    question = page.get_by_role("heading", level=1).inner_text()
    own_server.kill()
    own_server.start()
    someone.open(f"{case}/answer")
    expect(page.get_by_role("heading", level=1)).to_have_text(question)
    expect(page.get_by_role("complementary", name="Your answers").get_by_text(_ANSWER)).to_have_count(1)


def test_a_story_that_was_told_right_before_the_kill_is_read_after_the_start(own_server, person_at):
    someone = person_at(own_server)
    someone.open("/cases")
    someone.press("Start")
    page = someone.page
    page.get_by_label("Your story", exact=True).fill(DEPOSIT)
    with page.expect_request(lambda request: request.method == "POST" and request.url.endswith("/tell")):
        someone.press("Read my story")
    own_server.kill()
    own_server.start()
    # Either the words had arrived, then they are there, or they had not, then they are still on the page.
    if page.get_by_label("Your story", exact=True).count():
        expect(page.get_by_label("Your story", exact=True)).to_have_value(DEPOSIT)
        someone.press("Read my story")
    expect(page.locator(".story mark").first).to_be_visible()
    assert page.locator(".story").inner_text().count("Birchline Apartments") == 1


def test_an_upload_that_a_kill_cuts_off_leaves_nothing_behind_and_can_be_tried_again(own_server, person_at, tmp_path):
    someone, case = _first_question(own_server, person_at)
    page = someone.page
    someone.step("Evidence")
    paper = tmp_path / "long list.txt"
    paper.write_text(os.urandom(_BIG // 2).hex())
    slow = someone.context.new_cdp_session(page)
    slow.send("Network.enable")
    slow.send(
        "Network.emulateNetworkConditions",
        {"offline": False, "latency": 0, "downloadThroughput": -1, "uploadThroughput": 2 * 2**20},
    )
    page.get_by_label("Choose files").set_input_files(paper)
    someone.press("Add it")
    expect(page.get_by_text(re.compile(r"^[1-9]\d? percent sent$"))).to_be_visible()
    own_server.kill()
    expect(page.get_by_text("It was not added: the program cannot be reached.", exact=True)).to_be_visible()
    own_server.start()
    other = person_at(own_server)
    other.open(f"{case}/evidence")
    expect(other.page.get_by_text("Nothing yet.")).to_be_visible()
    slow.send(
        "Network.emulateNetworkConditions",
        {"offline": False, "latency": 0, "downloadThroughput": -1, "uploadThroughput": -1},
    )
    someone.press(f"Try again to add {paper.name}")
    expect(page.get_by_role("article", name=paper.name)).to_have_count(1)
    with page.expect_download() as waiting:
        page.get_by_role("link", name=paper.name).click()
        someone.follow("Download")
    assert Path(waiting.value.path()).read_bytes() == paper.read_bytes()


def test_two_people_at_once_see_only_their_own(two_people):
    first, second = two_people
    case = first.begin(DEPOSIT)
    other = second.begin(DEPOSIT.replace("Birchline Apartments", "Ridgeway Rentals"))
    for someone, own in ((first, case), (second, other)):
        someone.open(f"{own}/evidence")
        someone.page.get_by_label("Choose files").set_input_files(
            {"name": "secret.txt", "mimeType": "text/plain", "buffer": f"only {own}".encode()}
        )
        someone.press("Add it")
        expect(someone.page.get_by_role("article", name="secret.txt")).to_be_visible()
    expect(first.page.get_by_role("article")).to_have_count(1)
    file = first.page.get_by_role("link", name="secret.txt").get_attribute("href")
    for page in (
        case,
        f"{case}/answer",
        f"{case}/evidence",
        f"{case}/draft.json",
        file,
        f"{file}/file",
        f"{file}/picture",
    ):
        answer = second.context.request.get(f"{second.address}{page}")
        assert answer.status == 404, page
        assert "Birchline" not in answer.text()
    # The CID is known, and the second person asks for it in a case of their own.
    cid = str(file).rpartition("/")[2]
    assert second.context.request.get(f"{second.address}{other}/evidence/{cid}/file").status == 404
    second.open("/cases")
    expect(second.page.get_by_role("article")).to_have_count(1)


@pytest.mark.parametrize("who", [0, 1])
def test_both_may_work_in_the_same_minute(two_people, who):
    people = two_people if who == 0 else two_people[::-1]
    cases = [someone.begin(DEPOSIT) for someone in people]
    for someone in people:
        someone.follow("Go on to the questions")
    for someone, words in zip(people, ("The first said this", "The second said that"), strict=True):
        someone.page.get_by_label("Your answer", exact=True).fill(words)
    for someone in people:
        someone.press("Save and go on")
    for someone, case, words in zip(people, cases, ("The first said this", "The second said that"), strict=True):
        # Saved and shown, before another address is opened: that would break off the sending of the form.
        expect(someone.page.get_by_role("complementary", name="Your answers").get_by_text(words)).to_have_count(1)
        someone.open(f"{case}/answer")
        expect(someone.page.get_by_role("complementary", name="Your answers").get_by_text(words)).to_have_count(1)
