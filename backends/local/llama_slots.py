"""The places for sequences in a llama.cpp context, and what their memory still holds.

A slot whose sequence has ended keeps its evaluated tokens, so that a prompt that begins alike need
not be evaluated again. Slots are forgotten, the longest unused first, when memory is short.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from backends.local.llama_context import LlamaContext

__all__ = ["Slot", "Slots", "common_prefix"]

S = TypeVar("S")


def common_prefix(one: Sequence[int], other: Sequence[int]) -> int:
    """How many tokens ``one`` and ``other`` share at their beginning."""
    low, high = 0, min(len(one), len(other))
    if not high or one[0] != other[0]:
        return 0
    # Comparing slices runs in C; halving beats a loop over tokens a hundredfold.
    while low < high:
        middle = (low + high + 1) // 2
        if one[low:middle] == other[low:middle]:
            low = middle
        else:
            high = middle - 1
    return low


class Slot(Generic[S]):
    """One sequence's place. ``tokens`` are evaluated; ``owner`` is the running sequence, if any."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.tokens: list[int] = []
        self.owner: S | None = None
        self.shared = 0
        self.used = 0

    @property
    def idle(self) -> bool:
        return self.owner is None


class Slots(Generic[S]):
    """All the slots of one context."""

    def __init__(self, context: LlamaContext, count: int) -> None:
        self._context = context
        self._slots = [Slot[S](number) for number in range(count)]
        self._tick = 0

    @property
    def cells_used(self) -> int:
        """The cells in use, prefixes counted once. A good guess: the context itself has the last word."""
        return sum(len(slot.tokens) - slot.shared for slot in self._slots)

    def best_source(self, tokens: Sequence[int], limit: int) -> tuple[Slot[S] | None, int]:
        """The slot that holds most of the beginning of ``tokens``, and how much of it, up to ``limit``."""
        if not self._context.shares_prefixes:
            return None, 0
        best, length = None, 0
        for slot in self._slots:
            shared = common_prefix(slot.tokens, tokens)
            if shared > length:
                best, length = slot, shared
        return best, min(length, limit)

    def take(self, owner: S, source: Slot[S] | None, shared: int) -> Slot[S]:
        """A slot for ``owner`` that holds the first ``shared`` tokens of ``source``."""
        target = self._free_slot(source)
        if target is source:
            if not self._context.trim(target.number, shared):
                self.forget(target)
            del target.tokens[shared:]
            target.shared = min(target.shared, shared)
        else:
            self.forget(target)
            if source is not None and shared:
                self._context.copy(source.number, target.number, shared)
                target.tokens = source.tokens[:shared]
                target.shared = shared
        target.owner = owner
        return target

    def restore(self, slot: Slot[S], tokens: Sequence[int], state: bytes) -> bool:
        """Put a kept state into ``slot``; False, with the slot empty, when it does not fit."""
        self.forget(slot)
        if not self._context.restore(slot.number, state):
            self._context.trim(slot.number, 0)
            return False
        slot.tokens = list(tokens)
        return True

    def release(self, slot: Slot[S]) -> None:
        """The sequence has ended; what it evaluated stays until memory is short."""
        self._tick += 1
        slot.used = self._tick
        slot.owner = None

    def forget(self, slot: Slot[S]) -> None:
        """Give the slot's cells back."""
        if slot.tokens:
            self._context.trim(slot.number, 0)
        slot.tokens = []
        slot.shared = 0

    def forget_oldest(self, keep: Slot[S] | None = None) -> bool:
        """Forget the idle slot that was unused longest; False when there is none."""
        idle = [slot for slot in self._slots if slot.idle and slot.tokens and slot is not keep]
        if not idle:
            return False
        self.forget(min(idle, key=lambda slot: slot.used))
        return True

    def forget_all(self) -> None:
        """The context's memory was cleared."""
        for slot in self._slots:
            slot.tokens = []
            slot.shared = 0
            slot.owner = None

    def _free_slot(self, source: Slot[S] | None) -> Slot[S]:
        idle = [slot for slot in self._slots if slot.idle]
        empty = [slot for slot in idle if not slot.tokens]
        if empty:
            return empty[0]
        others = [slot for slot in idle if slot is not source]
        return min(others, key=lambda slot: slot.used) if others else idle[0]
