"""Finds out how many threads compute fastest at the moment.

llama.cpp's threads wait for each other hundreds of times for one token. On a quiet machine all the
cores are best; when other programs want them too, every wait lasts until the last thread gets its
turn, and one thread can be twenty times as fast as two. Nobody but the clock knows which it is.
"""

from __future__ import annotations

import statistics
from collections import deque

__all__ = ["ThreadChoice"]

# Decodes with another number of threads before it is judged.
_SAMPLES = 2
_LONGEST_TRIAL = 8
_FIRST_TRIAL = 2
_AFTER_CHANGE = 8
_RAREST_TRIAL = 256
# A decode that takes so many times what was usual asks for a trial at once.
_SUDDEN = 5.0
# Another number of threads must be this much faster to be taken: clocks are noisy.
_CLEARLY = 0.9


class ThreadChoice:
    """Ask for ``count`` before each decode, and ``observe`` after it."""

    def __init__(self, most: int) -> None:
        self._counts = [most]
        while self._counts[-1] > 1:
            self._counts.append(self._counts[-1] // 2)
        self._chosen = 0
        self._trial: int | None = None
        self._trial_left = 0
        self._until_trial = self._interval = _FIRST_TRIAL
        self._upwards = False
        self._seconds: dict[tuple[int, int], deque[float]] = {}

    @property
    def count(self) -> int:
        """The threads for the next decode."""
        return self._counts[self._chosen if self._trial is None else self._trial]

    def observe(self, tokens: int, seconds: float) -> None:
        """A decode of ``tokens`` took ``seconds`` with ``count`` threads."""
        # Batches are compared with batches of about their size.
        size = tokens.bit_length()
        usual = self._usual(self._chosen, size)
        place = self._chosen if self._trial is None else self._trial
        self._seconds.setdefault((place, size), deque(maxlen=_SAMPLES)).append(seconds / tokens)
        if self._trial is not None:
            self._judge(self._trial, size)
        else:
            sudden = usual is not None and seconds / tokens > _SUDDEN * usual
            self._until_trial = 0 if sudden else self._until_trial - 1
            if self._until_trial <= 0 and self._usual(self._chosen, size) is not None:
                self._begin_trial()

    def _begin_trial(self) -> None:
        """Try one step down, or, in turns where both are possible, one step up."""
        steps = [place for place in (self._chosen + 1, self._chosen - 1) if 0 <= place < len(self._counts)]
        if not steps:
            self._until_trial = _RAREST_TRIAL
            return
        self._upwards = not self._upwards
        self._trial = steps[-1 if self._upwards else 0]
        self._trial_left = _LONGEST_TRIAL
        for key in [key for key in self._seconds if key[0] == self._trial]:
            del self._seconds[key]

    def _judge(self, trial: int, size: int) -> None:
        tried, usual = self._usual(trial, size), self._usual(self._chosen, size)
        self._trial_left -= 1
        if tried is not None and usual is not None and self._is_certain(tried, usual, trial, size):
            self._trial = None
            if tried < _CLEARLY * usual:
                self._chosen, self._interval = trial, _AFTER_CHANGE
            else:
                self._interval = min(2 * self._interval, _RAREST_TRIAL)
            self._until_trial = self._interval
        elif self._trial_left <= 0:
            # Batches of another size came instead; try again later.
            self._trial, self._until_trial = None, self._interval

    def _is_certain(self, tried: float, usual: float, trial: int, size: int) -> bool:
        """One sample is enough when the difference is great, and a slow one may have cost seconds."""
        return len(self._seconds[trial, size]) == _SAMPLES or not 1 / _SUDDEN < tried / usual < _SUDDEN

    def _usual(self, place: int, size: int) -> float | None:
        """Seconds for a token of a batch of this size, lately; None when there was none."""
        samples = self._seconds.get((place, size))
        return statistics.median(samples) if samples else None
