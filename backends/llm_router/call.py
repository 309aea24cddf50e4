"""One checked call to the router, and what of it a provider gets: the options that it knows, and the time it has."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Mapping
from typing import Any

from backends.base import Backend
from backends.exceptions import BackendError, BackendTimeoutError, ConfigurationError, InvalidRequestError
from backends.llm_router.cache_key import KeyMaker
from backends.llm_router.resolution import Candidate
from backends.llm_router.route import ROUTE_KEYS, is_own_key
from backends.llm_router.third_party import AnyOption
from backends.options import GENERATION_OPTIONS, SAMPLING_OPTIONS, near_miss
from backends.types import Message

__all__ = ["Call", "options_for", "with_timeout"]

#: Options that say how to draw a token. A provider that has no such knob answers without it, and the call goes on;
#: all other options change what an answer is, so a provider that does not know them is not asked.
_MAY_BE_LEFT_OUT = frozenset(SAMPLING_OPTIONS)


@dataclasses.dataclass(frozen=True, slots=True)
class Call:
    """One checked call to the router."""

    messages: tuple[Message, ...]
    options: Mapping[str, Any]
    json_schema: Mapping[str, Any] | None
    deadline: float | None
    cache: bool
    provider_cache: bool
    local_only: bool
    key_maker: KeyMaker


def options_for(backend: Backend, candidate: Candidate, call: Call) -> dict[str, Any]:
    """The options of this call that ``backend`` takes; an error for one that it would have to know and does not."""
    known = backend.known_options
    options = {}
    for name, value in candidate.call_settings.items():
        if isinstance(known, AnyOption) and not is_own_key(name):
            continue  # what speaks of a program, or of tracing, is not a stranger's business
        if name in known:
            options[name] = value
        elif is_own_key(name):
            settings = known | candidate.found.spec.settings | ROUTE_KEYS
            raise InvalidRequestError(f'unknown option "{name}"{near_miss(name, settings)}', provider=candidate.name)
    for name, value in call.options.items():
        if name in known:
            options[name] = value
        elif name not in _MAY_BE_LEFT_OUT and name in GENERATION_OPTIONS:
            raise _unable(candidate, name)
    if candidate.model is not None and "model" in known:
        # A Backend that was not made for this model (a caller's own object) must hear of it.
        options["model"] = candidate.model
    if call.json_schema is not None:
        if "json_schema" not in known:
            raise _unable(candidate, "json_schema")
        options["json_schema"] = call.json_schema
    return options


def with_timeout(options: Mapping[str, Any], deadline: float | None, candidate: Candidate) -> dict[str, Any]:
    """``options`` with the seconds that are left; an error when none are."""
    if deadline is None:
        return {**options, "timeout": None}
    remaining = deadline - time.monotonic()
    if remaining <= 0:
        raise BackendTimeoutError(
            "no time was left to ask it", provider=candidate.name, model=candidate.model, retryable=False
        )
    return {**options, "timeout": remaining}


def _unable(candidate: Candidate, option: str) -> BackendError:
    # Not InvalidRequestError: another provider of the chain may well be able to.
    return ConfigurationError(
        f'it does not know the option "{option}"; choose a provider that does',
        provider=candidate.name,
        model=candidate.model,
    )
