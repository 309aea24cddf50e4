from hypothesis import given
from hypothesis import strategies as st

from mediator.interfaces.web.look import COLOURS, SIZES, Look, read_look


def test_a_chosen_look_comes_back_from_its_cookie():
    assert read_look(Look("larger", "dark").cookie) == Look("larger", "dark")


def test_nothing_chosen_is_the_default_without_a_class():
    assert read_look(None).classes == ""


@given(st.text())
def test_a_cookie_that_somebody_made_up_can_only_choose_what_there_is(value):
    look = read_look(value)
    assert look.size in SIZES
    assert look.colours in COLOURS
