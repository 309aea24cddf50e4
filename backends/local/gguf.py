"""Reads the header of a GGUF file: enough to know what a model is and that the file is whole.

The engine trusts its files and may end the process over a broken one, so every file passes through
here first. Promises: any sequence of bytes gives either a ``GGUFHeader`` or a ``GGUFError`` that
says what is wrong; nothing is allocated that the file's own size does not justify; the tensors that
the header names lie inside the file.
"""

from __future__ import annotations

import mmap
import os
import struct
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

__all__ = ["GGUFError", "GGUFHeader", "GGUFTensor", "read_gguf_header"]

# Format: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md
_MAGIC = b"GGUF"
_VERSIONS = (2, 3)
_MAX_KEY_BYTES = 65_535
_MAX_DIMENSIONS = 4
_MAX_NAME_BYTES = 64
_DEFAULT_ALIGNMENT = 32
_ARRAY, _STRING = 9, 8
_SCALARS: Mapping[int, struct.Struct] = {
    0: struct.Struct("<B"),
    1: struct.Struct("<b"),
    2: struct.Struct("<H"),
    3: struct.Struct("<h"),
    4: struct.Struct("<I"),
    5: struct.Struct("<i"),
    6: struct.Struct("<f"),
    7: struct.Struct("<?"),
    10: struct.Struct("<Q"),
    11: struct.Struct("<q"),
    12: struct.Struct("<d"),
}
# Tensor type: name, weights in a block, bytes of a block.
_TENSOR_TYPES: Mapping[int, tuple[str, int, int]] = {
    0: ("F32", 1, 4),
    1: ("F16", 1, 2),
    2: ("Q4_0", 32, 18),
    3: ("Q4_1", 32, 20),
    6: ("Q5_0", 32, 22),
    7: ("Q5_1", 32, 24),
    8: ("Q8_0", 32, 34),
    9: ("Q8_1", 32, 36),
    10: ("Q2_K", 256, 84),
    11: ("Q3_K", 256, 110),
    12: ("Q4_K", 256, 144),
    13: ("Q5_K", 256, 176),
    14: ("Q6_K", 256, 210),
    15: ("Q8_K", 256, 292),
    16: ("IQ2_XXS", 256, 66),
    17: ("IQ2_XS", 256, 74),
    18: ("IQ3_XXS", 256, 98),
    19: ("IQ1_S", 256, 50),
    20: ("IQ4_NL", 32, 18),
    21: ("IQ3_S", 256, 110),
    22: ("IQ2_S", 256, 82),
    23: ("IQ4_XS", 256, 136),
    24: ("I8", 1, 1),
    25: ("I16", 1, 2),
    26: ("I32", 1, 4),
    27: ("I64", 1, 8),
    28: ("F64", 1, 8),
    29: ("IQ1_M", 256, 56),
    30: ("BF16", 1, 2),
    34: ("TQ1_0", 256, 54),
    35: ("TQ2_0", 256, 66),
    39: ("MXFP4", 32, 17),
}


class GGUFError(ValueError):
    """The file is no GGUF file, or not a whole one."""


@dataclass(frozen=True, slots=True)
class GGUFTensor:
    """One tensor's place in the file. ``offset`` counts from the start of the file."""

    name: str
    shape: tuple[int, ...]
    type: str
    offset: int
    #: None when the tensor's type is newer than this reader.
    bytes: int | None


@dataclass(frozen=True, slots=True)
class GGUFHeader:
    """What the header says. Arrays in ``metadata`` are kept up to 64 entries; ``lengths`` has all lengths."""

    path: Path
    file_bytes: int
    version: int
    metadata: Mapping[str, Any]
    lengths: Mapping[str, int]
    tensors: Sequence[GGUFTensor] = field(repr=False)

    @property
    def architecture(self) -> str:
        return self.text("general.architecture") or "unknown"

    @property
    def context_length(self) -> int | None:
        return self.number("context_length")

    @property
    def chat_template(self) -> str | None:
        return self.text("tokenizer.chat_template")

    @property
    def quantisation(self) -> str:
        """The tensor type that most weights have."""
        weights: dict[str, int] = {}
        for tensor in self.tensors:
            count = 1
            for extent in tensor.shape:
                count *= extent
            weights[tensor.type] = weights.get(tensor.type, 0) + count
        return max(weights, key=lambda name: weights[name]) if weights else "none"

    @property
    def vocabulary(self) -> int:
        return self.lengths.get("tokenizer.ggml.tokens", 0)

    def text(self, key: str) -> str | None:
        value = self.metadata.get(key)
        return value if isinstance(value, str) else None

    def number(self, key: str) -> int | None:
        """A whole number of the model's architecture, such as ``block_count``; the largest of a list of them."""
        value = self.metadata.get(f"{self.architecture}.{key}")
        if isinstance(value, list) and value and all(isinstance(item, int) for item in value):
            value = max(value)
        return value if isinstance(value, int) and not isinstance(value, bool) else None


def read_gguf_header(path: str | os.PathLike[str]) -> GGUFHeader:
    """Read and check the header of ``path``. Raises GGUFError, or OSError when it cannot be opened."""
    path = Path(path)
    with path.open("rb") as file:
        size = os.fstat(file.fileno()).st_size
        if size < 24:
            raise GGUFError(f"{size} bytes are too few for a GGUF file")
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
            return _parse(path, data, size)


def _parse(path: Path, data: mmap.mmap, size: int) -> GGUFHeader:
    reader = _Reader(data, size)
    if data[:4] != _MAGIC:
        raise GGUFError(f"it begins with {bytes(data[:4])!r}, not with {_MAGIC!r}")
    reader.position = 4
    version = reader.scalar(4)
    if version not in _VERSIONS:
        swapped = int.from_bytes(version.to_bytes(4, "little"), "big")
        hint = " (a big-endian file)" if swapped in _VERSIONS else ""
        raise GGUFError(f"GGUF version {version} is not known{hint}; versions {_VERSIONS[0]} to {_VERSIONS[-1]} are")
    tensor_count, pair_count = reader.scalar(10), reader.scalar(10)
    # A pair takes at least 13 bytes and a tensor at least 24.
    if pair_count > size // 13 or tensor_count > size // 24:
        raise GGUFError(f"{pair_count} metadata pairs and {tensor_count} tensors do not fit into {size} bytes")
    metadata: dict[str, Any] = {}
    lengths: dict[str, int] = {}
    for _ in range(pair_count):
        key = reader.string(_MAX_KEY_BYTES)
        if key in metadata:
            raise GGUFError(f"the metadata key {key!r:.80} stands twice")
        metadata[key], length = reader.value(reader.scalar(4), key)
        if length is not None:
            lengths[key] = length
    tensors = _tensors(reader, tensor_count, _alignment(metadata), size)
    return GGUFHeader(path, size, version, metadata, lengths, tensors)


def _alignment(metadata: Mapping[str, Any]) -> int:
    alignment = metadata.get("general.alignment", _DEFAULT_ALIGNMENT)
    if not isinstance(alignment, int) or alignment < 1 or alignment & (alignment - 1):
        raise GGUFError(f"general.alignment must be a power of two, not {alignment!r:.40}")
    return alignment


def _tensors(reader: _Reader, count: int, alignment: int, size: int) -> tuple[GGUFTensor, ...]:
    described = [_tensor(reader) for _ in range(count)]
    names = {tensor.name for tensor in described}
    if len(names) != count:
        raise GGUFError("two tensors have one name")
    start = -(-reader.position // alignment) * alignment
    placed = []
    for tensor in described:
        if tensor.offset % alignment:
            raise GGUFError(f"tensor {tensor.name!r} is not aligned to {alignment} bytes")
        begin = start + tensor.offset
        end = begin + (tensor.bytes or 0)
        if end > size:
            raise GGUFError(
                f"the file is cut off: tensor {tensor.name!r} ends at byte {end:,} and the file at {size:,}; "
                "fetch it again"
            )
        placed.append(GGUFTensor(tensor.name, tensor.shape, tensor.type, begin, tensor.bytes))
    return tuple(placed)


def _tensor(reader: _Reader) -> GGUFTensor:
    name = reader.string(_MAX_NAME_BYTES)
    dimensions = reader.scalar(4)
    if dimensions > _MAX_DIMENSIONS:
        raise GGUFError(f"tensor {name!r} has {dimensions} dimensions")
    shape = tuple(reader.scalar(10) for _ in range(dimensions))
    code, offset = reader.scalar(4), reader.scalar(10)
    count = 1
    for extent in shape:
        count *= extent
    if count <= 0 or count >= 1 << 63:
        raise GGUFError(f"tensor {name!r} has the impossible shape {shape}")
    known = _TENSOR_TYPES.get(code)
    if known is None:
        return GGUFTensor(name, shape, f"type {code}", offset, None)
    label, block_weights, block_bytes = known
    if shape and shape[0] % block_weights:
        raise GGUFError(f"tensor {name!r} has rows of {shape[0]} weights, which {label} cannot hold")
    return GGUFTensor(name, shape, label, offset, count // block_weights * block_bytes)


class _Reader:
    """Reads on from ``position``; never past the end."""

    _KEPT = 64

    def __init__(self, data: mmap.mmap, size: int) -> None:
        self._data = data
        self._size = size
        self.position = 0

    def scalar(self, kind: int) -> Any:
        code = _SCALARS[kind]
        self._need(code.size)
        (value,) = code.unpack_from(self._data, self.position)
        self.position += code.size
        return value

    def string(self, limit: int | None = None) -> str:
        length = self.scalar(10)
        if limit is not None and length > limit:
            raise GGUFError(f"a name of {length:,} bytes at byte {self.position:,}")
        self._need(length)
        raw = self._data[self.position : self.position + length]
        self.position += length
        return raw.decode("utf-8", "replace")

    def value(self, kind: int, key: str) -> tuple[Any, int | None]:
        if kind == _STRING:
            return self.string(), None
        if kind == _ARRAY:
            return self._array(key)
        if kind not in _SCALARS:
            raise GGUFError(f"metadata {key!r:.80} has the unknown type {kind}")
        return self.scalar(kind), None

    def _array(self, key: str) -> tuple[list[Any], int]:
        kind, length = self.scalar(4), self.scalar(10)
        if kind == _STRING:
            # Each string takes at least the 8 bytes of its length.
            self._need(length * 8)
            return self._items(length, self.string, self._skip_string)
        if kind not in _SCALARS:
            raise GGUFError(f"metadata {key!r:.80} is an array of the unsupported type {kind}")
        width = _SCALARS[kind].size
        self._need(length * width)
        end = self.position + length * width
        kept = [self.scalar(kind) for _ in range(min(length, self._KEPT))]
        self.position = end
        return kept, length

    def _items(self, length: int, keep: Callable[[], str], skip: Callable[[], None]) -> tuple[list[Any], int]:
        kept = [keep() for _ in range(min(length, self._KEPT))]
        for _ in range(length - len(kept)):
            skip()
        return kept, length

    def _skip_string(self) -> None:
        position = self.position
        end = position + 8 + int.from_bytes(self._data[position : position + 8], "little")
        if end > self._size:
            self._need(end - position)
        self.position = end

    def _need(self, count: int) -> None:
        if self.position + count > self._size:
            raise GGUFError(
                f"the file is cut off or damaged: byte {self.position + count:,} is needed and it has {self._size:,}"
            )
