"""llama.cpp's working memory for several sequences: fill a batch, decode it, read the logits.

For one thread only. All sequences share one pool of cells, so a prefix that is copied from one
sequence to another takes no memory and no time.
"""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from backends.exceptions import ConfigurationError
from backends.local.llama_log import last_complaint

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from backends.local.llama_model import LlamaModel

# ggml's numbers of these types; llama_cpp names only one of them.
_F16, _BF16 = 1, 30

__all__ = ["ContextSettings", "DecodeFailed", "LlamaContext", "OutOfCells"]


class OutOfCells(Exception):  # noqa: N818 - a signal to the scheduler, which always handles it
    """The pool has no room for this batch; nothing was changed."""


class DecodeFailed(Exception):  # noqa: N818 - as above
    """llama.cpp could not decode this batch; the memory must be cleared."""


@dataclass(frozen=True, slots=True)
class ContextSettings:
    """What shapes a context. ``cells`` is the number of tokens that all sequences hold together."""

    cells: int
    sequences: int
    n_batch: int
    n_threads: int
    #: Whether a sequence's logits are the same, to the bit, whatever else is decoded with it.
    exact: bool = True


class LlamaContext:
    """A pool of cells, a batch that is being filled, and the logits of the last decode."""

    def __init__(self, model: LlamaModel, settings: ContextSettings) -> None:
        import llama_cpp

        self._api: Any = llama_cpp
        self._n_vocab = model.n_vocab
        self.settings = settings
        parameters = llama_cpp.llama_context_default_params()
        parameters.n_ctx = settings.cells
        parameters.n_batch = parameters.n_ubatch = settings.n_batch
        parameters.n_seq_max = settings.sequences
        parameters.n_threads = parameters.n_threads_batch = settings.n_threads
        parameters.kv_unified = True
        parameters.no_perf = True
        if settings.exact:
            # llama.cpp has three attention kernels and chooses by batch size, length and types; their rounding
            # differs, and so would the text of a batch and of one call. Keys in BF16 leave it only the one that
            # computes every row alone, in the order of its own tokens: see docs/decisions/0031.
            parameters.flash_attn_type = llama_cpp.LLAMA_FLASH_ATTN_TYPE_ENABLED
            parameters.type_k, parameters.type_v = _BF16, _F16
        last_complaint()
        self._context = llama_cpp.llama_init_from_model(model.pointer, parameters)
        if not self._context:
            raise ConfigurationError(
                f"llama.cpp cannot make a context of {settings.cells:,} tokens for {model.path.name}: "
                f"{last_complaint() or 'it gave no reason'}; set a smaller n_ctx"
            )
        self._memory = llama_cpp.llama_get_memory(self._context)
        self.shares_prefixes = not (
            llama_cpp.llama_model_is_recurrent(model.pointer) or llama_cpp.llama_model_is_hybrid(model.pointer)
        )
        self._make_batch(settings.n_batch)

    def _make_batch(self, size: int) -> None:
        self._tokens = np.zeros(size, dtype=np.int32)
        self._positions = np.zeros(size, dtype=np.int32)
        self._sequences = np.zeros(size, dtype=np.int32)
        self._counts = np.ones(size, dtype=np.int32)
        self._wanted = np.zeros(size, dtype=np.int8)
        first = self._sequences.ctypes.data
        self._pointers = np.arange(first, first + 4 * size, 4, dtype=np.uint64)
        self._batch = self._api.llama_batch(
            n_tokens=0,
            token=_pointer(self._tokens, ctypes.c_int32),
            embd=None,
            pos=_pointer(self._positions, ctypes.c_int32),
            n_seq_id=_pointer(self._counts, ctypes.c_int32),
            seq_id=_pointer(self._pointers, ctypes.POINTER(ctypes.c_int32)),
            logits=_pointer(self._wanted, ctypes.c_int8),
        )
        self.filled = 0

    @property
    def room(self) -> int:
        """How many tokens the batch can still take."""
        return self.settings.n_batch - self.filled

    def start_batch(self) -> None:
        self.filled = 0

    def add(self, sequence: int, start: int, tokens: Sequence[int], wanted: Sequence[bool] | bool) -> int:
        """Add ``tokens`` of ``sequence`` from position ``start``; return the index of the last one.

        ``wanted`` says for which tokens the logits are needed; True means the last one only.
        """
        begin, end = self.filled, self.filled + len(tokens)
        self._tokens[begin:end] = tokens
        self._positions[begin:end] = np.arange(start, start + len(tokens), dtype=np.int32)
        self._sequences[begin:end] = sequence
        if isinstance(wanted, bool):
            self._wanted[begin:end] = False
            self._wanted[end - 1] = wanted
        else:
            self._wanted[begin:end] = wanted
        self.filled = end
        return end - 1

    def use_threads(self, count: int) -> None:
        """Decode with ``count`` threads from now on; it changes the speed and no bit of the result."""
        self._api.llama_set_n_threads(self._context, count, count)

    def decode(self) -> None:
        """Evaluate the batch. Raises OutOfCells or DecodeFailed."""
        self._batch.n_tokens = self.filled
        code = self._api.llama_decode(self._context, self._batch)
        if code == 1:
            raise OutOfCells
        if code != 0:
            raise DecodeFailed(f"llama_decode returned {code}: {last_complaint() or 'it gave no reason'}")

    def logits(self, index: int) -> NDArray[np.float32]:
        """The logits after the batch's token ``index``; valid until the next decode."""
        row = self._api.llama_get_logits_ith(self._context, index)
        return np.ctypeslib.as_array(row, shape=(self._n_vocab,))

    def copy(self, source: int, target: int, end: int) -> None:
        """Let ``target`` hold the first ``end`` tokens of ``source`` too."""
        self._api.llama_memory_seq_cp(self._memory, source, target, 0, end)

    def trim(self, sequence: int, start: int) -> bool:
        """Forget ``sequence`` from position ``start``; False when this kind of model cannot."""
        return bool(self._api.llama_memory_seq_rm(self._memory, sequence, start, -1))

    def pack(self) -> None:
        """Close the gaps that forgotten sequences left, so that new tokens lie behind the old ones.

        llama.cpp fills gaps in any order, and sums up a sequence in the order of its cells: with gaps, the
        last bits of its logits would depend on its neighbours.
        """
        if not self.settings.exact:
            return
        size = self._api.llama_state_get_size(self._context)
        buffer = (ctypes.c_uint8 * size)()
        written = self._api.llama_state_get_data(self._context, buffer, size)
        self.clear()
        if not written or not self._api.llama_state_set_data(self._context, buffer, written):
            raise DecodeFailed(f"llama.cpp cannot pack its memory: {last_complaint() or 'it gave no reason'}")

    def clear(self) -> None:
        """Forget every sequence."""
        self._api.llama_memory_clear(self._memory, False)

    def state(self, sequence: int) -> bytes:
        """The evaluated tokens of ``sequence`` as bytes that ``restore`` takes."""
        size = self._api.llama_state_seq_get_size(self._context, sequence)
        buffer = (ctypes.c_uint8 * size)()
        written = self._api.llama_state_seq_get_data(self._context, buffer, size, sequence)
        return bytes(memoryview(buffer)[:written])

    def restore(self, sequence: int, state: bytes) -> bool:
        """Put a ``state`` into ``sequence``; False when it does not fit."""
        buffer = (ctypes.c_uint8 * len(state)).from_buffer_copy(state)
        return bool(self._api.llama_state_seq_set_data(self._context, buffer, len(state), sequence))

    def close(self) -> None:
        """Free the memory. May be called twice."""
        if self._context:
            self._api.llama_free(self._context)
            self._context = None


def _pointer(array: NDArray[Any], kind: Any) -> Any:
    return ctypes.cast(array.ctypes.data, ctypes.POINTER(kind))
