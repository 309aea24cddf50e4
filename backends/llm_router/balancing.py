"""How one of several endpoints is chosen. A strategy sees loads and names one; it holds no endpoint.

- ``round_robin``: each in turn.
- ``least_loaded``: the one with the fewest calls under way; among equals, the one that waited longest.
- ``best_performance``: the quickest one by measured latency; what is unmeasured is tried first, and one
  call in twenty goes to the one that waited longest, so that a bad first impression can be mended.
- ``power_of_two``: of two drawn at random, the one whose latency times queue is shorter. It needs no
  global order, so many clients of the same endpoints do not all run to the same one.
"""

from __future__ import annotations

import itertools
import math
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from backends.exceptions import ConfigurationError
from backends.options import near_miss

__all__ = ["STRATEGIES", "Load", "Strategy", "make_strategy"]

_EXPLORE_EVERY = 20


@dataclass(frozen=True, slots=True)
class Load:
    """What a strategy may know about one endpoint. ``latency`` is None until a call has succeeded."""

    name: str
    active: int
    latency: float | None
    last_chosen: int


class Strategy(Protocol):
    """Names one of the loads; there is always at least one."""

    def choose(self, loads: Sequence[Load]) -> str: ...


def _waited_longest(load: Load) -> int:
    return load.last_chosen


def _seconds(load: Load) -> float:
    """Its latency; one that is still being measured counts as slow, so that not everyone is sent there."""
    return math.inf if load.latency is None else load.latency


def _to_measure(loads: Sequence[Load]) -> str | None:
    """An unmeasured endpoint that nobody is measuring just now."""
    idle = [load for load in loads if load.latency is None and load.active == 0]
    return min(idle, key=_waited_longest).name if idle else None


class _RoundRobin:
    def choose(self, loads: Sequence[Load]) -> str:
        return min(loads, key=_waited_longest).name


class _LeastLoaded:
    def choose(self, loads: Sequence[Load]) -> str:
        return min(loads, key=lambda load: (load.active, load.last_chosen)).name


class _BestPerformance:
    def __init__(self) -> None:
        self._calls = itertools.count(1)

    def choose(self, loads: Sequence[Load]) -> str:
        if (first := _to_measure(loads)) is not None:
            return first
        if next(self._calls) % _EXPLORE_EVERY == 0:
            return min(loads, key=_waited_longest).name
        return min(loads, key=lambda load: (_seconds(load), load.active, load.last_chosen)).name


class _PowerOfTwo:
    def __init__(self, draw: random.Random) -> None:
        self._draw = draw

    def choose(self, loads: Sequence[Load]) -> str:
        if (first := _to_measure(loads)) is not None:
            return first
        pair = loads if len(loads) <= 2 else self._draw.sample(list(loads), 2)
        return min(pair, key=lambda load: (_seconds(load) * (load.active + 1), load.active, load.last_chosen)).name


STRATEGIES: Mapping[str, Callable[[random.Random], Strategy]] = {
    "round_robin": lambda _draw: _RoundRobin(),
    "least_loaded": lambda _draw: _LeastLoaded(),
    "best_performance": lambda _draw: _BestPerformance(),
    "power_of_two": _PowerOfTwo,
}


def make_strategy(name: str, draw: random.Random) -> Strategy:
    """The strategy of that name; an unknown name is refused, with the near miss."""
    try:
        return STRATEGIES[name](draw)
    except KeyError:
        known = ", ".join(STRATEGIES)
        raise ConfigurationError(
            f'unknown load balancing "{name}"{near_miss(name, STRATEGIES)}; there are {known}'
        ) from None
