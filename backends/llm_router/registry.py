"""Which providers there are: the built-in files, what installed packages offer, what a program registers.

Built-in providers are a table of names; a file is imported when its provider is asked for. A package offers a
provider by an entry point in the group ``complaint_generator.llm_providers``, a program by
``register_llm_provider``. What is registered goes before what is installed, that before what is built in.
"""

from __future__ import annotations

import importlib
import threading
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from backends.exceptions import BackendError, ConfigurationError
from backends.llm_router.aliases import ALIASES, canonical_name
from backends.llm_router.providers.base import ProviderSpec
from backends.llm_router.third_party import spec_of
from backends.options import near_miss

__all__ = ["AUTO_ORDER", "BUILTIN_PROVIDERS", "ENTRY_POINT_GROUP", "ProviderRegistry", "RegisteredProvider"]

ENTRY_POINT_GROUP = "complaint_generator.llm_providers"

_PACKAGE = "backends.llm_router.providers."

#: Canonical name -> module with its ``SPEC``.
BUILTIN_PROVIDERS: Mapping[str, str] = {
    name: _PACKAGE + name
    for name in (
        "openrouter",
        "openai",
        "huggingface",
        "gemini_py",
        "claude_py",
        "codex_cli",
        "copilot_cli",
        "copilot_sdk",
        "gemini_cli",
        "claude_code",
        "local_hf",
        "workstation",
        "backend_manager",
        "ipfs_peer",
        "accelerate",
        "ipfs_datasets_py",
        "mock",
    )
}

#: Without a named provider: these, in this order, as far as they are there. ``mock`` never answers for a model.
AUTO_ORDER: tuple[str, ...] = (
    "ipfs_peer",
    "backend_manager",
    "accelerate",
    "openrouter",
    "openai",
    "huggingface",
    "gemini_py",
    "claude_py",
    "codex_cli",
    "copilot_cli",
    "copilot_sdk",
    "gemini_cli",
    "claude_code",
    "ipfs_datasets_py",
    "local_hf",
    "workstation",
)


@dataclass(frozen=True, slots=True)
class RegisteredProvider:
    """A provider and who it is: ``identity`` changes when another one is registered under the same name."""

    spec: ProviderSpec
    identity: str
    #: A caller's own object: never kept, never closed.
    borrowed: bool = False


class ProviderRegistry:
    """Names to providers. One for the process (in ``api``); tests make their own."""

    def __init__(self, builtin: Mapping[str, str] = BUILTIN_PROVIDERS) -> None:
        self._lock = threading.RLock()
        self._builtin = builtin
        self._registered: dict[str, RegisteredProvider] = {}
        self._loaded: dict[str, RegisteredProvider] = {}
        self._installed: Mapping[str, Any] | None = None
        #: Grows with every registration: what was resolved before is out of date.
        self.version = 0

    def register(self, name: str, factory: Callable[..., Any] | ProviderSpec) -> None:
        """Make ``factory()`` (a Backend, or anything with ``generate``) the provider ``name``.

        The exact name wins over an alias and over a built-in provider of that name.
        """
        plain = name.strip().lower().replace("-", "_") if isinstance(name, str) else ""
        if not plain:
            raise ConfigurationError(f"a provider needs a name, not {name!r}")
        spec = spec_of(plain, factory)
        with self._lock:
            self.version += 1
            self._registered[plain] = RegisteredProvider(spec, self._identity(plain, factory))

    def unregister(self, name: str) -> None:
        """Take back what ``register`` did; a built-in provider of that name is there again."""
        with self._lock:
            self.version += 1
            self._registered.pop(name.strip().lower().replace("-", "_"), None)

    def find(self, name: str) -> RegisteredProvider:
        """The provider of that name or alias, in any case."""
        plain = name.strip().lower().replace("-", "_")
        found = self._registered.get(plain) or self._loaded.get(plain)
        if found is not None:
            return found
        canonical = canonical_name(plain)
        found = self._registered.get(canonical) or self._loaded.get(canonical)
        return found if found is not None else self._load(plain, canonical)

    def names(self) -> tuple[str, ...]:
        """Every provider's canonical name: built in, installed, registered."""
        return tuple(dict.fromkeys((*self._builtin, *self._entry_points(), *self._registered)))

    def _identity(self, name: str, factory: object) -> str:
        """Another factory under the same name is another provider, in this process and in any other.

        A factory with a ``cache_identity`` says itself who it is, so that a cache can outlive the process.
        """
        own = getattr(factory, "cache_identity", None)
        return f"{name}:{own}" if isinstance(own, str) and own else f"{name}#{uuid.uuid4().hex}"

    def _load(self, plain: str, canonical: str) -> RegisteredProvider:
        with self._lock:
            module = self._builtin.get(canonical)
            if module is not None:
                try:
                    spec = importlib.import_module(module).SPEC
                except ImportError as error:
                    raise ConfigurationError(f'the provider "{canonical}" cannot be loaded: {error}') from error
                found = RegisteredProvider(spec, canonical)
                self._loaded[canonical] = found
                return found
            entry_point = self._entry_points().get(plain) or self._entry_points().get(canonical)
            if entry_point is None:
                known = {*self.names(), *ALIASES}
                raise ConfigurationError(
                    f'there is no provider "{plain}"{near_miss(plain, known)}; known are {", ".join(self.names())}'
                )
            found = RegisteredProvider(_load_entry_point(entry_point), f"{entry_point.name}@{entry_point.value}")
            self._loaded[plain] = found
            return found

    def _entry_points(self) -> Mapping[str, Any]:
        if self._installed is None:
            from importlib.metadata import entry_points

            self._installed = {
                point.name.strip().lower().replace("-", "_"): point for point in entry_points(group=ENTRY_POINT_GROUP)
            }
        return self._installed


def _load_entry_point(entry_point: Any) -> ProviderSpec:
    try:
        factory = entry_point.load()
    except Exception as error:  # another package's import: anything may be wrong with it
        raise ConfigurationError(
            f'the provider "{entry_point.name}" of the installed package cannot be loaded '
            f"({entry_point.value}): {type(error).__name__}: {error}"
        ) from error
    try:
        return spec_of(entry_point.name, factory)
    except BackendError as error:
        raise ConfigurationError(f"the entry point {entry_point.value} is no provider: {error.message}") from error
