"""Refuses a transformers model whose weights would not fit in memory, before they are read, with the figures."""

from __future__ import annotations

import json
import struct
from math import prod
from pathlib import Path

from backends.exceptions import ConfigurationError
from backends.local.gguf import read_gguf_header
from backends.local.machine import available_memory
from backends.local.transformers_find import ModelFiles

__all__ = ["check_memory", "weight_bytes"]

_BYTES = {"float32": 4, "float16": 2, "bfloat16": 2}
_STORED = {"F64": 8, "I64": 8, "F32": 4, "I32": 4, "F16": 2, "BF16": 2, "I16": 2}
# A header lists a few hundred bytes a tensor; the format itself allows no more than this.
_LONGEST_HEADER = 100_000_000


def check_memory(files: ModelFiles, device: str, dtype: str, name: str) -> None:
    """Raise ConfigurationError when ``device`` has less memory than the weights take in ``dtype``."""
    need, free = weight_bytes(files, dtype), _free(device)
    if need > free:
        raise ConfigurationError(
            f"{name} takes {need / 1e6:,.0f} MB of weights in {dtype}, and {free / 1e6:,.0f} MB are free on {device}; "
            "choose a smaller model or a smaller dtype, or end other programs",
            model=name,
        )


def weight_bytes(files: ModelFiles, dtype: str) -> int:
    """What the weights take in ``dtype``; ``auto`` is as they are stored."""
    if files.gguf_file is not None:
        header = read_gguf_header(files.directory / files.gguf_file)
        # They are unpacked to 32 bits, whatever follows.
        return sum(prod(tensor.shape) for tensor in header.tensors) * _BYTES.get(dtype, 4)
    return sum(_tensor_bytes(path, dtype) for path in files.directory.glob("*.safetensors"))


def _tensor_bytes(path: Path, dtype: str) -> int:
    with path.open("rb") as file:
        (length,) = struct.unpack("<Q", file.read(8).ljust(8, b"\0"))
        try:
            header = json.loads(file.read(min(length, _LONGEST_HEADER)))
            tensors = [entry for key, entry in header.items() if key != "__metadata__"]
            return sum(prod(entry["shape"]) * _BYTES.get(dtype, _STORED.get(entry["dtype"], 1)) for entry in tensors)
        except (ValueError, KeyError, TypeError, AttributeError):
            return 0  # damaged: the loader says how


def _free(device: str) -> int:
    if not device.startswith("cuda"):
        return available_memory()
    import torch

    return int(torch.cuda.mem_get_info(device)[0])
