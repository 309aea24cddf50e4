"""WorkstationBackend: GGUF models on this machine, run by llama.cpp. Nothing leaves it.

Without ``model_path`` it uses the model that is installed with this program. The model is loaded at
the first call and shared with every other backend that names the same file and settings.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import threading
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from backends.base import ThreadedBackend
from backends.exceptions import (
    BackendError,
    ConfigurationError,
    ProviderUnavailableError,
)
from backends.local.async_tickets import aticket_items
from backends.local.embeddings import SentenceEmbedder
from backends.local.engine_stats import EngineStats
from backends.local.jobs import Outcome, Ticket
from backends.local.llama_jobs import generation, scorings
from backends.local.llama_model import check_gpu_layers, checked_header
from backends.local.llama_runtime import LlamaRuntime, RuntimeSettings, context_settings, open_llama
from backends.local.memory_fit import check_memory
from backends.local.shared import SharedModel
from backends.types import Completion, Health, Prompt, Request, StreamItem, Usage

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["WorkstationBackend"]

log = logging.getLogger("backends.workstation")


class WorkstationBackend(ThreadedBackend):
    """One GGUF model. Calls from many threads are decoded together."""

    type = "workstation"
    local = True
    constrains_json = True
    default_timeout: ClassVar[float] = 600.0

    def __init__(
        self,
        id: str | None = None,
        model_path: str | Path | None = None,
        *,
        n_ctx: int | None = None,
        n_threads: int | None = None,
        n_gpu_layers: int | None = None,
        n_batch: int | None = None,
        n_parallel: int | None = None,
        chat_format: str | None = None,
        idle_seconds: float | None = None,
        prefix_store: str | Path | None = None,
        fast_weights: str | Path | None = None,
        verbose: bool = False,
        **options: Any,
    ) -> None:
        """``n_ctx`` is the longest prompt with its answer; ``n_parallel`` how many calls run at once.

        ``prefix_store`` is a directory that keeps evaluated prompt beginnings for the next process;
        ``fast_weights`` one for a copy of the model in the form that this processor computes fastest.
        ``verbose`` logs every call at INFO instead of DEBUG; never its text.
        """
        super().__init__(id, **options)
        for name, value, least in (
            ("n_ctx", n_ctx, 8),
            ("n_threads", n_threads, 1),
            ("n_gpu_layers", n_gpu_layers, -1),
            ("n_batch", n_batch, 1),
            ("n_parallel", n_parallel, 1),
        ):
            if value is not None and (isinstance(value, bool) or not isinstance(value, int) or value < least):
                raise ConfigurationError(
                    f"{name} must be a whole number from {least} on, not {value!r}", provider=self.id
                )
        self._settings = RuntimeSettings(
            model_path=None if model_path is None else Path(model_path),
            n_ctx=n_ctx,
            n_threads=n_threads,
            n_gpu_layers=0 if n_gpu_layers is None else n_gpu_layers,
            n_batch=n_batch,
            n_parallel=n_parallel,
            prefix_store=None if prefix_store is None else Path(prefix_store),
            fast_weights=None if fast_weights is None else Path(fast_weights),
        )
        self._chat_format = chat_format
        self._idle_seconds = idle_seconds
        self._log_level = logging.INFO if verbose else logging.DEBUG
        self._sentences = SentenceEmbedder(idle_seconds=idle_seconds)
        self._lock = threading.Lock()
        self._shared: SharedModel[LlamaRuntime] | None = None
        self._closed = False

    def health(self) -> Health:
        """Checks the file, without loading it."""
        try:
            header = checked_header(self._settings.located())
        except BackendError as error:
            return Health(ok=False, detail=error.message, provider=self.id, model=self._model_name, local=True)
        loaded = self._shared is not None and self._shared.loaded
        detail = f"{header.path.name} ({header.quantisation}) is {'loaded' if loaded else 'there'}"
        return Health(ok=True, detail=detail, provider=self.id, model=header.path.stem, local=True)

    def preflight(self) -> Health:
        """``health``, whether llama.cpp can use a GPU if it must, and whether the model fits into the free memory."""
        health = self.health()
        if not health.ok or (self._shared is not None and self._shared.loaded):
            return health
        try:
            check_gpu_layers(self._settings.n_gpu_layers)
            header = checked_header(self._settings.located())
            check_memory(header, context_settings(self._settings, header))
        except BackendError as error:
            return replace(health, ok=False, detail=error.message)
        return health

    def embed(self, texts: Sequence[str], timeout: float | None = None) -> NDArray[np.float32]:
        """A row of length 1 for each text, by the packaged sentence model; a chat model has no good ones."""
        with self._described():
            return self._sentences.embed(texts, self._request("", {"timeout": timeout}).deadline)

    async def aembed(
        self,
        texts: Sequence[str],
        timeout: float | None = None,  # noqa: ASYNC109  # the contract's word; it becomes the call's deadline
    ) -> NDArray[np.float32]:
        """``embed`` for asynchronous callers."""
        return await asyncio.to_thread(self.embed, texts, timeout)

    def score(self, prompt: Prompt, candidates: Sequence[str], timeout: float | None = None) -> list[float]:
        """How likely the model is to begin its answer with each candidate, as natural logarithms."""
        request = self._request(prompt, {"timeout": timeout})
        with self._described(), self._model().use(request.deadline) as llama:
            jobs = scorings(llama, request, candidates, self._chat_format)
            tickets = [llama.run(Ticket(job)) for job in jobs]
            try:
                return [ticket.result().log_likelihood for ticket in tickets]
            finally:
                for ticket in tickets:
                    ticket.cancel()

    async def ascore(
        self,
        prompt: Prompt,
        candidates: Sequence[str],
        timeout: float | None = None,  # noqa: ASYNC109  # as above
    ) -> list[float]:
        """``score`` for asynchronous callers."""
        return await asyncio.to_thread(self.score, prompt, candidates, timeout)

    def stats(self) -> EngineStats:
        """What the engine has done since the model was loaded; zeros when it is not."""
        if self._shared is None or not self._shared.loaded:
            return EngineStats()
        with self._shared.use() as llama:
            return llama.engine.stats()

    def close(self) -> None:
        """Let the model go; the last backend that closes frees it."""
        with self._lock:
            shared, self._shared, self._closed = self._shared, None, True
        if shared is not None:
            shared.release()
        self._sentences.close()

    # -- one call -----------------------------------------------------------------------------

    def _complete(self, request: Request) -> Completion:
        started = time.monotonic()
        with self._described(), self._model().use(request.deadline) as llama:
            outcome = llama.run(Ticket(generation(llama, request, self._chat_format))).result()
            return self._completion(llama, outcome, started)

    def _stream(self, request: Request) -> Iterator[StreamItem]:
        started = time.monotonic()
        with self._described(), self._model().use(request.deadline) as llama:
            items = llama.run(Ticket(generation(llama, request, self._chat_format, streaming=True))).items()
            with contextlib.closing(items):
                for item in items:
                    yield self._completion(llama, item, started) if isinstance(item, Outcome) else item

    async def acomplete(self, prompt: Prompt, **options: Any) -> Completion:
        async with contextlib.aclosing(self._aitems(self._request(prompt, options), streaming=False)) as items:
            async for item in items:
                if isinstance(item, Completion):
                    return item
        raise AssertionError("a generation ends with a completion or an error")

    async def astream_items(self, prompt: Prompt, **options: Any) -> AsyncIterator[StreamItem]:
        async with contextlib.aclosing(self._aitems(self._request(prompt, options), streaming=True)) as items:
            async for item in items:
                yield item

    async def _aitems(self, request: Request, *, streaming: bool) -> AsyncGenerator[StreamItem]:
        """No thread waits for the tokens: hundreds of calls can wait at once, and a cancelled one stops."""
        started = time.monotonic()

        def begin(notify: Callable[[], None]) -> tuple[LlamaRuntime, Ticket, contextlib.ExitStack]:
            with contextlib.ExitStack() as stack:
                llama = stack.enter_context(self._model().use(request.deadline))
                job = generation(llama, request, self._chat_format, streaming=streaming)
                ticket = llama.run(Ticket(job, notify))
                stack.callback(ticket.cancel)
                return llama, ticket, stack.pop_all()

        with self._described():
            async with contextlib.aclosing(aticket_items(begin)) as items:
                async for llama, item in items:
                    yield self._completion(llama, item, started) if isinstance(item, Outcome) else item

    def _model(self) -> SharedModel[LlamaRuntime]:
        with self._lock:
            if self._closed:
                raise ProviderUnavailableError("this backend was closed; make a new one", retryable=False)
            if self._shared is None:
                self._shared = open_llama(self._settings, self._idle_seconds)
            return self._shared

    def _completion(self, llama: LlamaRuntime, outcome: Outcome, started: float) -> Completion:
        model, seconds = llama.name, time.monotonic() - started
        log.log(
            self._log_level,
            "%s: %s answered in %.3f s (%d prompt tokens, %d answer tokens)",
            self.id,
            model,
            seconds,
            outcome.prompt_tokens,
            outcome.completion_tokens,
        )
        return Completion(
            text=outcome.text,
            provider=self.id,
            model=model,
            usage=Usage(outcome.prompt_tokens, outcome.completion_tokens, cost_usd=0.0),
            finish_reason=outcome.finish_reason,
            latency=seconds,
        )

    @property
    def _model_name(self) -> str | None:
        return None if self._settings.model_path is None else self._settings.model_path.stem

    @contextlib.contextmanager
    def _described(self) -> Iterator[None]:
        """Errors from below learn which backend and model they belong to."""
        try:
            yield
        except BackendError as error:
            error.provider = error.provider or self.id
            error.model = error.model or self._model_name
            raise
