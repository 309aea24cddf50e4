"""Makes docs/pictures/web-*.png: each page of the running product, as a person sees it, from the story in samples/.

Usage: `.venv/bin/python -m scripts.pictures` (needs Chromium: scripts/install-chromium). Loads the embedded model.
"""

from __future__ import annotations

import io
import shutil
import tempfile
from pathlib import Path

from playwright.sync_api import Browser, expect, sync_playwright

from tests.web.browser import Person
from tests.web.server import HOME, Server, write_config

OUT = HOME / "docs" / "pictures"
STORY = (HOME / "samples" / "story.txt").read_text().strip()
_PATIENCE = 120_000


def main() -> None:
    """Start the server, tell the story, look at every page."""
    OUT.mkdir(parents=True, exist_ok=True)
    expect.set_options(timeout=_PATIENCE)
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        embedded = [{"id": "embedded", "type": "llm_router", "provider": "workstation", "max_tokens": 512}]
        openrouter = [
            {"id": "openrouter", "type": "llm_router", "provider": "openrouter", "model": "openai/gpt-4o-mini"}
        ]
        config = write_config(
            Path(folder), BACKENDS=embedded + openrouter,
            MEDIATOR={"backends": ["embedded"], "state_dir": f"{folder}/state"},
        )  # fmt: skip
        server = Server(config).start()
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        try:
            _look(browser, server)
        finally:
            browser.close()
            server.stop()


def _look(browser: Browser, server: Server) -> None:
    someone = Person(browser, server.address, viewport={"width": 1100, "height": 760})
    someone.context.set_default_timeout(_PATIENCE)
    page = someone.page
    someone.open("/")
    _take(someone, "web-start")
    someone.press("Start now")
    page.get_by_label("Your story", exact=True).fill(STORY)
    expect(page.locator("[data-under] mark").first).to_be_attached()
    _take(someone, "web-typing")
    someone.press("Read my story")
    expect(page.locator(".story mark").first).to_be_visible()
    case = page.url.partition("?")[0].removesuffix("/tell").removeprefix(server.address)
    someone.open("/cases")
    page.get_by_text("Rename").first.click()
    page.get_by_label("New name").first.fill("Pinecrest Market and Ridgeway Rentals")
    page.get_by_role("button", name="Save the name").first.click()
    _hand_in(someone, case)
    for name in ("tell", "answer", "evidence", "overview", "draft"):
        someone.open(f"{case}/{name}")
        _take(someone, f"web-{name}")
    someone.open("/settings")
    _take(someone, "web-settings")
    _small_and_dark(browser, server, case)
    someone.close()


def _hand_in(someone: Person, case: str) -> None:
    someone.open(f"{case}/evidence")
    letter = (HOME / "samples" / "evidence.txt").read_bytes()
    for name, mime, data in (
        ("letter to Mr. Purdy.txt", "text/plain", letter),
        ("schedule.png", "image/png", _schedule()),
    ):
        someone.page.get_by_label("Choose files").set_input_files({"name": name, "mimeType": mime, "buffer": data})
        someone.page.get_by_label("What does it show?").select_option(index=3)
        someone.press("Add it")
        expect(someone.page.get_by_role("article", name=name)).to_be_visible()


def _schedule() -> bytes:
    from PIL import Image, ImageDraw

    sheet = Image.new("RGB", (600, 600), "#f2ead8")
    draw = ImageDraw.Draw(sheet)
    for row, line in enumerate(("WEEK OF MARCH 10", "Mon  off", "Tue  2 - 6", "Wed  off", "Thu  2 - 6", "Fri  2 - 6")):
        draw.text((60, 60 + 80 * row), line, fill="#222", font_size=44)
    out = io.BytesIO()
    sheet.save(out, "PNG")
    return out.getvalue()


def _small_and_dark(browser: Browser, server: Server, case: str) -> None:
    phone = Person(browser, server.address, viewport={"width": 360, "height": 740}, color_scheme="dark")
    phone.open(f"{case}/answer")
    _take(phone, "web-phone-dark")
    phone.close()


def _take(someone: Person, name: str) -> None:
    someone.page.wait_for_load_state("networkidle")
    someone.page.screenshot(path=OUT / f"{name}.png")
    print(OUT / f"{name}.png")


if __name__ == "__main__":
    main()
