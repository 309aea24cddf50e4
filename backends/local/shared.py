"""Loaded models, shared by everyone in the process who asks for the same one.

Promises: a model is loaded at its first use, by one thread, once however many backends name it;
it is freed when its last owner closes or when nobody has used it for ``idle_seconds``; a use that
comes later loads it again. A failed load is raised to the caller and tried anew at the next use.
"""

from __future__ import annotations

import atexit
import contextlib
import os
import sys
import threading
import time
from collections.abc import Callable, Hashable, Iterator
from typing import Any, Generic, TypeVar

from backends.exceptions import BackendTimeoutError, ProviderUnavailableError

__all__ = ["SharedModel", "SharedModels", "shared_models"]

T = TypeVar("T")

DEFAULT_IDLE_SECONDS = 600.0


class SharedModel(Generic[T]):
    """One owner's claim on a model. ``use`` gives the loaded model, ``release`` ends the claim."""

    def __init__(self, registry: SharedModels, entry: _Entry[T]) -> None:
        self._registry = registry
        self._entry = entry
        self._released = False

    @property
    def loaded(self) -> bool:
        """Whether the model is in memory now."""
        return self._entry.value is not None

    @contextlib.contextmanager
    def use(self, deadline: float | None = None) -> Iterator[T]:
        """The loaded model; it cannot be freed while the block runs.

        ``deadline`` (on ``time.monotonic``) bounds the wait for another thread that is loading it.
        """
        if self._released:
            raise ProviderUnavailableError("this backend was closed; make a new one", retryable=False)
        value = self._registry._enter(self._entry, deadline)
        try:
            yield value
        finally:
            self._registry._leave(self._entry)

    def release(self) -> None:
        """End the claim. The last one frees the model. May be called twice."""
        if not self._released:
            self._released = True
            self._registry._release(self._entry)


class SharedModels:
    """Models by key. A key names the file and every setting that shapes the loaded object."""

    def __init__(self, idle_seconds: float = DEFAULT_IDLE_SECONDS, clock: Callable[[], float] = time.monotonic) -> None:
        self._idle_seconds = idle_seconds
        self._clock = clock
        self._changed = threading.Condition()
        self._entries: dict[Hashable, _Entry[Any]] = {}
        self._reaper: threading.Thread | None = None
        self._pid = os.getpid()

    def open(
        self,
        key: Hashable,
        load: Callable[[], T],
        free: Callable[[T], None],
        idle_seconds: float | None = None,
    ) -> SharedModel[T]:
        """Claim the model of ``key``. It is not loaded yet.

        Of several owners with different ``idle_seconds`` the longest counts.
        """
        idle = self._idle_seconds if idle_seconds is None else idle_seconds
        with self._changed:
            self._forget_after_fork()
            entry = self._entries.get(key)
            if entry is None:
                entry = self._entries[key] = _Entry(key, load, free, idle)
            entry.owners += 1
            entry.idle_seconds = max(entry.idle_seconds, idle)
            return SharedModel(self, entry)

    def loaded(self) -> tuple[Hashable, ...]:
        """The keys of the models that are in memory now."""
        with self._changed:
            return tuple(key for key, entry in self._entries.items() if entry.value is not None)

    def reap(self) -> float | None:
        """Free what has been idle too long; return the seconds until the next one is due, if any."""
        now = self._clock()
        waits: list[float] = []
        with self._changed:
            idle = [entry for entry in self._entries.values() if entry.idle]
        for entry in idle:
            left = entry.idle_since + entry.idle_seconds - now
            if left > 0:
                waits.append(left)
            else:
                self._free_if_idle(entry)
        return min(waits, default=None)

    def close(self) -> None:
        """Free every model that nobody is using at this moment."""
        with self._changed:
            entries = list(self._entries.values())
        for entry in entries:
            self._free_if_idle(entry)

    # -- used by SharedModel ------------------------------------------------------------------

    def _enter(self, entry: _Entry[T], deadline: float | None) -> T:
        with self._changed:
            self._forget_after_fork()
            entry.users += 1
        try:
            return self._loaded_value(entry, deadline)
        except BaseException:
            self._leave(entry)
            raise

    def _loaded_value(self, entry: _Entry[T], deadline: float | None) -> T:
        wait = -1.0 if deadline is None else max(0.0, deadline - time.monotonic())
        if not entry.loading.acquire(timeout=wait):
            raise BackendTimeoutError("the model was still loading when the deadline came")
        try:
            if entry.value is None:
                entry.value = entry.load()
            return entry.value
        finally:
            entry.loading.release()

    def _leave(self, entry: _Entry[Any]) -> None:
        with self._changed:
            entry.users -= 1
            entry.idle_since = self._clock()
            abandoned = entry.owners == 0
            if entry.idle and not abandoned:
                self._watch()
        if abandoned:
            self._free_if_idle(entry)

    def _release(self, entry: _Entry[Any]) -> None:
        with self._changed:
            entry.owners -= 1
            abandoned = entry.owners == 0
        if abandoned:
            self._free_if_idle(entry)

    def _free_if_idle(self, entry: _Entry[Any]) -> None:
        # The loading lock is held until the old object is gone, so that two never stand in memory.
        with entry.loading:
            with self._changed:
                value = None if entry.users else entry.take()
            if value is not None:
                entry.free(value)
            with self._changed:
                if entry.owners == 0 and entry.users == 0 and self._entries.get(entry.key) is entry:
                    del self._entries[entry.key]
                self._changed.notify_all()

    def _watch(self) -> None:
        if sys.is_finalizing():
            # A generator that is collected while the program ends: a thread started now would never run, and
            # its start would be waited for without end.
            return
        if self._reaper is None or not self._reaper.is_alive():
            self._reaper = threading.Thread(target=self._reap_while_needed, name="shared-models-idle", daemon=True)
            self._reaper.start()

    def _reap_while_needed(self) -> None:
        while True:
            wait = self.reap()
            with self._changed:
                if not any(entry.value is not None for entry in self._entries.values()):
                    self._reaper = None
                    return
                # In use: look again when the shortest idle time could be over.
                shortest = min(entry.idle_seconds for entry in self._entries.values() if entry.value is not None)
                self._changed.wait(shortest if wait is None else wait)

    def _forget_after_fork(self) -> None:
        """A forked child has the parent's objects but none of its threads: load anew, free nothing."""
        if self._pid == os.getpid():
            return
        self._pid = os.getpid()
        self._reaper = None
        for entry in self._entries.values():
            entry.value = None
            entry.users = 0
            entry.loading = threading.Lock()


class _Entry(Generic[T]):
    def __init__(self, key: Hashable, load: Callable[[], T], free: Callable[[T], None], idle_seconds: float) -> None:
        self.key = key
        self.load = load
        self.free = free
        self.idle_seconds = idle_seconds
        self.value: T | None = None
        self.owners = 0
        self.users = 0
        self.idle_since = 0.0
        self.loading = threading.Lock()

    @property
    def idle(self) -> bool:
        return self.value is not None and self.users == 0

    def take(self) -> T | None:
        value, self.value = self.value, None
        return value


_REGISTRY = SharedModels()
# Engines run threads inside C code; they must stop before the interpreter takes its modules apart.
atexit.register(_REGISTRY.close)


def shared_models() -> SharedModels:
    """The registry of this process."""
    return _REGISTRY
