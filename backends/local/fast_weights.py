"""Keeps a copy of a model in the form that this processor computes fastest.

llama.cpp has kernels for whole batches for some types of weights only; for the others it takes the
weights apart anew for every token. Q8_0 has such kernels and holds what Q4_1 and its kin hold, to
within the rounding that llama.cpp's own arithmetic has.
"""

from __future__ import annotations

import ctypes
import logging
import os
import tempfile
from pathlib import Path

from backends.exceptions import BackendError
from backends.local.gguf import GGUFHeader
from backends.local.llama_log import take_over_log
from backends.local.llama_model import checked_header

__all__ = ["fast_copy"]

logger = logging.getLogger(__name__)

# Types without batch kernels on x86 and ARM, measured in docs/decisions/0034.
_SLOW_TYPES = frozenset({"Q4_1", "Q5_1"})
_Q8_0 = 7  # LLAMA_FTYPE_MOSTLY_Q8_0


def fast_copy(path: Path, header: GGUFHeader, directory: Path) -> Path:
    """A file in ``directory`` with the weights of ``path``, made if need be; ``path`` itself where that is best."""
    if header.quantisation not in _SLOW_TYPES:
        return path
    import llama_cpp

    state = path.stat()
    name = f"{path.stem}-{state.st_size:x}-{state.st_mtime_ns:x}-{llama_cpp.__version__}.Q8_0.gguf"
    copy = directory / name
    try:
        checked_header(copy)
    except BackendError:
        pass  # not there yet, or not whole
    else:
        return copy
    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        _convert(path, copy)
        checked_header(copy)
    except (OSError, BackendError) as error:
        logger.warning("%s cannot be kept in a faster form in %s and is used as it is: %s", path.name, directory, error)
        return path
    return copy


def _convert(path: Path, copy: Path) -> None:
    import llama_cpp

    take_over_log()
    parameters = llama_cpp.llama_model_quantize_default_params()
    parameters.ftype = _Q8_0
    parameters.allow_requantize = True
    descriptor, name = tempfile.mkstemp(dir=copy.parent, prefix=".new-", suffix=".gguf")
    os.close(descriptor)
    try:
        code = llama_cpp.llama_model_quantize(str(path).encode(), name.encode(), ctypes.byref(parameters))
        if code != 0:
            raise OSError(f"llama_model_quantize returned {code}")
        os.replace(name, copy)
    finally:
        Path(name).unlink(missing_ok=True)
