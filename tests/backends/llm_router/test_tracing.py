"""Traces: a record of every call when asked; sizes and CIDs, never text unless told, never a key."""

from __future__ import annotations

import json
import logging
import stat
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backends.exceptions import ProviderUnavailableError
from backends.llm_router import RouterDeps, acomplete_text, complete_text, stream_text
from backends.llm_router.cache_key import cid_of
from backends.llm_router.tracing import Tracer, TraceSettings
from backends.llm_router_backend import LLMRouterBackend
from backends.types import Attempt, Completion, Usage

from .providers import ScriptedProvider

Register = Callable[..., ScriptedProvider]
SECRET = "sk-abcdefghijklmnop"


def records(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def test_a_record_holds_sizes_cids_timing_and_tokens_and_no_text(
    deps: RouterDeps, provider: Register, tmp_path: Path
) -> None:
    """The historical record held the whole prompt though the document says small metadata."""
    provider("p", "the answer", version="1.2.3")
    path = tmp_path / "trace.jsonl"

    complete_text("my private story", provider="p", model_name="m", deps=deps, trace_jsonl_path=str(path))

    (record,) = records(path)
    prompt = b"my private story"
    assert (record["record"], record["ok"]) == ("router", True)
    assert (record["provider"], record["model"], record["program_version"]) == ("p", "m", "1.2.3")
    assert (record["prompt_tokens"], record["completion_tokens"]) == (3, 5)
    assert (record["prompt_bytes"], record["prompt_cid"]) == (len(prompt), cid_of(prompt))
    assert (record["response_bytes"], record["response_cid"]) == (10, cid_of(b"the answer"))
    assert record["seconds"] >= 0
    assert "private story" not in path.read_text()
    assert "the answer" not in path.read_text()


def test_success_and_failure_are_both_recorded(deps: RouterDeps, provider: Register, tmp_path: Path) -> None:
    """The historical Codex trace was written on failure only."""
    provider("p", "answer", ProviderUnavailableError(f"refused {SECRET}", status=503))
    path = tmp_path / "trace.jsonl"
    ask: dict[str, Any] = {
        "provider": "p",
        "deps": deps,
        "trace_jsonl_path": str(path),
        "cache": False,
        "max_retries": 0,
    }

    complete_text("hi", **ask)
    with pytest.raises(ProviderUnavailableError):
        complete_text("hi", **ask)

    good, bad = records(path)
    assert (good["ok"], bad["ok"]) == (True, False)
    assert (bad["error"], bad["status"]) == ("ProviderUnavailableError", 503)
    assert bad["attempts"] == [
        {"provider": "p", "model": None, "error": "ProviderUnavailableError", "seconds": bad["attempts"][0]["seconds"]}
    ]
    assert SECRET not in path.read_text()


def test_the_text_is_there_only_when_asked_for(deps: RouterDeps, provider: Register, tmp_path: Path) -> None:
    provider("p", "the answer")
    path = tmp_path / "trace.jsonl"

    complete_text("my story", provider="p", deps=deps, trace_jsonl_path=str(path), trace_content=True)

    (record,) = records(path)
    assert "my story" in record["prompt"]
    assert record["response"] == "the answer"


def test_a_directory_gets_a_file_and_nobody_else_may_look(deps: RouterDeps, provider: Register, tmp_path: Path) -> None:
    provider("p")
    directory = tmp_path / "runs" / "today"

    complete_text("hi", provider="p", deps=deps, trace_dir=str(directory))

    (path,) = directory.iterdir()
    assert path.name.startswith("llm_router_")
    assert path.suffix == ".jsonl"
    assert stat.S_IMODE(directory.stat().st_mode) == 0o700
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_trace_alone_writes_under_statefiles(
    deps: RouterDeps, provider: Register, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    provider("p")
    monkeypatch.chdir(tmp_path)

    complete_text("hi", provider="p", deps=deps, trace=True)

    assert len(list((tmp_path / "statefiles" / "_runs").iterdir())) == 1


def test_trace_false_turns_it_off(deps: RouterDeps, provider: Register, tmp_path: Path) -> None:
    provider("p")

    complete_text("hi", provider="p", deps=deps, trace=False, trace_dir=str(tmp_path / "runs"))

    assert list(tmp_path.iterdir()) == []


async def test_every_face_is_recorded_and_hits_are_marked(deps: RouterDeps, provider: Register, tmp_path: Path) -> None:
    provider("p")
    ask: dict[str, Any] = {"provider": "p", "deps": deps, "trace_jsonl_path": str(tmp_path / "t.jsonl")}

    await acomplete_text("one", **ask)
    await acomplete_text("one", **ask)
    list(stream_text("two", **ask))

    assert [record["cached"] for record in records(tmp_path / "t.jsonl")] == [False, True, False]


def test_each_answer_from_memory_has_its_own_record_however_many_there_are(tmp_path: Path) -> None:
    tracer = Tracer(TraceSettings(None, tmp_path / "t.jsonl"))
    said = ({"role": "user", "content": "x"},)
    texts = [f"answer {number}" for number in range(300)] + ["long " * 1000]
    for text in (*texts, *texts):
        # A new object each time: many have had the same id, one after the other.
        answer = Completion(text, "p", cached=True)
        tracer.record(
            backend="b", messages=said, options={"stop": 1, "seed": 2}, attempts=(), seconds=0, outcome=answer
        )
    tracer.close()

    told = records(tmp_path / "t.jsonl")
    assert [record["response_cid"] for record in told] == [cid_of(text.encode()) for text in (*texts, *texts)]
    assert all(record["options"] == ["seed", "stop"] for record in told)


def test_a_trace_that_cannot_be_written_does_not_take_the_answer(
    deps: RouterDeps, provider: Register, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    provider("p", "answer")
    (tmp_path / "file").write_text("")

    completion = complete_text("hi", provider="p", deps=deps, trace_dir=str(tmp_path / "file" / "runs"))

    assert completion.text == "answer"
    assert "cannot be written" in caplog.text


def test_verbose_logs_each_call_without_its_text(
    deps: RouterDeps, provider: Register, caplog: pytest.LogCaptureFixture
) -> None:
    provider("p", "the answer")
    caplog.set_level(logging.INFO, logger="backends.llm_router")

    with LLMRouterBackend(id="mine", deps=deps, provider="p", verbose=True) as backend:
        backend.generate("my private story")

    assert "mine: p/None answered in" in caplog.text
    assert "private story" not in caplog.text
    assert "the answer" not in caplog.text


def test_an_answer_of_a_fallback_is_told_in_the_log(
    deps: RouterDeps, provider: Register, caplog: pytest.LogCaptureFixture
) -> None:
    provider("first", ProviderUnavailableError("down"))
    provider("second")

    complete_text("hi", provider="first", fallback_providers=["second"], deps=deps, max_retries=0)

    assert "first (ProviderUnavailableError) failed; second answered" in caplog.text


def test_calls_with_the_same_directory_share_one_file(deps: RouterDeps, provider: Register, tmp_path: Path) -> None:
    provider("p")

    for number in range(3):
        complete_text(f"{number}", provider="p", deps=deps, trace_dir=str(tmp_path))

    (path,) = tmp_path.iterdir()
    assert len(records(path)) == 3


def test_a_trace_goes_on_after_its_file_was_given_back(deps: RouterDeps, provider: Register, tmp_path: Path) -> None:
    provider("p")
    path = tmp_path / "t.jsonl"

    complete_text("one", provider="p", deps=deps, trace_jsonl_path=path)
    deps.close()
    complete_text("two", provider="p", deps=deps, trace_jsonl_path=path)

    assert len(records(path)) == 2


@settings(max_examples=25, deadline=None)
@given(
    name=st.text(),
    model=st.none() | st.text() | st.integers(),
    text=st.text(st.characters(), max_size=30),
    tokens=st.integers() | st.floats(allow_nan=False, allow_infinity=False),
    cost=st.none() | st.floats(allow_nan=False, allow_infinity=False),
)
def test_a_record_is_one_line_of_json_whatever_it_holds(
    tmp_path_factory: pytest.TempPathFactory, name: str, model: Any, text: str, tokens: Any, cost: float | None
) -> None:
    """A third party's provider may put anything into a completion."""
    path = tmp_path_factory.mktemp("trace") / "t.jsonl"
    tracer = Tracer(TraceSettings(None, path, content=True))
    usage = Usage(tokens, tokens, cost)
    completion = Completion(text, name, model, usage, finish_reason=text, attempts=(Attempt(name, model, None, 0.5),))

    tracer.record(
        backend=name,
        messages=({"role": "user", "content": text},),
        options={name: 1},
        attempts=completion.attempts,
        seconds=0.25,
        outcome=completion,
    )
    tracer.close()

    (line,) = path.read_bytes().decode("utf-8", "surrogatepass").split("\n")[:-1]
    record = json.loads(line)
    assert (record["provider"], record["model"], record["finish_reason"]) == (name, model, text)
    assert (record["prompt_tokens"], record["cost_usd"], record["options"]) == (tokens, cost, [name])
    assert record["attempts"] == [{"provider": name, "model": model, "error": None, "seconds": 0.5}]
    assert datetime.fromisoformat(record["time"]).tzinfo == UTC
