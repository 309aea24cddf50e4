"""What no font can draw is spelled: symbols by name, letters by number, modifiers not at all, markup untouched."""

from __future__ import annotations

import pytest

from mediator.draft.glyphs import in_words, spelled, what_is_lacking


@pytest.mark.parametrize(
    ("character", "name"),
    [("😀", "grinning face"), ("✅", "white heavy check mark"), ("大", "U+5927"), ("\U000f0000", "U+F0000")],
)
def test_a_symbol_has_its_name_and_a_letter_its_number(character: str, name: str) -> None:
    assert spelled(character) == name


def test_skin_and_joiners_go_with_the_character_that_they_change() -> None:
    page = "<p>ok 👍🏽, 👩\u200d🔧 and ❤\ufe0f &amp; café</p>"

    assert in_words(page, {"👍", "👩", "🔧", "❤"}) == (
        "<p>ok [thumbs up sign], [woman][wrench] and [heavy black heart] &amp; café</p>"
    )


def test_a_text_without_such_characters_stays_as_it_is() -> None:
    assert in_words("a] ^-\\ 😀", ()) == "a] ^-\\ 😀"
    assert in_words("a] ^-\\ 😀", {"✅"}) == "a] ^-\\ 😀"


def test_many_are_counted_and_the_line_is_plain() -> None:
    said = what_is_lacking({chr(0xF0000 + n) for n in range(11)})

    assert "U+F0007 and 3 more:" in said
    assert said.isascii()
