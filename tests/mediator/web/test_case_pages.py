"""Pages that change what a case is, without a browser and without scripts: as forms are sent."""

from __future__ import annotations

import html
import io
import re

import pytest

from mediator.interfaces.serving import Pages
from mediator.interfaces.web import error_page, web_routes
from tests.mediator.serving.conftest import LOGIN, csrf, served


@pytest.fixture(scope="module")
def house(tmp_path_factory):
    with served(tmp_path_factory.mktemp("house"), LOGIN, pages=Pages(web_routes(), error_page)) as site:
        yield site


@pytest.fixture
def ana(house):
    return house.browser("ana")


@pytest.fixture
def case(house):
    return house.case("ana")


def send(browser, path: str, **fields):
    return browser.post(path, data={"csrf_token": csrf(browser, "/cases"), **fields}, follow_redirects=True)


def text_of(answer) -> str:
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", answer.text)).split())


def hidden(answer, name: str) -> str:
    found = re.search(rf'name="{name}" value="([^"]*)"', answer.text)
    assert found is not None
    return found[1]


# -- put away, take out, delete


def test_a_case_that_is_put_away_is_listed_apart_and_comes_back(ana, case):
    answer = send(ana, f"/cases/{case.id}/archive")
    assert "Nothing of it is lost" in text_of(answer)
    assert case.info.archived
    assert f"/cases/{case.id}/restore" in answer.text
    assert f"/cases/{case.id}/archive" not in answer.text

    answer = send(ana, f"/cases/{case.id}/restore")
    assert f"/cases/{case.id}/archive" in answer.text
    assert not case.info.archived


def test_before_a_case_is_deleted_the_page_says_what_is_lost(ana, case):
    said = text_of(ana.get(f"/cases/{case.id}/delete"))

    assert f"your story ({len(case.state.story.split())} words)" in said
    assert "1 file that you added" in said
    assert "nobody can bring it back" in said


def test_nobody_deletes_a_case_by_one_press(ana, case):
    answer = send(ana, f"/cases/{case.id}/delete")

    assert answer.status_code == 422
    assert "Nothing was deleted" in text_of(answer)
    assert case.evidence()


def test_a_case_is_deleted_by_who_is_sure(ana, case):
    answer = send(ana, f"/cases/{case.id}/delete", sure="yes")

    assert "The case is deleted" in text_of(answer)
    assert ana.get(f"/cases/{case.id}/tell").status_code == 404
    assert case.id not in [info.id for info in case._book.cases()]
    assert send(ana, f"/cases/{case.id}/delete", sure="yes").status_code == 404


def test_a_case_on_hold_says_so_and_stays(house, ana, case):
    house.office._evidence_store().hold("the court <b>asked</b> for it", complaint=case.id)
    page = ana.get(f"/cases/{case.id}/delete")
    answer = send(ana, f"/cases/{case.id}/delete", sure="yes")

    assert "nothing of it can be deleted" in text_of(page)
    assert "the court &lt;b&gt;asked&lt;/b&gt; for it" in page.text
    assert 'name="sure"' not in page.text
    assert answer.status_code == 409
    assert "nothing of it can be deleted" in text_of(answer)
    assert case.evidence()


# -- links


def test_a_link_is_taken_away_and_the_file_stays(ana, case):
    claim = case.state.report.claims[0].id
    element = next(cell.element for cell in case.view().matrix if cell.claim == claim)
    cid = case.evidence()[0].cid
    case.link(cid, claim, element)
    assert "Take this link away" in ana.get(f"/cases/{case.id}/evidence/{cid}").text
    for _ in range(2):
        answer = send(ana, f"/cases/{case.id}/evidence/{cid}/unlink", shows=f"{claim}/{element}")
        assert answer.status_code == 200
        assert "The link is taken away" in text_of(answer)

    assert case.evidence()[0].cid == cid
    assert not any(exhibit.claim == claim for exhibit in case.state.exhibits)


# -- sent again, taken back, done again


def test_the_form_of_a_story_that_is_sent_again_tells_it_once(ana, house):
    case = house.office.person("ana").create()
    once = hidden(ana.get(f"/cases/{case.id}/tell"), "once")
    for _ in range(2):
        answer = send(ana, f"/cases/{case.id}/tell", story="They kept my deposit.", once=once)
        assert answer.status_code == 200

    assert case.state.stories == ("They kept my deposit.",)
    assert hidden(answer, "once") != once


def test_what_was_taken_back_can_be_done_again_and_neither_is_done_twice(ana, case):
    stories = case.state.stories
    page = ana.get(f"/cases/{case.id}/tell")
    act = hidden(page, "act")
    answer = send(ana, f"/cases/{case.id}/undo", act=act)
    assert "is taken back" in text_of(answer)
    assert "The case went on" in text_of(send(ana, f"/cases/{case.id}/undo", act=act))
    redo = re.search(r'/redo">.*?name="act" value="(\d+)"', ana.get(f"/cases/{case.id}/tell").text)
    assert redo is not None
    assert "is there again" in text_of(send(ana, f"/cases/{case.id}/redo", act=redo[1]))
    assert case.state.stories == stories


def test_the_start_button_pressed_twice_starts_one_case(ana, house):
    once = hidden(ana.get("/cases"), "once")
    before = len(house.office.person("ana").cases())
    places = {send(ana, "/cases", title="Twice", once=once).url for _ in range(2)}

    assert len(places) == 1
    assert len(house.office.person("ana").cases()) == before + 1


def test_a_file_sent_again_from_the_page_is_there_once(ana, house):
    case = house.office.person("ana").create()
    for _ in range(2):
        answer = ana.post(
            f"/cases/{case.id}/evidence",
            data={"csrf_token": csrf(ana, "/cases"), "shows": "", "description": "mine"},
            files={"file": ("a.txt", io.BytesIO(b"a letter"))},
        )
        assert answer.status_code == 303
    assert len(case.evidence()) == 1
