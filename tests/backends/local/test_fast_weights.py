"""A faster copy of the weights: made once, used when whole, never needed."""

from pathlib import Path

import pytest

from backends.local.fast_weights import fast_copy
from backends.local.gguf import read_gguf_header
from backends.local.packaged_models import packaged_gguf
from backends.workstation import WorkstationBackend
from tests.backends.local.gguf_files import gguf_bytes

QUESTION = "Write one sentence about the number 7."


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("fast")


def copied(directory: Path) -> Path:
    return fast_copy(packaged_gguf(), read_gguf_header(packaged_gguf()), directory)


def test_the_copy_holds_the_same_tensors_in_q8_0(directory: Path) -> None:
    original, copy = read_gguf_header(packaged_gguf()), read_gguf_header(copied(directory))
    assert copy.quantisation == "Q8_0"
    assert {t.name: t.shape for t in copy.tensors} == {t.name: t.shape for t in original.tensors}
    assert copy.chat_template == original.chat_template


def test_the_copy_is_made_once(directory: Path) -> None:
    first = copied(directory)
    made = first.stat().st_mtime_ns
    assert copied(directory) == first
    assert first.stat().st_mtime_ns == made
    assert len(list(directory.iterdir())) == 1


def test_a_copy_that_was_cut_off_is_made_anew(directory: Path) -> None:
    copy = copied(directory)
    whole = copy.stat().st_size
    with copy.open("r+b") as file:
        file.truncate(whole // 2)
    assert copied(directory).stat().st_size == whole


def test_a_directory_that_cannot_be_made_costs_speed_only(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way", "utf-8")
    assert copied(tmp_path / "file" / "fast") == packaged_gguf()


def test_a_type_with_kernels_of_its_own_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "tiny.gguf"
    path.write_bytes(gguf_bytes())
    assert fast_copy(path, read_gguf_header(path), tmp_path / "fast") == path
    assert not (tmp_path / "fast").exists()


def test_the_backend_answers_under_the_name_of_the_original(directory: Path) -> None:
    with WorkstationBackend(n_ctx=200, n_threads=1, temperature=0, fast_weights=directory) as backend:
        answer = backend.complete(QUESTION, max_tokens=16)
    assert answer.model == packaged_gguf().stem
    assert "number" in answer.text


def test_together_equals_alone_on_the_copy_too(directory: Path) -> None:
    prompts = [f"{QUESTION} Then one about {number}." for number in range(6)]
    with WorkstationBackend(n_ctx=1000, n_threads=1, temperature=0, max_tokens=12, fast_weights=directory) as backend:
        alone = [backend.generate(prompt) for prompt in prompts]
        assert backend.batch_generate(prompts, max_workers=6, timeout=None) == alone
