"""What a configuration entry says to the router: whom to ask, in which order, and under which rules.

Keys of providers pass through to the provider that knows them. A key that nobody knows is an error that names the
near miss. Keys, addresses and sessions belong to the named provider; a fallback has its own, in its own entry.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from backends.exceptions import ConfigurationError, InvalidRequestError
from backends.llm_router.aliases import canonical_name
from backends.llm_router.tracing import TRACE_KEYS, TraceSettings
from backends.options import GENERATION_OPTIONS, near_miss
from backends.retries import RETRY_SETTINGS, RetryPolicy

__all__ = ["ROUTE_KEYS", "Route", "Target", "is_own_key", "is_repeatable"]

#: The keys that the router itself understands.
ROUTE_KEYS = (
    frozenset(
        {
            "provider",
            "model",
            "fallback_providers",
            "privacy",
            "cache",
            "attempt_timeout",
            "breaker_threshold",
            "breaker_cooldown",
            "verbose",
        }
    )
    | TRACE_KEYS
    | RETRY_SETTINGS
)

#: A provider key that begins with one of these speaks of one program and is understood by no other.
_FAMILIES = ("claude_", "codex_", "copilot_", "gemini_", "workstation_", "mock_")


#: With one of these an answer depends on what was said before, or the program does more than answer.
_NOT_REPEATABLE = frozenset(
    {
        "resume_session_id",
        "continue_session",
        "claude_session_id",
        "claude_fork_session",
        "copilot_sdk_session_id",
        "gemini_session_id",
        "claude_tools",
        "claude_allowed_tools",
        "codex_tools",
        "gemini_tools",
        "copilot_available_tools",
        "copilot_allow_tools",
    }
)


@dataclass(frozen=True, slots=True)
class Target:
    """A provider to ask. Without a model, the provider's own configured or default model answers."""

    provider: str
    model: str | None = None
    #: Never shown: keys are among them.
    settings: Mapping[str, Any] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True)
class Route:
    """Whom to ask and how, checked. ``target`` None: the best provider that is there."""

    owner: str
    target: Target | None = None
    #: The model for whichever provider is chosen, when none is named.
    model: str | None = None
    fallbacks: tuple[Target, ...] = ()
    settings: Mapping[str, Any] = field(default_factory=dict, repr=False)
    local_only: bool = False
    cache: bool | None = None
    attempt_timeout: float | None = None
    breaker_threshold: int = 5
    breaker_cooldown: float = 30.0
    retry: RetryPolicy = field(default_factory=RetryPolicy)
    trace: TraceSettings | None = None
    verbose: bool = False

    @classmethod
    def from_keys(cls, keys: Mapping[str, Any], settings: Mapping[str, Any], owner: str) -> Route:
        """``keys`` are among ROUTE_KEYS; ``settings`` are the provider's."""
        provider = _name("provider", keys.get("provider"), owner)
        if provider is not None and canonical_name(provider) == "auto":
            provider = None
        model = _name("model", keys.get("model"), owner)
        privacy = keys.get("privacy")
        if privacy not in (None, "local_only"):
            raise ConfigurationError(f'privacy must be "local_only" or absent, not {privacy!r}', provider=owner)
        given = {name: value for name, value in settings.items() if value is not None}
        if provider is None:
            _refuse_own_keys(given, owner)
        trace = {name: keys[name] for name in TRACE_KEYS & keys.keys() if keys[name] is not None}
        return cls(
            owner=owner,
            target=None if provider is None else Target(canonical_name(provider), model, {**given, **trace}),
            model=model,
            fallbacks=_fallbacks(keys.get("fallback_providers"), owner),
            settings={**{name: value for name, value in given.items() if _is_of_a_family(name)}, **trace},
            local_only=privacy == "local_only",
            cache=_switch("cache", keys.get("cache"), owner),
            attempt_timeout=_positive("attempt_timeout", keys.get("attempt_timeout"), owner),
            breaker_threshold=_count("breaker_threshold", keys.get("breaker_threshold"), 5, owner),
            breaker_cooldown=_positive("breaker_cooldown", keys.get("breaker_cooldown"), owner) or 30.0,
            retry=RetryPolicy.from_settings(**{name: keys.get(name) for name in RETRY_SETTINGS}, owner=owner),
            trace=TraceSettings.from_keys(keys, owner),
            verbose=bool(_switch("verbose", keys.get("verbose"), owner)),
        )


def is_repeatable(settings: Mapping[str, Any]) -> bool:
    """Whether the same call with these keys has the same answer, so that one may stand for the other."""
    return _NOT_REPEATABLE.isdisjoint(settings) or not any(settings.get(name) for name in _NOT_REPEATABLE)


def is_own_key(name: str) -> bool:
    """Whether a provider key means something only to the provider that it was written for."""
    return not _is_of_a_family(name) and name not in TRACE_KEYS


def _is_of_a_family(name: str) -> bool:
    return name.startswith(_FAMILIES)


def _refuse_own_keys(settings: Mapping[str, Any], owner: str) -> None:
    for name in filter(is_own_key, settings):
        if close := near_miss(name, ROUTE_KEYS | GENERATION_OPTIONS.keys()):
            raise InvalidRequestError(f'unknown option "{name}"{close}', provider=owner)
        raise InvalidRequestError(
            f'"{name}" belongs to one provider: name it by "provider", or set the provider\'s environment variable',
            provider=owner,
        )


def _fallbacks(value: Any, owner: str) -> tuple[Target, ...]:
    """A list of names, or of objects with ``provider``, and ``model`` and settings of its own."""
    if value is None:
        return ()
    if isinstance(value, str) or not isinstance(value, list | tuple):
        raise ConfigurationError(f"fallback_providers must be a list of providers, not {value!r}", provider=owner)
    targets = []
    for position, entry in enumerate(value):
        where = f"fallback_providers[{position}]"
        if isinstance(entry, str):
            targets.append(Target(canonical_name(_name(where, entry, owner) or "")))
            continue
        if not isinstance(entry, Mapping) or not entry.get("provider"):
            raise ConfigurationError(
                f'{where} must be a name or an object with "provider", not {entry!r}', provider=owner
            )
        # null takes back what the entry would have from the named provider.
        settings = {name: setting for name, setting in entry.items() if name not in ("provider", "model")}
        targets.append(
            Target(
                canonical_name(_name(f"{where}.provider", entry["provider"], owner) or ""),
                _name(f"{where}.model", entry.get("model"), owner),
                settings,
            )
        )
    return tuple(targets)


def _name(key: str, value: Any, owner: str) -> str | None:
    if value is not None and (not isinstance(value, str) or not value.strip()):
        raise ConfigurationError(f"{key} must be a name, not {value!r}", provider=owner)
    return None if value is None else str(value).strip()


def _switch(key: str, value: Any, owner: str) -> bool | None:
    if value is not None and not isinstance(value, bool):
        raise ConfigurationError(f"{key} must be true or false, not {value!r}", provider=owner)
    return value


def _positive(key: str, value: Any, owner: str) -> float | None:
    if value is not None and (
        isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < float("inf")
    ):
        raise ConfigurationError(f"{key} must be a number of seconds above 0, not {value!r}", provider=owner)
    return None if value is None else float(value)


def _count(key: str, value: Any, default: int, owner: str) -> int:
    if value is None:
        return default
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise ConfigurationError(f"{key} must be a whole number, 0 or more, not {value!r}", provider=owner)
    return value
