"""What callers hand to an engine's thread, and what they get back.

A ``Ticket`` is the caller's end of one job: it yields the pieces of text as they come, then the
outcome, or raises the job's error. A caller that goes away cancels its ticket; nobody waits longer
than the job's deadline.
"""

from __future__ import annotations

import queue
import time
from collections.abc import Callable, Generator
from dataclasses import dataclass, field

from backends.exceptions import BackendError, BackendTimeoutError
from backends.local.sampling import Sampling

__all__ = ["Generation", "Job", "Outcome", "Scoring", "Ticket"]


@dataclass(frozen=True, slots=True)
class Generation:
    """Continue ``tokens``. ``max_tokens`` must fit into the context; the caller sees to it."""

    tokens: tuple[int, ...]
    max_tokens: int
    sampling: Sampling = field(default_factory=Sampling)
    grammar: str | None = None
    stop: tuple[str, ...] = ()
    deadline: float | None = None
    streaming: bool = False


@dataclass(frozen=True, slots=True)
class Scoring:
    """How likely ``tokens[first:]`` is after ``tokens[:first]``."""

    tokens: tuple[int, ...]
    first: int
    deadline: float | None = None


Job = Generation | Scoring


@dataclass(frozen=True, slots=True)
class Outcome:
    """The end of a job."""

    text: str = ""
    finish_reason: str = "stop"
    prompt_tokens: int = 0
    completion_tokens: int = 0
    #: How many prompt tokens were already evaluated for somebody else.
    reused_tokens: int = 0
    log_likelihood: float = 0.0


class Ticket:
    """The caller's end of a job."""

    def __init__(self, job: Job, notify: Callable[[], None] | None = None) -> None:
        self.job = job
        self.cancelled = False
        self._notify = notify
        self._events: queue.SimpleQueue[str | Outcome | BackendError] = queue.SimpleQueue()

    def put(self, event: str | Outcome | BackendError) -> None:
        """Called by the engine."""
        self._events.put(event)
        if self._notify is not None:
            self._notify()

    def cancel(self) -> None:
        """The answer is not wanted any more; the engine stops working on it."""
        self.cancelled = True

    def poll(self) -> str | Outcome | None:
        """What has come and was not taken yet, without waiting; raises the job's error."""
        try:
            return _checked(self._events.get_nowait())
        except queue.Empty:
            return None

    def items(self) -> Generator[str | Outcome]:
        """Pieces of text, then the Outcome. Leaving early cancels the job."""
        try:
            while True:
                item = self._next()
                yield item
                if isinstance(item, Outcome):
                    return
        finally:
            self.cancel()

    def result(self) -> Outcome:
        """Wait for the end."""
        for item in self.items():
            if isinstance(item, Outcome):
                return item
        raise AssertionError("a job ends with an outcome or an error")

    def _next(self) -> str | Outcome:
        deadline = self.job.deadline
        try:
            if deadline is None:
                return _checked(self._events.get())
            return _checked(self._events.get(timeout=max(0.0, deadline - time.monotonic())))
        except queue.Empty as error:
            raise BackendTimeoutError("the local model gave no answer before the deadline") from error


def _checked(event: str | Outcome | BackendError) -> str | Outcome:
    if isinstance(event, BackendError):
        raise event
    return event
