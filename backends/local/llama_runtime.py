"""Puts a GGUF model to work: weights, engine and chat templates, each shared in the process.

Backends with the same file and settings share everything; with the same file and other settings
they still share the weights. A model that would not fit into memory is refused with the figures.
"""

from __future__ import annotations

import threading
from collections.abc import Hashable
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path

from backends.exceptions import ConfigurationError, ModelNotFoundError
from backends.local.chat_prompt import ChatPrompt
from backends.local.fast_weights import fast_copy
from backends.local.gguf import GGUFHeader
from backends.local.jobs import Ticket
from backends.local.llama_context import ContextSettings
from backends.local.llama_engine import LlamaEngine
from backends.local.llama_model import LlamaModel, checked_header
from backends.local.machine import compute_threads
from backends.local.memory_fit import check_memory, memory_need
from backends.local.packaged_models import packaged_gguf
from backends.local.prefix_store import PrefixStore, file_digest
from backends.local.shared import SharedModel, SharedModels, shared_models

__all__ = ["LlamaRuntime", "RuntimeSettings", "context_settings", "open_llama"]

DEFAULT_CONTEXT = 4096
DEFAULT_BATCH = 256
DEFAULT_PARALLEL = 16
# Places that only remember the beginnings of earlier prompts.
_REMEMBERED = 48
# Up to this size a context is kept packed, for which it is copied now and then.
_MOST_PACKED = 1 << 30


@dataclass(frozen=True, slots=True)
class RuntimeSettings:
    """What shapes a loaded model. None stands for the default."""

    model_path: Path | None = None
    n_ctx: int | None = None
    n_threads: int | None = None
    n_gpu_layers: int = 0
    n_batch: int | None = None
    n_parallel: int | None = None
    #: Where evaluated prompt beginnings are kept for the next process; nowhere by default.
    prefix_store: Path | None = None
    #: Where a copy of the model in a faster form is kept; none is made by default.
    fast_weights: Path | None = None

    def located(self) -> Path:
        """The model's file; raises ModelNotFoundError."""
        path = packaged_gguf() if self.model_path is None else self.model_path.expanduser()
        try:
            return path.resolve(strict=True)
        except (OSError, RuntimeError) as error:  # RuntimeError: a loop of links, on older Pythons
            raise ModelNotFoundError(
                f"there is no file {path}; set model_path to a GGUF file, or leave it out to use the packaged model",
                model=path.name,
            ) from error


class LlamaRuntime:
    """A model with an engine at work. Made by ``open_llama``."""

    def __init__(self, path: Path, settings: RuntimeSettings, registry: SharedModels) -> None:
        header = checked_header(path)
        #: The file that was asked for; the weights may come from its faster copy.
        self.name = path.stem
        weights_path = path
        if settings.fast_weights is not None:
            weights_path = fast_copy(path, header, settings.fast_weights.expanduser())
            header = checked_header(weights_path)
        context = context_settings(settings, header)
        self.n_ctx = context.cells
        check_memory(header, context)
        self._chats: dict[str | None, ChatPrompt] = {}
        self._chats_lock = threading.Lock()
        with ExitStack() as stack:
            weights = registry.open(
                _weights_key(weights_path, settings),
                lambda: LlamaModel(weights_path, settings.n_gpu_layers),
                LlamaModel.close,
            )
            stack.callback(weights.release)
            self.model = stack.enter_context(weights.use())
            self.engine = LlamaEngine(
                self.model, context, settings.n_parallel or DEFAULT_PARALLEL, _prefix_store(weights_path, settings)
            )
            stack.callback(self.engine.close)
            self._stack = stack.pop_all()

    def chat(self, chat_format: str | None) -> ChatPrompt:
        """The prompt maker of one format."""
        with self._chats_lock:
            if chat_format not in self._chats:
                self._chats[chat_format] = ChatPrompt(self.model, chat_format)
            return self._chats[chat_format]

    def run(self, ticket: Ticket) -> Ticket:
        """Hand a job to the engine."""
        self.engine.submit(ticket)
        return ticket

    def close(self) -> None:
        """Stop the engine, free its memory, let the weights go. May be called twice."""
        self._stack.close()


def open_llama(
    settings: RuntimeSettings, idle_seconds: float | None = None, registry: SharedModels | None = None
) -> SharedModel[LlamaRuntime]:
    """A claim on the model of ``settings``; it is loaded at the first use. Raises when there is no file."""
    registry = shared_models() if registry is None else registry
    path = settings.located()
    shape = (
        settings.n_ctx,
        settings.n_threads,
        settings.n_batch,
        settings.n_parallel,
        settings.prefix_store,
        settings.fast_weights,
    )
    return registry.open(
        ("llama-engine", _weights_key(path, settings), shape),
        lambda: LlamaRuntime(path, settings, registry),
        LlamaRuntime.close,
        idle_seconds,
    )


def context_settings(settings: RuntimeSettings, header: GGUFHeader) -> ContextSettings:
    """The context that ``settings`` ask for; raises ConfigurationError when the model cannot have it."""
    cells = _context_length(settings.n_ctx, header.context_length or 0, header.path)
    context = ContextSettings(
        cells=cells,
        sequences=(settings.n_parallel or DEFAULT_PARALLEL) + _REMEMBERED,
        n_batch=min(settings.n_batch or DEFAULT_BATCH, cells),
        n_threads=settings.n_threads or compute_threads(),
    )
    # Graphics processors have kernels of their own, and none for the types that exactness needs.
    exact = settings.n_gpu_layers == 0 and memory_need(header, context).context <= _MOST_PACKED
    return replace(context, exact=exact)


def _prefix_store(path: Path, settings: RuntimeSettings) -> PrefixStore | None:
    if settings.prefix_store is None:
        return None
    import llama_cpp

    identity = {
        "model": file_digest(path),
        "engine": f"llama-cpp-python {llama_cpp.__version__}",
        "exact": str(settings.n_gpu_layers == 0),
    }
    return PrefixStore(settings.prefix_store.expanduser(), identity)


def _weights_key(path: Path, settings: RuntimeSettings) -> Hashable:
    # A file that was replaced is another model.
    state = path.stat()
    return ("llama-weights", str(path), state.st_size, state.st_mtime_ns, settings.n_gpu_layers)


def _context_length(asked: int | None, trained: int, path: Path) -> int:
    if asked is None:
        return min(trained, DEFAULT_CONTEXT)
    if asked > trained:
        raise ConfigurationError(
            f"n_ctx is {asked:,} and {path.name} was trained for {trained:,} tokens; set n_ctx to {trained} or less"
        )
    return asked
