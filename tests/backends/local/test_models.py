"""The list of local models, from their headers alone."""

from pathlib import Path

import pytest

from backends.local.models import list_models, measure_model
from backends.local.packaged_models import packaged_gguf
from tests.backends.local.gguf_files import MODEL, gguf_bytes


def test_the_packaged_model_is_listed_first() -> None:
    (model,) = list_models()
    assert model.path == packaged_gguf().resolve()
    assert (model.packaged, model.fits, model.problem) == (True, True, None)
    assert (model.quantisation, model.context_length, model.licence) == ("Q4_1", 8192, "apache-2.0")
    assert model.parameters == pytest.approx(135e6, rel=0.01)
    assert "<|im_start|>" in (model.chat_template or "")
    assert model.memory is not None


def test_directories_are_searched_and_each_file_is_listed_once(tmp_path: Path) -> None:
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "tiny.gguf").write_bytes(gguf_bytes())
    (tmp_path / "notes.txt").write_text("no model", "utf-8")
    models = list_models([tmp_path, tmp_path / "deep" / "tiny.gguf"])
    assert [model.name for model in models[1:]] == ["Tiny"]
    assert not models[1].packaged


def test_a_broken_file_is_listed_with_its_problem(tmp_path: Path) -> None:
    (tmp_path / "broken.gguf").write_bytes(gguf_bytes()[:-50])
    model = list_models([tmp_path])[1]
    assert "cut off" in (model.problem or "")
    assert (model.fits, model.memory, model.file_bytes) == (False, None, len(gguf_bytes()) - 50)


def test_a_missing_file_is_listed_with_its_problem(tmp_path: Path) -> None:
    assert "there is no file" in (list_models([tmp_path / "none.gguf"])[1].problem or "")


def test_a_model_larger_than_memory_is_marked(tmp_path: Path) -> None:
    (tmp_path / "huge.gguf").write_bytes(gguf_bytes({**MODEL, "llama.block_count": 1_000_000_000}))
    model = list_models([tmp_path])[1]
    assert (model.fits, model.problem) == (False, None)


def test_a_measurement_has_positive_figures() -> None:
    speed = measure_model(n_threads=1)
    assert min(speed.load_seconds, speed.prompt_tokens_per_second, speed.generated_tokens_per_second) > 0
