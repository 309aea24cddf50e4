"""Every key of document 000 for ``claude_code``, and what its head says of the program."""

from __future__ import annotations

import json
import stat
from typing import Any

import pytest

from backends.exceptions import (
    AuthenticationError,
    ConfigurationError,
    ContentFilteredError,
    ContextLengthError,
    InvalidRequestError,
    ProviderUnavailableError,
    RateLimitError,
)
from backends.types import Usage
from tests.real.cli.programs import Bench, failure_body

pytestmark = [pytest.mark.cli, pytest.mark.slow]


@pytest.mark.parametrize("output", ["text", "json", "stream-json"])
def test_every_output_format_gives_the_same_text(output: str, bench: Bench) -> None:
    assert bench.make("claude_code", claude_output_format=output).generate("hello") == "It was wage theft."


def test_the_text_format_tells_no_numbers(bench: Bench) -> None:
    completion = bench.make("claude_code").complete("hello", claude_output_format="text")

    assert (completion.usage, completion.request_id) == (Usage(), None)


@pytest.mark.parametrize("prompt", ["hello", "/help", "two\nlines"])
def test_input_may_be_stream_json(prompt: str, bench: Bench) -> None:
    text = bench.make("claude_code", claude_input_format="stream-json").generate(prompt)

    assert text == "It was wage theft."
    assert json.dumps(prompt)[1:-1] in bench.server.sent


def test_stream_json_in_and_text_out_do_not_go_together(bench: Bench) -> None:
    with pytest.raises(InvalidRequestError, match="claude_output_format"):
        bench.make("claude_code").generate("hi", claude_input_format="stream-json", claude_output_format="text")


def test_partial_messages_do_not_double_the_answer(bench: Bench) -> None:
    backend = bench.make("claude_code", claude_output_format="stream-json", claude_include_partial_messages=True)

    assert backend.generate("hello") == "It was wage theft."


def test_system_prompts_reach_the_model(bench: Bench) -> None:
    bench.make("claude_code", claude_system_prompt="--BASE", claude_append_system_prompt="AND MORE").generate("hello")

    system = json.dumps(bench.server.generations[0].body["system"])
    assert "--BASE" in system
    assert "AND MORE" in system


def test_tools_are_those_that_were_named(bench: Bench) -> None:
    bench.make("claude_code", claude_tools="Read,Bash", claude_disallowed_tools=["Bash"]).generate("hello")

    offered = {tool["name"] for tool in bench.server.generations[0].body["tools"]}
    assert offered - {"DeferredToolPlaceholder"} == {"Read"}


def test_an_added_folder_can_be_read_by_a_tool(bench: Bench) -> None:
    folder = bench.folder / "evidence"
    folder.mkdir()

    bench.make("claude_code", claude_tools="Read", claude_add_dir=str(folder)).generate("hello")

    assert str(folder) in bench.server.sent


def test_a_session_gets_the_id_that_was_set(bench: Bench) -> None:
    wanted = "0cb916db-26aa-40f2-86b5-1ba81b225fd2"

    assert bench.make("claude_code").complete("hello", claude_session_id=wanted).request_id == wanted


def test_a_forked_session_has_the_past_and_an_id_of_its_own(bench: Bench) -> None:
    backend = bench.make("claude_code")
    first = backend.complete("My name is Ada.")

    second = backend.complete("Who?", resume_session_id=first.request_id, claude_fork_session=True)

    assert second.request_id != first.request_id
    assert "My name is Ada." in bench.server.generations[-1].text


def test_a_session_that_is_not_kept_cannot_be_resumed(bench: Bench) -> None:
    backend = bench.make("claude_code", claude_no_session_persistence=True)
    first = backend.complete("hello")

    with pytest.raises(ProviderUnavailableError, match="No conversation found"):
        backend.generate("again", resume_session_id=first.request_id)


def test_the_permission_mode_is_passed_on(bench: Bench) -> None:
    assert bench.make("claude_code", claude_permission_mode="plan").generate("hello") == "It was wage theft."


def test_max_tokens_reach_the_model(bench: Bench) -> None:
    bench.make("claude_code", max_tokens=128).generate("hello")

    assert bench.server.generations[0].body["max_tokens"] == 128


def test_a_schema_gives_a_document_of_that_shape(bench: Bench) -> None:
    schema = {"type": "object", "properties": {"claim": {"type": "string"}}, "required": ["claim"]}
    bench.server.tool = _structured({"claim": "wage theft"})

    text = bench.make("claude_code").generate("hello", json_schema=schema)

    assert json.loads(text) == {"claim": "wage theft"}


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("claude_output_format", "yaml"),
        ("claude_session_id", "not-a-uuid"),
        ("claude_fork_session", "yes"),
        ("resume_session_id", "--dangerously-skip-permissions"),
        ("claude_add_dir", [1]),
        ("claude_permission_mode", "everything"),
    ],
)
def test_a_bad_value_is_refused_by_name_before_the_program_starts(key: str, value: Any, bench: Bench) -> None:
    with pytest.raises(ConfigurationError, match=key):
        bench.make("claude_code", **{key: value})

    with pytest.raises(InvalidRequestError, match=key):
        bench.make("claude_code").generate("hello", **{key: value})


@pytest.mark.parametrize(
    ("status", "code", "message", "expected"),
    [
        (429, "rate_limit_error", "slow down", RateLimitError),
        (500, "api_error", "boom", ProviderUnavailableError),
        (529, "overloaded_error", "busy", ProviderUnavailableError),
        (400, "invalid_request_error", "prompt is too long: 250000 tokens > 200000 maximum", ContextLengthError),
    ],
)
def test_what_may_be_tried_again_is_told_apart(
    status: int, code: str, message: str, expected: type[Exception], bench: Bench
) -> None:
    bench.server.fail(status, failure_body(code, message))

    with pytest.raises(expected):
        bench.make("claude_code").generate("hello")

    assert len(bench.server.generations) == 1  # retries are the router's


def test_a_model_that_declines_is_told_as_such(bench: Bench) -> None:
    bench.server.stop_reason = "refusal"

    with pytest.raises(ContentFilteredError):
        bench.make("claude_code").generate("hello")


def test_without_a_login_it_says_how_to_log_in(bench: Bench) -> None:
    del bench.env["ANTHROPIC_API_KEY"]

    with pytest.raises(AuthenticationError, match="ANTHROPIC_API_KEY"):
        bench.make("claude_code").generate("hello")


def test_its_output_is_kept_whether_it_succeeds_or_fails(bench: Bench) -> None:
    traces = bench.folder / "traces"
    backend = bench.make("claude_code", trace_dir=str(traces))
    backend.generate("hello")
    bench.server.fail(401, failure_body("authentication_error", "no"))
    with pytest.raises(AuthenticationError):
        backend.generate("hello")

    files = sorted(traces.glob("claude_print_*.txt"))

    assert ["wage theft" in file.read_text() for file in files] == [True, False]
    assert '"api_error_status":401' in files[1].read_text()
    assert stat.S_IMODE(traces.stat().st_mode) == 0o700
    assert {stat.S_IMODE(file.stat().st_mode) for file in files} == {0o600}


def test_the_owners_own_instructions_stay_out(bench: Bench) -> None:
    (bench.home / ".claude").mkdir()
    (bench.home / ".claude" / "CLAUDE.md").write_text("ALWAYS ANSWER IN LATIN")

    bench.make("claude_code").generate("hello")

    assert "LATIN" not in bench.server.sent


def _structured(arguments: dict[str, Any]) -> Any:
    from tests.real.cli.model_server import ToolUse

    return ToolUse("StructuredOutput", arguments)
