"""Pages are counted from the bytes; what cannot be counted says why and breaks nothing."""

from __future__ import annotations

import io
from pathlib import Path

import pikepdf
import pytest
from PIL import Image

from mediator import Mediator
from mediator.draft.pages import count_pages
from tests.mediator.conftest import ScriptedBackend, failing

STORY = "I moved out on May 1, 2025 and gave back the keys. He kept my whole $900 security deposit, no list."


def pdf(pages: int, **options: object) -> bytes:
    out = io.BytesIO()
    with pikepdf.new() as file:
        for _ in range(pages):
            file.add_blank_page()
        file.save(out, **options)
    return out.getvalue()


def tiff(frames: int) -> bytes:
    out = io.BytesIO()
    first, *rest = [Image.new("1", (8, 8)) for _ in range(frames)]
    first.save(out, "TIFF", save_all=True, append_images=rest)
    return out.getvalue()


def picture(kind: str) -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (8, 8)).save(out, kind)
    return out.getvalue()


@pytest.mark.parametrize(
    ("content", "media_type", "count"),
    [
        (pdf(1), "application/pdf", 1),
        (pdf(37), "application/pdf", 37),
        (tiff(3), "image/tiff", 3),
        (picture("JPEG"), "image/jpeg", 1),
        (picture("PNG"), "image/png", 1),
        (b"just words", "text/plain", None),
        (b"RIFF", "audio/x-wav", None),
    ],
)
def test_pages_are_counted(content: bytes, media_type: str, count: int | None) -> None:
    assert count_pages(io.BytesIO(content), media_type) == (count, None)


@pytest.mark.parametrize(
    ("content", "media_type", "why"),
    [
        (pdf(2, encryption=pikepdf.Encryption(owner="o", user="u")), "application/pdf", "locked by a password"),
        (b"%PDF-1.7 nothing more", "application/pdf", "no whole PDF file"),
        (b"", "application/pdf", "no whole PDF file"),
        (pdf(3)[:200], "application/pdf", "no whole PDF file"),
        (b"II*\x00\xff\xff\xff\xff", "image/tiff", "no whole image file"),
        (b"", "image/tiff", "no whole image file"),
    ],
)
def test_what_cannot_be_counted_says_why(content: bytes, media_type: str, why: str) -> None:
    count, told = count_pages(io.BytesIO(content), media_type)

    assert count is None
    assert told is not None
    assert why in told


def test_a_tiff_whose_frames_go_round_in_a_circle_ends() -> None:
    looped = bytearray(tiff(2))
    first = int.from_bytes(looped[4:8], "little")
    entries = int.from_bytes(looped[first : first + 2], "little")
    place = first + 2 + 12 * entries
    looped[place : place + 4] = first.to_bytes(4, "little")

    assert count_pages(io.BytesIO(bytes(looped)), "image/tiff")[0] in {None, 1, 2}


def test_the_draft_counts_the_pages_of_what_was_handed_in(tmp_path: Path) -> None:
    with Mediator(backends=[ScriptedBackend(failing)], state_dir=tmp_path) as mediator:
        mediator.io(STORY)
        for content, name in ((pdf(12), "lease.pdf"), (picture("JPEG"), "wall.jpg"), (b"hello", "mail.txt")):
            mediator.submit_evidence(
                content, "document", description=name, claim_type="security_deposit", element="condition",
                file_name=name, metadata={"date": "2025-05-01"},
            )  # fmt: skip
        mediator.submit_evidence(b"%PDF-1.7 cut", "document", claim_type="security_deposit", element="condition")
        draft = mediator.draft()

    assert [(exhibit.label, exhibit.pages) for exhibit in draft.exhibits] == [
        ("A", "12"), ("B", "1"), ("C", "not paged"), ("D", "MISSING"),
    ]  # fmt: skip
    assert any(warning.startswith("Exhibit D: its pages could not be counted") for warning in draft.warnings)
    assert all(len(exhibit.sha256) == 64 for exhibit in draft.exhibits)
    assert next(element for element in draft.counts[0].elements if element.element == "condition").exhibits == (
        "A", "B", "C", "D",
    )  # fmt: skip
