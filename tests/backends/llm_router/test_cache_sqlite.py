"""The SQLite cache: shared by processes, bounded, and never the reason why a call fails."""

from __future__ import annotations

import logging
import multiprocessing
import os
import sqlite3
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from backends.exceptions import ConfigurationError
from backends.llm_router import RouterDeps, complete_text, generate_text
from backends.llm_router.cache_sqlite import SqliteCache
from backends.llm_router.registry import ProviderRegistry
from backends.llm_router_backend import LLMRouterBackend


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "cache" / "responses.sqlite"


def test_what_is_kept_is_found_by_another_object(path: Path) -> None:
    SqliteCache(path).put("k", "value \U0001f600")

    assert SqliteCache(path).get("k") == "value \U0001f600"


def test_hits_are_counted_in_the_file(path: Path) -> None:
    cache = SqliteCache(path)
    cache.put("k", "v")

    for key in ("k", "k", "other"):
        cache.get(key)

    assert SqliteCache(path).hits() == 2


def test_clearing_clears(path: Path) -> None:
    cache = SqliteCache(path)
    cache.put("k", "v")

    cache.clear()

    assert cache.get("k") is None
    assert len(cache) == 0


def test_nobody_else_may_read_the_file(path: Path) -> None:
    SqliteCache(path).put("k", "v")

    assert stat.S_IMODE(path.stat().st_mode) == 0o600


@pytest.mark.parametrize("content", [b"this is no database" * 100, b"SQLite format 3\0" + b"\xff" * 5000, b"\0" * 4096])
def test_a_file_that_cannot_be_read_is_set_aside_and_a_new_one_begun(
    content: bytes, path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path.parent.mkdir()
    path.write_bytes(content)
    cache = SqliteCache(path)

    assert cache.get("k") is None
    cache.put("k", "v")

    assert cache.get("k") == "v"
    assert next(path.parent.glob("*.corrupt-*")).read_bytes() == content
    assert "was set aside" in caplog.text


def test_a_file_that_breaks_while_it_is_open_is_set_aside_too(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    cache = SqliteCache(path)
    for number in range(500):
        cache.put(str(number), "v" * 200)
    with sqlite3.connect(path) as db:
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    content = bytearray(path.read_bytes())
    content[4096:] = b"\xff" * (len(content) - 4096)
    path.write_bytes(content)
    SqliteCache(path).get("3")

    cache.put("k", "v")

    assert cache.get("k") == "v"
    assert "was set aside" in caplog.text


def test_a_healthy_file_is_never_set_aside(path: Path) -> None:
    cache = SqliteCache(path)
    cache.put("k", "v")

    cache._set_aside(sqlite3.DatabaseError("somebody else saw a broken one"))

    assert SqliteCache(path).get("k") == "v"


def test_the_file_is_bounded_and_what_is_used_stays(path: Path) -> None:
    cache = SqliteCache(path, max_entries=100)
    cache.put("used", "v")
    for number in range(300):
        cache.put(str(number), "v")
        cache.get("used")

    assert len(cache) < 170
    assert cache.get("used") == "v"


def test_a_full_or_locked_file_forgets_but_does_not_fail(
    path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("backends.llm_router.cache_sqlite._BUSY_SECONDS", 0.01)
    cache = SqliteCache(path)
    cache.put("k", "v")
    holder = sqlite3.connect(path, isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")

    cache.put("other", "v")
    holder.close()

    assert "cannot be written now" in caplog.text
    assert cache.get("other") is None
    assert cache.get("k") == "v"


def test_a_place_that_cannot_hold_the_file_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")

    with pytest.raises(ConfigurationError, match="cannot be opened"):
        SqliteCache(tmp_path / "file" / "cache.sqlite").put("k", "v")


def test_a_later_process_finds_the_answers_of_an_earlier_one(path: Path) -> None:
    with LLMRouterBackend(provider="mock", mock_responses=["first", "second"], cache_path=path) as backend:
        backend.generate("hi")

    with LLMRouterBackend(provider="mock", mock_responses=["first", "second"], cache_path=path) as backend:
        found = backend.complete("hi")

    assert (found.text, found.cached) == ("first", True)


def test_the_environment_names_the_file(path: Path) -> None:
    deps = RouterDeps(env={"COMPLAINT_GENERATOR_ROUTER_CACHE_PATH": str(path)})

    complete_text("hi", provider="mock", deps=deps)
    deps.close()

    assert len(SqliteCache(path)) == 1


def _hammer(path: str, worker: int, writes: int) -> None:
    logging.disable(logging.NOTSET)
    cache = SqliteCache(path)
    for number in range(writes):
        cache.put(f"{worker}-{number}", f"value {worker} {number}")
        cache.put("shared", f"value {worker} {number}")
        if cache.get(f"{worker}-{number}") != f"value {worker} {number}" or cache.get("shared") is None:
            os._exit(3)


@pytest.mark.slow
def test_eight_processes_hammer_one_file_and_lose_nothing(path: Path) -> None:
    spawn = multiprocessing.get_context("spawn")
    workers = [spawn.Process(target=_hammer, args=(str(path), worker, 60)) for worker in range(8)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(120)

    cache = SqliteCache(path)
    assert [worker.exitcode for worker in workers] == [0] * 8
    assert len(cache) == 8 * 60 + 1
    assert cache.hits() == 2 * 8 * 60
    assert {cache.get(f"{w}-{n}") for w in range(8) for n in range(60)} == {
        f"value {w} {n}" for w in range(8) for n in range(60)
    }


@pytest.mark.slow
def test_eight_processes_meet_one_broken_file_and_none_fails(path: Path) -> None:
    path.parent.mkdir()
    path.write_bytes(b"this is no database" * 1000)
    spawn = multiprocessing.get_context("spawn")
    workers = [spawn.Process(target=_hammer, args=(str(path), worker, 10)) for worker in range(8)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(120)

    assert [worker.exitcode for worker in workers] == [0] * 8
    assert len(SqliteCache(path)) == 8 * 10 + 1
    assert len(list(path.parent.glob("*.corrupt-*"))) == 1


def _answers_of_two_programs(path: Path, **attributes: str) -> list[str]:
    """Two programs, one after the other, that register a provider of the same name."""
    texts = []
    for answer in ("first", "second"):

        def factory(answer: str = answer) -> Callable[..., str]:
            return lambda prompt, **_: answer

        vars(factory).update(attributes)
        registry = ProviderRegistry()
        registry.register("own", factory)
        deps = RouterDeps(env={}, registry=registry, cache_path=path)
        texts.append(generate_text("hi", provider="own", deps=deps))
        deps.close()
    return texts


def test_what_another_program_calls_by_the_same_name_may_be_something_else(path: Path) -> None:
    assert _answers_of_two_programs(path) == ["first", "second"]


def test_a_provider_that_says_who_it_is_is_remembered_by_the_next_program(path: Path) -> None:
    assert _answers_of_two_programs(path, cache_identity="my-provider-1") == ["first", "first"]
