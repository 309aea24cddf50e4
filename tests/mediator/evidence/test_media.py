"""The media type is what the bytes are, whatever the file is called."""

import io
import zipfile

import pytest

from mediator.evidence.media import HEAD_SIZE, media_type_of


def word_file():
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("[Content_Types].xml", "<Types/>")
        archive.writestr("word/document.xml", "<document/>")
    return out.getvalue()


@pytest.mark.parametrize(
    ("head", "name", "expected"),
    [
        (b"%PDF-1.7\nall text", "letter.jpg", "application/pdf"),
        (b"%PDF-1.7\n\xe2\xe3\xcf\xd3", None, "application/pdf"),
        (b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR", "photo.pdf", "image/png"),
        (b"\xff\xd8\xff\xe0\x00\x10JFIF\x00", None, "image/jpeg"),
        (b"\x00\x00\x00\x18ftypmp42\x00\x00\x00\x00mp42isom", None, "video/mp4"),
        (word_file(), None, "application/vnd.openxmlformats-officedocument.wordprocessingml.document"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600), "mail.msg", "application/x-ole-storage"),
        (b"My boss said no.\n", None, "text/plain"),
        (b"My boss said no.\n", "notes.exe", "text/plain"),
        (b"a,b\n1,2\n", "hours.CSV", "text/csv"),
        (b"Received: from mail\r\n", None, "message/rfc822"),
        (b"\xef\xbb\xbf  <!DOCTYPE HTML><html>", None, "text/html"),
        (b"{\\rtf1 text}", None, "application/rtf"),
        ("é".encode() * HEAD_SIZE, None, "text/plain"),
        (b"\xff\xfeh\x00i\x00", None, "text/plain"),
        (bytes(range(200, 256)) * 3, "x.pdf", "application/octet-stream"),
        (b"", "x.pdf", "application/x-empty"),
    ],
)
def test_the_content_decides(head, name, expected):
    assert media_type_of(head[:HEAD_SIZE], name) == expected


def test_a_character_cut_at_the_end_of_what_is_looked_at_is_still_text():
    assert media_type_of(("a" + "é" * HEAD_SIZE).encode()[:HEAD_SIZE], None) == "text/plain"
