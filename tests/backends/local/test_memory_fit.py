"""Whether a model fits into memory is told before it is loaded."""

from pathlib import Path

import pytest

from backends.exceptions import ConfigurationError
from backends.local.gguf import read_gguf_header
from backends.local.llama_context import ContextSettings
from backends.local.machine import available_memory, compute_threads, resident_memory
from backends.local.memory_fit import check_memory, memory_need
from backends.local.packaged_models import packaged_gguf
from tests.backends.local.gguf_files import MODEL, gguf_bytes

SETTINGS = ContextSettings(cells=4096, sequences=16, n_batch=256, n_threads=1)


def test_the_context_of_the_packaged_model_takes_what_llama_cpp_says() -> None:
    need = memory_need(read_gguf_header(packaged_gguf()), SETTINGS)
    # 4,096 tokens, 30 layers, 3 heads of 64 for keys and for values, 2 bytes each.
    assert need.context == 4096 * 30 * 3 * 64 * 2 * 2
    assert need.weights == pytest.approx(packaged_gguf().stat().st_size, rel=0.03)


def test_what_does_not_fit_is_refused_with_the_figures(tmp_path: Path) -> None:
    path = tmp_path / "huge.gguf"
    path.write_bytes(gguf_bytes({**MODEL, "llama.block_count": 100_000_000}))
    with pytest.raises(ConfigurationError, match=r"huge\.gguf needs [\d,]+ MB \(.*context.*\) and [\d,]+ MB are free"):
        check_memory(read_gguf_header(path), SETTINGS)


def test_the_packaged_model_fits() -> None:
    assert check_memory(read_gguf_header(packaged_gguf()), SETTINGS).total < available_memory()


def test_this_machine_has_a_core_and_memory() -> None:
    assert compute_threads() >= 1
    assert 0 < resident_memory() < 1 << 50
