"""Shared models: one load for all, freed by the last owner or after the idle time."""

import threading
from collections.abc import Iterator

import pytest

from backends.exceptions import BackendTimeoutError, ProviderUnavailableError
from backends.local.shared import SharedModel, SharedModels


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


class Loader:
    """Counts what is loaded and freed; the object is a plain list."""

    def __init__(self) -> None:
        self.loads = 0
        self.freed: list[object] = []
        self.freed_event = threading.Event()

    def load(self) -> list[int]:
        self.loads += 1
        return [self.loads]

    def free(self, value: list[int]) -> None:
        self.freed.append(value)
        self.freed_event.set()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def models(clock: Clock) -> Iterator[SharedModels]:
    registry = SharedModels(idle_seconds=10, clock=clock)
    yield registry
    registry.close()


def claim(models: SharedModels, loader: Loader, key: str = "a") -> SharedModel[list[int]]:
    return models.open(key, loader.load, loader.free)


def test_a_claim_alone_loads_nothing(models: SharedModels) -> None:
    loader = Loader()
    owner = claim(models, loader)
    assert (loader.loads, owner.loaded, models.loaded()) == (0, False, ())


def test_two_owners_use_one_object(models: SharedModels) -> None:
    loader = Loader()
    with claim(models, loader).use() as first, claim(models, loader).use() as second:
        assert first is second
    assert loader.loads == 1


def test_different_keys_are_different_objects(models: SharedModels) -> None:
    loader = Loader()
    with claim(models, loader, "a").use() as first, claim(models, loader, "b").use() as second:
        assert first is not second


def test_sixteen_threads_load_once(models: SharedModels) -> None:
    loader = Loader()
    barrier = threading.Barrier(16)
    seen: list[object] = []

    def work() -> None:
        owner = claim(models, loader)
        barrier.wait()
        with owner.use() as value:
            seen.append(value)

    threads = [threading.Thread(target=work) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(seen) == 16
    assert loader.loads == 1


def test_the_last_release_frees(models: SharedModels) -> None:
    loader = Loader()
    first, second = claim(models, loader), claim(models, loader)
    with first.use():
        pass
    first.release()
    assert loader.freed == []
    second.release()
    assert loader.freed == [[1]]


def test_release_twice_counts_once(models: SharedModels) -> None:
    loader = Loader()
    first, second = claim(models, loader), claim(models, loader)
    with second.use():
        pass
    first.release()
    first.release()
    assert second.loaded


def test_a_release_during_use_frees_when_the_use_ends(models: SharedModels) -> None:
    loader = Loader()
    owner = claim(models, loader)
    with owner.use():
        owner.release()
        assert loader.freed == []
    assert loader.freed == [[1]]


def test_a_released_claim_cannot_be_used(models: SharedModels) -> None:
    owner = claim(models, Loader())
    owner.release()
    with pytest.raises(ProviderUnavailableError, match="closed"), owner.use():
        pass


def test_an_idle_model_is_freed_and_comes_back_at_the_next_use(models: SharedModels, clock: Clock) -> None:
    loader = Loader()
    owner = claim(models, loader)
    with owner.use():
        pass
    clock.now = 9.0
    assert models.reap() == 1.0
    clock.now = 10.0
    assert models.reap() is None
    assert loader.freed == [[1]]
    with owner.use() as value:
        assert value == [2]


def test_a_model_in_use_is_never_idle(models: SharedModels, clock: Clock) -> None:
    loader = Loader()
    with claim(models, loader).use():
        clock.now = 1_000.0
        models.reap()
        assert loader.freed == []


def test_the_watch_thread_frees_by_itself_and_ends() -> None:
    loader = Loader()
    models = SharedModels(idle_seconds=0.01)
    owner = claim(models, loader)
    with owner.use():
        pass
    assert loader.freed_event.wait(10)
    assert models.loaded() == ()
    assert not owner.loaded


def test_a_failed_load_is_raised_and_tried_again(models: SharedModels) -> None:
    answers: list[object] = [OSError("disk on fire"), ["fine"]]

    def load() -> object:
        answer = answers.pop(0)
        if isinstance(answer, OSError):
            raise answer
        return answer

    owner = models.open("x", load, lambda value: None)
    with pytest.raises(OSError, match="disk on fire"), owner.use():
        pass
    with owner.use() as value:
        assert value == ["fine"]


def test_waiting_for_a_load_ends_at_the_deadline(models: SharedModels) -> None:
    started, go_on = threading.Event(), threading.Event()

    def load() -> list[int]:
        started.set()
        go_on.wait(10)
        return [1]

    def use() -> None:
        with models.open("slow", load, lambda value: None).use():
            pass

    loading = threading.Thread(target=use)
    loading.start()
    started.wait(10)
    waiting = models.open("slow", load, lambda value: None)
    with pytest.raises(BackendTimeoutError, match="still loading"), waiting.use(deadline=0.0):
        pass
    go_on.set()
    loading.join()
    with waiting.use() as value:
        assert value == [1]
