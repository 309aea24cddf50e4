"""A person in front of a real browser, who also watches that nothing leaves the server and that no script complains."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Locator, Page, Request, expect

__all__ = ["AXE", "Person", "axe_violations"]

AXE = Path(__file__).with_name("node_modules") / "axe-core" / "axe.min.js"
_TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa"]
#: What the browser says of itself when the server is away or refuses; the pages say it in their own words.
_EXPECTED = re.compile(r"Failed to load resource")


class Person:
    """One browser of one person. ``complaints`` is what a page should not make happen."""

    def __init__(self, browser: Browser, address: str, **options: Any) -> None:
        self.address = address
        self._scripts = options.get("java_script_enabled", True)
        self.context: BrowserContext = browser.new_context(base_url=address, **options)
        self.context.set_default_timeout(30_000)
        self.requests: list[str] = []
        self.complaints: list[str] = []
        self.context.on("request", self._saw)
        self.context.on("console", self._heard)
        self.context.on("weberror", lambda error: self.complaints.append(f"script error: {error.error}"))
        self.context.on("dialog", self._asked)
        self.page: Page = self.context.new_page()

    # -- what a person does ---------------------------------------------------------------------

    def open(self, path: str) -> Page:
        """Go to a page by its address."""
        self.page.goto(path)
        return self.page

    def press(self, name: str) -> None:
        """Press the button of that name."""
        self.page.get_by_role("button", name=name, exact=True).click()

    def follow(self, name: str) -> None:
        """Follow the link of that name."""
        self.page.get_by_role("link", name=name, exact=True).first.click()

    def begin(self, story: str) -> str:
        """Start a case with that story; returns the address of the case."""
        self.open("/cases")
        self.press("Start")
        expect(self.heading("Tell what happened")).to_be_visible()
        case = self.page.url.removesuffix("/tell").removeprefix(self.address)
        self.tell(story)
        return case

    def tell(self, story: str) -> None:
        """Write that story and send it."""
        self.page.get_by_label("Your story", exact=True).fill(story)
        self.press("Read my story")
        expect(self.heading("Your story")).to_be_visible()
        if not self._scripts:
            for _ in range(60):  # without scripts a person looks again
                if not self.page.locator("[data-reading]").count():
                    return
                self.follow("Look again")
        # The first reading of a server loads the sentence model: long, when the machine has other work.
        expect(self.page.locator("[data-reading]")).to_have_count(0, timeout=120_000)

    def heading(self, name: str) -> Locator:
        """The heading of that name."""
        return self.page.get_by_role("heading", name=name, exact=True).first

    def step(self, name: str) -> None:
        """Go to another step of the case."""
        self.page.get_by_role("navigation", name="Steps of this case").get_by_role(
            "link", name=re.compile(f"^{name}")
        ).click()

    # -- what must hold on every page -------------------------------------------------------------

    @property
    def strangers(self) -> list[str]:
        """Every request that went somewhere else than to the server."""
        home = urlsplit(self.address).netloc
        return [url for url in self.requests if urlsplit(url).netloc != home and not url.startswith(("blob:", "data:"))]

    @property
    def sideways(self) -> int:
        """How many pixels the page is wider than the window."""
        width: int = self.page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        return width

    def close(self) -> None:
        """Close the browser window."""
        self.context.close()

    def _saw(self, request: Request) -> None:
        self.requests.append(request.url)

    def _heard(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning") and not _EXPECTED.search(message.text):
            self.complaints.append(f"console: {message.text}")

    def _asked(self, dialog: Any) -> None:
        self.complaints.append(f"dialog: {dialog.message}")
        dialog.dismiss()


def axe_violations(page: Page) -> list[str]:
    """What axe finds on the page as it stands, one line each. WCAG 2.0 and 2.1, levels A and AA."""
    page.evaluate(AXE.read_text())
    result = page.evaluate("(tags) => axe.run(document, { runOnly: { type: 'tag', values: tags } })", _TAGS)
    return [
        f"{found['id']}: {found['help']}: {node['html'][:200]} {node.get('failureSummary', '')[:300]}"
        for found in result["violations"]
        for node in found["nodes"]
    ]
