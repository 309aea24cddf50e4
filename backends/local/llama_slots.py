"""The places for sequences in a llama.cpp context, and what their memory still holds.

A slot whose sequence has ended keeps its evaluated tokens, so that a prompt that begins alike need
not be evaluated again. Memory is given back in bulk, the longest unused first, and what stays is
packed: the cells of a sequence then always lie in the order of its tokens, which keeps its logits
the same to the bit whatever else happens in the context.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
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
    """One sequence's place. ``tokens`` are evaluated, each in one of ``cells``; ``owner`` runs here, if any."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.tokens: list[int] = []
        self.cells: list[int] = []
        self.owner: S | None = None
        self.used = 0

    @property
    def idle(self) -> bool:
        return self.owner is None

    @property
    def remembers(self) -> bool:
        return self.owner is None and bool(self.tokens)


class Slots(Generic[S]):
    """All the slots of one context."""

    def __init__(self, context: LlamaContext, count: int) -> None:
        self._context = context
        self._slots = [Slot[S](number) for number in range(count)]
        # Slots whose tokens are forgotten, though their cells are not given back yet.
        self._forgotten: set[int] = set()
        self._next_cell = 0
        self._allocated = 0
        self._tick = 0

    @property
    def free_cells(self) -> int:
        """Cells that can be filled now, without giving anything back."""
        return self._context.settings.cells - self._allocated

    @property
    def reclaimable_cells(self) -> int:
        """Cells that could be filled if all idle slots were forgotten."""
        return self._context.settings.cells - len(self._distinct(slot for slot in self._slots if not slot.idle))

    @property
    def has_place(self) -> bool:
        return any(self._is_empty(slot) for slot in self._slots)

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
        """An empty slot for ``owner`` that holds the first ``shared`` tokens of ``source``."""
        target = next(slot for slot in self._slots if self._is_empty(slot))
        if source is not None and shared:
            self._context.copy(source.number, target.number, shared)
            target.tokens = source.tokens[:shared]
            target.cells = source.cells[:shared]
            source.used = self._next_tick()
        target.owner = owner
        return target

    def extend(self, slot: Slot[S], tokens: Sequence[int]) -> None:
        """``tokens`` of ``slot`` were decoded."""
        slot.tokens.extend(tokens)
        slot.cells.extend(range(self._next_cell, self._next_cell + len(tokens)))
        self._next_cell += len(tokens)
        self._allocated += len(tokens)

    def restore(self, slot: Slot[S], tokens: Sequence[int], state: bytes) -> bool:
        """Put a kept state into ``slot``; False, and the slot empty, when it does not fit."""
        slot.tokens, slot.cells = [], []
        if len(tokens) > self.free_cells or not self._context.restore(slot.number, state):
            self._context.trim(slot.number, 0)
            return False
        self.extend(slot, tokens)
        return True

    def release(self, slot: Slot[S]) -> None:
        """The sequence has ended; what it evaluated stays until memory is short."""
        slot.used = self._next_tick()
        slot.owner = None

    def forget(self, slot: Slot[S]) -> None:
        """The tokens are not needed any more; ``reclaim`` gives their cells back."""
        if slot.tokens:
            self._forgotten.add(slot.number)
        slot.tokens, slot.cells = [], []

    def reclaim(self, cells: int, keep: Slot[S] | None = None) -> None:
        """Make room for ``cells`` tokens and one sequence by forgetting idle slots, as far as they go.

        A little more is forgotten than is needed, since packing costs about as much as a few decodes.
        """
        capacity = self._context.settings.cells
        wanted = min(capacity, cells + capacity // 4)
        for slot in sorted((slot for slot in self._slots if slot.remembers), key=lambda slot: slot.used):
            places = sum(self._is_empty(place) or place.number in self._forgotten for place in self._slots)
            if capacity - len(self._distinct(self._slots)) >= wanted and places > len(self._slots) // 4:
                break
            if slot is not keep:
                self.forget(slot)
        if self._forgotten:
            for number in self._forgotten:
                self._context.trim(number, 0)
            self._forgotten.clear()
            self._context.pack()
            self._allocated = len(self._distinct(self._slots))

    def forget_all(self) -> None:
        """The context's memory was cleared."""
        self._forgotten.clear()
        self._allocated = 0
        for slot in self._slots:
            slot.tokens, slot.cells = [], []
            slot.owner = None

    def _is_empty(self, slot: Slot[S]) -> bool:
        return slot.idle and not slot.tokens and slot.number not in self._forgotten

    @staticmethod
    def _distinct(slots: Iterable[Slot[S]]) -> set[int]:
        return set().union(*(slot.cells for slot in slots))

    def _next_tick(self) -> int:
        self._tick += 1
        return self._tick
