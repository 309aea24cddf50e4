"""Browser tests. ``make test-web`` installs the browser and axe and runs them: pytest -m web."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, expect, sync_playwright

from tests.web.browser import AXE, Person
from tests.web.server import Server, write_config

MakePerson = Callable[..., Person]
# How long a page may take before something is wrong; the first reading of a story loads the sentence model.
expect.set_options(timeout=30_000)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            item.add_marker(pytest.mark.web)


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Debian's Chromium, without a window."""
    program = shutil.which("chromium")
    if program is None or not AXE.is_file():
        pytest.fail("the browser or axe is not installed; run: make test-web", pytrace=False)
    with sync_playwright() as playwright:
        # The tests run as root in CI, where the browser's own sandbox cannot start.
        started = playwright.chromium.launch(executable_path=program, args=["--no-sandbox", "--disable-gpu"])
        yield started
        started.close()


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """One server for all tests that do not kill it; each test has cases of its own."""
    running = Server(write_config(tmp_path_factory.mktemp("server"))).start()
    yield running
    running.stop()


@pytest.fixture
def own_server(tmp_path: Path) -> Iterator[Server]:
    """A server that a test may kill."""
    running = Server(write_config(tmp_path)).start()
    yield running
    running.stop()


@pytest.fixture
def person_at(browser: Browser) -> Iterator[MakePerson]:
    """Makes people in front of a server; afterwards none of their browsers may have asked elsewhere or complained."""
    made: list[Person] = []

    def make(server: Server, **options: Any) -> Person:
        made.append(Person(browser, server.address, **options))
        return made[-1]

    yield make
    for person in made:
        person.close()
    assert [stranger for person in made for stranger in person.strangers] == []
    assert [complaint for person in made for complaint in person.complaints] == []


@pytest.fixture
def person(person_at: MakePerson, server: Server) -> Person:
    """One person at the common server."""
    return person_at(server)


@pytest.fixture
def two_people(tmp_path: Path, person_at: MakePerson) -> Iterator[tuple[Person, Person]]:
    """Two people who have signed in at one server with a login."""
    server = Server(write_config(tmp_path, SERVER={"login": True, "requests_per_minute": 100_000}))
    for name in ("ana", "ben"):
        server.add_user(name, f"a long password of {name}")
    server.start()
    people = []
    for name in ("ana", "ben"):
        someone = person_at(server)
        someone.open("/cases")
        someone.page.get_by_label("Name").fill(name)
        someone.page.get_by_label("Password").fill(f"a long password of {name}")
        someone.press("Sign in")
        expect(someone.page.get_by_role("button", name="Sign out")).to_be_visible()
        people.append(someone)
    yield people[0], people[1]
    server.stop()
