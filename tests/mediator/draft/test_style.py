"""A style is a name or JSON; a wrong one is one clear line."""

from __future__ import annotations

from pathlib import Path

import pytest

from mediator import SetupError
from mediator.draft import PROFILES, Style, style_from
from mediator.draft.html import to_html
from tests.mediator.draft.matters import draft_of


@pytest.mark.parametrize("name", PROFILES)
def test_a_profile_is_named(name: str) -> None:
    assert style_from(name) is PROFILES[name]


def test_json_changes_what_it_names_and_keeps_the_rest() -> None:
    style = style_from('{"base": "pleading", "font": "Century Schoolbook", "size_pt": 13}')

    assert (style.font, style.size_pt, style.numbered_lines) == ("Century Schoolbook", 13, True)


def test_a_style_may_be_a_file(tmp_path: Path) -> None:
    (tmp_path / "court.json").write_text('{"spacing": 1.5}')

    assert style_from(str(tmp_path / "court.json")).spacing == 1.5


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ("fancy", "'fancy' is no style (federal, compact, large, pleading), no JSON and no file"),
        ('{"size_pt": 99}', '"size_pt" is 99: input should be less than or equal to 20'),
        ('{"size_pt": "12"}', "\"size_pt\" is '12'"),
        ('{"size_pt": NaN}', '"size_pt" is nan'),
        ('{"spacing": 0}', '"spacing" is 0'),
        ('{"margin_in": -1}', '"margin_in" is -1'),
        ('{"font": "x\\"}</style><script>"}', '"font" is'),
        ('{"font": ""}', '"font" is'),
        ('{"numbered_lines": "yes"}', '"numbered_lines" is'),
        ('{"colour": "red"}', 'has no "colour"; it has font, size_pt'),
        ('{"base": "none"}', "base 'none' is none of"),
        ("{not json", "is no JSON"),
        ("[1]", "no style"),
        ("\x00", "no style"),
    ],
)
def test_a_wrong_style_is_one_clear_line(given: str, says: str) -> None:
    with pytest.raises(SetupError) as caught:
        style_from(given)

    assert says in str(caught.value)
    assert "\n" not in str(caught.value)


def test_deeply_nested_json_is_one_clear_line() -> None:
    with pytest.raises(SetupError, match="no JSON"):
        style_from('{"font": ' + "[" * 100_000)


def test_font_size_spacing_and_margins_reach_the_page() -> None:
    page = to_html(draft_of(), Style(font="Courier New", size_pt=13, spacing=1.5, margin_in=1.2))

    assert 'font-family: "Courier New"' in page
    assert "font-size: 13pt; line-height: 22.42pt" in page
    assert "margin: 86.4pt 1.2in" in page


def test_28_numbered_lines_fill_the_page() -> None:
    style = PROFILES["pleading"]

    assert style.top_and_bottom_pt * 2 + 28 * style.line_pt == 792
    assert "27\\A 28" in to_html(draft_of(), style)
    assert "27\\A 28" not in to_html(draft_of(), PROFILES["federal"])
