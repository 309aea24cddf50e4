"""Server-sent events: any line end, any chunk borders, comments, split characters."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backends.exceptions import MalformedResponseError
from backends.sse import SseEvent, SseParser

#: Any text of one line, but no lone surrogates, which no UTF-8 can carry.
LINE = st.text(st.characters(exclude_characters="\r\n", exclude_categories=["Cs"]))


def parse(*chunks: bytes) -> list[SseEvent]:
    parser = SseParser()
    events = [event for chunk in chunks for event in parser.feed(chunk)]
    return events + parser.close()


@given(
    events=st.lists(st.lists(LINE, min_size=1, max_size=3), max_size=5),
    end=st.sampled_from(["\n", "\r\n", "\r"]),
    comment=LINE,
    cuts=st.lists(st.integers(0, 400), max_size=20),
)
def test_what_was_written_is_read_wherever_the_chunks_break(
    events: list[list[str]], end: str, comment: str, cuts: list[int]
) -> None:
    text = "".join(
        f":{comment}{end}" + "".join(f"data: {line}{end}" for line in lines) + end for lines in events
    ).encode()
    borders = [0, *sorted(min(cut, len(text)) for cut in cuts), len(text)]

    read = parse(*(text[a:b] for a, b in pairwise(borders)))

    assert [event.data for event in read] == ["\n".join(lines) for lines in events]


@given(st.binary(max_size=300), st.integers(0, 300))
def test_any_bytes_are_read_alike_however_they_are_cut(data: bytes, cut: int) -> None:
    assert parse(data) == parse(data[:cut], data[cut:])


@pytest.mark.parametrize(
    ("stream", "expected"),
    [
        (b"data: a\n\n", [SseEvent("a")]),
        (b"data:a\n\n", [SseEvent("a")]),
        (b"data:  a\n\n", [SseEvent(" a")]),
        (b"data\n\n", [SseEvent("")]),
        (b"event: ping\ndata: {}\n\n", [SseEvent("{}", "ping")]),
        (b"event: ping\n\ndata: x\n\n", [SseEvent("x")]),
        (b"id: 7\nretry: 10\nfoo: bar\ndata: x\n\n", [SseEvent("x")]),
        (b": OPENROUTER PROCESSING\n\ndata: x\n\n", [SseEvent("x")]),
        (b"\xef\xbb\xbfdata: x\n\n", [SseEvent("x")]),
        (b"data: x", [SseEvent("x")]),
        (b"data: x\n", [SseEvent("x")]),
        (b"event: x\n", []),
        (b"", []),
        (b"data: \xff\n\n", [SseEvent("\ufffd")]),
    ],
)
def test_each_rule(stream: bytes, expected: list[SseEvent]) -> None:
    assert parse(stream) == expected


def test_a_line_end_split_between_chunks_is_one_line_end() -> None:
    assert parse(b"data: a\r", b"\ndata: b\r\n\r\n") == [SseEvent("a\nb")]


def test_a_line_without_an_end_does_not_fill_the_memory() -> None:
    with pytest.raises(MalformedResponseError, match="8 MiB"):
        parse(*[b"x" * 2**20] * 10)


def test_data_without_a_blank_line_does_not_fill_the_memory() -> None:
    with pytest.raises(MalformedResponseError, match="8 MiB"):
        parse(*[b"data: " + b"x" * 2**20 + b"\n"] * 10)
