"""The GGUF header reader: right files are understood, wrong ones refused, nothing crashes."""

import contextlib
import struct
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from backends.exceptions import ConfigurationError, ModelNotFoundError
from backends.local.gguf import GGUFError, GGUFHeader, read_gguf_header
from backends.local.llama_model import checked_header
from backends.local.packaged_models import packaged_gguf
from tests.backends.local.gguf_files import MODEL, TENSORS, gguf_bytes

fuzzing = settings(suppress_health_check=[HealthCheck.function_scoped_fixture])


def header_of(tmp_path: Path, raw: bytes) -> GGUFHeader:
    path = tmp_path / "model.gguf"
    path.write_bytes(raw)
    return read_gguf_header(path)


def readable_or_refused(path: Path, raw: bytes) -> None:
    path.write_bytes(raw)
    with contextlib.suppress(GGUFError):
        assert read_gguf_header(path).file_bytes == len(raw)


def test_the_packaged_model_is_described() -> None:
    header = read_gguf_header(packaged_gguf())
    assert (header.version, header.architecture, header.quantisation) == (3, "llama", "Q4_1")
    assert (header.context_length, header.vocabulary, header.number("block_count")) == (8192, 49152, 30)
    assert header.text("general.license") == "apache-2.0"
    assert "<|im_start|>" in (header.chat_template or "")
    ends = [tensor.offset + (tensor.bytes or 0) for tensor in header.tensors]
    assert max(ends) == header.file_bytes


def test_a_small_file_is_read_whole(tmp_path: Path) -> None:
    header = header_of(tmp_path, gguf_bytes())
    assert header.number("attention.head_count_kv") == 2
    assert header.lengths["tokenizer.ggml.tokens"] == 3
    assert [(tensor.name, tensor.shape, tensor.type, tensor.bytes) for tensor in header.tensors] == [
        ("token_embd.weight", (32, 3), "Q8_0", 102)
    ]


def test_a_list_of_numbers_counts_by_its_largest(tmp_path: Path) -> None:
    header = header_of(tmp_path, gguf_bytes({**MODEL, "llama.attention.head_count_kv": [1, 4, 2]}))
    assert header.number("attention.head_count_kv") == 4


def test_a_tensor_type_of_the_future_is_named_by_its_number(tmp_path: Path) -> None:
    header = header_of(tmp_path, gguf_bytes(tensors={**TENSORS, "new": ((7,), 999, 32)}))
    assert (header.tensors[1].type, header.tensors[1].bytes) == ("type 999", None)


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        (b"", "too few"),
        (b"GGUF", "too few"),
        (b"PK\x03\x04" + bytes(60), "begins with"),
        (gguf_bytes(version=1), "version 1 is not known"),
        (b"GGUF" + struct.pack(">I", 3) + bytes(32), "big-endian"),
        (b"GGUF" + struct.pack("<IQQ", 3, 1 << 60, 0), "do not fit"),
        (b"GGUF" + struct.pack("<IQQ", 3, 0, 1 << 60), "do not fit"),
        (b"GGUF" + struct.pack("<IQQQ", 3, 0, 1, 1 << 50) + bytes(20), "a name of"),
        (gguf_bytes({**MODEL, "general.alignment": 24}), "power of two"),
        (gguf_bytes({**MODEL, "general.alignment": "32"}), "power of two"),
        (gguf_bytes()[:-100], "cut off"),
        (gguf_bytes()[:200], "cut off"),
        (gguf_bytes(tensors={"t": ((0,), 0, 0)}), "impossible shape"),
        (gguf_bytes(tensors={"t": ((1 << 40, 1 << 40), 0, 0)}), "impossible shape"),
        (gguf_bytes(tensors={"t": ((31, 3), 8, 64)}), "rows of 31"),
        (gguf_bytes(tensors={"t": ((1, 1, 1, 1, 1), 0, 4)}), "5 dimensions"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_wrong_file_is_refused_with_the_reason(tmp_path: Path, raw: bytes, message: str) -> None:
    with pytest.raises(GGUFError, match=message):
        header_of(tmp_path, raw)


@fuzzing
@given(st.binary(max_size=300))
def test_any_bytes_are_read_or_refused(tmp_path: Path, raw: bytes) -> None:
    readable_or_refused(tmp_path / "a.gguf", raw)
    readable_or_refused(tmp_path / "b.gguf", b"GGUF\x03\0\0\0" + raw)


@fuzzing
@given(st.integers(0, len(gguf_bytes()) - 1), st.integers(0, 255), st.integers(0, len(gguf_bytes())))
def test_a_damaged_file_is_read_or_refused(tmp_path: Path, place: int, byte: int, end: int) -> None:
    damaged = bytearray(gguf_bytes())
    damaged[place] = byte
    readable_or_refused(tmp_path / "damaged.gguf", bytes(damaged))
    readable_or_refused(tmp_path / "cut.gguf", bytes(damaged[:end]))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"general.architecture": 7}, "architecture"),
        ({"llama.block_count": 0}, "block_count"),
        ({"llama.attention.head_count": "four"}, "head_count"),
        ({"llama.context_length": -1}, "context_length"),
        ({"tokenizer.ggml.tokens": []}, "no vocabulary"),
        ({"tokenizer.ggml.tokens": ["a"] * 4}, "4 tokens and its embeddings 3"),
        ({"split.count": 2}, "several parts"),
    ],
)
def test_a_model_that_llama_cpp_would_stumble_over_is_refused(
    tmp_path: Path, change: dict[str, object], message: str
) -> None:
    path = tmp_path / "model.gguf"
    path.write_bytes(gguf_bytes({**MODEL, **change}))
    with pytest.raises(ConfigurationError, match=message):
        checked_header(path)


def test_an_adapter_is_no_model(tmp_path: Path) -> None:
    path = tmp_path / "adapter.gguf"
    path.write_bytes(gguf_bytes(tensors={"lora_a": ((32,), 0, 128)}))
    with pytest.raises(ConfigurationError, match="adapter"):
        checked_header(path)


def test_a_missing_file_and_a_directory_are_not_found(tmp_path: Path) -> None:
    with pytest.raises(ModelNotFoundError, match="there is no file"):
        checked_header(tmp_path / "missing.gguf")
    with pytest.raises(ModelNotFoundError, match="directory"):
        checked_header(tmp_path)
