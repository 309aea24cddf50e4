"""Responses kept for identical calls: in memory, in an SQLite file, behind a remote cache; looked up in that order.

Memory is bounded by entries and by bytes, oldest use first out. A hit is a Completion marked ``cached`` that costs
nothing. Lower layers may fail without failing the call: that is logged once for each failure.
"""

from __future__ import annotations

import dataclasses
import inspect
import json
import logging
import threading
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Iterator
from typing import TYPE_CHECKING, Any, Protocol

from backends.exceptions import redact
from backends.types import Attempt, Completion, ToolCall, Usage

if TYPE_CHECKING:
    from backends.llm_router.cache_sqlite import SqliteCache

__all__ = ["CacheStats", "MemoryCache", "ResponseCache", "decode_completion", "encode_completion", "mark_cached"]

log = logging.getLogger(__name__)

#: What an entry weighs beside its text.
_ENTRY_BYTES = 600

RunBlocking = Callable[..., Awaitable[Any]]


@dataclasses.dataclass(frozen=True, slots=True)
class CacheStats:
    """Counted since the start or the last ``clear``."""

    hits: int
    misses: int
    entries: int
    bytes: int


def mark_cached(completion: Completion) -> Completion:
    """The completion as a hit shows it: marked, free of charge, answered at once."""
    return completion.but(
        cached=True,
        latency=0.0,
        attempts=(Attempt(completion.provider, completion.model, None, 0.0, "from the cache"),),
        usage=dataclasses.replace(completion.usage, cost_usd=0.0),
    )


def encode_completion(completion: Completion) -> str:
    """A completion as JSON text, for the layers that outlive the process."""
    usage = completion.usage
    return json.dumps(
        {
            "v": 1,
            "text": completion.text,
            "provider": completion.provider,
            "model": completion.model,
            "finish_reason": completion.finish_reason,
            "request_id": completion.request_id,
            "usage": [usage.prompt_tokens, usage.completion_tokens, usage.cost_usd, usage.estimated],
            "tool_calls": [[call.id, call.name, call.arguments] for call in completion.tool_calls],
        },
        separators=(",", ":"),
    )


def decode_completion(text: str) -> Completion | None:
    """What ``encode_completion`` wrote, or None for anything else."""
    try:
        data = json.loads(text)
        if data["v"] != 1:
            return None
        prompt_tokens, completion_tokens, cost, estimated = data["usage"]
        return Completion(
            text=str(data["text"]),
            provider=str(data["provider"]),
            model=data["model"],
            usage=Usage(int(prompt_tokens), int(completion_tokens), cost, bool(estimated)),
            finish_reason=data["finish_reason"],
            request_id=data["request_id"],
            tool_calls=tuple(ToolCall(str(a), str(b), str(c)) for a, b, c in data["tool_calls"]),
        )
    except (ValueError, KeyError, TypeError, RecursionError):
        return None


class MemoryCache:
    """Completions by key, bounded by count and bytes. Used by any number of threads."""

    def __init__(self, max_entries: int = 1024, max_bytes: int = 64 * 2**20) -> None:
        self.max_entries = max_entries
        self.max_bytes = max_bytes
        self._lock = threading.Lock()
        self._entries: OrderedDict[str, Completion] = OrderedDict()
        self._bytes = 0
        self._hits = 0
        self._misses = 0

    def get(self, key: str) -> Completion | None:
        """The entry, counted as a hit or a miss."""
        with self._lock:
            found = self._entries.get(key)
            if found is None:
                self._misses += 1
                return None
            self._hits += 1
            self._entries.move_to_end(key)
            if not found.cached:
                # Marked at its first hit: most answers are never asked for again.
                found = self._entries[key] = mark_cached(found)
            return found

    def put(self, key: str, completion: Completion) -> None:
        """Keep ``completion``; the oldest used go when there is no room. One that is too big is not kept."""
        size = _size(key, completion)
        with self._lock:
            self._drop(key)
            if size > self.max_bytes or self.max_entries < 1:
                return
            self._entries[key] = completion
            self._bytes += size
            while len(self._entries) > self.max_entries or self._bytes > self.max_bytes:
                self._drop(next(iter(self._entries)))

    def _drop(self, key: str) -> None:
        old = self._entries.pop(key, None)
        if old is not None:
            self._bytes -= _size(key, old)

    def clear(self) -> None:
        with self._lock:
            self._entries.clear()
            self._bytes = self._hits = self._misses = 0

    def __len__(self) -> int:
        return len(self._entries)

    def __contains__(self, key: object) -> bool:
        return key in self._entries

    def __iter__(self) -> Iterator[str]:
        with self._lock:
            return iter(list(self._entries))

    @property
    def stats(self) -> CacheStats:
        with self._lock:
            return CacheStats(self._hits, self._misses, len(self._entries), self._bytes)


def _told(error: Exception) -> str:
    return f"{type(error).__name__}: {redact(str(error))}"


def _size(key: str, completion: Completion) -> int:
    # Four bytes a character is the most that Python spends on a string.
    return (
        _ENTRY_BYTES
        + len(key)
        + 4 * len(completion.text)
        + sum(4 * len(call.arguments) for call in completion.tool_calls)
    )


class RemoteCache(Protocol):
    """What ``RouterDeps.remote_cache`` must offer: ``get``, and ``set``, ``put`` or item assignment; async or not."""

    def get(self, key: str, /) -> Any: ...


class ResponseCache:
    """The layers together. ``run_blocking`` takes blocking work off the event loop."""

    def __init__(
        self,
        memory: MemoryCache,
        store: SqliteCache | None,
        remote: Callable[[], Any],
        run_blocking: RunBlocking,
    ) -> None:
        self.memory = memory
        self.store = store
        self._remote = remote
        self._run_blocking = run_blocking

    def get_now(self, key: str) -> Completion | None:
        """Memory only: never waits."""
        return self.memory.get(key)

    def put_now(self, key: str, completion: Completion) -> None:
        """Memory only."""
        self.memory.put(key, completion)

    @property
    def has_lower_layers(self) -> bool:
        return self.store is not None or self._remote() is not None

    async def get_lower(self, key: str) -> Completion | None:
        """The layers under memory; a hit is kept in memory too."""
        found = None
        if self.store is not None:
            text = await self._run_blocking(self.store.get, key)
            found = decode_completion(text) if text is not None else None
        if found is None and (remote := self._remote()) is not None:
            found = await self._remote_get(remote, key)
        if found is None:
            return None
        self.memory.put(key, found)
        return mark_cached(found)

    async def put_lower(self, key: str, completion: Completion) -> None:
        """The layers under memory."""
        if self.store is not None:
            await self._run_blocking(self.store.put, key, encode_completion(completion))
        if (remote := self._remote()) is not None:
            await self._remote_put(remote, key, encode_completion(completion))

    def clear(self, *, remote: bool = False) -> None:
        """Forget memory and file; the remote cache belongs to others and is cleared only when asked."""
        self.memory.clear()
        if self.store is not None:
            self.store.clear()
        clear = getattr(self._remote(), "clear", None) if remote else None
        if clear is not None:
            clear()

    async def _remote_get(self, remote: Any, key: str) -> Completion | None:
        try:
            value = await self._call(remote.get, key)
        except Exception as error:  # a stranger's object: whatever it raises, the call goes on without it
            log.warning("the remote cache failed to answer and is passed over: %s", _told(error))
            return None
        if isinstance(value, bytes):
            value = value.decode("utf-8", "replace")
        return decode_completion(value) if isinstance(value, str) else None

    async def _remote_put(self, remote: Any, key: str, value: str) -> None:
        write = getattr(remote, "set", None) or getattr(remote, "put", None) or getattr(remote, "__setitem__", None)
        if write is None:
            log.warning("the remote cache has neither set nor put nor item assignment; nothing is written to it")
            return
        try:
            await self._call(write, key, value)
        except Exception as error:  # as above
            log.warning("the remote cache failed to keep an entry: %s", _told(error))

    async def _call(self, function: Callable[..., Any], *arguments: Any) -> Any:
        if inspect.iscoroutinefunction(function):
            return await function(*arguments)
        began = time.monotonic()
        # A plain mapping answers at once; anything else may wait for a network and must not hold the loop.
        if isinstance(getattr(function, "__self__", None), dict):
            return function(*arguments)
        value = await self._run_blocking(function, *arguments)
        if time.monotonic() - began > 1.0:
            log.warning("the remote cache took %.1f s", time.monotonic() - began)
        return await value if inspect.isawaitable(value) else value
