"""The page: all text escaped, nothing that acts, nothing from outside, the notice on it."""

from __future__ import annotations

import itertools
from html.parser import HTMLParser

import pytest

from mediator.draft import PROFILES, Details
from mediator.draft.html import to_html
from tests.mediator.draft.matters import draft_of

HOSTILE = (
    "<script>alert(1)</script>",
    "</style><img src=http://evil.example/x onerror=alert(1)>",
    '"><svg/onload=alert(1)>',
    "</title></q></li></ol><h1>Forged</h1>",
    "{{ 7*7 }} {% include 'x' %} ${x} %(x)s {0}",
    "&lt;b&gt; &amp; &#x3c;",
    "\u202egnorw\u202c \u2066x",
    "a\x00b\x1b[31mc\x7f\x85",
    "]]> <!-- --> <?php ?>",
)


class Reader(HTMLParser):
    """Keeps the tags, the attributes and the text of a page."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.said: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes.extend(attrs)

    def handle_data(self, data: str) -> None:
        self.said.append(data)


def read(page: str) -> Reader:
    reader = Reader()
    reader.feed(page)
    return reader


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_adds_no_tag_and_no_attribute(text: str) -> None:
    told = f"He kept my $900 {text} for good."
    plain = read(to_html(draft_of(story="He kept my $900 for good.", answer="x", title="y")))
    details = Details(court=text[:150], district=text[:150], jury=True)
    page = read(to_html(draft_of(story=told, answer=text, title=text, details=details)))

    assert set(page.tags) == set(plain.tags)
    assert {name for name, _ in page.attributes} == {name for name, _ in plain.attributes}


def test_a_person_reads_the_text_as_it_was_told() -> None:
    said = "".join(read(to_html(draft_of(story="He kept my $900 </style><b>now</b>."))).said)

    assert "“He kept my $900 </style><b>now</b>.”" in said


def test_no_character_turns_the_order_of_others_round() -> None:
    page = to_html(draft_of(story="He kept my $900 \u202egnorw."))

    assert "\u202e" not in page
    assert "\ufffdgnorw" in page


def test_nothing_comes_from_outside() -> None:
    page = to_html(draft_of())

    assert "default-src 'none'" in page
    assert not any(name in {"src", "href", "style", "onload"} for name, _ in read(page).attributes)
    assert "url(" not in page
    assert "@import" not in page


@pytest.mark.parametrize("name", PROFILES)
def test_the_page_is_never_signed_and_says_that_it_is_no_advice(name: str) -> None:
    page = to_html(draft_of(), PROFILES[name])

    assert "/s/" not in page
    assert "not legal advice" in page
    assert 'Signature: <span class="line">' in page
    assert "Not legal advice." in page


def test_headings_go_down_one_level_at_a_time_and_there_is_one_title() -> None:
    levels = [int(tag[1]) for tag in read(to_html(draft_of("wage_and_hour"))).tags if tag in {"h1", "h2", "h3"}]

    assert levels.count(1) == 1
    assert levels[0] == 1
    assert all(after - before <= 1 for before, after in itertools.pairwise(levels))


def test_every_table_has_its_heads() -> None:
    page = read(to_html(draft_of()))

    assert page.tags.count("table") == page.tags.count("caption") == page.tags.count("thead") == 4
    assert page.attributes.count(("scope", "col")) == page.tags.count("th")


def test_the_same_draft_gives_the_same_page() -> None:
    assert to_html(draft_of()) == to_html(draft_of())
