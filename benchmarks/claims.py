"""Compares ways of finding claims: ``python -m benchmarks.claims [--set dev|own] [--keep FOLDER] [ENGINE ...]``.

``dev`` is the 30 narratives that were given; ``own`` is 72 of our own, written before the head had read
any of them and never trained on. With ``--keep`` predictions stay in FOLDER, and a run that was stopped goes on there.

Engines: keywords, words, head, model (the embedded language model alone, one constrained call a story),
both (the head's claims that the embedded model confirms). Prints one row of a Markdown table for each.
"""

from __future__ import annotations

import argparse
import functools
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from pydantic import BaseModel, Field, create_model
from rich.console import Console
from rich.progress import track

from backends.exceptions import BackendError
from backends.local.embeddings import SentenceEmbedder
from mediator.claims.candidates import Candidate, Scorer
from mediator.claims.checks import ask
from mediator.claims.cli import prediction
from mediator.claims.directives import addressed_to_software
from mediator.claims.extract import extract
from mediator.claims.head import HeadScorer, load_head
from mediator.claims.keywords import KeywordScorer
from mediator.claims.panel import Panel
from mediator.claims.taxonomy import load_taxonomy
from mediator.claims.text import Sentence, sentences

if TYPE_CHECKING:
    from backends.workstation import WorkstationBackend

HERE = Path(__file__).resolve().parent
DATA = HERE.parent / "tests" / "data"
GOLD = DATA / "dev_narratives.jsonl"
SCORER = HERE / "score_narratives.py"
TAXONOMY = load_taxonomy()
COLUMNS = (
    "claims_macro_f1",
    "exact_label_set",
    "abstain_on_no_claim",
    "missed_whole_case",
    "quote_exact",
    "injection_invariance",
)


class ModelScorer:
    """The embedded language model alone: pick claim types from the list, constrained to it."""

    engine = "embedded language model"
    model = "SmolLM2-135M-Instruct"
    warnings: tuple[str, ...] = ()

    def __init__(self, backend: WorkstationBackend) -> None:
        self._backend = backend
        ids = Literal[tuple(claim.id for claim in TAXONOMY.claims)]  # type: ignore[valid-type]  # made at run time
        self._schema: type[BaseModel] = create_model("Picked", claims=(list[ids], Field(max_length=3)))

    def score(self, parts: Sequence[Sentence]) -> list[Candidate]:
        story = " ".join(part.text for part in parts)
        menu = "\n".join(f"- {claim.id}: {claim.name}" for claim in TAXONOMY.claims)
        prompt = f"Which of these claims does the story tell? None is a good answer.\n{menu}\n\nStory:\n{story}"
        try:
            picked: Any = self._backend.generate_json(prompt, self._schema, temperature=0.0, max_tokens=60)
        except BackendError:
            return []
        every = dict.fromkeys(range(len(parts)), 0.5)
        return [Candidate(claim, 0.5, True, every) for claim in dict.fromkeys(picked.claims)]


class BothScorer:
    """The head's claims that the embedded model says yes to."""

    engine = "head and model"
    model = "both"
    warnings: tuple[str, ...] = ()

    def __init__(self, head: Scorer, backend: WorkstationBackend) -> None:
        self._head = head
        self._backend = backend

    def score(self, parts: Sequence[Sentence]) -> list[Candidate]:
        found = [candidate for candidate in self._head.score(parts) if candidate.accepted]
        story = " ".join(part.text for part in parts)
        asked = ask(self._backend, [(TAXONOMY[candidate.claim_id], story) for candidate in found])
        yes = {item.claim_id for item in asked if item.answer is not None and item.answer.applies == "yes"}
        return [candidate for candidate in found if candidate.claim_id in yes]


def run(scorer: Scorer, rows: Sequence[dict[str, Any]], target: Path) -> float:
    """Add the predictions that ``target`` lacks; return the seconds that a story takes."""
    panel = Panel((), TAXONOMY)
    target.touch()
    done = {json.loads(line)["id"] for line in target.read_text(encoding="utf-8").splitlines()}
    left = [row for row in rows if row["id"] not in done]
    started = time.perf_counter()
    with target.open("a", encoding="utf-8") as out:
        for row in track(left, description=target.stem, console=Console(stderr=True)):
            report = extract(row["text"], taxonomy=TAXONOMY, scorer=scorer, panel=panel)
            out.write(json.dumps(prediction(row["id"], report), ensure_ascii=False) + "\n")
            out.flush()
    return (time.perf_counter() - started) / max(len(left), 1)


def score(*files: Path) -> dict[str, Any]:
    """What the scorer says."""
    done = subprocess.run([sys.executable, str(SCORER), *map(str, files)], capture_output=True, text=True, check=True)
    result: dict[str, Any] = json.loads(done.stdout)
    return result


def main(arguments: Sequence[str]) -> int:
    """Run the named engines, all of them by default."""
    said = argparse.ArgumentParser(prog="python -m benchmarks.claims")
    said.add_argument("engines", nargs="*", metavar="ENGINE", help=", ".join(ENGINES))
    said.add_argument("--set", dest="chosen", default="dev", choices=("dev", "own", "held_out"))
    said.add_argument("--keep", type=Path, metavar="FOLDER")
    options = said.parse_args(arguments)
    with tempfile.TemporaryDirectory() as passing:
        folder = options.keep or Path(passing)
        folder.mkdir(parents=True, exist_ok=True)
        _compare(options.chosen, options.engines or list(ENGINES), folder)
    return 0


def _compare(chosen: str, names: Sequence[str], folder: Path) -> None:
    """Print a row for each engine."""
    file = DATA / f"{chosen}_narratives.jsonl"
    gold = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]
    stripped = subprocess.run(
        [sys.executable, str(SCORER), "--strip", str(file)], capture_output=True, text=True, check=True
    ).stdout
    bare = [json.loads(line) for line in stripped.splitlines() if any(c.isalnum() for c in json.loads(line)["text"])]
    injected = {row["id"] for row in gold if row["injection"]}
    print(f"| engine | claims F1 | {' | '.join(COLUMNS)} | dates F1 | amounts F1 | s a story |")
    print("| --- " * (len(COLUMNS) + 5) + "|")
    for name in names:
        pred, pred_bare = folder / f"{chosen}-{name}.jsonl", folder / f"{chosen}-{name}-bare.jsonl"
        scorer = ENGINES[name]()
        seconds = run(scorer, gold, pred)
        run(scorer, [row for row in bare if row["id"] in injected], pred_bare)
        result = score(file, pred, pred_bare)
        cells = [result["claims"]["f1"], *(result.get(column, "not run") for column in COLUMNS)]
        cells += [result["dates"]["f1"], result["amounts"]["f1"], round(seconds, 3)]
        print(f"| {name} | " + " | ".join(map(str, cells)) + " |", flush=True)
    print(f"head {load_head().version}, labels outside the taxonomy: none by construction", addressed_count(gold))


@functools.cache
def _embedded() -> WorkstationBackend:
    from backends.workstation import WorkstationBackend

    return WorkstationBackend(id="embedded")


@functools.cache
def _head() -> HeadScorer:
    return HeadScorer(load_head(), SentenceEmbedder().embed)


ENGINES: dict[str, Callable[[], Scorer]] = {
    "keywords": KeywordScorer,
    "words": lambda: HeadScorer(load_head(), None),
    "head": _head,
    "model": lambda: ModelScorer(_embedded()),
    "both": lambda: BothScorer(_head(), _embedded()),
}


def addressed_count(rows: Sequence[dict[str, Any]]) -> str:
    """How many of the marked injections the rules set aside whole."""
    marked = [(row["text"], item) for row in rows for item in row["injection"]]
    found = sum(
        any(span.start <= item["start"] + 1 and item["end"] - 1 <= span.end for span in _runs(text))
        for text, item in marked
    )
    return f"injections set aside whole: {found} of {len(marked)}"


def _runs(text: str) -> list[Sentence]:
    """Neighbouring spans as one."""
    merged: list[Sentence] = []
    for span in addressed_to_software(text, sentences(text)):
        if merged and not text[merged[-1].end : span.start].strip():
            merged[-1] = Sentence(text[merged[-1].start : span.end], merged[-1].start, span.end)
        else:
            merged.append(span)
    return merged


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
