"""Runs many generations at once on one llama.cpp model: continuous batching with shared prefixes.

One thread owns the context; callers talk to it through a queue. Every step decodes one batch: the
next token of each running sequence, and pieces of the prompts that are being read. A sequence that
ends makes room for the next that waits.

Promises: memory is bounded by the settings and known before the start; when it is short, sequences
wait or start over, they do not fail; a prompt prefix that several jobs share is evaluated once;
a failed decode fails the jobs of that batch with a typed error and the next job works.
"""

from __future__ import annotations

import atexit
import logging
import queue
import threading
import time
from collections import deque
from dataclasses import replace

from backends.exceptions import BackendError, BackendTimeoutError, InvalidRequestError, ProviderUnavailableError
from backends.local.engine_stats import EngineStats
from backends.local.jobs import Outcome, Ticket
from backends.local.llama_admission import WORTH_WAITING, make_fit, next_ready
from backends.local.llama_context import ContextSettings, DecodeFailed, LlamaContext, OutOfCells
from backends.local.llama_model import LlamaModel
from backends.local.llama_sequence import LlamaSequence
from backends.local.llama_slots import Slot, Slots
from backends.local.llama_threads import ThreadChoice
from backends.local.prefix_store import PrefixStore
from backends.local.sampling import Sampler

__all__ = ["LlamaEngine"]

logger = logging.getLogger(__name__)

# Writing a beginning to disk pays from about this many tokens on.
_WORTH_STORING = 64


class LlamaEngine:
    """``submit`` may be called from any thread; everything else happens in the engine's own."""

    def __init__(
        self, model: LlamaModel, settings: ContextSettings, parallel: int, store: PrefixStore | None = None
    ) -> None:
        """``parallel`` sequences run at once; the settings' other sequences only remember prefixes."""
        self._store = store
        self.model = model
        self.settings = settings
        self._parallel = parallel
        self._context = LlamaContext(model, settings)
        self._slots: Slots[LlamaSequence] = Slots(self._context, settings.sequences)
        self._scratch = Sampler.candidates(model.n_vocab)
        self._inbox: queue.SimpleQueue[Ticket | None] = queue.SimpleQueue()
        self._waiting: deque[LlamaSequence] = deque()
        self._active: list[LlamaSequence] = []
        self._crowded = False
        self._threads = ThreadChoice(settings.n_threads)
        self._stats = EngineStats()
        self._closing = threading.Event()
        self._gate = threading.Lock()
        self._thread = threading.Thread(target=self._run, name=f"llama-{model.path.stem}", daemon=True)
        self._thread.start()
        # A thread inside C code must not outlive the interpreter's modules.
        atexit.register(self.close)

    def submit(self, ticket: Ticket) -> None:
        """Queue a job. Its ticket gets the answer."""
        if not ticket.job.tokens:
            ticket.put(InvalidRequestError("there is no token to continue from"))
            return
        with self._gate:
            if not self._closing.is_set():
                self._inbox.put(ticket)
                return
        ticket.put(_closed())

    def stats(self) -> EngineStats:
        return self._stats

    def close(self) -> None:
        """Fail what is running, end the thread, free the memory. May be called twice."""
        atexit.unregister(self.close)
        with self._gate:
            self._closing.set()
            self._inbox.put(None)
        if self._thread is not threading.current_thread():
            self._thread.join()
        self._context.close()

    # -- the engine's thread ------------------------------------------------------------------

    def _run(self) -> None:
        while not self._closing.is_set():
            self._receive()
            try:
                self._step()
            except DecodeFailed as error:
                self._start_over(f"the local model failed: {error}", error)
            except Exception as error:  # whatever breaks here must reach the callers, who wait for an answer
                logger.exception("the local engine failed and starts over")
                self._start_over(f"the local engine failed: {error!r}", error)
        self._receive()
        for sequence in [*self._active, *self._waiting]:
            self._end(sequence, _closed())

    def _receive(self) -> None:
        """Take what has come; wait for something when there is nothing to do."""
        wait = not (self._active or self._waiting or self._closing.is_set())
        while True:
            try:
                ticket = self._inbox.get(block=wait)
            except queue.Empty:
                return
            wait = False
            if ticket is not None:
                self._waiting.append(LlamaSequence(ticket))

    def _step(self) -> None:
        self._drop_unwanted()
        self._admit()
        if not self._active:
            return
        batch = self._fill_batch()
        self._context.use_threads(self._threads.count)
        started = time.perf_counter()
        if not self._decode():
            return
        seconds = time.perf_counter() - started
        self._threads.observe(self._context.filled, seconds)
        self._account(seconds, batch)
        for sequence, tokens, last in batch:
            self._harvest(sequence, len(tokens), last)

    def _drop_unwanted(self) -> None:
        now = time.monotonic()
        for sequence in [*self._active, *self._waiting]:
            deadline = sequence.job.deadline
            if sequence.ticket.cancelled:
                self._end(sequence, None)
            elif deadline is not None and now >= deadline:
                self._end(sequence, BackendTimeoutError("the local model gave no answer before the deadline"))

    # -- letting sequences in -----------------------------------------------------------------

    def _admit(self) -> None:
        while self._waiting and len(self._active) < self._parallel and not self._crowded:
            chosen = next_ready(self._waiting, self._active, self._slots, shares_prefixes=self._context.shares_prefixes)
            if chosen is None or not make_fit(*chosen, self._active, self._slots, self.settings.cells):
                return
            self._waiting.remove(chosen[0])
            self._place(*chosen)

    def _place(self, sequence: LlamaSequence, source: Slot[LlamaSequence] | None, shared: int) -> None:
        try:
            sequence.prepare(self.model)
        except BackendError as error:
            sequence.ticket.put(error)
            return
        sequence.slot = self._slots.take(sequence, source, shared)
        if self._store is not None:
            self._use_store(self._store, sequence, sequence.slot)
        sequence.reused = max(sequence.reused, len(sequence.slot.tokens))
        self._active.append(sequence)
        self._stats = replace(
            self._stats,
            jobs=self._stats.jobs + 1,
            reused_tokens=self._stats.reused_tokens + len(sequence.slot.tokens),
        )

    def _use_store(self, store: PrefixStore, sequence: LlamaSequence, slot: Slot[LlamaSequence]) -> None:
        """Fetch a longer beginning than memory has, or keep one that two prompts were seen to share."""
        shared = len(slot.tokens)
        stored = store.longest(sequence.tokens, sequence.sharable)
        if stored is not None and len(stored.tokens) >= shared + WORTH_WAITING:
            state = store.read(stored)
            if state is not None:
                self._slots.restore(slot, stored.tokens, state)
        elif shared >= _WORTH_STORING and (stored is None or len(stored.tokens) + _WORTH_STORING <= shared):
            store.write(slot.tokens, self._context.state(slot.number))

    # -- one batch ----------------------------------------------------------------------------

    def _fill_batch(self) -> list[tuple[LlamaSequence, list[int], int]]:
        """Running sequences first, so that streams flow; prompts take what is left."""
        context = self._context
        context.start_batch()
        batch = []
        for sequence in sorted(self._active, key=lambda active: len(active.pending) > 1):
            tokens = sequence.pending[: context.room]
            if not tokens:
                continue
            assert sequence.slot is not None
            start = len(sequence.slot.tokens)
            last = context.add(sequence.slot.number, start, tokens, sequence.wanted(start, len(tokens)))
            batch.append((sequence, tokens, last))
        return batch

    def _decode(self) -> bool:
        """Decode; make room when there is none. False when the batch must be made anew."""
        filled = self._context.filled
        if self._slots.free_cells < filled:
            self._slots.reclaim(filled)
        if self._slots.free_cells < filled:
            self._make_room()
            return False
        try:
            self._context.decode()
        except OutOfCells:
            self._make_room()
            return False
        return True

    def _make_room(self) -> None:
        """Send the sequence that came last back to wait; it starts over when another has ended."""
        latest = self._active[-1]
        if len(self._active) == 1:
            self._end(latest, ProviderUnavailableError("the context has no room for this sequence; set a larger n_ctx"))
            return
        assert latest.slot is not None
        self._active.remove(latest)
        self._slots.release(latest.slot)
        self._slots.forget(latest.slot)
        latest.start_over()
        self._waiting.appendleft(latest)
        self._crowded = True
        self._stats = replace(self._stats, restarts=self._stats.restarts + 1)

    def _account(self, seconds: float, batch: list[tuple[LlamaSequence, list[int], int]]) -> None:
        read = generated = 0
        for sequence, tokens, _ in batch:
            assert sequence.slot is not None
            fresh = max(0, len(sequence.job.tokens) - len(sequence.slot.tokens))
            read += min(fresh, len(tokens))
            generated += len(tokens) - min(fresh, len(tokens))
            self._slots.extend(sequence.slot, tokens)
        self._stats = replace(
            self._stats,
            prompt_tokens=self._stats.prompt_tokens + read,
            generated_tokens=self._stats.generated_tokens + generated,
            decodes=self._stats.decodes + 1,
            seconds=self._stats.seconds + seconds,
        )

    # -- what comes out -----------------------------------------------------------------------

    def _harvest(self, sequence: LlamaSequence, count: int, last: int) -> None:
        try:
            outcome = sequence.advance(self.model, self._context, self._scratch, count, last)
        except BackendError as error:
            self._end(sequence, error)
            return
        if outcome is not None:
            self._end(sequence, outcome)

    def _end(self, sequence: LlamaSequence, event: Outcome | BackendError | None) -> None:
        sequence.close()
        if sequence.slot is not None:
            self._slots.release(sequence.slot)
            sequence.slot = None
        if sequence in self._active:
            self._active.remove(sequence)
            self._crowded = False
        elif sequence in self._waiting:
            self._waiting.remove(sequence)
        if event is not None:
            sequence.ticket.put(event)

    def _start_over(self, message: str, cause: BaseException) -> None:
        """Fail what was running and forget all that was evaluated; what waits goes on waiting."""
        for sequence in list(self._active):
            error = ProviderUnavailableError(message)
            error.__cause__ = cause
            self._end(sequence, error)
        self._context.clear()
        self._slots.forget_all()


def _closed() -> BackendError:
    return ProviderUnavailableError("the local model was closed while this call waited; make a new backend")
