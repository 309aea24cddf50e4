"""A BERT encoder's forward pass in numpy: sentence vectors without a deep-learning framework.

Texts are computed without padding: the tokens of all texts go through the matrix products together,
and attention runs over texts of one length at a time.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float32]

__all__ = ["BertEncoder"]


@dataclass(frozen=True, slots=True)
class _Linear:
    weight: Floats
    bias: Floats

    def __call__(self, x: Floats) -> Floats:
        y: Floats = x @ self.weight
        y += self.bias
        return y


@dataclass(frozen=True, slots=True)
class _Norm:
    scale: Floats
    shift: Floats
    epsilon: float

    def __call__(self, x: Floats) -> Floats:
        x = x - x.mean(axis=-1, keepdims=True)
        variance = np.einsum("ij,ij->i", x, x) / x.shape[-1]
        x /= np.sqrt(variance + self.epsilon, dtype=np.float32)[:, None]
        x *= self.scale
        x += self.shift
        return x


@dataclass(frozen=True, slots=True)
class _Layer:
    query_key_value: _Linear
    attended: _Linear
    attended_norm: _Norm
    widen: _Linear
    narrow: _Linear
    norm: _Norm


class BertEncoder:
    """Token numbers in, one vector a text out: the mean over its tokens, of length one."""

    def __init__(self, weights: Mapping[str, Floats], config: Mapping[str, Any]) -> None:
        self._heads: int = config["num_attention_heads"]
        self.width: int = config["hidden_size"]
        self.positions: int = config["max_position_embeddings"]
        self._epsilon: float = config["layer_norm_eps"]
        if config.get("hidden_act") != "gelu" or config.get("position_embedding_type", "absolute") != "absolute":
            raise ValueError("this encoder knows BERT with gelu and absolute positions only")
        self._weights = weights
        self._words = weights["embeddings.word_embeddings.weight"]
        # Every text is one segment, so the segment's vector is part of each position's.
        self._places = (
            weights["embeddings.position_embeddings.weight"] + weights["embeddings.token_type_embeddings.weight"][0]
        )
        self._norm = self._read_norm("embeddings.LayerNorm")
        self._layers = [self._read_layer(f"encoder.layer.{i}.") for i in range(config["num_hidden_layers"])]

    @classmethod
    def from_directory(cls, directory: Path) -> BertEncoder:
        """Read ``config.json`` and ``model.safetensors``."""
        import json

        from safetensors.numpy import load_file

        config = json.loads((directory / "config.json").read_text("utf-8"))
        return cls(load_file(directory / "model.safetensors"), config)

    def encode(self, texts: Sequence[Sequence[int]]) -> Floats:
        """One row a text; no text may be empty or longer than ``positions``."""
        order = sorted(range(len(texts)), key=lambda index: len(texts[index]))
        lengths = [len(texts[index]) for index in order]
        tokens = np.fromiter((token for index in order for token in texts[index]), dtype=np.int64)
        places = np.concatenate([np.arange(length) for length in lengths])
        x = self._norm(self._words[tokens] + self._places[places])
        groups = _equal_runs(lengths)
        for layer in self._layers:
            x = layer.attended_norm(x + layer.attended(self._attend(layer.query_key_value(x), groups)))
            x = layer.norm(x + layer.narrow(_gelu(layer.widen(x))))
        pooled = np.add.reduceat(x, np.cumsum([0, *lengths[:-1]]), axis=0)
        # The mean differs from the sum by a factor, which the normalisation takes out.
        pooled /= np.maximum(np.linalg.norm(pooled, axis=1, keepdims=True), 1e-12)
        result = np.empty_like(pooled)
        result[order] = pooled
        return result

    def _attend(self, mixed: Floats, groups: Sequence[tuple[int, int, int]]) -> Floats:
        """``groups`` are (first token, texts, tokens a text) with equal lengths."""
        width, heads = self.width, self._heads
        result = np.empty((len(mixed), width), dtype=np.float32)
        scale = np.float32(1 / math.sqrt(width // heads))
        for start, count, length in groups:
            end = start + count * length
            parts = mixed[start:end].reshape(count, length, 3, heads, width // heads).transpose(2, 0, 3, 1, 4)
            query, key, value = parts
            scores = (query * scale) @ key.swapaxes(-1, -2)
            scores -= scores.max(axis=-1, keepdims=True)
            np.exp(scores, out=scores)
            scores /= scores.sum(axis=-1, keepdims=True)
            result[start:end] = (scores @ value).transpose(0, 2, 1, 3).reshape(end - start, width)
        return result

    def _read_layer(self, prefix: str) -> _Layer:
        mixed = [self._read_linear(f"{prefix}attention.self.{name}") for name in ("query", "key", "value")]
        return _Layer(
            query_key_value=_Linear(
                np.concatenate([part.weight for part in mixed], axis=1), np.concatenate([part.bias for part in mixed])
            ),
            attended=self._read_linear(f"{prefix}attention.output.dense"),
            attended_norm=self._read_norm(f"{prefix}attention.output.LayerNorm"),
            widen=self._read_linear(f"{prefix}intermediate.dense"),
            narrow=self._read_linear(f"{prefix}output.dense"),
            norm=self._read_norm(f"{prefix}output.LayerNorm"),
        )

    def _read_linear(self, name: str) -> _Linear:
        weight = np.ascontiguousarray(self._weights[f"{name}.weight"].T, dtype=np.float32)
        return _Linear(weight, self._weights[f"{name}.bias"].astype(np.float32))

    def _read_norm(self, name: str) -> _Norm:
        return _Norm(self._weights[f"{name}.weight"], self._weights[f"{name}.bias"], self._epsilon)


def _equal_runs(lengths: Sequence[int]) -> list[tuple[int, int, int]]:
    runs: list[tuple[int, int, int]] = []
    start = 0
    for length in lengths:
        if runs and runs[-1][2] == length:
            first, count, _ = runs[-1]
            runs[-1] = (first, count + 1, length)
        else:
            runs.append((start, 1, length))
        start += length
    return runs


def _gelu(x: Floats) -> Floats:
    """x times the normal distribution's probability below x."""
    y = np.abs(x)
    y *= np.float32(math.sqrt(0.5))
    # Abramowitz and Stegun, 7.1.26: erf to 1.5e-7; numpy has none of its own.
    t = y * np.float32(0.3275911)
    t += 1
    np.reciprocal(t, out=t)
    poly = t * np.float32(1.061405429)
    for coefficient in (-1.453152027, 1.421413741, -0.284496736, 0.254829592):
        poly += np.float32(coefficient)
        poly *= t
    np.multiply(y, y, out=y)
    np.negative(y, out=y)
    np.exp(y, out=y)
    poly *= y
    # poly is 1 - erf(|x|/sqrt 2), twice the probability beyond |x|.
    poly *= np.float32(0.5)
    poly *= np.abs(x)
    result = np.maximum(x, 0)
    result -= poly
    return result
