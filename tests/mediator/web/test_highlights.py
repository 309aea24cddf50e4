from hypothesis import given
from hypothesis import strategies as st

from mediator.interfaces.web.highlights import COLOURS, Piece, pieces

TEXTS = st.text(max_size=60)
SPANS = st.lists(st.tuples(st.integers(-5, 70), st.integers(-5, 70), st.integers(1, 20)), max_size=8)


def test_a_quote_is_marked_where_it_stands():
    assert pieces("They kept it.", [(5, 9, 2)]) == (Piece("They "), Piece("kept", (2,)), Piece(" it."))


def test_words_that_two_claims_rest_on_name_both():
    assert pieces("abcdef", [(0, 4, 1), (2, 6, 2)]) == (Piece("ab", (1,)), Piece("cd", (1, 2)), Piece("ef", (2,)))


def test_text_without_a_claim_is_one_piece():
    assert pieces("nothing here", []) == (Piece("nothing here"),)


def test_an_empty_story_has_no_piece():
    assert pieces("", [(0, 3, 1)]) == ()


@given(TEXTS, SPANS)
def test_the_pieces_joined_are_the_text_whatever_the_spans(text, spans):
    assert "".join(piece.text for piece in pieces(text, spans)) == text


@given(TEXTS, SPANS)
def test_each_piece_names_exactly_the_claims_whose_spans_cover_it(text, spans):
    position = 0
    for piece in pieces(text, spans):
        end = position + len(piece.text)
        covering = {claim for start, stop, claim in spans if start <= position and end <= min(stop, len(text))}
        assert set(piece.claims) == covering
        position = end


@given(st.integers(1, 500))
def test_every_claim_has_one_of_the_colours(number):
    assert 1 <= Piece("x", (number,)).colour <= COLOURS
