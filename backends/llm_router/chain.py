"""Ask one provider after the other until one answers, within one deadline; remember what was tried.

The next one is asked when a provider fails in a way in which another may not. A request that is wrong in itself
ends the chain at once. While others stand behind, one provider may take half of the time that is left.
"""

from __future__ import annotations

import asyncio
import contextlib
import math
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator, Sequence

from backends.exceptions import (
    AllProvidersFailedError,
    BackendError,
    BackendTimeoutError,
    BudgetExceededError,
    ContextLengthError,
    InvalidRequestError,
    MalformedResponseError,
)
from backends.llm_router.resolution import Candidate
from backends.types import Attempt, Completion, StreamItem

__all__ = ["AttemptClock", "ChainReport", "EndOfChainError", "first_answer", "first_stream"]

#: A provider ends its own call at the deadline. One that does not is left behind this much later.
_GRACE_SECONDS = 0.25


class EndOfChainError(Exception):
    """Holds an error that no other provider can help with."""

    def __init__(self, error: BackendError) -> None:
        super().__init__(error)
        self.error = error


class AttemptClock:
    """The time that one provider has. It stands still while the call waits for its turn: that is not the provider's."""

    def __init__(self, limit: Callable[[], float | None]) -> None:
        self._limit = limit
        self._guard: asyncio.Timeout | None = None
        #: When the attempt must be over.
        self.until = limit()

    def guarded(self, until: float | None) -> asyncio.Timeout:
        """Leaves behind, a little after ``until``, a provider that does not end its own call."""
        self._guard = asyncio.timeout(None if until is None else until - time.monotonic() + _GRACE_SECONDS)
        return self._guard

    @contextlib.contextmanager
    def stopped(self) -> Iterator[None]:
        if self._guard is not None:
            self._guard.reschedule(None)
        yield
        self.until = self._limit()
        if self._guard is not None and self.until is not None:
            left = self.until - time.monotonic() + _GRACE_SECONDS
            self._guard.reschedule(asyncio.get_running_loop().time() + left)


class ChainReport:
    """What was tried; one for each call."""

    def __init__(self, owner: str, attempt_timeout: float | None) -> None:
        self.owner = owner
        self.attempt_timeout = attempt_timeout
        self.began = time.monotonic()
        self.attempts: list[Attempt] = []
        self.errors: list[tuple[str, BackendError]] = []

    def clock(self, deadline: float | None, others_behind: bool) -> AttemptClock:
        return AttemptClock(lambda: self._deadline_of_attempt(deadline, others_behind))

    def _deadline_of_attempt(self, deadline: float | None, others_behind: bool) -> float | None:
        """When this attempt must be over so that there is time for the others."""
        now = time.monotonic()
        until = math.inf if deadline is None else deadline
        if self.attempt_timeout is not None:
            until = min(until, now + self.attempt_timeout)
        elif others_behind and deadline is not None:
            until = now + (deadline - now) / 2
        return None if until == math.inf else until

    def retried(self, candidate: Candidate) -> Callable[[BackendError, float], None]:
        """Takes down the tries of one candidate that failed and are made again."""
        began = time.monotonic()

        def note(error: BackendError, wait: float) -> None:
            nonlocal began
            now = time.monotonic()
            model = error.model or candidate.model
            self.attempts.append(Attempt(candidate.name, model, type(error).__name__, now - began, error.message))
            began = now + wait

        return note

    def failed(self, candidate: Candidate, error: BackendError, began: float) -> None:
        seconds = time.monotonic() - began
        model = error.model or candidate.model
        detail = error.one_line if isinstance(error, AllProvidersFailedError) else error.message
        self.attempts.append(Attempt(candidate.name, model, type(error).__name__, seconds, detail))
        self.errors.append((candidate.name, error))

    def answered(self, candidate: Candidate, completion: Completion, began: float) -> Completion:
        """The completion with the whole story."""
        now = time.monotonic()
        if completion.cached and not self.attempts:
            return completion
        self.attempts.append(
            Attempt(
                candidate.name, completion.model, None, now - began, "from the cache" if completion.cached else None
            )
        )
        return completion.but(provider=candidate.name, attempts=tuple(self.attempts), latency=now - self.began)

    def out_of_time(self, deadline: float | None) -> bool:
        return deadline is not None and time.monotonic() >= deadline

    def end(self, tried: int, all_of_them: int) -> BackendError:
        """The error to raise when nobody answered."""
        if all_of_them == 1:
            return self.errors[0][1]
        untried = f" ({all_of_them - tried} more were not asked: no time was left)" if tried < all_of_them else ""
        return AllProvidersFailedError(
            f"none of {tried} providers answered{untried}:", errors=self.errors, provider=self.owner
        )


def _ends_the_chain(error: BackendError) -> bool:
    if isinstance(error, BudgetExceededError):
        return True
    return isinstance(error, InvalidRequestError) and not isinstance(error, ContextLengthError)


async def first_answer(
    candidates: Sequence[Candidate],
    attempt: Callable[[Candidate, AttemptClock], Awaitable[Completion]],
    deadline: float | None,
    report: ChainReport,
) -> Completion:
    """The first completion that a candidate gives."""
    tried = 0
    for position, candidate in enumerate(candidates):
        if tried and report.out_of_time(deadline):
            break
        tried += 1
        began = time.monotonic()
        clock = report.clock(deadline, position + 1 < len(candidates))
        try:
            async with clock.guarded(clock.until):
                completion = await attempt(candidate, clock)
        except TimeoutError as error:
            report.failed(candidate, _too_late(candidate, began, error), began)
        except EndOfChainError as end:
            report.failed(candidate, end.error, began)
            raise end.error from end.error.__cause__
        except BackendError as error:
            report.failed(candidate, error, began)
            if _ends_the_chain(error):
                raise
        else:
            return report.answered(candidate, completion, began)
    raise report.end(tried, len(candidates))


async def first_stream(
    candidates: Sequence[Candidate],
    attempt: Callable[[Candidate, AttemptClock], AsyncGenerator[StreamItem, None]],
    deadline: float | None,
    report: ChainReport,
) -> AsyncGenerator[StreamItem, None]:
    """The first stream that begins. Once text has come, a break is an error that carries it."""
    tried = 0
    for position, candidate in enumerate(candidates):
        if tried and report.out_of_time(deadline):
            break
        tried += 1
        began = time.monotonic()
        clock = report.clock(deadline, position + 1 < len(candidates))
        pieces: list[str] = []
        items = attempt(candidate, clock)
        # Once it flows, a stream has the whole call's time.
        limit = clock.until
        try:
            while True:
                async with clock.guarded(limit):
                    item = await anext(items)
                if isinstance(item, Completion):
                    yield report.answered(candidate, item, began)
                    return
                pieces.append(item)
                limit = deadline
                yield item
        except StopAsyncIteration:
            error: BackendError = MalformedResponseError(
                "the stream ended without its end", provider=candidate.name, model=candidate.model
            )
        except TimeoutError as cause:
            error = _too_late(candidate, began, cause)
        except EndOfChainError as end:
            report.failed(candidate, end.error, began)
            raise end.error from end.error.__cause__
        except BackendError as cause:
            error = cause
        finally:
            await items.aclose()
        report.failed(candidate, error, began)
        if any(pieces):
            # Text has been given out: nobody may be asked again, and the error holds what there was.
            error.partial = "".join(pieces)
            error.retryable = False
            raise error
        if _ends_the_chain(error):
            raise error
    raise report.end(tried, len(candidates))


def _too_late(candidate: Candidate, began: float, cause: BaseException) -> BackendTimeoutError:
    error = BackendTimeoutError(
        f"no answer within {time.monotonic() - began:.1f} s", provider=candidate.name, model=candidate.model
    )
    error.__cause__ = cause
    return error
