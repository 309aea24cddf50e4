"""Several endpoints behind one name: turns, rests, reports; strategies on skewed endpoints."""

from __future__ import annotations

import collections
import random
import threading
from collections.abc import Iterator

import pytest

from backends.base import ThreadedBackend
from backends.exceptions import ConfigurationError, InvalidRequestError, ProviderUnavailableError
from backends.llm_router.backend_manager import InferenceBackendManager
from backends.llm_router.endpoints import BackendCapabilities, BackendStatus, BackendType
from backends.types import Completion, Health, Request, StreamItem

ALL_STRATEGIES = ["round_robin", "least_loaded", "best_performance", "power_of_two"]


class Node(ThreadedBackend):
    type = "node"
    local = True

    def __init__(self, id: str, ok: bool = True) -> None:
        super().__init__(id)
        self.ok = ok
        self.closed = 0

    def _complete(self, request: Request) -> Completion:
        return Completion(text="", provider=self.id)

    def _stream(self, request: Request) -> Iterator[StreamItem]:
        yield self._complete(request)

    def health(self) -> Health:
        return Health(self.ok, "fine" if self.ok else "on fire", self.id)

    def close(self) -> None:
        self.closed += 1


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def manager_of(strategy: str, clock: Clock, *names: str) -> InferenceBackendManager:
    manager = InferenceBackendManager(strategy, clock=clock, draw=random.Random(7))
    for name in names:
        manager.register_backend(name, Node(name))
    return manager


def serve(manager: InferenceBackendManager, clock: Clock, seconds: dict[str, float], calls: int) -> collections.Counter:
    """One call after the other, each as long as its endpoint is slow."""
    served: collections.Counter = collections.Counter()
    for _ in range(calls):
        with manager.lease() as info:
            served[info.backend_id] += 1
            clock.now += seconds[info.backend_id]
    return served


def serve_side_by_side(manager: InferenceBackendManager, clock: Clock, seconds: dict[str, float], callers: int) -> dict:
    """A simulation: ``callers`` callers, each starting its next call when the last one ends; 400 calls in all."""
    served: collections.Counter = collections.Counter()
    running: list[tuple[float, int, object]] = []
    for number in range(400):
        if len(running) == callers:
            running.sort(key=lambda call: call[:2])
            end, _, lease = running.pop(0)
            clock.now = max(clock.now, end)
            lease.__exit__(None, None, None)
        lease = manager.lease()
        info = lease.__enter__()
        served[info.backend_id] += 1
        running.append((clock.now + seconds[info.backend_id], number, lease))
    for end, _, lease in sorted(running, key=lambda call: call[:2]):
        clock.now = max(clock.now, end)
        lease.__exit__(None, None, None)
    return served


def test_round_robin_takes_each_in_turn(clock):
    manager = manager_of("round_robin", clock, "a", "b", "c")
    assert [manager.select_backend_for_task().backend_id for _ in range(6)] == ["a", "b", "c", "a", "b", "c"]


def test_round_robin_keeps_turns_when_an_endpoint_joins(clock):
    manager = manager_of("round_robin", clock, "a", "b")
    serve(manager, clock, {"a": 1, "b": 1}, 3)
    manager.register_backend("c", Node("c"))
    assert serve(manager, clock, {"a": 1, "b": 1, "c": 1}, 6) == {"a": 2, "b": 2, "c": 2}


def test_least_loaded_spreads_equals_and_does_not_always_take_the_first(clock):
    manager = manager_of("least_loaded", clock, "a", "b", "c")
    assert serve(manager, clock, dict.fromkeys("abc", 1.0), 9) == {"a": 3, "b": 3, "c": 3}


def test_least_loaded_avoids_the_busy_one(clock):
    manager = manager_of("least_loaded", clock, "a", "b")
    with manager.lease(), manager.lease(), manager.lease() as third, manager.lease() as fourth:
        assert {third.backend_id, fourth.backend_id} == {"a", "b"}


def test_best_performance_tries_the_unmeasured_then_prefers_the_quickest(clock):
    manager = manager_of("best_performance", clock, "slow", "quick", "middling")
    served = serve(manager, clock, {"slow": 2.0, "quick": 0.1, "middling": 0.5}, 100)
    assert served["slow"] >= 1
    assert served["middling"] >= 1
    assert served["quick"] >= 90


def test_best_performance_gives_a_bad_first_impression_another_chance(clock):
    manager = manager_of("best_performance", clock, "a", "b")
    serve(manager, clock, {"a": 9.0, "b": 1.0}, 50)
    served = serve(manager, clock, {"a": 0.1, "b": 1.0}, 1200)
    assert served["a"] > served["b"]


def test_power_of_two_sends_more_to_the_quicker_under_load(clock):
    seconds = {"slow": 4.0, "quick": 1.0, "quick2": 1.0}
    manager = manager_of("power_of_two", clock, *seconds)
    served = serve_side_by_side(manager, clock, seconds, callers=16)
    assert served["slow"] * 2 < served["quick"]
    assert served["slow"] * 2 < served["quick2"]


def test_power_of_two_finishes_a_skewed_load_sooner_than_round_robin():
    seconds = {"slow": 8.0, "quick": 1.0, "quick2": 1.0}
    ends = {}
    for strategy in ("round_robin", "power_of_two"):
        clock = Clock()
        serve_side_by_side(manager_of(strategy, clock, *seconds), clock, seconds, callers=8)
        ends[strategy] = clock.now - 1000
    assert ends["power_of_two"] * 2 < ends["round_robin"]


@pytest.mark.parametrize("strategy", ALL_STRATEGIES)
def test_every_strategy_tries_every_unmeasured_endpoint(strategy, clock):
    names = [f"n{number}" for number in range(5)]
    manager = manager_of(strategy, clock, *names)
    assert set(serve(manager, clock, dict.fromkeys(names, 1.0), 5)) == set(names)


@pytest.mark.parametrize("strategy", ["best_performance", "power_of_two"])
def test_an_endpoint_under_its_first_measurement_is_not_flooded(strategy, clock):
    manager = manager_of(strategy, clock, "known", "new")
    manager.record_request("known", success=True, latency_ms=100)
    with manager.lease() as first:
        chosen = [manager.select_backend_for_task().backend_id for _ in range(5)]
    assert first.backend_id == "new"
    assert set(chosen) == {"known"}


def test_an_unknown_strategy_is_refused_with_the_near_miss():
    with pytest.raises(ConfigurationError, match=r'unknown load balancing "least_load".*did you mean "least_loaded"'):
        InferenceBackendManager("least_load")


def test_an_endpoint_rests_after_failures_and_gets_one_trial(clock):
    manager = manager_of("round_robin", clock, "a", "b")
    for _ in range(3):
        manager.record_request("a", success=False, detail="ProviderUnavailableError")
    assert serve(manager, clock, {"b": 0.0}, 4) == {"b": 4}
    clock.now += 31
    chosen = [manager.select_backend_for_task().backend_id for _ in range(4)]
    assert chosen.count("a") == 1
    manager.record_request("a", success=True, latency_ms=5)
    assert manager.get_backend("a").status is BackendStatus.HEALTHY


def test_a_failed_trial_rests_again_at_once(clock):
    manager = manager_of("round_robin", clock, "a")
    for _ in range(3):
        manager.record_request("a", success=False)
    clock.now += 31
    manager.record_request("a", success=False)
    assert manager.select_backend_for_task() is None


def test_a_lease_counts_while_it_runs_and_records_how_it_ended(clock):
    manager = manager_of("round_robin", clock, "a")
    with manager.lease() as info:
        clock.now += 0.25
        assert manager.get_backend("a").metrics.active_connections == 1
    with pytest.raises(ProviderUnavailableError), manager.lease():
        raise ProviderUnavailableError("gone")
    metrics = manager.get_backend(info.backend_id).metrics
    assert (metrics.total_requests, metrics.failed_requests, metrics.active_connections) == (2, 1, 0)
    assert metrics.average_latency_ms == pytest.approx(250)


def test_a_wrong_request_does_not_count_against_the_endpoint(clock):
    manager = manager_of("round_robin", clock, "a")
    with pytest.raises(InvalidRequestError), manager.lease():
        raise InvalidRequestError("too long")
    assert manager.get_backend("a").metrics.total_requests == 0
    assert manager.get_backend("a").metrics.active_connections == 0


def test_a_cancelled_call_gives_its_place_back(clock):
    manager = manager_of("round_robin", clock, "a")
    with pytest.raises(KeyboardInterrupt), manager.lease():
        raise KeyboardInterrupt
    assert manager.get_backend("a").metrics.active_connections == 0


def test_models_tasks_protocols_and_types_narrow_the_choice(clock):
    manager = manager_of("round_robin", clock)
    capabilities = BackendCapabilities(supported_models=frozenset({"m1"}), protocols=frozenset({"http"}))
    manager.register_backend("api", Node("api"), capabilities=capabilities)
    manager.register_backend("peer", Node("peer"), backend_type=BackendType.P2P)
    assert manager.select_backend_for_task(model="m2").backend_id == "peer"
    assert manager.select_backend_for_task("embedding") is None
    assert manager.select_backend_for_task(required_protocols=["libp2p"]).backend_id == "peer"
    assert {manager.select_backend_for_task(preferred_types=[BackendType.API]).backend_id for _ in range(3)} == {"api"}
    assert manager.select_backend_for_task(exclude={"api", "peer"}) is None


def test_health_checks_mark_endpoints(clock):
    manager = manager_of("round_robin", clock)
    manager.register_backend("well", Node("well"))
    manager.register_backend("ill", Node("ill", ok=False))
    assert {info.backend_id: info.status.value for info in manager.check_health()} == {
        "well": "healthy",
        "ill": "unhealthy",
    }
    assert {manager.select_backend_for_task().backend_id for _ in range(3)} == {"well"}
    report = manager.get_backend_status_report()
    assert report["by_status"] == {"healthy": 1, "unhealthy": 1}
    assert report["backends"][1]["detail"].startswith("on fire; rests")


def test_health_checks_in_the_background_end_with_close(clock):
    manager = manager_of("round_robin", clock)
    checked = threading.Event()
    node = Node("a")
    node.health = lambda: checked.set() or Health(True, "fine", "a")
    manager.register_backend("a", node)
    manager.start_health_checks(interval=0.01)
    assert checked.wait(5)
    manager.close()
    assert node.closed == 1
    assert not [thread for thread in threading.enumerate() if thread.name == "backend-health"]


def test_ids_are_unique_and_unknown_ids_name_the_near_miss(clock):
    manager = manager_of("round_robin", clock, "alpha")
    with pytest.raises(ConfigurationError, match="registered already"):
        manager.register_backend("alpha", Node("alpha"))
    with pytest.raises(ConfigurationError, match='did you mean "alpha"'):
        manager.unregister_backend("alpah")
    assert manager.unregister_backend("alpha").id == "alpha"
    assert manager.list_backends() == []


def test_sixty_four_threads_leave_no_call_behind(clock):
    manager = manager_of("least_loaded", clock, "a", "b", "c")

    def call() -> None:
        for _ in range(20):
            with manager.lease():
                pass

    threads = [threading.Thread(target=call) for _ in range(64)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    infos = manager.list_backends()
    assert sum(info.metrics.total_requests for info in infos) == 64 * 20
    assert sum(info.metrics.active_connections for info in infos) == 0
