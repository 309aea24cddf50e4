"""What the calls of a backend used: counts, tokens, dollars; and the budget that stops a call before it passes.

A provider's own numbers are taken when it gives them. Otherwise tokens are estimated (four characters each) and
dollars computed from the configured ``price``; both are marked as estimated. No price list is asked for or kept.
"""

from __future__ import annotations

import dataclasses
import math
import threading
from collections.abc import Mapping
from typing import Any

from backends.exceptions import BudgetExceededError, ConfigurationError
from backends.options import near_miss
from backends.types import Completion, Message, Usage, message_text

__all__ = ["Budget", "Price", "ProviderUsage", "Reservation", "UsageMeter", "UsageTotals", "estimate_tokens"]

#: What a call without ``max_tokens`` is taken to generate when a budget asks before it is made.
ASSUMED_COMPLETION_TOKENS = 1024
_CHARACTERS_A_TOKEN = 4


@dataclasses.dataclass(frozen=True, slots=True)
class Price:
    """Dollars for a million tokens."""

    prompt: float
    completion: float

    @classmethod
    def from_key(cls, value: Any, owner: str) -> Price:
        """``{"prompt": dollars, "completion": dollars}``, for a million tokens each."""
        if not isinstance(value, Mapping) or set(value) != {"prompt", "completion"}:
            raise ConfigurationError(
                f'price must be {{"prompt": dollars, "completion": dollars}} for a million tokens, not {value!r}',
                provider=owner,
            )
        for name in ("prompt", "completion"):
            _check_amount(f"price.{name}", value[name], owner)
        return cls(float(value["prompt"]), float(value["completion"]))

    def of(self, prompt_tokens: int, completion_tokens: int) -> float:
        return (prompt_tokens * self.prompt + completion_tokens * self.completion) / 1e6


@dataclasses.dataclass(frozen=True, slots=True)
class Budget:
    """The most that all calls of a backend together may use."""

    usd: float | None = None
    tokens: int | None = None

    @classmethod
    def from_key(cls, value: Any, owner: str) -> Budget:
        """``{"usd": dollars, "tokens": count}``, one of them or both."""
        if not isinstance(value, Mapping) or not value:
            raise ConfigurationError(f'budget must be {{"usd": ..., "tokens": ...}}, not {value!r}', provider=owner)
        for name, amount in value.items():
            if name not in ("usd", "tokens"):
                raise ConfigurationError(
                    f'budget has no "{name}"{near_miss(str(name), ("usd", "tokens"))}', provider=owner
                )
            _check_amount(f"budget.{name}", amount, owner)
        return cls(**value)


@dataclasses.dataclass(frozen=True, slots=True)
class ProviderUsage:
    """The sums of one provider, or of all. ``estimated`` when any number in them is."""

    calls: int = 0
    cached: int = 0
    failures: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    cost_usd: float = 0.0
    #: Calls of which nobody knows the price; ``cost_usd`` does not hold them.
    calls_of_unknown_cost: int = 0
    estimated: bool = False
    seconds: float = 0.0

    @property
    def total_tokens(self) -> int:
        return self.prompt_tokens + self.completion_tokens

    def __add__(self, other: ProviderUsage) -> ProviderUsage:
        return ProviderUsage(*(_sum(getattr(self, f), getattr(other, f)) for f in _FIELDS))


_FIELDS = tuple(field.name for field in dataclasses.fields(ProviderUsage))


def _sum(one: Any, other: Any) -> Any:
    return one or other if isinstance(one, bool) else one + other


@dataclasses.dataclass(frozen=True, slots=True)
class UsageTotals:
    """``total`` over all, ``providers`` by name."""

    total: ProviderUsage
    providers: Mapping[str, ProviderUsage]


class UsageMeter:
    """Adds up what calls used; reserves and settles a budget. Used by any number of threads."""

    def __init__(self, budget: Budget | None = None, price: Price | None = None, owner: str | None = None) -> None:
        if budget is not None and budget.usd is not None and price is None:
            raise ConfigurationError(
                "a budget in dollars needs the price of the model: set price to "
                '{"prompt": dollars, "completion": dollars} for a million tokens',
                provider=owner,
            )
        self._budget = budget
        self._price = price
        self._owner = owner
        self._lock = threading.Lock()
        self._sums: dict[str, list[Any]] = {}
        #: Spent, and set aside for calls that run.
        self._tokens_taken = 0
        self._usd_taken = 0.0

    def reserved(
        self, provider: str, messages: tuple[Message, ...], max_tokens: int | None, *, free: bool
    ) -> Reservation:
        """Set aside what a call may use at most while it runs; BudgetExceededError when that is not left."""
        taken = (0, 0.0) if self._budget is None else self._take(self._budget, messages, max_tokens, free)
        return Reservation(self, provider, messages, free, *taken)

    def settle(self, tokens: int, usd: float, used: Usage) -> None:
        """Give back what was set aside, and take what was used."""
        if self._budget is not None:
            with self._lock:
                self._tokens_taken += used.total_tokens - tokens
                self._usd_taken += (used.cost_usd or 0.0) - usd

    def _take(
        self, budget: Budget, messages: tuple[Message, ...], max_tokens: int | None, free: bool
    ) -> tuple[int, float]:
        prompt_tokens = estimate_tokens(messages)
        completion_tokens = ASSUMED_COMPLETION_TOKENS if max_tokens is None else max_tokens
        tokens = prompt_tokens + completion_tokens
        usd = 0.0 if free or self._price is None else self._price.of(prompt_tokens, completion_tokens)
        with self._lock:
            if budget.tokens is not None and self._tokens_taken + tokens > budget.tokens:
                raise BudgetExceededError(
                    f"the call may use {tokens} tokens; of the budget of {budget.tokens}, "
                    f"{max(0, budget.tokens - self._tokens_taken)} are left",
                    provider=self._owner,
                )
            if budget.usd is not None and self._usd_taken + usd > budget.usd:
                raise BudgetExceededError(
                    f"the call may cost ${usd:.6f}; of the budget of ${budget.usd:g}, "
                    f"${max(0.0, budget.usd - self._usd_taken):.6f} is left",
                    provider=self._owner,
                )
            self._tokens_taken += tokens
            self._usd_taken += usd
        return tokens, usd

    def complete(self, completion: Completion, messages: tuple[Message, ...], *, free: bool) -> Usage:
        """The usage of a completion with what the provider left out, estimated."""
        usage = completion.usage
        if not usage.prompt_tokens and not usage.completion_tokens:
            usage = Usage(
                estimate_tokens(messages), _tokens_in(len(completion.text)), cost_usd=usage.cost_usd, estimated=True
            )
        if usage.cost_usd is None and free:
            usage = Usage(usage.prompt_tokens, usage.completion_tokens, 0.0, usage.estimated)
        elif usage.cost_usd is None and self._price is not None:
            cost = self._price.of(usage.prompt_tokens, usage.completion_tokens)
            usage = Usage(usage.prompt_tokens, usage.completion_tokens, cost, estimated=True)
        return usage

    def count(self, completion: Completion) -> None:
        """Add an answered call. What came from a cache used nothing."""
        usage = completion.usage
        with self._lock:
            sums = self._of(completion.provider)
            sums[0] += 1
            if completion.cached:
                sums[1] += 1
                return
            sums[3] += usage.prompt_tokens
            sums[4] += usage.completion_tokens
            if usage.cost_usd is None:
                sums[6] += 1
            else:
                sums[5] += usage.cost_usd
            sums[7] = sums[7] or usage.estimated
            sums[8] += completion.latency

    def broken_off(self, provider: str, messages: tuple[Message, ...], characters: int, *, free: bool) -> Usage:
        """Add what a stream used that did not reach its end, as far as can be told; the provider bills it too."""
        prompt_tokens, completion_tokens = estimate_tokens(messages), _tokens_in(characters)
        cost = 0.0 if free else None if self._price is None else self._price.of(prompt_tokens, completion_tokens)
        with self._lock:
            sums = self._of(provider)
            sums[3] += prompt_tokens
            sums[4] += completion_tokens
            sums[5] += cost or 0.0
            sums[6] += cost is None
            sums[7] = True
        return Usage(prompt_tokens, completion_tokens, cost, estimated=True)

    def count_failure(self, provider: str) -> None:
        """Add a call that this provider did not answer."""
        with self._lock:
            self._of(provider)[2] += 1

    def totals(self) -> UsageTotals:
        with self._lock:
            providers = {name: ProviderUsage(*sums) for name, sums in self._sums.items()}
        return UsageTotals(sum(providers.values(), ProviderUsage()), providers)

    def _of(self, provider: str) -> list[Any]:
        found = self._sums.get(provider)
        if found is None:
            found = self._sums[provider] = [0, 0, 0, 0, 0, 0.0, 0, False, 0.0]
        return found


class Reservation:
    """A part of the budget, set aside for one call until the block ends. Tell it what was used by ``spent``."""

    __slots__ = ("_call", "_characters", "_free", "_meter", "_tokens", "_usd", "_used")

    def __init__(
        self, meter: UsageMeter, provider: str, messages: tuple[Message, ...], free: bool, tokens: int, usd: float
    ) -> None:
        self._meter = meter
        self._call = (provider, messages)
        self._free = free
        self._tokens = tokens
        self._usd = usd
        self._characters = 0
        self._used: Usage | None = None

    def came(self, piece: str) -> None:
        """A piece of a stream, which may end before it says what it used."""
        self._characters += len(piece)

    def spent(self, usage: Usage) -> None:
        self._used = usage

    def __enter__(self) -> Reservation:
        return self

    def __exit__(self, *exc: object) -> None:
        used = self._used
        if used is None and self._characters:
            used = self._meter.broken_off(*self._call, self._characters, free=self._free)
        self._meter.settle(self._tokens, self._usd, used or _NOTHING)


_NOTHING = Usage()


def estimate_tokens(messages: tuple[Message, ...]) -> int:
    """About how many tokens the messages are."""
    return sum(_tokens_in(len(message_text(message))) for message in messages)


def _tokens_in(characters: int) -> int:
    return math.ceil(characters / _CHARACTERS_A_TOKEN)


def _check_amount(name: str, value: Any, owner: str) -> None:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < math.inf:
        raise ConfigurationError(f"{name} must be a number, 0 or more, not {value!r}", provider=owner)
