"""Lets any callable from text to text stand where a backend is wanted."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from backends.base import Backend, ThreadedBackend
from backends.exceptions import BackendError, MalformedResponseError, ProviderUnavailableError
from backends.types import Completion, Health, Request, StreamItem
from mediator.exceptions import SetupError

__all__ = ["CallableBackend", "adapt"]


class CallableBackend(ThreadedBackend):
    """Calls ``function(prompt_text)``. Nobody knows where the text goes, so it does not count as local."""

    type = "callable"
    known_options = frozenset({"timeout"})

    def __init__(self, function: Callable[[str], str], id: str | None = None) -> None:
        super().__init__(id or getattr(function, "__name__", None) or "callable")
        self._function = function

    def _complete(self, request: Request) -> Completion:
        started = time.monotonic()
        try:
            text = self._function(request.text)
        except BackendError:
            raise
        except Exception as error:  # a stranger's code may raise anything; here it becomes our family
            raise ProviderUnavailableError(
                f"the callable raised {type(error).__name__}: {error}", provider=self.id
            ) from error
        if not isinstance(text, str):
            raise MalformedResponseError(f"the callable returned {type(text).__name__}, not text", provider=self.id)
        return Completion(text=text, provider=self.id, latency=time.monotonic() - started)

    def _stream(self, request: Request) -> Iterator[StreamItem]:
        completion = self._complete(request)
        yield completion.text
        yield completion

    def health(self) -> Health:
        return Health(ok=True, detail="a callable; it is not tried beforehand", provider=self.id)

    def close(self) -> None:
        """There is nothing to give back."""


def adapt(backends: Sequence[Any]) -> tuple[Backend, ...]:
    """Every item as a Backend; SetupError names the first that is neither backend nor callable."""
    if isinstance(backends, Backend) or callable(backends):
        raise SetupError("backends must be a list; write Mediator(backends=[backend])")
    adapted: list[Backend] = []
    for position, item in enumerate(backends):
        if isinstance(item, Backend):
            adapted.append(item)
        elif callable(item):
            adapted.append(CallableBackend(item))
        else:
            raise SetupError(f"backends[{position}] is neither a Backend nor a callable: {type(item).__name__}")
    if not adapted:
        raise SetupError("backends is empty; give at least one backend")
    return tuple(adapted)
