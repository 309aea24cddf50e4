"""Smoothed prose may not add, lose or turn round anything: the checker, and random texts against it."""

from __future__ import annotations

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from benchmarks.smoothing import measured
from mediator.draft import added_facts

MAY_STAND = {
    "I was paid late and he didnt say why.": "Plaintiff was paid late, and he did not say why.",
    "He didn't pay me $900.": "He did not pay Plaintiff $900.",
    "so like my boss he just fired me": "Plaintiff's boss, he, fired Plaintiff.",
    'He said "get out" to me': "He said “get out” to Plaintiff.",
    "me and my wife works there": "Plaintiff and Plaintiff's wife work there.",
    "they recieved my letter on May 3": "They received Plaintiff's letter on May 3.",
    "I can't lift, and I won't sign.": "Plaintiff cannot lift, and Plaintiff will not sign.",
    "He keeps my deposit of $1,200.50": "He kept Plaintiff's deposit of $1,200.50.",
    "On 5/1/2025 I told Gene Abbott": "On 5/1/2025, Plaintiff told Gene Abbott.",
}
MAY_NOT = {
    ("He did not pay me.", "He paid Plaintiff."): 'loses or moves "not"',
    ("He paid me.", "He did not pay Plaintiff."): 'adds or moves "not"',
    ("I did not say he hit me.", "Plaintiff said he did not hit Plaintiff."): '"not"',
    ("He owes me $900.", "He owes Plaintiff $950."): 'adds the amount "950 USD"',
    ("He owes me $900.", "He owes Plaintiff."): 'loses the amount "900 USD"',
    ("They came on May 3.", "They came on May 4."): 'adds the date "XXXX-05-04"',
    ("It was on May 3, 2025.", "It was on May 3."): "loses the date",
    ("My boss fired me.", "Plaintiff's boss, Gene, fired Plaintiff."): 'adds the name "Gene"',
    ("my boss mr dixon fired me", "Plaintiff's boss Mr. Dixon fired Plaintiff."): 'adds the name "Dixon"',
    ("We may sue.", "We sue in May."): "",
    ("I told him to stop.", "Plaintiff told him to stop at once."): 'adds or moves "once"',
    ("He hit me.", "I hit him."): "moves",
    ("I got hired.", "Plaintiff got fired."): 'adds or moves "fired"',
    ("The trial was long.", "The trail was long."): "",
    ("I was sick before I was fired.", "Plaintiff was sick after Plaintiff was fired."): '"after"',
    ("He said get out.", 'He said "get out".'): 'adds the quote "get out"',
    ('He said "get out".', "He said get out."): 'loses the quote "get out"',
    ("He pays all of us.", "He pays some of us."): '"some"',
    ("It cost 5.", "It cost 5%."): 'adds the sign "%"',
    ("He yelled.", "He yelled.\nIgnore the rules."): "line break",
    ("He yelled.", "He \u202eyelled."): "cannot be seen",
    ("He yelled.", "  "): "it is empty",
    ("He yelled.", "He yelled. " * 40): "much longer",
    ("He yelled.", "Here is the paragraph: He yelled."): "Here paragraph",
    ("I was fired.", "Plaintiff fired."): "changes who did it to whom",
    ("I'm owed $900.", "Plaintiff owes $900."): "changes who did it to whom",
    ("I was not paid.", "Plaintiff did not pay."): "changes who did it to whom",
    ("It is being fixed.", "It is fixed."): "whether it is over",
    ("My employer owes me.", "Plaintiff's employee owes Plaintiff."): "employee",
}
#: What the table of ``benchmarks.smoothing`` says at the least; a good rewrite that is refused costs an edit.
MEANT_WELL = {
    "good: grammar and punctuation": 7,
    "good: fillers and false starts dropped": 5,
    "good: spelling": 5,
    "good: third person and order kept": 5,
    "good: words changed, sense kept": 0,
}
VOCABULARY = (
    "I he she they we my his the a was is paid owed kept fired told rent boss house door money May June 3 12 900 $45 "
    'not never before after only "no" Gene Abbott Ohio yesterday because said left'
)
WORDS = st.sampled_from(VOCABULARY.split())
SENTENCES = st.lists(WORDS, min_size=1, max_size=14).map(" ".join)
#: One each of what may never come: a number, an amount, a date, a name, a negation, a quote, a word.
NEW = st.sampled_from(
    ["7", "$31", "March 9", "Zora", "no", "nobody", "without", '"yes"', "quickly", "2019", "Inc", "%"]
)


@pytest.mark.parametrize("said", MAY_STAND)
def test_grammar_alone_may_change(said: str) -> None:
    assert added_facts(said, MAY_STAND[said]) == ()


@pytest.mark.parametrize("pair", MAY_NOT, ids=str)
def test_whatever_changes_what_was_said_is_refused_with_its_reason(pair: tuple[str, str]) -> None:
    reasons = added_facts(*pair)

    assert reasons
    assert any(MAY_NOT[pair] in reason for reason in reasons)


@pytest.mark.parametrize("kind", measured())
def test_no_bad_rewrite_of_the_measured_ones_passes_and_enough_good_ones_do(kind: str) -> None:
    good, right, wrong = measured()[kind]

    assert len(right) >= MEANT_WELL[kind] if good else wrong == []


@given(SENTENCES)
def test_the_persons_own_words_always_stand(said: str) -> None:
    assert added_facts(said, said) == ()


@given(SENTENCES, NEW, st.integers(0, 14))
def test_nothing_new_can_be_put_anywhere(said: str, new: str, place: int) -> None:
    words = said.split()
    words.insert(min(place, len(words)), new)

    assert added_facts(said, " ".join(words))


@given(SENTENCES, st.integers(0, 13))
def test_nothing_that_carries_can_be_left_out(said: str, place: int) -> None:
    words = said.split()
    gone = words.pop(min(place, len(words) - 1))
    assume(gone not in {"the", "a", "was", "is"})

    assert added_facts(said, " ".join(words) or ".")


@given(SENTENCES, st.randoms(use_true_random=False))
def test_no_order_of_what_carries_can_change(said: str, chance: object) -> None:
    carrying = [word for word in said.split() if word not in {"the", "a", "was", "is"}]
    turned = carrying[::-1]
    assume(len({w.lower() for w in carrying}) == len(carrying) > 1)
    assume(not {"I", "my"} <= set(carrying) and not {"he", "his"} <= set(carrying))

    assert added_facts(" ".join(carrying), " ".join(turned))


@given(st.text(max_size=80), st.text(max_size=80))
def test_any_two_texts_are_judged_without_failing(said: str, text: str) -> None:
    assert isinstance(added_facts(said, text), tuple)
