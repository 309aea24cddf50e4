"""Slots: what is remembered, what is forgotten, and that forgetting disturbs nobody."""

from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from backends.local.llama_context import ContextSettings, LlamaContext
from backends.local.llama_model import LlamaModel
from backends.local.llama_slots import Slot, Slots, common_prefix
from backends.local.packaged_models import packaged_gguf

WORDS = list(range(500, 540))


@pytest.fixture(scope="module")
def model() -> Iterator[LlamaModel]:
    loaded = LlamaModel(packaged_gguf())
    yield loaded
    loaded.close()


@pytest.fixture
def context(model: LlamaModel) -> Iterator[LlamaContext]:
    made = LlamaContext(model, ContextSettings(cells=256, sequences=4, n_batch=128, n_threads=1))
    yield made
    made.close()


def evaluate(context: LlamaContext, slots: Slots[str], slot: Slot[str], tokens: list[int]) -> np.ndarray:
    context.start_batch()
    last = context.add(slot.number, len(slot.tokens), tokens, True)
    context.decode()
    slots.extend(slot, tokens)
    return context.logits(last).copy()


tokens = st.lists(st.integers(0, 3), max_size=12)


@given(tokens, tokens)
def test_the_common_prefix_is_what_counting_gives(one: list[int], other: list[int]) -> None:
    expected = 0
    while expected < min(len(one), len(other)) and one[expected] == other[expected]:
        expected += 1
    assert common_prefix(one, other) == expected


def test_forgetting_a_neighbour_leaves_the_bits_of_a_sequence(context: LlamaContext) -> None:
    slots: Slots[str] = Slots(context, 4)
    alone = slots.take("alone", None, 0)
    expected = evaluate(context, slots, alone, WORDS)
    expected_later = [evaluate(context, slots, alone, [word]) for word in WORDS[:8]]
    slots.forget_all()
    context.clear()
    neighbour, sequence = slots.take("neighbour", None, 0), slots.take("sequence", None, 0)
    evaluate(context, slots, neighbour, WORDS[::-1])
    found = evaluate(context, slots, sequence, WORDS)
    slots.release(neighbour)
    slots.reclaim(cells=256)
    found_later = [evaluate(context, slots, sequence, [word]) for word in WORDS[:8]]
    assert np.array_equal(found, expected)
    assert np.array_equal(found_later, expected_later)


def test_a_copied_beginning_takes_no_cells_and_gives_the_same_bits(context: LlamaContext) -> None:
    slots: Slots[str] = Slots(context, 4)
    first = slots.take("first", None, 0)
    expected = evaluate(context, slots, first, WORDS)
    free = slots.free_cells
    source, shared = slots.best_source([*WORDS[:30], 7], 30)
    second = slots.take("second", source, shared)
    assert (shared, slots.free_cells) == (30, free)
    assert np.array_equal(evaluate(context, slots, second, WORDS[30:]), expected)


def test_a_beginning_outlives_the_slot_that_evaluated_it(context: LlamaContext) -> None:
    slots: Slots[str] = Slots(context, 4)
    first = slots.take("first", None, 0)
    expected = evaluate(context, slots, first, WORDS)
    second = slots.take("second", first, 20)
    slots.release(first)
    slots.reclaim(cells=256)
    assert slots.free_cells == 256 - 20
    assert np.array_equal(evaluate(context, slots, second, WORDS[20:]), expected)


def test_the_longest_unused_is_forgotten_first(context: LlamaContext) -> None:
    slots: Slots[str] = Slots(context, 4)
    for start in (0, 1, 2):
        slot = slots.take(f"{start}", None, 0)
        evaluate(context, slots, slot, [100 + start] * 60)
        slots.release(slot)
    slots.reclaim(cells=64)
    remembered = [slots.best_source([100 + start] * 60, 60)[1] for start in (0, 1, 2)]
    assert remembered == [0, 60, 60]


def test_a_kept_state_gives_the_same_bits(context: LlamaContext) -> None:
    slots: Slots[str] = Slots(context, 4)
    first = slots.take("first", None, 0)
    evaluate(context, slots, first, WORDS[:30])
    state = context.state(first.number)
    expected = evaluate(context, slots, first, WORDS[30:])
    second = slots.take("second", None, 0)
    assert slots.restore(second, WORDS[:30], state)
    assert np.array_equal(evaluate(context, slots, second, WORDS[30:]), expected)


def test_a_state_that_does_not_fit_leaves_the_slot_empty(context: LlamaContext) -> None:
    slots: Slots[str] = Slots(context, 4)
    slot = slots.take("x", None, 0)
    assert not slots.restore(slot, WORDS, b"\0" * 64)
    assert slot.tokens == []
    assert evaluate(context, slots, slot, WORDS).argmax() >= 0
