"""What holds for every route there is, read from the application itself: a new route cannot be forgotten here."""

from __future__ import annotations

import re

import pytest

from tests.mediator.serving.conftest import csrf

BODIES = {
    "CaseIn": {},
    "CaseChange": {"title": "stolen"},
    "StoryIn": {"text": "They never paid me."},
    "GlanceIn": {"text": "They never paid me."},
    "TextIn": {"text": "They never paid me."},
    "AnswerIn": {"claim": "wage_and_hour", "element": "employee", "text": "stolen"},
    "Action": {"do": "undo"},
    "LinkIn": {"claim": "wage_and_hour", "element": "employee"},
    "Details": {"court": "stolen"},
    "EngineChoice": {"engine": None},
}
#: What a person has of their own, whoever they are: nothing in the path names anybody's thing.
OWN = {"/api/v1/cases", "/api/v1/evidence", "/api/v1/me", "/api/v1/engines", "/api/v1/engine", "/api/v1/claims",
       "/api/v1/glance"}  # fmt: skip


def operations(site):
    """Each operation of the API: method, path with its gaps, and a body that fits."""
    document = site.client().get("/api/v1/openapi.json").json()
    for path, methods in sorted(document["paths"].items()):
        for method, operation in methods.items():
            content = operation.get("requestBody", {}).get("content", {})
            reference = content.get("application/json", {}).get("schema", {}).get("$ref", "")
            yield method, path, BODIES[reference.rsplit("/", 1)[-1]] if reference else None


def filled(path: str, case_id: str, cid: str) -> str:
    values = {"case_id": case_id, "cid": cid, "piece": "0", "format": "html"}
    return re.sub(r"\{(\w+)\}", lambda gap: values[gap[1]], path)


def ask(client, method: str, url: str, body, **more):
    query = {"since": 0} if url.endswith("/differences") else None
    return client.request(method, url, json=body, params=query, **more) if body is not None else client.request(
        method, url, params=query, **more
    )  # fmt: skip


@pytest.fixture(scope="module")
def anas(site):
    """Ana's case, its file, and a second site's worth of nothing for ben."""
    case = site.case("ana")
    return case, case.evidence()[0].cid


def test_there_are_routes_to_test(site):
    assert len(list(operations(site))) > 30


def test_nobody_reaches_anothers_case_or_file_by_any_route(site, anas):
    case, cid = anas
    own = site.case("ben", told=False)
    program = site.program("ben")
    before = case.events(), case.info.title, len(case.evidence())
    reached = []
    for method, path, body in operations(site):
        if path in OWN:
            continue
        for case_id in (case.id, own.id) if "{cid}" in path else (case.id,):
            answer = ask(program, method, filled(path, case_id, cid), body)
            if answer.status_code != 404:
                reached.append((method, path, answer.status_code))
    files = {"file": ("x.txt", b"planted")}
    assert program.post(f"/api/v1/cases/{case.id}/evidence", files=files).status_code == 404
    assert reached == []
    assert (case.events(), case.info.title, len(case.evidence())) == before


def test_what_one_has_of_ones_own_holds_nothing_of_another(site, anas):
    case, cid = anas
    program = site.program("ben")
    for path in OWN:
        answer = program.get(path)
        assert case.id not in answer.text
        assert cid not in answer.text


def test_without_a_login_every_route_is_closed(site, anas):
    case, cid = anas
    client = site.client()
    for method, path, body in operations(site):
        assert ask(client, method, filled(path, case.id, cid), body).status_code == 401, (method, path)
    for path in ("/v1/models", "/api/v0/ai/llm/providers", "/page", "/fault", "/headers?value=x"):
        assert client.get(path).status_code in (303, 401), path


def test_every_route_that_changes_something_needs_the_forms_token_from_a_browser(site, anas):
    case, cid = anas
    browser = site.browser("ana")
    before = case.events(), case.info.title
    for method, path, body in operations(site):
        if method not in ("get", "head"):
            assert ask(browser, method, filled(path, case.id, cid), body).status_code == 403, (method, path)
    assert (case.events(), case.info.title) == before


@pytest.mark.parametrize(
    "path", ["..%2f..%2fetc%2fpasswd", "%2e%2e%2f", "x%00", "%ff", "a" * 300, "<script>", "%0d%0aX:y"]
)
def test_no_route_takes_a_path_for_an_id(site, path):
    program = site.program("ana")
    for _method, route, _body in operations(site):
        if "{" not in route or _method != "get":
            continue
        answer = program.get(re.sub(r"\{\w+\}", lambda _: path, route), params={"since": 0})
        assert answer.status_code in (404, 422), (route, answer.status_code)
        assert answer.headers["content-type"] == "application/problem+json"
        assert "root:" not in answer.text


def test_every_failure_is_problem_details(site, anas):
    case, _ = anas
    program = site.program("ana")
    for answer in (
        program.get("/api/v1/nothing"),
        program.request("TRACE", "/api/v1/me"),
        program.post("/api/v1/cases", content=b"{", headers={"content-type": "application/json"}),
        program.post("/api/v1/cases", json={"titel": "x"}),
        program.post(f"/api/v1/cases/{case.id}/actions", json={"do": "choose"}),
        program.post(f"/api/v1/cases/{case.id}/actions", json={"do": "skip", "key": "none"}),
        program.get(f"/api/v1/cases/{case.id}/draft/exe"),
        program.put("/api/v1/engine", json={"engine": "none"}),
    ):
        document = answer.json()
        assert answer.headers["content-type"] == "application/problem+json"
        assert document["status"] == answer.status_code >= 400
        assert document["request_id"] == answer.headers["x-request-id"]
        assert len(document["detail"].splitlines()) == 1


def test_the_description_has_examples_and_a_sentence_for_each_operation(site):
    document = site.client().get("/api/v1/openapi.json").json()
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            assert operation["description"], (method, path)
    for name in BODIES:
        if name != "Details":
            assert document["components"]["schemas"][name]["examples"], name


def test_two_people_at_once_each_see_their_own(site):
    for name in ("ana", "ben"):
        browser = site.browser(name)
        token = csrf(browser)
        browser.post("/api/v1/cases", json={"title": f"only {name}"}, headers={"x-csrf-token": token})
    ana, ben = site.browser("ana"), site.browser("ben")
    assert "only ben" not in ana.get("/api/v1/cases").text
    assert "only ana" not in ben.get("/api/v1/cases").text
    assert "only ana" in ana.get("/api/v1/cases").text
