"""What calls share: provider instances, caches, connections to other systems, the event loop, the breakers.

Inject your own parts by setting the attributes; share one container to share its resources. A container belongs
to whoever made it and is given back by ``close``.
"""

from __future__ import annotations

import asyncio
import contextvars
import functools
import threading
import weakref
from collections.abc import Callable, Hashable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor, wait
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from backends._loop import LoopThread
from backends.base import Backend
from backends.llm_router.breaker import CircuitBreaker
from backends.llm_router.cache import MemoryCache, ResponseCache
from backends.llm_router.environment import Environment
from backends.llm_router.instances import InstancePool
from backends.llm_router.registry import ProviderRegistry
from backends.llm_router.single_flight import SingleFlight
from backends.types import Completion

if TYPE_CHECKING:
    from backends.llm_router.cache_sqlite import SqliteCache

__all__ = ["REGISTRY", "RouterDeps", "every_deps", "get_default_router_deps", "set_default_router_deps"]

T = TypeVar("T")

#: The one registry of the process: ``register_llm_provider`` writes to it.
REGISTRY = ProviderRegistry()

#: Threads for engines that compute in the calling thread. More than this many such calls wait for each other.
_THREADS = 64
#: How long ``close`` waits for instances that are being closed.
_CLOSING_SECONDS = 5.0


class RouterDeps:
    """A container of shared resources. Thread-safe; makes what it needs at the first use."""

    def __init__(
        self,
        *,
        backend_manager: Any = None,
        ipfs_backend: Any = None,
        remote_cache: Any = None,
        accelerate_manager: Any = None,
        router_cache: MemoryCache | None = None,
        cache_path: str | Path | None = None,
        env: Mapping[str, str] | None = None,
        registry: ProviderRegistry | None = None,
    ) -> None:
        #: An InferenceBackendManager, for the provider ``backend_manager``.
        self.backend_manager = backend_manager
        #: Anything with ``peer_manager.route_llm_request(prompt=, model=, **options)``, for ``ipfs_peer``.
        self.ipfs_backend = ipfs_backend
        #: Read through and written behind the memory: ``get`` and ``set``, ``put`` or item assignment.
        self.remote_cache = remote_cache
        #: A manager of ipfs_accelerate_py, for ``accelerate``.
        self.accelerate_manager = accelerate_manager
        self.environment = Environment(env)
        self.registry = REGISTRY if registry is None else registry
        self.instances = InstancePool(self._close_later)
        self.flights: SingleFlight[Completion] = SingleFlight()
        self._lock = threading.RLock()
        self._router_cache = router_cache
        self._cache_path = cache_path
        self._responses: ResponseCache | None = None
        self._breakers: dict[Hashable, CircuitBreaker] = {}
        self._shared: dict[str, Any] = {}
        self._loop_thread: LoopThread | None = None
        self._executor: ThreadPoolExecutor | None = None
        self._closing: set[Future[None]] = set()
        #: What ``router`` made for callers of ``generate_text``, by their arguments.
        self.routers: dict[Any, Any] = {}
        _LIVE.add(self)

    @property
    def env(self) -> Mapping[str, str]:
        """The variables that providers read."""
        return self.environment.variables

    @property
    def world(self) -> tuple[int, ...]:
        """Changes whenever a part that decides who is there is set anew."""
        return (self.registry.version, id(self.backend_manager), id(self.ipfs_backend), id(self.accelerate_manager))

    @property
    def router_cache(self) -> MemoryCache:
        """The responses in memory; ``len`` tells how many."""
        if self._router_cache is None:
            settings = self.environment.settings()
            with self._lock:
                if self._router_cache is None:
                    self._router_cache = MemoryCache(settings.cache_max_entries, settings.cache_max_bytes)
        return self._router_cache

    @property
    def responses(self) -> ResponseCache:
        """All layers of the response cache."""
        responses = self._responses
        if responses is None:
            memory = self.router_cache
            with self._lock:
                if self._responses is None:
                    self._responses = ResponseCache(memory, self._store(), lambda: self.remote_cache, self.run_blocking)
                responses = self._responses
        return responses

    @property
    def loop_thread(self) -> LoopThread:
        """The event loop of synchronous callers; HTTP providers share it."""
        if self._loop_thread is None:
            with self._lock:
                if self._loop_thread is None:
                    self._loop_thread = LoopThread(name="llm-router")
        return self._loop_thread

    async def run_blocking(self, function: Callable[..., T], *arguments: Any) -> T:
        """Run ``function`` in a worker thread, in the caller's context."""
        call = functools.partial(contextvars.copy_context().run, function, *arguments)
        return await asyncio.get_running_loop().run_in_executor(self._workers(), call)

    def breaker(self, identity: Hashable, make: Callable[[], CircuitBreaker]) -> CircuitBreaker:
        """The breaker of one provider as configured, shared by all its callers."""
        found = self._breakers.get(identity)
        if found is None:
            with self._lock:
                found = self._breakers.setdefault(identity, make())
        return found

    def get_or_create(self, name: str, factory: Callable[[], T]) -> T:
        """A resource that providers share by name, made once."""
        with self._lock:
            if name not in self._shared:
                self._shared[name] = factory()
            found: T = self._shared[name]
            return found

    def clear_caches(self, *, remote: bool = False) -> None:
        """Forget provider instances, responses (memory and file), breakers. Calls in flight end as they would."""
        self.instances.clear()
        with self._lock:
            self._breakers.clear()
        self.forget_routers()
        self.responses.clear(remote=remote)

    def forget_routers(self) -> None:
        """What was made for callers of ``generate_text`` is made anew; its trace files are given back."""
        with self._lock:
            routers, self.routers = self.routers, {}
        for router in routers.values():
            router.close()

    def close(self) -> None:
        """Give back instances, threads, files. May be called twice; a later call makes anew what it needs."""
        self.instances.close()
        wait(set(self._closing), timeout=_CLOSING_SECONDS)
        self.forget_routers()
        with self._lock:
            shared, self._shared = self._shared, {}
            responses, self._responses = self._responses, None
            executor, self._executor = self._executor, None
            loop_thread, self._loop_thread = self._loop_thread, None
        for resource in shared.values():
            close = getattr(resource, "close", None)
            if callable(close):
                close()
        if responses is not None and responses.store is not None:
            responses.store.close()
        if executor is not None:
            executor.shutdown(wait=False, cancel_futures=True)
        if loop_thread is not None:
            loop_thread.close()

    def _workers(self) -> ThreadPoolExecutor:
        executor = self._executor
        if executor is None:
            with self._lock:
                executor = self._executor = self._executor or ThreadPoolExecutor(
                    _THREADS, thread_name_prefix="llm-router"
                )
        return executor

    def _close_later(self, backend: Backend) -> None:
        future = self._workers().submit(backend.close)
        self._closing.add(future)
        future.add_done_callback(self._closing.discard)

    def _store(self) -> SqliteCache | None:
        path = self._cache_path if self._cache_path is not None else self.environment.settings().cache_path
        if path is None:
            return None
        from backends.llm_router.cache_sqlite import SqliteCache

        return SqliteCache(path)


_LIVE: weakref.WeakSet[RouterDeps] = weakref.WeakSet()
_default_lock = threading.Lock()
_default: RouterDeps | None = None


def get_default_router_deps() -> RouterDeps:
    """The container of all calls that name none."""
    global _default
    if _default is None:
        with _default_lock:
            if _default is None:
                _default = RouterDeps()
    return _default


def set_default_router_deps(deps: RouterDeps | None) -> None:
    """Make ``deps`` the container of all calls that name none; None: a new one at the next call."""
    global _default
    with _default_lock:
        _default = deps


def every_deps() -> list[RouterDeps]:
    """All containers that are in use in this process."""
    return list(_LIVE)
