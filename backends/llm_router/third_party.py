"""Makes a provider of whatever a third party offers: a Backend, or any object with ``generate``.

The least that is needed is ``generate(prompt, *, model_name=None, **kwargs) -> str``; the call may also return
``{"text": ...}``, be asynchronous, or be an object that is simply called. Prompts arrive as text; an object with
``accepts_messages = True`` gets the list of messages.
"""

from __future__ import annotations

import asyncio
import inspect
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping
from typing import Any

from backends.base import Backend, ThreadedBackend
from backends.exceptions import (
    BackendError,
    ConfigurationError,
    MalformedResponseError,
    ProviderUnavailableError,
    redact,
)
from backends.llm_router.providers.base import Availability, ProviderContext, ProviderSpec
from backends.options import GENERATION_OPTIONS
from backends.types import Completion, Health, Request, StreamItem

__all__ = ["AnyOption", "ThirdPartyBackend", "as_backend", "spec_of"]


class AnyOption(frozenset[str]):
    """The set that every option name is in: for providers that take ``**kwargs``."""

    def __new__(cls) -> AnyOption:
        return super().__new__(cls, GENERATION_OPTIONS)

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str)


class ThirdPartyBackend(ThreadedBackend):
    """Keeps the contract's promises around an object that knows nothing of them."""

    type = "third_party"

    def __init__(self, name: str, provider: Any, *, model: str | None = None) -> None:
        super().__init__(name, type=None)
        self._provider = provider
        self._call = _generate_of(name, provider)
        self._parameters = _keyword_parameters(self._call)
        self._model = model
        self.local = bool(getattr(provider, "local", False))
        names = self._parameters
        # Instance attribute: what is known depends on the object's signature.
        self.known_options = AnyOption() if names is None else (names - {"model_name"}) | {"model", "timeout"}

    def _complete(self, request: Request) -> Completion:
        began = time.monotonic()
        options = dict(request.options)
        model = options.pop("model", None) or self._model
        names = self._parameters
        if names is None or "model_name" in names:
            options["model_name"] = model
        elif "model" in names:
            options["model"] = model
        if request.json_schema is not None and (names is None or "json_schema" in names):
            options["json_schema"] = request.json_schema
        if names is not None and "timeout" in names:
            options["timeout"] = request.remaining
        prompt = request.messages if getattr(self._provider, "accepts_messages", False) else request.text
        try:
            answer = self._call(prompt, **options)
            if inspect.isawaitable(answer):
                answer = asyncio.run(_awaited(answer))
        except BackendError:
            raise
        except Exception as error:  # a stranger's code: whatever it raises becomes one of our family
            raise ProviderUnavailableError(
                f"{type(error).__name__}: {redact(str(error))}", provider=self.id, model=model, retryable=False
            ) from error
        text = _text_of(answer, self.id, model)
        return Completion(text, self.id, model, latency=time.monotonic() - began)

    def _stream(self, request: Request) -> Iterator[StreamItem]:
        completion = self._complete(request)
        yield completion.text
        yield completion

    def health(self) -> Health:
        return Health(True, "registered by this program", self.id, self._model, self.local)

    def close(self) -> None:
        close = getattr(self._provider, "close", None)
        if callable(close):
            close()


def as_backend(name: str, provider: Any, *, model: str | None = None) -> Backend:
    """``provider`` itself when it is a Backend, else a Backend around it."""
    return provider if isinstance(provider, Backend) else ThirdPartyBackend(name, provider, model=model)


def spec_of(name: str, factory: Callable[..., Any] | ProviderSpec) -> ProviderSpec:
    """The declaration of a third party's provider. ``factory`` may take the ProviderContext, or nothing."""
    if isinstance(factory, ProviderSpec):
        return factory
    if not callable(factory):
        raise ConfigurationError(f'the factory of the provider "{name}" must be callable, not {factory!r:.60}')
    takes_context = _takes_context(factory)

    def create(context: ProviderContext) -> Backend:
        return as_backend(name, factory(context) if takes_context else factory(), model=context.model)

    return ProviderSpec(
        name=name,
        kind="custom",
        summary="registered by this program or an installed package",
        create=create,
        available=lambda _context: Availability(True, "registered"),
        local=bool(getattr(factory, "local", False)),
    )


def _generate_of(name: str, provider: Any) -> Callable[..., Any]:
    generate = getattr(provider, "generate", None)
    if callable(generate):
        return generate  # type: ignore[no-any-return]  # checked just above
    if callable(provider):
        return provider  # type: ignore[no-any-return]  # as above
    raise ConfigurationError(f'the provider "{name}" has no generate(prompt, *, model_name=None, **kwargs)')


def _keyword_parameters(function: Callable[..., Any]) -> frozenset[str] | None:
    """The keyword names that ``function`` takes after the prompt; None when it takes any."""
    try:
        parameters = list(inspect.signature(function).parameters.values())
    except (TypeError, ValueError):
        return None
    if any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters):
        return None
    named = (inspect.Parameter.KEYWORD_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    return frozenset(parameter.name for parameter in parameters[1:] if parameter.kind in named)


def _takes_context(factory: Callable[..., Any]) -> bool:
    try:
        parameters = inspect.signature(factory).parameters.values()
    except (TypeError, ValueError):
        return False
    return any(parameter.name == "context" for parameter in parameters) or any(
        parameter.annotation in (ProviderContext, "ProviderContext") for parameter in parameters
    )


async def _awaited(answer: Awaitable[Any]) -> Any:
    return await answer


def _text_of(answer: Any, owner: str, model: str | None) -> str:
    if isinstance(answer, str):
        return answer
    if isinstance(answer, Completion):
        return answer.text
    if isinstance(answer, Mapping) and isinstance(answer.get("text"), str):
        return str(answer["text"])
    raise MalformedResponseError(
        f'the provider returned {type(answer).__name__}, not text or {{"text": ...}}',
        provider=owner,
        model=model,
        retryable=False,
    )
