"""Which waiting sequence may begin: the first that waits for nobody, once its cells are free.

A prompt that another one is about to evaluate the beginning of waits for it; memory that only remembers is given up
before anybody waits for memory.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import islice

from backends.local.llama_sequence import LlamaSequence
from backends.local.llama_slots import Slot, Slots, common_prefix

__all__ = ["WORTH_WAITING", "make_fit", "next_ready"]

# Waiting for another prompt to evaluate a shared beginning pays from about this many tokens on.
WORTH_WAITING = 16
# How many waiting jobs are looked at for one that can start now.
_LOOK_AHEAD = 32

Source = Slot[LlamaSequence] | None


def next_ready(
    waiting: Iterable[LlamaSequence],
    active: Sequence[LlamaSequence],
    slots: Slots[LlamaSequence],
    *,
    shares_prefixes: bool,
) -> tuple[LlamaSequence, Source, int] | None:
    """The sequence to begin, the slot that holds the longest beginning of it, and how many tokens that are."""
    for sequence in islice(waiting, _LOOK_AHEAD):
        source, shared = slots.best_source(sequence.tokens, sequence.sharable)
        if not shares_prefixes or _coming_prefix(sequence, active) < shared + WORTH_WAITING:
            return sequence, source, shared
    return None


def _coming_prefix(sequence: LlamaSequence, active: Sequence[LlamaSequence]) -> int:
    """How much of the beginning of ``sequence`` it could take from the running prompts, once they are read."""
    coming = max((common_prefix(other.tokens, sequence.tokens) for other in active), default=0)
    return min(coming, sequence.sharable)


def make_fit(
    sequence: LlamaSequence,
    source: Source,
    shared: int,
    active: Sequence[LlamaSequence],
    slots: Slots[LlamaSequence],
    cells: int,
) -> bool:
    """Whether ``sequence`` fits beside the running ones, after forgetting idle slots where that is needed."""
    growth = sum(other.room_needed - len(other.slot.tokens) for other in active if other.slot is not None)
    need = min(growth + sequence.room_needed - shared, cells)
    if not active and slots.free_cells < cells // 2:
        # Attention looks at every cell up to the last; while nothing runs, packing disturbs nobody.
        slots.reclaim(need, keep=source)
    for kept in (source, None):
        if slots.free_cells >= need and slots.has_place:
            return True
        # Alone a sequence always fits; in company it waits until forgetting idle slots is enough.
        if slots.reclaimable_cells >= need:
            slots.reclaim(need, keep=kept)
    return slots.free_cells >= need and slots.has_place
