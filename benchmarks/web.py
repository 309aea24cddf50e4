"""How soon a page can be used: a new browser profile opens it, nothing cached; beside an empty page of the same server.

Usage: `.venv/bin/python -m benchmarks.web` (needs Chromium: scripts/install-chromium). Writes benchmarks/WEB.md.
"""

from __future__ import annotations

import shutil
import statistics
import tempfile
from pathlib import Path

from playwright.sync_api import Browser, expect, sync_playwright

from tests.web.browser import Person
from tests.web.server import HOME, Server, write_config

ROUNDS = 15
_PAGES = ("tell", "answer", "overview", "draft")
BAR_MS = 300
#: Usable: the page is drawn, its fields can be filled, and its scripts have run.
_TIMES = """async () => {
  const page = performance.getEntriesByType("navigation")[0];
  const drawn = performance.getEntriesByName("first-contentful-paint")[0];
  const requests = performance.getEntriesByType("resource").length + 1;
  return [drawn ? drawn.startTime : page.domInteractive, page.loadEventEnd, requests];
}"""


def main() -> None:
    """Measure and write the table."""
    expect.set_options(timeout=120_000)
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        server = Server(write_config(Path(folder))).start()
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        try:
            first = _measure(browser, server, "/")
            case = _case(browser, server)
            rows = [("first page", first)]
            rows += [(name, _measure(browser, server, f"{case}/{name}")) for name in _PAGES]
            bare = _measure(browser, server, "/health")
        finally:
            browser.close()
            server.stop()
    text = _table(rows, bare)
    (HOME / "benchmarks" / "WEB.md").write_text(text)
    print(text)


def _case(browser: Browser, server: Server) -> str:
    someone = Person(browser, server.address)
    case = someone.begin((HOME / "samples" / "story.txt").read_text())
    expect(someone.page.locator(".story mark").first).to_be_visible()
    someone.close()
    return case


def _measure(browser: Browser, server: Server, path: str) -> tuple[float, float, float]:
    """Medians of drawn and usable in milliseconds, and how many requests."""
    seen: list[tuple[float, float, float]] = []
    for _ in range(ROUNDS):
        someone = Person(browser, server.address)
        page = someone.open(path)
        page.wait_for_load_state("load")
        seen.append(tuple(page.evaluate(_TIMES)))
        someone.close()
    drawn, usable, requests = zip(*seen, strict=True)
    return statistics.median(drawn), statistics.median(usable), statistics.median(requests)


def _table(rows: list[tuple[str, tuple[float, float, float]]], bare: tuple[float, float, float]) -> str:
    lines = [
        "# How soon a page can be used",
        "",
        f"`.venv/bin/python -m benchmarks.web`: {ROUNDS} times each, a new profile of headless Chromium, no cache, "
        "median; server and browser on the same 2 busy cores.",
        f"Usable: drawn, and all scripts have run. The bar for the first page is {BAR_MS} ms. The last row is the same",
        "server's answer of fifteen bytes, so the difference is what our page costs.",
        "",
        "| page | drawn | usable | requests | of the bar |",
        "| --- | --- | --- | --- | --- |",
    ]
    for name, (drawn, usable, requests) in [*rows, ("an answer of fifteen bytes", bare)]:
        lines.append(f"| {name} | {drawn:.0f} ms | {usable:.0f} ms | {requests:.0f} | {usable / BAR_MS:.2f} |")
    return "\n".join([*lines, ""])


if __name__ == "__main__":
    main()
