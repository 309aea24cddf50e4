import io
import struct
import zlib

import pypdfium2
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from mediator.interfaces.web import previews
from mediator.interfaces.web.previews import NoPreviewError, draw, preview_kind, text_preview


def picture(format, size=(1600, 900), **options):
    out = io.BytesIO()
    Image.new("RGB", size, "#336699").save(out, format, **options)
    return out.getvalue()


def pdf(pages=1):
    document = pypdfium2.PdfDocument.new()
    for _ in range(pages):
        document.new_page(612, 792)
    out = io.BytesIO()
    document.save(out)
    return out.getvalue()


def endless_png():
    """A PNG of a few bytes that says it is 60,000 pixels wide and high."""

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = struct.pack(">IIBBBBB", 60_000, 60_000, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(b"0")) + chunk(b"IEND", b"")


@pytest.mark.parametrize(
    ("media_type", "kind"),
    [("image/png", "image"), ("application/pdf", "pdf"), ("text/html", "text"), ("image/svg+xml", "text"),
     ("application/x-dosexec", None), ("video/mp4", None)],
)  # fmt: skip
def test_a_kind_of_file_is_shown_as(media_type, kind):
    assert preview_kind(media_type) == kind


@pytest.mark.parametrize("format", ["PNG", "JPEG", "WEBP", "GIF"])
def test_a_picture_is_drawn_anew_and_smaller(format):
    drawn = draw(io.BytesIO(picture(format)), f"image/{format.lower()}")
    assert Image.open(io.BytesIO(drawn.data)).width == 1000


def test_where_a_photo_was_taken_is_not_in_its_preview():
    exif = Image.Exif()
    exif[0x010E] = "taken at home"
    drawn = draw(io.BytesIO(picture("JPEG", exif=exif)), "image/jpeg")
    assert b"taken at home" not in drawn.data


def test_a_page_of_a_pdf_is_drawn_and_the_pages_are_counted():
    drawn = draw(io.BytesIO(pdf(3)), "application/pdf", 2)
    assert (drawn.pages, drawn.media_type) == (3, "image/png")
    assert drawn.data.startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("data", "media_type"),
    [(b"", "image/png"), (b"%PDF-1.7 nothing else", "application/pdf"), (picture("PNG")[:200], "image/png"),
     (b"\xff\xd8\xff" + bytes(100), "image/jpeg"), (endless_png(), "image/png")],
    ids=["empty", "no pdf", "cut off", "noise", "endless"],
)  # fmt: skip
def test_a_file_that_cannot_be_shown_is_one_clear_line(data, media_type):
    with pytest.raises(NoPreviewError, match="cannot be shown here"):
        draw(io.BytesIO(data), media_type)


def test_a_page_that_is_not_there_is_no_preview():
    with pytest.raises(NoPreviewError):
        draw(io.BytesIO(pdf(1)), "application/pdf", 5)


def test_a_file_that_says_it_is_a_picture_is_read_as_nothing_else():
    # A drawing program's file format would run a program to be read.
    with pytest.raises(NoPreviewError):
        draw(io.BytesIO(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n"), "image/png")


def test_a_huge_file_is_not_read_to_its_end(monkeypatch):
    monkeypatch.setattr(previews, "_MAX_BYTES", 1000)
    with pytest.raises(NoPreviewError, match="larger than"):
        draw(io.BytesIO(bytes(10_000)), "image/png")


def test_a_program_that_takes_too_long_is_ended(monkeypatch, tmp_path):
    slow = tmp_path / "slow.py"
    slow.write_text("while True: pass")
    monkeypatch.setattr(previews, "_PROGRAM", slow)
    monkeypatch.setattr(previews, "_SECONDS", 0.5)
    with pytest.raises(NoPreviewError, match="too long"):
        draw(io.BytesIO(picture("PNG")), "image/png")


def test_the_drawing_program_can_write_no_file(monkeypatch, tmp_path):
    target = tmp_path / "written"
    hostile = tmp_path / "hostile.py"
    source = previews._PROGRAM.read_text().replace(
        "    data = sys.stdin.buffer.read()", f"    open({str(target)!r}, 'w').write('x' * 100)"
    )
    hostile.write_text(source)
    monkeypatch.setattr(previews, "_PROGRAM", hostile)
    with pytest.raises(NoPreviewError):
        draw(io.BytesIO(picture("PNG")), "image/png")
    assert target.read_bytes() == b""


def test_text_is_shown_as_text_with_nothing_that_acts():
    shown = text_preview(io.BytesIO(b"<script>alert(1)</script>\r\nbell\x07"))
    assert (shown.text, shown.cut) == ("<script>alert(1)</script>\nbell␇", False)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_text_in_other_alphabets_is_readable(encoding):
    assert text_preview(io.BytesIO("señal الإيجار 🙂".encode(encoding))).text == "señal الإيجار 🙂"


def test_a_long_text_is_cut_and_says_so():
    shown = text_preview(io.BytesIO(b"a" * 1_000_000))
    assert shown.cut
    assert len(shown.text) <= 20_000


@given(st.binary(max_size=300))
def test_any_bytes_give_a_text_without_a_control_character(data):
    assert all(character in "\n\t" or ord(character) >= 0x20 for character in text_preview(io.BytesIO(data)).text)
