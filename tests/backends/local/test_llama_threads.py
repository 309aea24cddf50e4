"""The number of threads follows the clock."""

from collections.abc import Callable

import pytest

from backends.local.llama_threads import ThreadChoice


def run(choice: ThreadChoice, seconds_for: Callable[[int], float], decodes: int, tokens: int = 1) -> list[int]:
    counts = []
    for _ in range(decodes):
        counts.append(choice.count)
        choice.observe(tokens, tokens * seconds_for(counts[-1]))
    return counts


def quiet(count: int) -> float:
    return 0.01 / count


def busy(count: int) -> float:
    return 0.01 if count == 1 else 0.5


def test_it_begins_with_all_threads() -> None:
    assert ThreadChoice(8).count == 8


def test_a_quiet_machine_computes_with_all_nearly_always() -> None:
    counts = run(ThreadChoice(4), quiet, 1_000)
    assert counts.count(4) > 960


def test_a_busy_machine_is_noticed_within_a_few_decodes() -> None:
    choice = ThreadChoice(2)
    run(choice, busy, 4)
    assert run(choice, busy, 200).count(1) > 180


def test_all_threads_come_back_when_the_machine_is_quiet_again() -> None:
    choice = ThreadChoice(2)
    run(choice, busy, 300)
    run(choice, quiet, 600)
    assert run(choice, quiet, 100).count(2) > 95


def test_a_sudden_slowness_is_looked_into_at_once() -> None:
    choice = ThreadChoice(2)
    run(choice, quiet, 700)
    run(choice, busy, 8)
    assert run(choice, busy, 50).count(1) > 40


def test_the_best_number_between_is_found() -> None:
    choice = ThreadChoice(16)
    run(choice, lambda count: {16: 0.9, 8: 0.5, 4: 0.1, 2: 0.2, 1: 0.4}[count], 200)
    assert run(choice, lambda count: {16: 0.9, 8: 0.5, 4: 0.1, 2: 0.2, 1: 0.4}[count], 300).count(4) > 270


def test_batches_of_other_sizes_are_not_compared() -> None:
    choice = ThreadChoice(2)
    for number in range(400):
        tokens = 256 if number % 5 == 0 else 1
        choice.observe(tokens, tokens * quiet(choice.count) * (0.2 if tokens == 256 else 1))
    assert run(choice, quiet, 100).count(2) > 90


@pytest.mark.parametrize("most", [1, 3])
def test_every_count_is_possible(most: int) -> None:
    assert set(run(ThreadChoice(most), quiet, 50)) <= set(range(1, most + 1))
