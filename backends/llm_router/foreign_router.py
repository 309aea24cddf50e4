"""Routes through another package's ``llm_router.generate_text``, when that package is installed and offers it.

The published packages differ: some releases have no ``llm_router``. So the file is looked for without importing
the package, which may be heavy, and the package is imported at the first call only.
"""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
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
from backends.llm_router.settings import flag
from backends.options import SAMPLING_OPTIONS
from backends.types import Completion, Health, Request, StreamItem

__all__ = ["ForeignRouter", "foreign_spec", "offers_generate_text"]


class ForeignRouter(ThreadedBackend):
    """One call to another package's router. Where that sends the text is its own affair, so it is never local."""

    type = "foreign"
    known_options = frozenset(SAMPLING_OPTIONS) | {"timeout", "model"}

    def __init__(self, package: str, *, id: str, model: str | None = None, **options: Any) -> None:
        super().__init__(id, **options)
        self._package = package
        self.model = model

    def _complete(self, request: Request) -> Completion:
        options = dict(request.options)
        model = options.pop("model", self.model)
        text = self._called(request.text, model, options)
        if not isinstance(text, str):
            raise MalformedResponseError(
                f"{self._package} answered with {type(text).__name__} instead of text", provider=self.id, model=model
            )
        return Completion(text=text, provider=self.id, model=model)

    def _stream(self, request: Request) -> Iterator[StreamItem]:
        completion = self._complete(request)
        if completion.text:
            yield completion.text
        yield completion

    def health(self) -> Health:
        found = offers_generate_text(self._package)
        return Health(found.ok, found.reason, self.id, self.model)

    def close(self) -> None:
        """Holds nothing."""

    def _called(self, prompt: str, model: str | None, options: Mapping[str, Any]) -> Any:
        generate = self._generate_text()
        try:
            return generate(prompt, model_name=model, **options)
        except BackendError:
            raise
        except Exception as error:  # whatever the other package raises is its failure to answer
            raise ProviderUnavailableError(
                f"{self._package} failed with {type(error).__name__}: {redact(str(error))}",
                provider=self.id,
                model=model,
            ) from error

    def _generate_text(self) -> Callable[..., Any]:
        try:
            module = importlib.import_module(f"{self._package}.llm_router")
            generate = module.generate_text
        except (ImportError, AttributeError) as error:
            raise ConfigurationError(
                f"{self._package} is not installed with an llm_router that offers generate_text", provider=self.id
            ) from error
        if not callable(generate):
            raise ConfigurationError(f"{self._package}.llm_router.generate_text cannot be called", provider=self.id)
        return generate  # type: ignore[no-any-return]  # checked to be callable on the line above


def offers_generate_text(package: str) -> Availability:
    """Whether ``package`` is installed and has an ``llm_router``, found without importing it."""
    spec = importlib.util.find_spec(package)
    if spec is None:
        return Availability(False, f"the package {package} is not installed")
    for place in spec.submodule_search_locations or ():
        if Path(place, "llm_router.py").is_file() or Path(place, "llm_router", "__init__.py").is_file():
            return Availability(True, f"{package}.llm_router is installed")
    return Availability(False, f"the installed {package} has no llm_router")


def foreign_spec(name: str, package: str, aliases: tuple[str, ...], enabled_by: str | None = None) -> ProviderSpec:
    """The provider that routes through ``package``; ``enabled_by`` names the switch of the automatic choice."""

    def create(context: ProviderContext) -> Backend:
        return ForeignRouter(package, id=name, model=context.model)

    def available(context: ProviderContext) -> Availability:
        found = offers_generate_text(package)
        if found.ok and enabled_by is not None and not flag(context.env, enabled_by):
            return Availability(True, f"{found.reason}; the automatic choice uses it when {enabled_by} is 1")
        return found

    return ProviderSpec(
        name=name,
        kind="distributed",
        summary=f"the router of the package {package}",
        create=create,
        available=available,
        aliases=aliases,
        needs=(f"the package {package} with an llm_router",),
    )
