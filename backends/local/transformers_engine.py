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
from typing import Any

from backends.base import ThreadedBackend
from backends.exceptions import (
    BackendError,
    ConfigurationError,
    ContextLengthError,
    ModelNotFoundError,
)
from backends.local.shared import SharedModels, shared_models
from backends.local.transformers_decode import Row, decode
from backends.local.transformers_find import Wanted, find_files
from backends.local.transformers_json import JsonConstraint, can_constrain, schema_grammar
from backends.local.transformers_model import DTYPES, LoadedModel, free_model, load_model, require_packages
from backends.local.transformers_sampling import Sampler, sampling_of
from backends.local.transformers_text import TextTail
from backends.rate_limit import RateLimiter
from backends.types import Completion, Health, Prompt, Request, StreamItem, Usage

__all__ = ["TransformersBackend"]

#: How long an answer may get when nobody says: enough for a long one, an end for a model that never stops.
DEFAULT_MAX_TOKENS = 1024


class TransformersBackend(ThreadedBackend):
    """See the module. ``wanted`` says which model and whether it may be fetched."""

    type = "huggingface"
    local = True

    def __init__(
        self,
        id: str | None = None,
        *,
        wanted: Wanted,
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
        self._shared = (models or shared_models()).open(key, lambda: _load(wanted, device, dtype), free_model)

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
            row = self._row(loaded, request, gone)
            for _ in decode(loaded, [row]):
                pass
            return self._completion(row, time.perf_counter() - started)

    def _stream(self, request: Request) -> Iterator[StreamItem]:
        started = time.perf_counter()
        with self._named(), self._ready(request) as loaded:
            row = self._row(loaded, request, _never)
            for _, piece in decode(loaded, [row]):
                yield piece
            yield self._completion(row, time.perf_counter() - started)

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
                        rows[place] = self._row(loaded, request, _never)
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

    def _row(self, loaded: LoadedModel, request: Request, gone: Callable[[], bool]) -> Row:
        sampling = sampling_of(request.options, loaded.advice, self.id)
        grammar = None if request.json_schema is None else self._grammar(request.json_schema)
        prompt = loaded.encode(request, self.id)
        room = request.options.get("max_tokens", DEFAULT_MAX_TOKENS)
        if loaded.context is not None:
            left = loaded.context - len(prompt)
            if left < 1:
                raise ContextLengthError(
                    f"the prompt has {len(prompt)} tokens, {1 - left} more than fit into this model's context of "
                    f"{loaded.context} with one left for the answer; shorten it",
                    tokens=len(prompt),
                    limit=loaded.context,
                )
            room = min(room, left)
        return Row(
            prompt=prompt,
            room=room,
            sampler=Sampler(sampling, prompt),
            tail=TextTail(loaded.decode, request.options.get("stop", ())),
            constraint=None if grammar is None else JsonConstraint(loaded.vocabulary, grammar, self.id),
            deadline=request.deadline,
            gone=gone,
        )

    def _grammar(self, schema: Mapping[str, Any]) -> str:
        if not self.constrains_json:
            raise ConfigurationError(
                'holding an answer to a json_schema needs the package llguidance: pip install -e ".[huggingface]"'
            )
        return schema_grammar(schema, self.id)

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


def _never() -> bool:
    return False


def _load(wanted: Wanted, device: str | None, dtype: str | None) -> LoadedModel:
    return load_model(find_files(wanted), device, dtype, wanted.name)
