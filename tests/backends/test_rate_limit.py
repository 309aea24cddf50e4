"""The rate limit: exact over any window, fair, cancellable, shared by threads and tasks."""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from backends.exceptions import ConfigurationError, RateLimitError
from backends.rate_limit import RateLimiter


class FakeClock:
    """Time moves only when the first in line waits for it."""

    def __init__(self) -> None:
        self.time = 0.0
        self._lock = threading.Lock()

    def now(self) -> float:
        return self.time

    def wait(self, event: threading.Event, seconds: float | None) -> None:
        if seconds is None:
            event.wait(10)
            return
        self._advance(seconds)

    async def await_(self, event: asyncio.Event, seconds: float | None) -> None:
        if seconds is None:
            await asyncio.wait_for(event.wait(), 10)
            return
        self._advance(seconds)
        await asyncio.sleep(0)

    def _advance(self, seconds: float) -> None:
        with self._lock:
            self.time += seconds


class ManualClock(FakeClock):
    """Time moves when the test says so."""

    def __init__(self) -> None:
        super().__init__()
        self._events: set[asyncio.Event] = set()

    async def await_(self, event: asyncio.Event, seconds: float | None) -> None:
        self._events.add(event)
        await asyncio.wait_for(event.wait(), 10)

    async def advance(self, seconds: float) -> None:
        self.time += seconds
        for event in self._events:
            event.set()
        for _ in range(5):
            await asyncio.sleep(0)


def most_in_any_window(times: list[float], window: float) -> int:
    ordered = sorted(times)
    return max(sum(1 for later in ordered[i:] if later < start + window) for i, start in enumerate(ordered))


def test_sixty_four_threads_never_pass_the_limit_in_any_window() -> None:
    clock = FakeClock()
    limiter = RateLimiter(10, 1.0, clock=clock)
    start = threading.Barrier(64)
    times: list[float] = []

    def caller() -> None:
        start.wait()
        for _ in range(5):
            times.append(limiter.acquire())  # noqa: PERF401 - the calls are the point

    with ThreadPoolExecutor(64) as pool:
        list(pool.map(lambda _: caller(), range(64)))

    assert len(times) == 320
    assert most_in_any_window(times, 1.0) == 10
    assert max(times) == pytest.approx(31.0, rel=0.02)


async def test_sixty_four_tasks_never_pass_the_limit_in_any_window() -> None:
    clock = FakeClock()
    limiter = RateLimiter(7, 1.0, clock=clock)
    times: list[float] = []

    async def caller() -> None:
        times.append(await limiter.aacquire())

    await asyncio.gather(*(caller() for _ in range(64)))

    assert most_in_any_window(times, 1.0) == 7
    assert max(times) == pytest.approx(9.0)


async def test_threads_and_tasks_share_one_allowance_on_the_real_clock() -> None:
    limiter = RateLimiter(8, 0.1)
    times: list[float] = []

    async def task() -> None:
        times.append(await limiter.aacquire())

    def thread() -> None:
        times.append(limiter.acquire())

    threads = [threading.Thread(target=thread) for _ in range(16)]
    for each in threads:
        each.start()
    await asyncio.gather(*(task() for _ in range(16)))
    for each in threads:
        await asyncio.to_thread(each.join)

    assert len(times) == 32
    assert most_in_any_window(times, 0.1) <= 8


async def test_waiting_is_first_come_first_served() -> None:
    limiter = RateLimiter(1, 1.0, clock=FakeClock())
    order: list[int] = []

    async def caller(number: int) -> None:
        await limiter.aacquire()
        order.append(number)

    await asyncio.gather(*(caller(number) for number in range(20)))

    assert order == list(range(20))


async def test_a_cancelled_waiter_leaves_the_line_and_takes_no_turn() -> None:
    clock = ManualClock()
    limiter = RateLimiter(1, 1.0, clock=clock)
    await limiter.aacquire()
    first = asyncio.create_task(limiter.aacquire())
    second = asyncio.create_task(limiter.aacquire())
    await clock.advance(0.5)

    first.cancel()
    await asyncio.gather(first, return_exceptions=True)
    assert limiter.waiting == 1
    await clock.advance(0.5)

    assert await second == 1.0
    assert limiter.waiting == 0


async def test_a_turn_that_comes_with_the_cancellation_is_given_back() -> None:
    clock = ManualClock()
    limiter = RateLimiter(1, 1.0, clock=clock)
    await limiter.aacquire()
    granted_too_late = asyncio.create_task(limiter.aacquire())
    await asyncio.sleep(0)
    clock.time = 1.0
    next_in_line = asyncio.create_task(limiter.aacquire())
    await asyncio.sleep(0)

    granted_too_late.cancel()
    await asyncio.sleep(0)
    await clock.advance(0)

    assert granted_too_late.cancelled()
    assert await next_in_line == 1.0


async def test_a_turn_that_cannot_come_before_the_deadline_is_refused_at_once() -> None:
    clock = FakeClock()
    limiter = RateLimiter(1, 60.0, owner="openai", clock=clock)
    await limiter.aacquire(deadline=30.0)

    with pytest.raises(RateLimitError, match="1 calls in 60 s leaves no room") as caught:
        await limiter.aacquire(deadline=30.0)

    assert caught.value.retry_after == pytest.approx(60.0)
    assert caught.value.provider == "openai"
    assert clock.time == 0.0


def test_a_task_of_a_closed_loop_does_not_hold_up_the_line() -> None:
    limiter = RateLimiter(1, 0.05)
    limiter.acquire()
    loop = asyncio.new_event_loop()
    loop.set_exception_handler(lambda *_: None)  # it complains of the pending task, which is what is tested
    abandoned = loop.create_task(limiter.aacquire())
    loop.run_until_complete(asyncio.sleep(0))
    loop.close()
    assert limiter.waiting == 1

    limiter.acquire()

    assert not abandoned.done()
    assert limiter.waiting == 0


@pytest.mark.parametrize(("limit", "window"), [(0, 60), (-1, 60), (True, 60), (1.5, 60), (1, 0), (1, -1), (1, "60")])
def test_a_limit_that_makes_no_sense_is_refused(limit: object, window: object) -> None:
    with pytest.raises(ConfigurationError, match="rate_limit"):
        RateLimiter(limit, window)  # type: ignore[arg-type]
