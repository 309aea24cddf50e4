"""Sentences keep their places, and a quote is the text's own characters or nothing."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mediator.claims.grounding import Grounder
from mediator.claims.text import sentences

STORIES = st.text(alphabet=st.sampled_from(list("abcXYZéñ .!?\"'“”’—\n\r\t123$🙂e\u0301")), max_size=200)


@given(STORIES)
def test_every_sentence_is_the_text_at_its_offsets(text: str) -> None:
    assert all(text[part.start : part.end] == part.text for part in sentences(text))


@given(STORIES)
def test_nothing_but_blanks_falls_between_sentences(text: str) -> None:
    covered = {place for part in sentences(text) for place in range(part.start, part.end)}

    assert all(character.isspace() for place, character in enumerate(text) if place not in covered)


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("Mr. Hale of Acme Inc. paid me. He left.", 2),
        ("I make $17.50 an hour. That is all.", 2),
        ('"No." he said, and left.', 1),
        ("* 10/2/25 first call\n* 10/3/25 second call", 2),
        ("a line that was\nwrapped by the mail program. Next.", 2),
        ("First paragraph\n\nSecond paragraph", 2),
    ],
)
def test_sentences_end_where_people_end_them(text: str, count: int) -> None:
    assert len(sentences(text)) == count


@given(STORIES, st.data())
def test_any_piece_of_the_text_is_found_as_it_stands(text: str, data: st.DataObject) -> None:
    start = data.draw(st.integers(0, len(text)))
    end = data.draw(st.integers(start, len(text)))
    piece = text[start:end].strip()

    quote = Grounder(text).find(piece)

    assert (quote is None) == (piece == "")
    assert quote is None or text[quote.start : quote.end] == quote.text == piece


@pytest.mark.parametrize(
    ("text", "offer", "shown"),
    [
        ("He said “you’re too old” to me.", 'he said "you\'re too old"', "He said “you’re too old”"),
        ("I paid —  in full — twice.", "paid - in full - twice", "paid —  in full — twice"),
        ("first line\r\nsecond line", "first line second line", "first line\r\nsecond line"),
        ("Me corrió el patro\u0301n ayer.", "el patrón ayer", "el patro\u0301n ayer"),
        ("🙂 He kept it all. 🙂", "HE KEPT IT ALL", "He kept it all"),
        ("soft\u00adhyphen and zero\u200bwidth", "softhyphen and zerowidth", "soft\u00adhyphen and zero\u200bwidth"),
    ],
)
def test_a_normalised_match_is_shown_in_the_original_characters(text: str, offer: str, shown: str) -> None:
    quote = Grounder(text).find(offer)

    assert quote is not None
    assert quote.text == shown == text[quote.start : quote.end]


@given(STORIES)
def test_a_composed_and_a_decomposed_quote_find_the_same_place(text: str) -> None:
    grounder = Grounder(text)
    composed, decomposed = (unicodedata.normalize(form, text) for form in ("NFC", "NFD"))

    assert (grounder.find(composed) is None) == (grounder.find(decomposed) is None)


@pytest.mark.parametrize(
    "offer", ["he kept my $850", "kept the deposit of $850", "", "   ", "he kept my $850 deposit and laughed"]
)
def test_a_paraphrase_is_no_quote(offer: str) -> None:
    assert Grounder("In May he held back my deposit, $850 in all.").find(offer) is None


def test_a_quote_may_be_asked_for_within_a_span() -> None:
    text = "paid me. paid me."

    quote = Grounder(text).find("PAID ME", within=(9, 17))

    assert quote is not None
    assert quote.start == 9
