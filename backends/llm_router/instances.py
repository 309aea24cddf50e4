"""Provider instances, made once and used by all calls; one that is dropped is closed when its last call has ended."""

from __future__ import annotations

import hashlib
import json
import threading
import uuid
import weakref
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from backends.base import Backend
from backends.exceptions import ConfigurationError
from backends.llm_router.providers.base import ProviderContext
from backends.llm_router.registry import RegisteredProvider

__all__ = ["Instance", "InstancePool", "cache_identity", "fingerprint"]

#: Words in the names of settings that are secrets: they do not shape an answer and never become part of a name.
_SECRET_WORDS = ("key", "token", "secret", "password", "authorization")


#: Instances kept at most: one for each provider, model and settings in use.
MAX_INSTANCES = 128


@dataclass(slots=True)
class Instance:
    """A Backend in the pool and who uses it."""

    backend: Backend
    users: int = 0
    retired: bool = False
    #: Handed out to a caller who may keep it; closed only with the pool.
    lent: bool = False


class InstancePool:
    """Instances by who they are and what they were made with.

    ``close_later`` closes a Backend somewhere else: calls end on the event loop, where closing would wait for itself.
    """

    def __init__(self, close_later: Callable[[Backend], None]) -> None:
        self._close_later = close_later
        self._lock = threading.RLock()
        self._instances: dict[tuple[Any, ...], Instance] = {}
        self._making: dict[tuple[Any, ...], threading.Lock] = {}
        self._lent: list[Backend] = []
        self._identities: weakref.WeakKeyDictionary[Any, str] = weakref.WeakKeyDictionary()

    def enter(
        self, found: RegisteredProvider, settings_print: str, generation: int, context: ProviderContext, keep: bool
    ) -> Instance:
        """An instance for one call, ended by ``leave``. Without ``keep`` it lives for this call only."""
        if found.borrowed:
            return Instance(found.spec.create(context), users=1, lent=True)
        if not keep:
            return Instance(found.spec.create(context), users=1, retired=True)
        key = (found.identity, settings_print, generation, context.model)
        with self._lock:
            instance = self._use(key)
            if instance is not None:
                return instance
            making = self._making.setdefault(key, threading.Lock())
        # A stranger's factory may take its time: only those who want the same instance wait for it.
        with making:
            with self._lock:
                instance = self._use(key)
            if instance is not None:
                return instance
            instance = Instance(found.spec.create(context), users=1)
            with self._lock:
                self._making.pop(key, None)
                self._make_room(found.identity, generation)
                self._instances[key] = instance
            return instance

    def holds(self, found: RegisteredProvider, settings_print: str, generation: int, model: str | None) -> bool:
        """Whether ``enter`` would find an instance that is made already."""
        return (found.identity, settings_print, generation, model) in self._instances

    def _use(self, key: tuple[Any, ...]) -> Instance | None:
        instance = self._instances.get(key)
        if instance is not None:
            instance.users += 1
        return instance

    def leave(self, instance: Instance) -> None:
        """End a use. The last one of an instance that was dropped closes it."""
        with self._lock:
            instance.users -= 1
            unused = instance.retired and not instance.users and not instance.lent
        if unused:
            self._close_later(instance.backend)

    def lend(self, instance: Instance) -> Backend:
        """The backend, for a caller who keeps it."""
        with self._lock:
            if not instance.lent:
                instance.lent = True
                self._lent.append(instance.backend)
        return instance.backend

    def identity_of(self, provider: object) -> str:
        """A name for an object of a caller's own: another object never has the same."""
        with self._lock:
            try:
                return self._identities.setdefault(provider, f"instance:{uuid.uuid4().hex}")
            except TypeError as error:
                raise ConfigurationError(
                    f"a provider_instance must be an ordinary object, not {type(provider).__name__}"
                ) from error

    def clear(self) -> None:
        """Forget all instances; each is closed as soon as no call uses it."""
        for backend in self._drop(list(self._instances)):
            backend.close()

    def close(self) -> None:
        """``clear``, and close what was lent."""
        self.clear()
        with self._lock:
            lent, self._lent = self._lent, []
        for backend in lent:
            backend.close()

    def __len__(self) -> int:
        return len(self._instances)

    def _make_room(self, identity: str, generation: int) -> None:
        """What an older environment made goes; so does the oldest instance when there are too many."""
        old = [key for key in self._instances if key[0] == identity and key[2] < generation]
        if len(self._instances) - len(old) >= MAX_INSTANCES:
            old.append(next(key for key in self._instances if key not in old))
        for backend in self._drop(old):
            self._close_later(backend)

    def _drop(self, keys: list[tuple[Any, ...]]) -> list[Backend]:
        """Forget these instances; those that nobody uses come back to be closed."""
        with self._lock:
            dropped = [self._instances.pop(key) for key in keys]
            for instance in dropped:
                instance.retired = True
            return [instance.backend for instance in dropped if not instance.users and not instance.lent]


def fingerprint(settings: Mapping[str, Any]) -> str:
    """Tells settings apart, secrets included; the secrets cannot be read from it."""
    if not settings:
        return ""
    text = json.dumps(settings, sort_keys=True, default=_plain)
    return hashlib.sha256(text.encode()).hexdigest()


def cache_identity(identity: str, settings: Mapping[str, Any], shaping: tuple[tuple[str, str], ...]) -> str:
    """Who answers, for the names of responses: the provider and all its settings but the keys, as a hash."""
    public = {name: value for name, value in settings.items() if not any(word in name for word in _SECRET_WORDS)}
    return f"{identity}:{fingerprint({'settings': public, 'shaping': shaping})}" if public or shaping else identity


def _plain(value: object) -> str:
    # A pydantic secret; importing pydantic.types to ask for its class would double the router's import.
    reveal = getattr(value, "get_secret_value", None)
    return repr(value) if reveal is None else str(reveal())
