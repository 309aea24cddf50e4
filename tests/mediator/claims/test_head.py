"""The trained head: made from the shipped texts, the same bytes twice, and good enough on the dev set."""

from __future__ import annotations

import hashlib
import json
import re
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from mediator.claims import train
from mediator.claims.features import Words, grams
from mediator.claims.head import HeadScorer, decide, load_head
from mediator.claims.taxonomy import load_taxonomy
from mediator.claims.text import sentences

TAXONOMY = load_taxonomy()
DATA = Path(__file__).parents[2] / "data"
DEV, OWN, HELD_OUT = (DATA / f"{name}_narratives.jsonl" for name in ("dev", "own", "held_out"))
CHECKER = Path(__file__).parents[3] / "benchmarks" / "validate_narratives.py"


def fake_vectors(texts: Sequence[str]) -> NDArray[np.float32]:
    """Any fixed function of the text serves to show that training repeats."""
    rows = [np.frombuffer(hashlib.sha512(text.encode()).digest() * 6, dtype=np.uint8) for text in texts]
    vectors = np.stack(rows).astype(np.float32) - 127
    return np.asarray(vectors / np.linalg.norm(vectors, axis=1, keepdims=True), dtype=np.float32)


def runs(text: str, size: int) -> set[str]:
    words = re.findall(r"\w+", text.lower())
    return {" ".join(words[place : place + size]) for place in range(len(words) - size + 1)}


def test_the_shipped_head_is_made_from_the_shipped_texts() -> None:
    examples = [*train.read_examples(TAXONOMY), *train.taxonomy_examples(TAXONOMY)]

    assert load_head().version == train.version_of(examples)


def test_there_are_enough_texts_for_every_claim_type_and_for_none() -> None:
    examples = train.read_examples(TAXONOMY)
    per_claim = {claim.id: sum(claim.id in example.claims for example in examples) for claim in TAXONOMY.claims}

    assert len(examples) >= 1500
    assert min(per_claim.values()) >= 30
    assert sum(not example.claims for example in examples) >= 300


def test_every_element_that_a_line_names_is_of_the_taxonomy() -> None:
    named = {key for example in train.read_examples(TAXONOMY) for key in example.elements}

    assert named <= {(claim.id, element.id) for claim in TAXONOMY.claims for element in claim.elements}


@pytest.mark.parametrize(("narratives", "size"), [(DEV, 5), (OWN, 6), (HELD_OUT, 6)], ids=["dev", "own", "held out"])
def test_no_training_text_shares_a_run_of_words_with_a_narrative(narratives: Path, size: int) -> None:
    told = (json.loads(line)["text"] for line in narratives.read_text(encoding="utf-8").splitlines())
    known = set().union(*(runs(text, size) for text in told))
    shared = {run for example in train.read_examples(TAXONOMY) for run in runs(example.text, size) & known}

    assert shared == set()


def test_no_training_text_stands_twice() -> None:
    texts = [example.text for example in train.read_examples(TAXONOMY)]

    assert len(texts) == len(set(texts))


@pytest.mark.slow
def test_training_repeats_to_the_same_bytes() -> None:
    examples = [e for e in train.read_examples(TAXONOMY) if len(e.text) % 9 == 0 or e.group == "none_stories"]
    first, _ = train.train(examples, TAXONOMY, fake_vectors)
    second, _ = train.train(examples, TAXONOMY, fake_vectors)

    assert hashlib.sha256(first).digest() == hashlib.sha256(second).digest()


def test_grams_are_words_pairs_and_stems_with_every_number_alike() -> None:
    assert grams("Fired after 12 complaints") == {
        "fired", "after", "#", "complaints", "fired after", "after #", "# complaints", "compl~",
    }  # fmt: skip


def test_a_text_of_unknown_words_is_a_row_of_zeros() -> None:
    words = Words.of(["one two", "one two"])

    assert not words.matrix(["qqq"]).any()


@pytest.mark.parametrize(
    ("probability", "told", "said"),
    [
        ([0.9, 0.6, 0.1], 0.9, [True, True, False]),
        ([0.3, 0.25, 0.1], 0.9, [True, False, False]),
        ([0.9, 0.6, 0.1], 0.2, [False, False, False]),
    ],
)
def test_a_story_that_tells_something_gets_at_least_its_best_type(
    probability: list[float], told: float, said: list[bool]
) -> None:
    decided = decide(np.array([probability]), np.array([told]), threshold=0.5, gate=0.6)

    assert decided[0].tolist() == said


def test_without_vectors_it_says_so_and_still_finds_the_plain_case() -> None:
    scorer = HeadScorer(load_head(), None)
    story = sentences("I moved out in May. My landlord kept the whole security deposit and sent no list of damages.")

    found = [candidate.claim_id for candidate in scorer.score(story) if candidate.accepted]

    assert found == ["security_deposit"]
    assert "not installed" in scorer.warnings[0]


@pytest.mark.parametrize("narratives", [OWN, HELD_OUT], ids=["own", "held out"])
def test_our_own_narratives_hold_against_their_gold_and_share_nothing_with_the_dev_set(narratives: Path) -> None:
    taxonomy = Path(train.__file__).with_name("taxonomy.json")

    checked = subprocess.run([sys.executable, CHECKER, taxonomy, narratives, DEV], capture_output=True, text=True)

    assert checked.stdout.endswith("passed, 0 failed\n"), checked.stdout


@pytest.mark.slow
@pytest.mark.parametrize("narratives", [DEV, OWN, HELD_OUT], ids=["dev", "own", "held out"])
def test_the_figures_on_narratives_never_trained_on_stay_above_the_bars(narratives: Path, tmp_path: Path) -> None:
    from backends.local.embeddings import SentenceEmbedder
    from benchmarks.claims import run, score

    gold = [json.loads(line) for line in narratives.read_text(encoding="utf-8").splitlines()]
    run(HeadScorer(load_head(), SentenceEmbedder().embed), gold, tmp_path / "pred.jsonl")

    result = score(narratives, tmp_path / "pred.jsonl")
    assert result["claims_macro_f1"] >= 0.6
    assert result["abstain_on_no_claim"] >= 0.75
    assert result["missed_whole_case"] <= 0.1
    assert result["quote_exact"] == 1.0
    assert result["dates"]["f1"] >= 0.95
    assert result["amounts"]["f1"] >= 0.95
