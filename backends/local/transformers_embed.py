"""Sentence vectors by any encoder that transformers can load, put together as the model's own files say.

Such a model is laid out by sentence-transformers: ``modules.json`` names the steps after the encoder. Pooling and
normalising are done here; a step of another kind is refused by its name. Every row has length 1.
"""

from __future__ import annotations

import json
import re
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from backends.exceptions import BackendError, BackendTimeoutError, ConfigurationError
from backends.local.shared import SharedModels
from backends.local.transformers_decode import engine_failure
from backends.local.transformers_find import ModelFiles, Wanted, find_files
from backends.local.transformers_model import free_model, load_with, require_packages
from backends.plain_text import clean_text
from backends.vectors import check_texts

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["TransformersEmbedder"]

_MODULE_FOLDER = re.compile(r"\d+_[A-Za-z]+")
# Tokens of a batch, padding counted: more is no faster and takes more memory.
_BATCH_TOKENS = 4096
_MOST_TOKENS = 8192


@dataclass(frozen=True, slots=True)
class _Layout:
    """What the model's files say beside its weights."""

    pooling: str = "mean"
    most_tokens: int | None = None
    lower: bool = False
    prefix: str = ""


@dataclass(slots=True)
class EmbeddingModel:
    """A loaded encoder. ``embed`` may be called by many threads; they take turns, a batch at a time."""

    model: Any
    tokenizer: Any
    device: str
    layout: _Layout
    turn: threading.Lock = field(default_factory=threading.Lock)

    @property
    def width(self) -> int:
        """Numbers in a vector."""
        return int(self.model.config.hidden_size)

    def embed(self, texts: Sequence[str], deadline: float | None = None) -> NDArray[np.float32]:
        """One row of length 1 for each text, in order."""
        try:
            return self._embedded(texts, deadline)
        except BackendError:
            raise
        except Exception as error:  # the engine's boundary: torch raises RuntimeError, IndexError and more
            raise engine_failure(error) from error

    def _embedded(self, texts: Sequence[str], deadline: float | None) -> NDArray[np.float32]:
        if not texts:
            return np.zeros((0, self.width), dtype=np.float32)
        tokens = [self._tokens(text) for text in texts]
        order = sorted(range(len(texts)), key=lambda place: len(tokens[place]))
        rows: dict[int, NDArray[np.float32]] = {}
        start = 0
        while start < len(order):
            end = start + 1
            while end < len(order) and (end + 1 - start) * len(tokens[order[end]]) <= _BATCH_TOKENS:
                end += 1
            if deadline is not None and time.monotonic() > deadline:
                raise BackendTimeoutError(
                    f"the deadline came after {start} of {len(texts)} texts; allow more time (timeout)"
                )
            batch = order[start:end]
            rows.update(zip(batch, self._batch([tokens[place] for place in batch]), strict=True))
            start = end
        return np.stack([rows[place] for place in range(len(texts))])

    def _tokens(self, text: str) -> list[int]:
        text = self.layout.prefix + clean_text(text)
        with self.turn:
            # Text is data: what spells a special token is encoded as letters.
            encoded = self.tokenizer(
                text.lower() if self.layout.lower else text,
                truncation=True,
                max_length=self.layout.most_tokens,
                split_special_tokens=True,
                verbose=False,
            )
        found: list[int] = list(encoded["input_ids"])
        return found or [self.tokenizer.pad_token_id or 0]

    def _batch(self, rows: list[list[int]]) -> NDArray[np.float32]:
        import torch

        longest = max(map(len, rows))
        pad = self.tokenizer.pad_token_id or 0
        ids = torch.tensor([row + [pad] * (longest - len(row)) for row in rows], device=self.device)
        mask = torch.tensor([[1] * len(row) + [0] * (longest - len(row)) for row in rows], device=self.device)
        with self.turn, torch.inference_mode():
            hidden = self.model(input_ids=ids, attention_mask=mask).last_hidden_state.float()
            pooled = _POOLINGS[self.layout.pooling](hidden, mask)
            found: NDArray[np.float32] = torch.nn.functional.normalize(pooled, dim=1).cpu().numpy()
        return found


class TransformersEmbedder:
    """The embedding model that ``wanted`` names: loaded at the first call, shared in the process, freed when idle."""

    def __init__(self, wanted: Wanted, *, device: str | None, dtype: str | None, registry: SharedModels) -> None:
        self._wanted = wanted
        key = ("embedder", wanted.model, wanted.revision, device or "auto", dtype or "auto")

        def load() -> EmbeddingModel:
            return load_with(_load, find_files(wanted), device, dtype, wanted.name)

        self._shared = registry.open(key, load, free_model)

    def embed(self, texts: Sequence[str], deadline: float | None = None) -> NDArray[np.float32]:
        """One row of length 1 for each text, in order. ``deadline`` is on ``time.monotonic``."""
        asked = check_texts(texts)
        if not self._shared.loaded:
            require_packages(self._wanted.name, gguf=False)
            # Before the lock of the load, so that fetching a model heeds this call's deadline.
            find_files(self._wanted, deadline)
        with self._shared.use(deadline) as loaded:
            return loaded.embed(asked, deadline)

    def close(self) -> None:
        """Let the model go. May be called twice."""
        self._shared.release()


def _load(files: ModelFiles, device: str, dtype: str) -> EmbeddingModel:
    from transformers import AutoModel, AutoTokenizer

    if files.gguf_file is not None:
        raise ConfigurationError("a GGUF file gives no vectors here; name a folder or a hub name as embedding_model")
    layout = _read_layout(files.directory)
    common: dict[str, Any] = {"local_files_only": True, "trust_remote_code": False}
    tokenizer = AutoTokenizer.from_pretrained(str(files.directory), **common)
    model = AutoModel.from_pretrained(str(files.directory), dtype=dtype, use_safetensors=True, **common)
    model.eval().requires_grad_(False).to(device)
    limits = [layout.most_tokens, tokenizer.model_max_length, getattr(model.config, "max_position_embeddings", None)]
    known = [limit for limit in limits if isinstance(limit, int) and 0 < limit < 10**9]
    return EmbeddingModel(
        model, tokenizer, device, _Layout(layout.pooling, min(known, default=_MOST_TOKENS), layout.lower, layout.prefix)
    )


def _read_layout(directory: Path) -> _Layout:
    pooling = "mean"
    for module in _read(directory / "modules.json", []):
        kind = str(module.get("type", "")).rpartition(".")[2] if isinstance(module, Mapping) else ""
        if kind == "Pooling":
            folder = str(module.get("path", ""))
            if not _MODULE_FOLDER.fullmatch(folder):
                raise ConfigurationError(f"modules.json names the folder {folder!r:.40}, which is no module's")
            pooling = _pooling(_read(directory / folder / "config.json", {}))
        elif kind not in ("Transformer", "Normalize"):
            raise ConfigurationError(f'the model needs the step "{kind:.40}", which is not supported; choose another')
    limits = _read(directory / "sentence_bert_config.json", {})
    prompts = _read(directory / "config_sentence_transformers.json", {})
    most, chosen = limits.get("max_seq_length"), prompts.get("default_prompt_name")
    return _Layout(
        pooling=pooling,
        most_tokens=most if isinstance(most, int) and most > 0 else None,
        lower=limits.get("do_lower_case") is True,
        prefix=str(prompts.get("prompts", {}).get(chosen, "")) if chosen else "",
    )


def _pooling(config: Mapping[str, Any]) -> str:
    """The one way of pooling that ``config`` asks for, in the old spelling or in the new."""
    told = config.get("pooling_mode")
    asked = [told] if isinstance(told, str) else [name for name, (key, _) in _SPELLINGS.items() if config.get(key)]
    unknown = [key for key, value in config.items() if key.startswith("pooling_mode_") and value is True]
    unknown = [key for key in unknown if key not in {key for key, _ in _SPELLINGS.values()}]
    if unknown or len(asked) > 1 or (asked and asked[0] not in _POOLINGS):
        named = unknown or asked
        raise ConfigurationError(f"the model pools by {', '.join(map(str, named))}, which is not supported")
    return asked[0] if asked else "mean"


def _read(path: Path, otherwise: Any) -> Any:
    """The JSON of a file, of the same kind as ``otherwise``, which stands for a file that is not there."""
    try:
        found = json.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        return otherwise
    except (OSError, ValueError, RecursionError) as error:
        raise ConfigurationError(f"{path.name} of the embedding model cannot be read: {error}") from error
    if not isinstance(found, type(otherwise)):
        raise ConfigurationError(f"{path.name} of the embedding model is malformed")
    return found


def _mean(hidden: Any, mask: Any) -> Any:
    weights = mask.unsqueeze(-1).to(hidden.dtype)
    return (hidden * weights).sum(1) / weights.sum(1)


def _first(hidden: Any, mask: Any) -> Any:
    return hidden[:, 0]


def _last(hidden: Any, mask: Any) -> Any:
    last = (mask.sum(1) - 1).view(-1, 1, 1).expand(-1, 1, hidden.shape[-1])
    return hidden.gather(1, last).squeeze(1)


def _highest(hidden: Any, mask: Any) -> Any:
    return hidden.masked_fill(mask.unsqueeze(-1) == 0, float("-inf")).amax(1)


_SPELLINGS: Mapping[str, tuple[str, Callable[[Any, Any], Any]]] = {
    "mean": ("pooling_mode_mean_tokens", _mean),
    "cls": ("pooling_mode_cls_token", _first),
    "lasttoken": ("pooling_mode_lasttoken", _last),
    "max": ("pooling_mode_max_tokens", _highest),
}
_POOLINGS: Mapping[str, Callable[[Any, Any], Any]] = {name: pool for name, (_, pool) in _SPELLINGS.items()}
