"""The local engine of HuggingFaceBackend: transformers models on this machine.

A model is loaded at the first call, once for all backends of the process that name it, and freed when idle.
``batch_generate`` decodes ``max_workers`` prompts at a time in one left-padded batch.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from backends.base import ThreadedBackend
from backends.exceptions import (
    BackendError,
    ConfigurationError,
    ModelNotFoundError,
)
from backends.local.embeddings import SentenceEmbedder, TextVectors
from backends.local.shared import SharedModels, shared_models
from backends.local.transformers_decode import Row, decode
from backends.local.transformers_embed import TransformersEmbedder
from backends.local.transformers_find import Wanted, find_files
from backends.local.transformers_json import can_constrain
from backends.local.transformers_model import DTYPES, LoadedModel, free_model, load_model, require_packages
from backends.local.transformers_rows import make_row, prompt_ids
from backends.local.transformers_score import log_likelihoods
from backends.rate_limit import RateLimiter
from backends.types import Completion, Health, Prompt, Request, StreamItem, Usage
from backends.vectors import check_candidates

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["TransformersBackend"]


class TransformersBackend(ThreadedBackend):
    """See the module. ``wanted`` says which model and whether it may be fetched, ``embedder`` the same for vectors."""

    type = "huggingface"
    local = True

    def __init__(
        self,
        id: str | None = None,
        *,
        wanted: Wanted,
        embedder: Wanted | None = None,
        device: str | None = None,
        dtype: str | None = None,
        rate_limit: int | None = None,
        rate_limit_window: float = 60.0,
        models: SharedModels | None = None,
        **options: Any,
    ) -> None:
        super().__init__(id, **options)
        if dtype is not None and dtype not in DTYPES:
            raise ConfigurationError(f"dtype must be one of {', '.join(DTYPES)}, not {dtype!r:.40}", provider=self.id)
        self.constrains_json = can_constrain()
        self.model = wanted.name
        self._wanted = wanted
        self._limiter = None if rate_limit is None else RateLimiter(rate_limit, rate_limit_window, owner=self.id)
        key = ("transformers", wanted.model, wanted.gguf_file, wanted.revision, device or "auto", dtype or "auto")
        registry = models or shared_models()
        self._shared = registry.open(key, lambda: _load(wanted, device, dtype), free_model)
        self._vectors: TextVectors = (
            SentenceEmbedder(registry=registry)
            if embedder is None
            else TransformersEmbedder(embedder, device=device, dtype=dtype, registry=registry)
        )

    # -- one prompt ---------------------------------------------------------------------------

    def _complete(self, request: Request) -> Completion:
        return self._answer(request, lambda: False)

    async def acomplete(self, prompt: Prompt, **options: Any) -> Completion:
        """``complete`` in a worker thread, which stops at the next token when the task is cancelled."""
        request = self._request(prompt, options)
        gone = threading.Event()
        try:
            return await asyncio.to_thread(self._answer, request, gone.is_set)
        except asyncio.CancelledError:
            gone.set()
            raise

    def _answer(self, request: Request, gone: Callable[[], bool]) -> Completion:
        started = time.perf_counter()
        with self._named(), self._ready(request) as loaded:
            row = make_row(loaded, request, gone, self.id)
            for _ in decode(loaded, [row]):
                pass
            return self._completion(row, time.perf_counter() - started)

    def _stream(self, request: Request) -> Iterator[StreamItem]:
        started = time.perf_counter()
        with self._named(), self._ready(request) as loaded:
            row = make_row(loaded, request, _never, self.id)
            for _, piece in decode(loaded, [row]):
                yield piece
            yield self._completion(row, time.perf_counter() - started)

    # -- vectors and likelihoods --------------------------------------------------------------

    def embed(self, texts: Sequence[str], timeout: float | None = None) -> NDArray[np.float32]:
        """A row of length 1 for each text, by the embedding model; without one, by the packaged sentence model."""
        with self._named():
            return self._vectors.embed(texts, self._request("", {"timeout": timeout}).deadline)

    def score(self, prompt: Prompt, candidates: Sequence[str], timeout: float | None = None) -> list[float]:
        """How likely the model is to begin its answer with each candidate, as natural logarithms."""
        request = self._request(prompt, {"timeout": timeout})
        asked = check_candidates(candidates, self.id)
        with self._named(), self._ready(request) as loaded:
            answers = [loaded.encode_text(text) for text in asked]
            tokens, _ = prompt_ids(loaded, request, self.id, max(map(len, answers), default=0))
            return log_likelihoods(loaded, tokens, answers, request.deadline)

    # -- many prompts -------------------------------------------------------------------------

    def batch_generate(
        self,
        prompts: Sequence[Prompt],
        max_workers: int = 4,
        timeout: float | None = 30,
        return_exceptions: bool = False,
        **options: Any,
    ) -> list[str | BackendError]:
        """As promised by Backend, decoding ``max_workers`` prompts at a time in one batch.

        A prompt's ``timeout`` runs from the moment its batch begins.
        """
        self._check_batch(prompts, max_workers)
        results: list[str | BackendError | None] = [None] * len(prompts)
        waiting: list[tuple[int, int]] = []
        for place, prompt in enumerate(prompts):
            with self._kept(results, place):
                waiting.append((self._length(prompt, timeout, options), place))
        # Neighbours of like length need little padding.
        order = [place for _, place in sorted(waiting)]
        for start in range(0, len(order), max_workers):
            self._decode_group(prompts, order[start : start + max_workers], timeout, options, results)
        return self._batch_results([result for result in results if result is not None], return_exceptions)

    def _length(self, prompt: Prompt, timeout: float | None, options: Mapping[str, Any]) -> int:
        return len(self._request(prompt, {**options, "timeout": timeout}).text)

    def _decode_group(
        self,
        prompts: Sequence[Prompt],
        places: Sequence[int],
        timeout: float | None,
        options: Mapping[str, Any],
        results: list[str | BackendError | None],
    ) -> None:
        rows: dict[int, Row] = {}
        opened = contextlib.ExitStack()
        try:
            with opened:
                first = self._request(prompts[places[0]], {**options, "timeout": timeout})
                loaded = opened.enter_context(self._in_memory(first))
                for place in places:
                    with self._kept(results, place):
                        request = self._request(prompts[place], {**options, "timeout": timeout})
                        self._wait_for_turn(request)
                        rows[place] = make_row(loaded, request, _never, self.id)
                for _ in decode(loaded, list(rows.values())):
                    pass
        except BackendError as error:
            for place in places:
                if results[place] is None:
                    results[place] = self._signed(error)
            return
        for place, row in rows.items():
            results[place] = row.tail.text if row.error is None else self._signed(row.error)

    @contextlib.contextmanager
    def _kept(self, results: list[str | BackendError | None], place: int) -> Iterator[None]:
        """Put the failure of one prompt into its place."""
        try:
            yield
        except BackendError as error:
            results[place] = self._signed(error)

    # -- parts --------------------------------------------------------------------------------

    @contextlib.contextmanager
    def _ready(self, request: Request) -> Iterator[LoadedModel]:
        """The model in memory, when it is this call's turn."""
        self._wait_for_turn(request)
        with self._in_memory(request) as loaded:
            yield loaded

    def _wait_for_turn(self, request: Request) -> None:
        if self._limiter is not None:
            self._limiter.acquire(request.deadline)

    @contextlib.contextmanager
    def _in_memory(self, request: Request) -> Iterator[LoadedModel]:
        if not self._shared.loaded:
            require_packages(self._wanted.name, gguf=self._wanted.is_gguf)
            # Before the lock of the load, so that fetching a model heeds this call's deadline.
            find_files(self._wanted, request.deadline)
        with self._shared.use(request.deadline) as loaded:
            yield loaded

    def _completion(self, row: Row, seconds: float) -> Completion:
        if row.error is not None:
            row.error.partial = row.tail.text
            raise row.error
        return Completion(
            text=row.tail.text,
            provider=self.id,
            model=self.model,
            usage=Usage(prompt_tokens=len(row.prompt), completion_tokens=row.made, cost_usd=0.0),
            finish_reason=row.finish,
            latency=seconds,
        )

    @contextlib.contextmanager
    def _named(self) -> Iterator[None]:
        try:
            yield
        except BackendError as error:
            self._signed(error)
            raise

    def _signed(self, error: BackendError) -> BackendError:
        error.provider = error.provider or self.id
        error.model = error.model or self.model
        return error

    # -- health, end --------------------------------------------------------------------------

    def health(self) -> Health:
        """Whether the packages and the model's files are here; loads nothing and asks no network."""
        detail, ok = f"transformers, {self.model}", True
        try:
            require_packages(self._wanted.name, gguf=self._wanted.is_gguf)
            find_files(replace(self._wanted, may_download=False))
        except BackendError as error:
            detail, ok = error.message, False
            if isinstance(error, ModelNotFoundError) and self._wanted.may_download and not self._wanted.is_here:
                detail, ok = f"transformers; {self.model} will be fetched at the first use", True
        return Health(ok, detail, self.id, self.model, self.local)

    def preflight(self) -> Health:
        return self.health()

    def close(self) -> None:
        self._shared.release()
        self._vectors.close()


def _never() -> bool:
    return False


def _load(wanted: Wanted, device: str | None, dtype: str | None) -> LoadedModel:
    return load_model(find_files(wanted), device, dtype, wanted.name)
