"""A provider that keeps failing rests: no calls for a while, then one trial, then all again or another rest."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from backends.exceptions import BackendError, BackendTimeoutError, ProviderUnavailableError

__all__ = ["CircuitBreaker"]


class CircuitBreaker:
    """Opens after ``threshold`` failures in a row (0: never), for ``cooldown`` seconds; then lets one trial through."""

    def __init__(
        self, threshold: int = 5, cooldown: float = 30.0, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.threshold = threshold
        self.cooldown = cooldown
        self._clock = clock
        self._lock = threading.Lock()
        self._failures = 0
        self._open_until: float | None = None
        self._trial_running = False

    def enter(self, provider: str, model: str | None = None) -> None:
        """Raise ProviderUnavailableError while the provider rests. Each entry is ended by one of the other methods."""
        if self._open_until is None:
            return
        with self._lock:
            if self._open_until is None:
                return
            left = self._open_until - self._clock()
            if left <= 0 and not self._trial_running:
                self._trial_running = True
                return
            failures = self._failures
        raise ProviderUnavailableError(
            f"resting after {failures} failures in a row; the next try is in {max(0.0, left):.0f} s",
            provider=provider,
            model=model,
            retry_after=max(0.0, left),
            retryable=False,
        )

    def succeeded(self) -> None:
        if self._failures or self._open_until is not None:
            with self._lock:
                self._failures = 0
                self._open_until = None
                self._trial_running = False

    def failed(self, error: BackendError) -> None:
        """Count ``error`` if it says that the provider does not work; anything else proves that it does."""
        if not isinstance(error, ProviderUnavailableError | BackendTimeoutError):
            self.succeeded()
            return
        with self._lock:
            self._failures += 1
            if self._trial_running or (self.threshold and self._failures >= self.threshold):
                self._open_until = self._clock() + self.cooldown
            self._trial_running = False

    def abandoned(self) -> None:
        """The call was cancelled: it says nothing about the provider, and a trial is free for the next one."""
        with self._lock:
            self._trial_running = False

    @property
    def resting(self) -> bool:
        until = self._open_until
        return until is not None and until > self._clock()
