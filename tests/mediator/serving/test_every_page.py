"""What holds for every page there is, read from the routes themselves: a new page cannot be forgotten here."""

from __future__ import annotations

import importlib
import re
from pkgutil import iter_modules

import pytest

from mediator.interfaces.serving import Pages
from mediator.interfaces.web import error_page, routes, web_routes
from tests.mediator.serving.conftest import LOGIN, csrf, served


@pytest.fixture(scope="module")
def house(tmp_path_factory):
    """A server with a login and the pages that people see."""
    with served(tmp_path_factory.mktemp("house"), LOGIN, pages=Pages(web_routes(), error_page)) as site:
        yield site


@pytest.fixture(scope="module")
def anas(house):
    case = house.case("ana")
    return case, case.evidence()[0].cid


def cases_pages() -> list[tuple[str, str]]:
    """Each page of a case: method and path with its gaps."""
    modules = [importlib.import_module(f"{routes.__name__}.{found.name}") for found in iter_modules(routes.__path__)]
    pages = [route for module in modules if hasattr(module, "router") for route in module.router.routes]
    return [(m, page.path) for page in pages for m in sorted(page.methods - {"HEAD"}) if "{case_id}" in page.path]


def ask(client, method: str, path: str, case_id: str, cid: str):
    values = {"case_id": case_id, "cid": cid, "format": "json"}
    url = re.sub(r"\{(\w+)\}", lambda gap: values[gap[1]], path)
    if method == "GET":
        return client.get(url)
    form = {"csrf_token": csrf(client, "/cases"), "piece": "0", "title": "stolen", "story": "stolen", "text": "stolen"}
    if path.endswith("/evidence"):
        return client.post(url, files={"file": ("planted.txt", b"planted")}, data=form)
    return client.post(url, data=form | {"claim": "wage_and_hour", "element": "employee", "sure": "yes"})


def test_there_are_pages_to_test():
    assert len(cases_pages()) > 15


def test_nobody_reaches_anothers_case_or_file_by_any_page(house, anas):
    case, cid = anas
    own, browser = house.case("ben", told=False), house.browser("ben")
    before = case.events(), case.info.title, len(case.evidence())
    reached = []
    for method, path in cases_pages():
        for case_id in (case.id, own.id) if "{cid}" in path else (case.id,):
            answer = ask(browser, method, path, case_id, cid)
            if answer.status_code != 404:
                reached.append((method, path, answer.status_code))
    assert reached == []
    assert (case.events(), case.info.title, len(case.evidence())) == before


def test_no_page_of_a_case_opens_without_a_login(house, anas):
    case, cid = anas
    stranger = house.client(origin=house.url)
    for method, path in cases_pages():
        values = {"case_id": case.id, "cid": cid, "format": "json"}
        url = re.sub(r"\{(\w+)\}", lambda gap, values=values: values[gap[1]], path)
        answer = stranger.request(method, url)
        assert answer.status_code == (303 if method == "GET" else 401), (method, path)


def test_a_case_that_another_program_holds_is_told_on_a_page(house, anas, monkeypatch):
    from mediator.exceptions import SessionBusyError

    case, _ = anas

    def busy(_place):
        raise SessionBusyError("open in another program")

    monkeypatch.setattr(house.office.desk, "at", busy)
    answer = house.browser("ana").get(f"/cases/{case.id}/tell")
    assert answer.status_code == 409
    assert "This case is open somewhere else" in answer.text


def test_a_fault_is_told_on_a_page_with_a_number_and_nothing_of_the_inside(house, anas, monkeypatch):
    case, _ = anas

    def broken(_place):
        raise ZeroDivisionError("Harbor Foods")

    monkeypatch.setattr(house.office.desk, "at", broken)
    answer = house.browser("ana").get(f"/cases/{case.id}/tell")
    assert answer.status_code == 500
    assert "Something went wrong here" in answer.text
    assert answer.headers["x-request-id"] in answer.text
    assert "Harbor" not in answer.text
    assert "ZeroDivision" not in answer.text


def test_who_goes_too_fast_is_told_on_a_page(tmp_path):
    from dataclasses import replace

    settings = replace(LOGIN, requests_per_minute=10)
    with served(tmp_path / "s", settings, pages=Pages(web_routes(), error_page)) as site:
        stranger = site.client()
        answers = [stranger.get("/login") for _ in range(25)]
    slow = [answer for answer in answers if answer.status_code == 429]
    assert slow
    assert "One moment, please" in slow[0].text
    assert int(slow[0].headers["retry-after"]) > 0
