"""When the same request is sent again, and after how long. Decided by error type and status, never by message text.

The wait grows exponentially with full jitter; a provider's own ``Retry-After`` goes before it. A wait that
would not end before the deadline is not begun: the error is raised at once, so that a fallback has the time.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TypeVar

from backends.exceptions import BackendError, ConfigurationError

__all__ = ["RETRY_SETTINGS", "RetryPolicy", "call_with_retries"]

T = TypeVar("T")

#: The configuration keys that :meth:`RetryPolicy.from_settings` takes.
RETRY_SETTINGS = frozenset({"max_retries", "retry_base_delay", "retry_max_delay"})


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """How often and how long. ``max_retries`` counts the tries after the first; 0 never retries."""

    max_retries: int = 2
    base_delay: float = 0.5
    max_delay: float = 30.0

    @classmethod
    def from_settings(
        cls,
        *,
        max_retries: int | None = None,
        retry_base_delay: float | None = None,
        retry_max_delay: float | None = None,
        owner: str | None = None,
    ) -> RetryPolicy:
        """Check the configuration's values; None keeps the default."""
        if max_retries is not None and (
            isinstance(max_retries, bool) or not isinstance(max_retries, int) or max_retries < 0
        ):
            raise ConfigurationError(f"max_retries must be 0 or more, not {max_retries!r}", provider=owner)
        for name, value in (("retry_base_delay", retry_base_delay), ("retry_max_delay", retry_max_delay)):
            if value is not None and (isinstance(value, bool) or not isinstance(value, int | float) or not value >= 0):
                raise ConfigurationError(
                    f"{name} must be a number of seconds, 0 or more, not {value!r}", provider=owner
                )
        return cls(
            max_retries=cls().max_retries if max_retries is None else max_retries,
            base_delay=cls().base_delay if retry_base_delay is None else float(retry_base_delay),
            max_delay=cls().max_delay if retry_max_delay is None else float(retry_max_delay),
        )

    def wait_before_retry(
        self,
        retries_done: int,
        error: BackendError,
        *,
        remaining: float | None = None,
        draw: Callable[[], float] = random.random,
    ) -> float | None:
        """Seconds to wait before trying again, or None when the error is final.

        ``remaining`` is what is left of the deadline; ``draw`` gives a number in [0, 1).
        """
        if not error.retryable or retries_done >= self.max_retries:
            return None
        jittered = draw() * min(self.max_delay, self.base_delay * 2.0**retries_done)
        asked = getattr(error, "retry_after", None)
        # A little jitter on top of Retry-After too, or all waiting callers come back at the same instant.
        wait = jittered if asked is None else asked + min(jittered, 0.1 * asked)
        return None if remaining is not None and wait >= remaining else wait


async def call_with_retries(
    call: Callable[[], Awaitable[T]],
    policy: RetryPolicy,
    *,
    deadline: float | None = None,
    on_retry: Callable[[BackendError, float], None] | None = None,
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    clock: Callable[[], float] = time.monotonic,
) -> T:
    """Await ``call()`` until it succeeds or fails for good. ``deadline`` is on ``clock``."""
    retries_done = 0
    while True:
        try:
            return await call()
        except BackendError as error:
            remaining = None if deadline is None else deadline - clock()
            wait = policy.wait_before_retry(retries_done, error, remaining=remaining)
            if wait is None:
                raise
            if on_retry is not None:
                on_retry(error, wait)
        retries_done += 1
        await sleep(wait)
