"""Keeps the local engine busy with calls of every kind and watches its memory.

    python -m benchmarks.local_soak [--seconds 3600]

Every kind of call first happens once, and prompts that fill the context: memory that llama.cpp reserves counts as
resident only once it was written to. Then a line a minute: calls, errors that were meant, resident memory. Memory is
flat when the last third holds no more than 5 % and 16 MB above the first third; otherwise the exit code is 1.
"""

from __future__ import annotations

import argparse
import random
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from backends.exceptions import BackendError
from backends.local.machine import resident_memory
from backends.workstation import WorkstationBackend

SCHEMA = {"type": "object", "properties": {"a": {"type": "integer"}, "b": {"type": "string", "maxLength": 20}}}
CALLERS = 6
KINDS = 7


@dataclass
class Soak:
    """What happened so far."""

    calls: int = 0
    errors: int = 0
    memory: list[int] = field(default_factory=list)

    @property
    def growth(self) -> float:
        """Bytes by which the last third of the samples is above the first."""
        third = max(1, len(self.memory) // 3)
        return sum(self.memory[-third:]) / third - sum(self.memory[:third]) / third

    @property
    def flat(self) -> bool:
        return self.growth <= 0.05 * self.memory[0] + 16e6


def soak(backend: WorkstationBackend, go_on: Callable[[Soak], bool], seed: int = 0) -> Soak:
    """Rounds of concurrent calls, after those that warm up, until ``go_on`` says no."""
    state, chance = Soak(), random.Random(seed)
    with ThreadPoolExecutor(CALLERS) as pool:
        list(pool.map(lambda kind: _one_call(backend, random.Random(kind), kind), range(KINDS)))
        list(pool.map(lambda number: backend.generate(f"{number} word" * 300, max_tokens=2), range(CALLERS)))
        state.memory.append(resident_memory())
        while go_on(state):
            seeds = [chance.getrandbits(32) for _ in range(CALLERS)]
            for failed in pool.map(lambda one: _one_call(backend, random.Random(one)), seeds):
                state.calls += 1
                state.errors += failed
            state.memory.append(resident_memory())
    return state


def _one_call(backend: WorkstationBackend, chance: random.Random, kind: int | None = None) -> bool:
    """One call of a kind, a random one when none is said; True when it ended in an error of ours."""
    words = " ".join(
        chance.choice(["rent", "boss", "paid", "never", "court", "é", "\0"]) for _ in range(chance.randrange(60))
    )
    kind = chance.randrange(KINDS) if kind is None else kind
    try:
        if kind == 0:
            stream = backend.stream(words, max_tokens=40)
            next(stream, None)
            stream.close()
        elif kind == 1:
            backend.generate(words, json_schema=SCHEMA, max_tokens=40)
        elif kind == 2:
            backend.generate(words, max_tokens=200, timeout=0.05)
        elif kind == 3:
            backend.generate(words * 400, max_tokens=4)
        elif kind == 4:
            backend.score(words, ["yes", "no"])
        elif kind == 5:
            backend.embed([words, "one more"])
        else:
            backend.generate(words, max_tokens=16, temperature=1.0, seed=chance.randrange(100))
    except BackendError:
        return True
    return False


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=3600)
    arguments = parser.parse_args()
    started = shown = time.monotonic()

    def go_on(state: Soak) -> bool:
        nonlocal shown
        now = time.monotonic()
        if now - shown >= 60:
            shown = now
            memory = state.memory[-1] / 1e6
            print(f"{now - started:6.0f} s  {state.calls:6d} calls  {state.errors:5d} errors  {memory:.0f} MB")
        return now - started < arguments.seconds

    with WorkstationBackend("soak", n_ctx=2048) as backend:
        state = soak(backend, go_on)
    print(f"{state.calls} calls, {state.errors} errors, memory grew by {state.growth / 1e6:.1f} MB")
    return 0 if state.flat else 1


if __name__ == "__main__":
    sys.exit(main())
