"""The keys of ``copilot_cli``, ``copilot_sdk`` and ``gemini_cli``, and what their heads say of the programs."""

from __future__ import annotations

import json
import re
import stat
import subprocess
from pathlib import Path

import pytest

from backends.exceptions import (
    AuthenticationError,
    BackendTimeoutError,
    ConfigurationError,
    ContextLengthError,
    InvalidRequestError,
    ProviderUnavailableError,
    RateLimitError,
)
from backends.process import end_marked, marked
from tests.real.cli.programs import BIN, Bench, failure_body

pytestmark = [pytest.mark.cli, pytest.mark.slow]
both_copilots = pytest.mark.parametrize("provider", ["copilot_cli", "copilot_sdk"])


def test_a_transcript_is_shared_into_the_trace_folder_whether_it_succeeds_or_fails(bench: Bench) -> None:
    traces = bench.folder / "traces"
    backend = bench.make("copilot_cli", trace=True, trace_dir=str(traces))
    backend.generate("My name is Ada.")
    bench.server.fail(401, failure_body("authentication_error", "no"))
    with pytest.raises(AuthenticationError):
        backend.generate("My name is Ada.")

    transcripts = sorted(traces.glob("copilot_session_*.md"))

    assert ["wage theft" in file.read_text() for file in transcripts] == [True, False]
    assert all("My name is Ada." in file.read_text() for file in transcripts)
    assert list(traces.glob("process-*.log"))  # --log-dir is the trace folder when none is set
    assert {stat.S_IMODE(file.stat().st_mode) for file in transcripts} == {0o600}


def test_a_transcript_exists_even_when_the_program_is_ended(bench: Bench) -> None:
    traces = bench.folder / "traces"
    bench.server.fail(500, failure_body("server_error", "boom"))

    with pytest.raises(BackendTimeoutError, match="HTTP 500"):
        bench.make("copilot_cli", trace_dir=str(traces)).generate("hello", timeout=5)

    assert "ended early" in next(traces.glob("copilot_session_*.md")).read_text()


def test_a_transcript_lies_beside_the_records_when_no_folder_is_named(bench: Bench) -> None:
    traces = bench.folder / "traces"

    bench.make("copilot_cli").generate("hello", trace_jsonl_path=str(traces / "calls.jsonl"))

    record = json.loads((traces / "calls.jsonl").read_text())
    assert Path(record["trace_file"]).parent == traces
    assert "wage theft" in Path(record["trace_file"]).read_text()


def test_the_log_folder_is_the_one_that_was_set(bench: Bench) -> None:
    logs = bench.folder / "logs"

    bench.make("copilot_cli", copilot_log_dir=str(logs), trace_dir=str(bench.folder / "traces")).generate("hello")

    assert list(logs.glob("process-*.log"))


@both_copilots
def test_its_state_is_kept_in_the_folder_that_was_set(provider: str, bench: Bench) -> None:
    folder = bench.folder / "state"

    bench.make(provider, copilot_config_dir=str(folder)).generate("hello")

    assert (folder / "session-state").is_dir()
    assert not (bench.home / ".copilot" / "session-state").exists()


def test_copilot_in_text_gives_the_same_answer(bench: Bench) -> None:
    assert bench.make("copilot_cli", copilot_output_format="text").generate("hello") == "It was wage theft."


@both_copilots
def test_a_prompt_that_does_not_fit_is_told_by_its_tokens(provider: str, bench: Bench) -> None:
    with pytest.raises(ContextLengthError) as caught:
        bench.make(provider).generate("word and 1234 " * 70_000)

    assert caught.value.limit == 128_000
    assert not bench.server.generations


@both_copilots
def test_copilot_names_what_it_retries_when_the_deadline_passes(provider: str, bench: Bench) -> None:
    bench.server.fail(429, failure_body("rate_limit_exceeded", "slow down"))

    with pytest.raises(BackendTimeoutError, match="HTTP 429"):
        bench.make(provider).generate("hello", timeout=15)  # it starts slowly on a busy machine


# -- the SDK ------------------------------------------------------------------------------------


def test_the_sdk_uses_the_program_that_was_named(bench: Bench) -> None:
    bench.env["PATH"] = bench.env["PATH"].partition(":")[2]
    backend = bench.make("copilot_sdk")
    assert not backend.health().ok

    named = bench.make("copilot_sdk", copilot_sdk_cli_path=str(BIN / "copilot"))

    assert named.health().ok
    assert named.generate("hello") == "It was wage theft."


@pytest.mark.parametrize("keys", [{"copilot_sdk_use_stdio": True}, {"copilot_sdk_use_stdio": False}])
def test_the_sdk_speaks_by_pipe_or_by_port(keys: dict[str, bool], bench: Bench) -> None:
    assert bench.make("copilot_sdk").generate("hello", **keys) == "It was wage theft."


def test_the_sdks_remaining_keys_are_honoured(bench: Bench) -> None:
    work = bench.folder / "work"
    work.mkdir()
    wanted = "0cb916db-26aa-40f2-86b5-1ba81b225fd2"

    completion = bench.make(
        "copilot_sdk",
        copilot_sdk_cwd=str(work),
        copilot_sdk_log_level="none",
        copilot_sdk_auto_start=True,
        copilot_sdk_auto_restart=False,
        copilot_sdk_use_logged_in_user=False,
        copilot_sdk_github_token="github_pat_0123456789",
        copilot_sdk_session_id=wanted,
        copilot_sdk_streaming=True,
        copilot_sdk_infinite_sessions={"enabled": False},
    ).complete("hello")

    assert completion.text == "It was wage theft."
    assert completion.request_id == wanted
    assert str(work) in bench.server.sent


def test_the_sdk_uses_a_server_that_runs_already(bench: Bench) -> None:
    command = [str(BIN / "copilot"), "--headless", "--no-auto-update", "--port", "0"]
    mark, environment = marked({**bench.env, "COPILOT_MODEL": "test-model"})
    with subprocess.Popen(command, env=environment, cwd=bench.folder, stdout=subprocess.PIPE, text=True) as program:
        assert program.stdout is not None
        lines = iter(program.stdout.readline, "")
        port = next(found for line in lines if (found := re.search(r"listening on port (\d+)", line)))

        text = bench.make("copilot_sdk", copilot_sdk_cli_url=f"127.0.0.1:{port[1]}").generate("hello")

        assert program.poll() is None
        end_marked(mark)  # what runs is a launcher; the server is a child of it
    assert text == "It was wage theft."


def test_the_sdk_without_a_server_and_without_starting_one_says_so(bench: Bench) -> None:
    with pytest.raises(ConfigurationError, match="copilot_sdk_cli_url"):
        bench.make("copilot_sdk", copilot_sdk_auto_start=False).generate("hello")


def test_a_server_that_is_not_there_is_unavailable(bench: Bench) -> None:
    with pytest.raises(ProviderUnavailableError):
        bench.make("copilot_sdk", copilot_sdk_cli_url="127.0.0.1:9").generate("hello", timeout=20)


def test_a_server_and_a_program_are_not_named_both(bench: Bench) -> None:
    with pytest.raises(InvalidRequestError, match="not both"):
        bench.make("copilot_sdk", copilot_sdk_cli_url="127.0.0.1:9", copilot_sdk_cli_path="/bin/true").generate("hi")


def test_the_sdks_record_names_its_workspace(bench: Bench) -> None:
    path = bench.folder / "calls.jsonl"

    bench.make("copilot_sdk").generate("hello", trace_jsonl_path=str(path))

    record = json.loads(path.read_text())
    assert record["session_id"] in record["workspace_path"]


# -- Gemini -------------------------------------------------------------------------------------


@pytest.mark.parametrize("output", ["text", "json", "stream-json"])
def test_every_output_format_of_gemini_gives_the_same_text(output: str, bench: Bench) -> None:
    assert bench.make("gemini_cli", gemini_output_format=output).generate("hello") == "It was wage theft."


def test_gemini_keeps_addresses_as_they_are(bench: Bench) -> None:
    bench.make("gemini_cli").generate("Write to ada@example.org, or to @example.")

    assert "ada@example.org, or to \\\\@example." in bench.server.sent


@pytest.mark.parametrize(
    ("status", "body", "expected"),
    [
        (500, {"error": {"code": 500, "message": "boom", "status": "INTERNAL"}}, ProviderUnavailableError),
        (429, {"error": {"code": 429, "message": "spent", "status": "RESOURCE_EXHAUSTED"}}, RateLimitError),
        (
            400,
            {"error": {"code": 400, "message": "no", "status": "INVALID", "details": [{"reason": "API_KEY_INVALID"}]}},
            AuthenticationError,
        ),
    ],
)
@pytest.mark.parametrize("output", ["json", "stream-json"])
def test_gemini_fails_at_once_with_the_services_reason(
    output: str, status: int, body: dict[str, object], expected: type[Exception], bench: Bench
) -> None:
    bench.server.fail(status, body)

    with pytest.raises(expected):
        bench.make("gemini_cli", gemini_output_format=output).generate("hello", timeout=60)

    assert len(bench.server.generations) == 1  # retries are the router's


def test_gemini_without_a_login_says_how_to_log_in(bench: Bench) -> None:
    del bench.env["GEMINI_API_KEY"]
    (bench.home / ".gemini" / "settings.json").write_text("{}")

    with pytest.raises(AuthenticationError, match="GEMINI_API_KEY"):
        bench.make("gemini_cli").generate("hello")


def test_a_session_of_gemini_gets_the_id_that_was_set(bench: Bench) -> None:
    wanted = "0cb916db-26aa-40f2-86b5-1ba81b225fd2"

    assert bench.make("gemini_cli").complete("hello", gemini_session_id=wanted).request_id == wanted


def test_gemini_keeps_its_state_in_the_home_that_was_set(bench: Bench) -> None:
    home = bench.folder / "other"
    (home / ".gemini").mkdir(parents=True)
    (home / ".gemini" / "settings.json").write_text((bench.home / ".gemini" / "settings.json").read_text())

    bench.make("gemini_cli", gemini_home=str(home)).generate("hello")

    assert (home / ".gemini" / "tmp").is_dir()
    assert not (bench.home / ".gemini" / "tmp").exists()
