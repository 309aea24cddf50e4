"""Tells how much memory a GGUF model would take, before it is loaded, and refuses what would not fit."""

from __future__ import annotations

from dataclasses import dataclass

from backends.exceptions import ConfigurationError
from backends.local.gguf import GGUFHeader
from backends.local.llama_context import ContextSettings
from backends.local.machine import available_memory

__all__ = ["MemoryNeed", "check_memory", "memory_need"]

_HALF = 2  # bytes of a 16-bit float, in which keys and values are kept
_SINGLE = 4
# Activations of one token in a batch, as multiples of the widest layer. Measured: see docs/decisions/0031.
_ACTIVATIONS = 16


@dataclass(frozen=True, slots=True)
class MemoryNeed:
    """Bytes by purpose."""

    weights: int
    context: int
    working: int

    @property
    def total(self) -> int:
        return self.weights + self.context + self.working

    def __str__(self) -> str:
        return (
            f"{_megabytes(self.total)} ({_megabytes(self.weights)} weights, {_megabytes(self.context)} context, "
            f"{_megabytes(self.working)} working memory)"
        )


def memory_need(header: GGUFHeader, settings: ContextSettings) -> MemoryNeed:
    """What ``header``'s model takes with a context of ``settings``."""
    width = header.number("embedding_length") or 0
    heads = header.number("attention.head_count") or 1
    kv_heads = header.number("attention.head_count_kv") or heads
    key_width = header.number("attention.key_length") or width // heads
    value_width = header.number("attention.value_length") or width // heads
    layers = header.number("block_count") or 0
    widest = max(width, header.number("feed_forward_length") or 0)
    context = settings.cells * layers * kv_heads * (key_width + value_width) * _HALF
    outputs = min(settings.sequences, settings.n_batch)
    return MemoryNeed(
        weights=sum(tensor.bytes or 0 for tensor in header.tensors),
        context=context,
        working=(settings.n_batch * widest * _ACTIVATIONS + outputs * header.vocabulary * 2) * _SINGLE
        # Packing copies the context.
        + (context if settings.exact else 0),
    )


def check_memory(header: GGUFHeader, settings: ContextSettings) -> MemoryNeed:
    """The need, or ConfigurationError with the figures when this machine has less."""
    need, free = memory_need(header, settings), available_memory()
    if need.total > free:
        raise ConfigurationError(
            f"{header.path.name} needs {need} and {_megabytes(free)} are free; "
            "choose a smaller model or a smaller n_ctx, or end other programs"
        )
    return need


def _megabytes(count: int) -> str:
    return f"{count / 1e6:,.0f} MB"
