"""Keeps the local engine busy with calls of every kind and watches its memory.

    python -m benchmarks.local_soak [--seconds 3600]

Every kind of call first happens from all callers at once, and prompts that fill the context: libraries keep buffers
for each thread, and memory that llama.cpp reserves counts as resident only once it was written to (47 MB for a context
of 2,048). Then a line a minute: calls, those that were refused as they were meant to be (two of the seven kinds: a
deadline that is too short, a prompt that is too long), those that failed, resident memory. Memory is flat when the last
third holds no more than 5 % and 16 MB above the first third. When it is not, or a call failed, the exit code is 1.
"""

from __future__ import annotations

import argparse
import random
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from backends.exceptions import BackendError, BackendTimeoutError, ContextLengthError
from backends.local.machine import resident_memory
from backends.workstation import WorkstationBackend

SCHEMA = {"type": "object", "properties": {"a": {"type": "integer"}, "b": {"type": "string", "maxLength": 20}}}
CALLERS = 6
KINDS = 7
# Kinds that end in an error by their nature: a deadline after 50 ms, a prompt longer than the context.
REFUSED = {2: BackendTimeoutError, 3: ContextLengthError}


@dataclass
class Soak:
    """What happened so far."""

    calls: int = 0
    refused: int = 0
    failures: list[BackendError] = field(default_factory=list)
    memory: list[int] = field(default_factory=list)

    def note(self, kind: int, error: BackendError | None) -> None:
        """Count a call and how it ended."""
        self.calls += 1
        if error is not None and isinstance(error, REFUSED.get(kind, ())):
            self.refused += 1
        elif error is not None:
            self.failures.append(error)

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
        for kind in range(KINDS):
            list(pool.map(_one_call, [backend] * CALLERS, map(random.Random, range(CALLERS)), [kind] * CALLERS))
        list(pool.map(lambda number: backend.generate(f"{number} word" * 300, max_tokens=2), range(CALLERS)))
        state.memory.append(resident_memory())
        while go_on(state):
            seeds = [chance.getrandbits(32) for _ in range(CALLERS)]
            for kind, error in pool.map(lambda one: _one_call(backend, random.Random(one)), seeds):
                state.note(kind, error)
            state.memory.append(resident_memory())
    return state


def _one_call(
    backend: WorkstationBackend, chance: random.Random, kind: int | None = None
) -> tuple[int, BackendError | None]:
    """One call of a kind, a random one when none is said; the kind and the error that ended it, if any."""
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
    except BackendError as error:
        return kind, error
    return kind, None


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
            print(
                f"{now - started:6.0f} s  {state.calls:6d} calls  {state.refused:5d} refused  "
                f"{len(state.failures):3d} failed  {memory:.0f} MB",
                flush=True,
            )
        return now - started < arguments.seconds

    with WorkstationBackend("soak", n_ctx=2048) as backend:
        state = soak(backend, go_on)
    print(
        f"{state.calls} calls, {state.refused} refused as meant, {len(state.failures)} failed, "
        f"memory {state.memory[0] / 1e6:.0f} MB, grown by {state.growth / 1e6:.1f} MB"
    )
    for error in state.failures[:10]:
        print(f"failed: {error}")
    return 0 if state.flat and not state.failures else 1


if __name__ == "__main__":
    sys.exit(main())
