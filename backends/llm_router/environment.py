"""What the environment says to the router, read once and again only when it changed.

Programs set variables after the import and between calls, and the documents show it; so every call looks, and
looking costs a microsecond.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass

from backends.exceptions import ConfigurationError
from backends.llm_router.aliases import canonical_name
from backends.llm_router.cache_key import KeyMaker
from backends.llm_router.settings import VARIABLES, flag, names_of, read, set_by

__all__ = ["Environment", "EnvironmentSettings"]

#: What the providers read beside the table: where programs and their settings are.
_ALSO_READ = ("PATH", "HOME")
#: These say how the router works, not what a provider answers.
_NOT_SHAPING = ("ROUTER_", "LLM_", "ENABLE_", "CONFIG")

_ALL_NAMES = tuple(full for name in VARIABLES for full in names_of(name)) + _ALSO_READ
_SHAPING_NAMES = tuple(
    name
    for name, variable in VARIABLES.items()
    if name == "LLM_MODEL" or not (variable.secret or name.startswith(_NOT_SHAPING))
)


@dataclass(frozen=True, slots=True)
class EnvironmentSettings:
    """The router's settings as the environment has them."""

    #: Grows whenever a variable that matters changes.
    generation: int
    provider: str | None
    model: str | None
    fallback_providers: tuple[str, ...]
    timeout: float | None
    privacy: str | None
    provider_cache: bool
    response_cache: bool
    key_maker: KeyMaker
    cache_path: str | None
    cache_max_entries: int
    cache_max_bytes: int
    backend_manager: bool
    accelerate: bool
    #: Names and values of all that may shape an answer; no secret among them.
    shaping: tuple[tuple[str, str], ...]


class Environment:
    """A mapping of variables, ``os.environ`` unless given, and the settings in it."""

    def __init__(self, variables: Mapping[str, str] | None = None) -> None:
        self._given = variables
        self._seen: Mapping[object, object] | None = None
        self._relevant: tuple[str | None, ...] = ()
        self._settings: EnvironmentSettings | None = None

    @property
    def variables(self) -> Mapping[str, str]:
        return os.environ if self._given is None else self._given

    def settings(self) -> EnvironmentSettings:
        """The settings now."""
        # os.environ decodes at every access, 0.5 us a variable; the dict inside compares by identity in 1 us for all.
        raw = getattr(self.variables, "_data", self.variables)
        settings = self._settings
        if settings is not None and raw == self._seen:
            return settings
        seen = dict(raw)
        variables = self.variables
        relevant = tuple(variables.get(name) for name in _ALL_NAMES)
        if settings is None or relevant != self._relevant:
            settings = _parse(variables, 0 if settings is None else settings.generation + 1)
        self._settings, self._relevant, self._seen = settings, relevant, seen
        return settings


def _parse(env: Mapping[str, str], generation: int) -> EnvironmentSettings:
    provider = read(env, "LLM_PROVIDER")
    privacy = read(env, "LLM_PRIVACY")
    if privacy not in (None, "local_only"):
        raise ConfigurationError(f'{set_by(env, "LLM_PRIVACY")} must be "local_only" or unset, not {privacy!r}')
    fallbacks = (read(env, "LLM_FALLBACK_PROVIDERS") or "").split(",")
    return EnvironmentSettings(
        generation=generation,
        provider=None if provider is None or provider.lower() == "auto" else canonical_name(provider),
        model=read(env, "LLM_MODEL"),
        fallback_providers=tuple(canonical_name(name) for name in fallbacks if name.strip()),
        timeout=_seconds(env, "LLM_TIMEOUT"),
        privacy=privacy,
        provider_cache=flag(env, "ROUTER_CACHE"),
        response_cache=flag(env, "ROUTER_RESPONSE_CACHE"),
        key_maker=KeyMaker(
            read(env, "ROUTER_CACHE_KEY") or VARIABLES["ROUTER_CACHE_KEY"].default,
            read(env, "ROUTER_CACHE_CID_BASE") or VARIABLES["ROUTER_CACHE_CID_BASE"].default,
        ),
        cache_path=read(env, "ROUTER_CACHE_PATH"),
        cache_max_entries=_whole(env, "ROUTER_CACHE_MAX_ENTRIES"),
        cache_max_bytes=_whole(env, "ROUTER_CACHE_MAX_BYTES"),
        backend_manager=flag(env, "ENABLE_BACKEND_MANAGER"),
        accelerate=flag(env, "ENABLE_IPFS_ACCELERATE"),
        shaping=tuple((name, value) for name in _SHAPING_NAMES if (value := read(env, name)) is not None),
    )


def _whole(env: Mapping[str, str], name: str) -> int:
    value = read(env, name) or VARIABLES[name].default
    if not value.isdecimal():
        raise ConfigurationError(f"{set_by(env, name)} must be a whole number, 0 or more, not {value!r}")
    return int(value)


def _seconds(env: Mapping[str, str], name: str) -> float | None:
    value = read(env, name)
    try:
        seconds = None if value is None else float(value)
    except ValueError:
        seconds = -1.0
    if seconds is not None and not 0 < seconds < float("inf"):
        raise ConfigurationError(f"{set_by(env, name)} must be a number of seconds above 0, not {value!r}")
    return seconds
