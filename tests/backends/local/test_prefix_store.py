"""Prompt beginnings on disk: used when they fit exactly, never when anything about them is wrong."""

import stat
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from backends.local.prefix_store import PrefixStore, file_digest
from backends.workstation import WorkstationBackend

IDENTITY = {"model": "abc", "engine": "1.0"}


def store_of(directory: Path, max_bytes: int = 10_000, **identity: str) -> PrefixStore:
    return PrefixStore(directory, {**IDENTITY, **identity}, max_bytes)


def read(store: PrefixStore, tokens: list[int]) -> bytes | None:
    found = store.longest(tokens, len(tokens))
    return None if found is None else store.read(found)


def test_what_was_written_is_read_in_the_next_process(tmp_path: Path) -> None:
    store_of(tmp_path).write([1, 2, 3], b"state")
    assert read(store_of(tmp_path), [1, 2, 3, 4]) == b"state"


def test_the_longest_fitting_beginning_is_found(tmp_path: Path) -> None:
    store = store_of(tmp_path)
    for length in (2, 3, 5):
        store.write(range(length), f"{length}".encode())
    assert read(store, [0, 1, 2, 3]) == b"3"
    assert store.longest([0, 1, 2, 3], 2).tokens == (0, 1)
    assert store.longest([7, 1, 2], 3) is None


@pytest.mark.parametrize("change", [{"model": "abd"}, {"engine": "1.1"}, {"exact": "True"}])
def test_another_model_or_engine_sees_nothing(tmp_path: Path, change: dict[str, str]) -> None:
    store_of(tmp_path).write([1, 2, 3], b"state")
    assert read(store_of(tmp_path, **change), [1, 2, 3]) is None


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@given(st.data())
def test_a_damaged_file_is_never_used(tmp_path: Path, data: st.DataObject) -> None:
    store = store_of(tmp_path)
    store.write([1, 2, 3], b"state" * 10)
    (path,) = tmp_path.rglob("*.prefix")
    raw = bytearray(path.read_bytes())
    place = data.draw(st.integers(0, len(raw) - 1))
    raw[place] ^= data.draw(st.integers(1, 255))
    path.write_bytes(raw[: data.draw(st.integers(0, len(raw)))])
    assert read(store, [1, 2, 3]) is None
    assert not path.exists()
    assert read(store_of(tmp_path), [1, 2, 3]) is None


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@given(st.binary(max_size=200))
def test_foreign_files_are_left_alone_and_not_used(tmp_path: Path, raw: bytes) -> None:
    store = store_of(tmp_path)
    store.write([9], b"x")
    (path,) = set(tmp_path.rglob("*.prefix")) - set(tmp_path.rglob("foreign.prefix"))
    path.with_name("foreign.prefix").write_bytes(raw)
    assert read(store_of(tmp_path), [9]) == b"x"


def test_the_size_is_bounded_and_the_longest_unused_goes_first(tmp_path: Path) -> None:
    store = store_of(tmp_path, max_bytes=3_500)
    store.write([1], bytes(1_000))
    store.write([2], bytes(1_000))
    assert read(store, [1]) is not None
    store.write([3], bytes(1_500))
    assert [read(store, [n]) is not None for n in (1, 2, 3)] == [True, False, True]
    assert sum(path.stat().st_size for path in tmp_path.rglob("*") if path.is_file()) <= 3_500


def test_what_is_larger_than_the_bound_is_not_kept(tmp_path: Path) -> None:
    store = store_of(tmp_path, max_bytes=500)
    store.write([1], bytes(1_000))
    assert read(store, [1]) is None


def test_only_the_owner_may_read(tmp_path: Path) -> None:
    store_of(tmp_path / "store").write([1], b"x")
    (path,) = tmp_path.rglob("*.prefix")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


def test_the_digest_is_of_the_content(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"one")
    (tmp_path / "b").write_bytes(b"one")
    (tmp_path / "c").write_bytes(b"two")
    assert file_digest(tmp_path / "a") == file_digest(tmp_path / "b") != file_digest(tmp_path / "c")


QUESTIONS = [
    [{"role": "system", "content": "You help people who were treated badly. " * 9}, {"role": "user", "content": text}]
    for text in ("My landlord keeps my deposit.", "I was fired.", "The bank lost my money.")
]


def test_the_next_process_does_not_evaluate_a_shared_beginning_again(tmp_path: Path) -> None:
    def answers(directory: Path | None) -> tuple[list[str], int]:
        with WorkstationBackend(n_ctx=512, n_threads=1, temperature=0, max_tokens=4, prefix_store=directory) as backend:
            texts = [backend.generate(question) for question in QUESTIONS]
            return texts, backend.stats().reused_tokens

    plain, _ = answers(None)
    first, reused_first = answers(tmp_path)
    second, reused_second = answers(tmp_path)
    assert first == second == plain
    assert reused_second > reused_first > 0


def test_a_damaged_store_costs_speed_only(tmp_path: Path) -> None:
    settings = {"n_ctx": 480, "n_threads": 1, "temperature": 0, "max_tokens": 3, "prefix_store": tmp_path}
    with WorkstationBackend(**settings) as backend:
        expected = [backend.generate(question) for question in QUESTIONS]
    for path in tmp_path.rglob("*.prefix"):
        path.write_bytes(path.read_bytes()[:-1] + b"\0")
    with WorkstationBackend(**settings) as backend:
        assert [backend.generate(question) for question in QUESTIONS] == expected
